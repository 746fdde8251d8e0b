//! The device's answers, told apart by marks that hold a word of this run.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

/// A word that no answer holds: the standard library seeds its hashers from the system's random numbers.
pub(super) fn draw_word() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

/// The answers by name.
pub(super) struct Answers<'a>(BTreeMap<&'a str, &'a [u8]>);

impl<'a> Answers<'a> {
    /// Cuts what a script printed at its marks.
    pub(super) fn split(word: &str, stdout: &'a [u8]) -> Self {
        let mark = format!("\n@@{word} ").into_bytes();
        let mut answers = BTreeMap::new();
        let mut rest = stdout;
        let mut name: Option<&str> = None;
        loop {
            let end = find(rest, &mark);
            let body = &rest[..end.unwrap_or(rest.len())];
            if let Some(name) = name {
                answers.insert(name, body);
            }
            let Some(end) = end else { return Self(answers) };
            rest = &rest[end + mark.len()..];
            let line = rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
            name = std::str::from_utf8(&rest[..line]).ok();
            rest = rest.get(line + 1..).unwrap_or_default();
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.get(name).copied()
    }

    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.get(name).unwrap_or_default()).into_owned()
    }

    pub(super) fn yes(&self, name: &str) -> bool {
        self.text(name).trim() == "yes"
    }
}

/// Where a needle begins. Marks begin with a newline, which most octets of an answer aren't.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, _) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|octet| octet == first) {
        if haystack[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_cut_at_marks_of_this_run_only() {
        let said = b"noise\n@@w one\n1\n@@other two\n2\n@@w three\n\n@@w end\n";
        let answers = Answers::split("w", said);
        assert_eq!(answers.text("one"), "1\n@@other two\n2");
        assert_eq!(answers.get("three"), Some(&b""[..]));
        assert!(answers.get("two").is_none() && answers.get("end").is_some());
        assert_eq!(find(b"aab", b"ab"), Some(1));
        assert_eq!(find(b"aa", b"ab"), None);
    }
}
