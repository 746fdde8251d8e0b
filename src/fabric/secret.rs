//! Texts that nobody is to see: what they are worth is shown nowhere, and taken out of what is shown.

use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// What stands where a secret would.
pub const MASK: &str = "<secret>";
/// The fewest characters of a secret: what is shorter stands in many texts by chance, and can't be taken out of them.
pub const SHORTEST_SECRET: usize = 4;

thread_local! {
    /// Whether this thread is making what devices get.
    static REVEALING: Cell<bool> = const { Cell::new(false) };
}

/// A text that only devices get: formatted, printed or serialised it is [`MASK`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into care.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A secret whose text isn't known here, for what goes without: its text is empty.
    pub fn unknown() -> Self {
        Self(String::new())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if REVEALING.get() { &self.0 } else { MASK })
    }
}

/// Serialises with the texts of secrets, for templates: serde hands nothing down by which a value could know who asks,
/// so that it is this thread that knows, and only until `work` ends.
pub fn revealing<T>(work: impl FnOnce() -> T) -> T {
    struct Until(bool);
    impl Drop for Until {
        fn drop(&mut self) {
            REVEALING.set(self.0);
        }
    }
    let _until = Until(REVEALING.replace(true));
    work()
}

/// Text that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Text {
    /// Anybody may see it.
    Plain(String),
    /// Nobody may.
    Secret(Secret),
}

impl Text {
    /// The text itself, secret or not.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.reveal(),
        }
    }
}

/// Every secret of a fabric, to take them out of whatever is shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The forms in which they stand in texts.
    forms: BTreeSet<String>,
    /// The environment variables they came from.
    variables: BTreeSet<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({MASK} × {})", self.forms.len())
    }
}

impl Secrets {
    /// Adds one, in all its forms; of one with several lines also each line, for those are shown one by one. What is
    /// shorter than [`SHORTEST_SECRET`] is left out.
    pub fn add(&mut self, text: &str) {
        let lines = text.lines().filter(|_| text.contains('\n'));
        for part in std::iter::once(text).chain(lines).map(str::trim) {
            self.forms.extend(forms(part).into_iter().filter(|form| form.chars().count() >= SHORTEST_SECRET));
        }
    }

    /// Notes a variable of this process's environment that holds one.
    pub fn add_variable(&mut self, name: &str) {
        self.variables.insert(name.to_owned());
    }

    /// The environment variables that hold secrets, which other programs needn't get.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }

    /// Adds those of others.
    pub fn extend(&mut self, others: &Self) {
        self.forms.extend(others.forms.iter().cloned());
        self.variables.extend(others.variables.iter().cloned());
    }

    /// Whether there is none to be taken out.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Whether one of them stands in a text.
    pub fn are_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    /// Where they stand in a text: in order, those that overlap as one.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for form in &self.forms {
            let mut from = 0;
            while let Some(at) = text[from..].find(form.as_str()) {
                let start = from + at;
                found.push(start..start + form.len());
                // One character on, for a form may overlap itself.
                from = start + form.chars().next().map_or(1, char::len_utf8);
            }
        }
        found.sort_by_key(|place| (place.start, place.end));
        let mut merged: Vec<Range<usize>> = Vec::new();
        for place in found {
            match merged.last_mut() {
                Some(last) if place.start < last.end => last.end = last.end.max(place.end),
                _ => merged.push(place),
            }
        }
        merged
    }

    /// A text without them.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let places = self.places(text);
        if places.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut masked, mut from) = (String::with_capacity(text.len()), 0);
        for place in places {
            masked.push_str(&text[from..place.start]);
            masked.push_str(MASK);
            from = place.end;
        }
        masked.push_str(&text[from..]);
        Cow::Owned(masked)
    }

    /// Takes them out of every text of a JSON value. What isn't text stays, so that it remains JSON.
    pub fn mask_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Cow::Owned(masked) = self.mask(text) {
                    *text = masked;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            serde_json::Value::Object(map) => map.values_mut().for_each(|value| self.mask_json(value)),
            _ => {}
        }
    }
}

