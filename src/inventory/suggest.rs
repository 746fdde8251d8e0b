//! "Did you mean …": the known word nearest to a misspelt one.

/// The known word that `word` was likely meant to be: same but for case, or few letters off.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    let (letters, numbers) = split(&lower);
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .filter(|candidate| {
            // `leaf1` may be `leaf01`, but `leaf9` is another node, not a slip.
            let candidate = candidate.to_lowercase();
            let (its_letters, its_numbers) = split(&candidate);
            its_letters != letters || its_numbers == numbers
        })
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The letters of a word, and its numbers without zeros before them.
fn split(word: &str) -> (String, Vec<&str>) {
    let letters = word.chars().filter(|c| !c.is_ascii_digit()).collect();
    let numbers = word
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.trim_start_matches('0'))
        .collect();
    (letters, numbers)
}

/// Words as a sentence lists them: "spine, leaf or server"; long lists are cut.
pub(crate) fn either<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    const SHOWN: usize = 12;
    let words: Vec<&str> = words.into_iter().collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        _ if words.len() > SHOWN => {
            format!("{} and {} more", words[..SHOWN].join(", "), words.len() - SHOWN)
        }
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_far_ones_are_not() {
        let known = ["leaf01", "leaf02", "spine01"];
        assert_eq!(nearest("leaf1", known), Some("leaf01"));
        assert_eq!(nearest("Spine01", known), Some("spine01"));
        assert_eq!(nearest("server01", known), None);
        assert_eq!(nearest("leaf9", known), None);
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(either(["spine", "leaf", "server"]), "spine, leaf or server");
        assert_eq!(either(["a"]), "a");
        let many: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert!(either(many.iter().map(String::as_str)).ends_with("11 and 8 more"));
    }
}