/// A text as it is written in JSON (also as the template language escapes it for HTML), by a shell, by Rust's `{:?}`,
/// with single blanks, and without control characters.
fn forms(text: &str) -> [String; 7] {
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
    let html =
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    let debug = format!("{text:?}");
    let debug = debug[1..debug.len() - 1].to_owned();
    let printable = text.chars().filter(|c| !c.is_control()).collect();
    let blanks = text.split_whitespace().collect::<Vec<_>>().join(" ");
    [text.to_owned(), json, html, text.replace('\'', "'\\''"), debug, printable, blanks]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        for text in texts {
            secrets.add(text);
        }
        secrets
    }

    #[test]
    fn no_way_of_showing_one_shows_it() {
        let secret = Secret::new("hunter22");
        let shown = format!("{secret} {secret:?} {:?}", Text::Secret(secret.clone()));
        assert!(!shown.contains("hunter22"), "{shown}");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<secret>\"");
        assert_eq!(revealing(|| serde_json::to_string(&secret).unwrap()), "\"hunter22\"");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<secret>\"", "only inside");
        let broken = std::panic::catch_unwind(|| revealing(|| panic!("in there")));
        assert!(broken.is_err());
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<secret>\"", "also after a panic");
        assert!(!format!("{:?}", secrets(&["hunter22"])).contains("hunter22"));
    }

    #[test]
    fn every_form_of_a_secret_is_taken_out() {
        let text = "it's \"a\"\\b & <c>\td  e";
        let secrets = secrets(&[text]);
        let tojson = "it\\u0027s \\\"a\\\"\\\\b \\u0026 \\u003cc\\u003e\\td  e";
        for form in [
            text,
            &format!("{text:?}"),
            &serde_json::to_string(text).unwrap(),
            &format!("'{}'", text.replace('\'', "'\\''")),
            tojson,
            "it's \"a\"\\b & <c>d  e",
            "it's \"a\"\\b & <c> d e",
        ] {
            let masked = secrets.mask(form).into_owned();
            assert!(masked.trim_matches(['"', '\'']) == MASK, "{form}: {masked}");
        }
        assert_eq!(secrets.mask("nothing of it").as_ref(), "nothing of it");
    }

    #[test]
    fn overlapping_secrets_leave_nothing_behind() {
        assert_eq!(secrets(&["abcdef", "defghi"]).mask("x abcdefghi y"), "x <secret> y");
        assert_eq!(secrets(&["abcab"]).mask("abcabcab"), "<secret>");
        // What stands in the mask itself is no reason to go on for ever.
        assert_eq!(secrets(&["secret"]).mask("my secret"), "my <secret>");
        assert_eq!(secrets(&["hunter22"]).mask("hunter22hunter22"), "<secret><secret>");
        assert_eq!(secrets(&["ääää"]).mask("ääääää"), "<secret>");
    }

    #[test]
    fn lines_of_a_long_secret_are_taken_out_one_by_one() {
        let secrets = secrets(&["-----BEGIN KEY-----\nMIIabcd\n}\n-----END KEY-----\n"]);
        assert_eq!(secrets.mask("+    MIIabcd\n+}\n"), "+    <secret>\n+}\n");
        assert!(secrets.are_in("a -----END KEY-----"));
    }

    #[test]
    fn short_texts_are_left_alone() {
        assert!(secrets(&["abc", "", "  \n"]).is_empty());
    }

    #[test]
    fn masked_json_stays_json() {
        let mut value = serde_json::json!({"mtu": 9216, "why": ["is 9216, \"not\" 9000"], "n": null});
        secrets(&["9216", "\", "]).mask_json(&mut value);
        assert_eq!(value, serde_json::json!({"mtu": 9216, "why": ["is <secret>, \"not\" 9000"], "n": null}));
    }

    proptest::proptest! {
        #[test]
        fn nothing_of_any_secret_remains(
            all in proptest::collection::vec("[ab'\"\\\\ ]{4,9}", 1..4),
            around in "[ab'\"\\\\ x]{0,30}",
        ) {
            let texts: Vec<&str> = all.iter().map(|text| text.trim()).collect();
            let secrets = secrets(&texts);
            let text = format!("{around}{}{around}{}", all[0], all[all.len() - 1]);
            let masked = secrets.mask(&text).into_owned();
            // The mask itself holds none of these characters in a row of four.
            for secret in texts.iter().filter(|text| text.chars().count() >= SHORTEST_SECRET) {
                proptest::prop_assert!(!masked.contains(secret), "{secret:?} in {masked:?}");
            }
        }
    }
}
