//! What is on a device, shown without secrets: those of the inventory are known, those that stood there before aren't.

use crate::fabric::{MASK, Secrets};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// In the place of a secret in a line that differs from the one before it in nothing else.
const CHANGED: &str = "<secret, changed>";

/// Words after which a secret stands in the configurations of this field; the last are those of OSPF, RIP and key chains.
const TELLING: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "psk",
    "apikey",
    "md5",
    "key-string",
    "authentication-key",
];

/// Takes secrets out of lines that are, or are to be, on a device.
#[derive(Debug)]
pub struct Veil<'s> {
    secrets: &'s Secrets,
    /// What stands before and after secrets in the lines that are to be: what is found between the same is an older one.
    around: BTreeSet<(String, String)>,
    /// What is to be there is what was there once: it may hold older secrets, too.
    back: bool,
}

impl<'s> Veil<'s> {
    /// For what becomes of these lines.
    pub fn new<'l>(secrets: &'s Secrets, wanted: impl IntoIterator<Item = &'l str>) -> Self {
        let around = wanted
            .into_iter()
            .filter_map(|line| {
                let places = secrets.places(line);
                let (first, last) = (places.first()?, places.last()?);
                Some((line[..first.start].trim_start().to_owned(), line[last.end..].trim_end().to_owned()))
            })
            .collect();
        Self { secrets, around, back: false }
    }

    /// For a way back: these lines hold the secrets of now, and what comes in their place may hold older ones.
    pub fn back<'l>(secrets: &'s Secrets, now: impl IntoIterator<Item = &'l str>) -> Self {
        Self { back: true, ..Self::new(secrets, now) }
    }

    /// A line that was found on a device.
    pub fn found<'l>(&self, line: &'l str) -> Cow<'l, str> {
        let inner = line.trim();
        let (indent, end) = line.split_once(inner).unwrap_or_default();
        let older = self.around.iter().find(|(before, after)| {
            inner.len() >= before.len() + after.len()
                && inner.starts_with(before.as_str())
                && inner.ends_with(after.as_str())
        });
        match older {
            Some((before, after)) if !inner.is_empty() => {
                format!("{indent}{before}{MASK}{after}{end}").into()
            }
            _ => match telling(line) {
                Some(at) => format!("{}{MASK}", &line[..at]).into(),
                None => self.secrets.mask(line),
            },
        }
    }

    /// A line that is to be on a device.
    pub fn wanted<'l>(&self, line: &'l str) -> Cow<'l, str> {
        if self.back { self.found(line) } else { self.secrets.mask(line) }
    }

    /// A unified diff between two states of a device, both of which may hold secrets that aren't known here.
    pub fn found_diff(&self, diff: &str) -> String {
        let mut veiled = String::with_capacity(diff.len());
        let mut removed: BTreeSet<String> = BTreeSet::new();
        for (number, line) in diff.split_inclusive('\n').enumerate() {
            let Some((sign, rest)) = line.split_at_checked(1).filter(|(sign, _)| number > 1 && *sign != "@")
            else {
                veiled.push_str(&self.secrets.mask(line));
                continue;
            };
            let rest = self.found(rest);
            let words = rest.trim();
            if sign == "-" {
                removed.insert(words.to_owned());
            }
            let only_that = sign == "+" && rest.contains(MASK) && removed.contains(words);
            veiled.push_str(sign);
            veiled.push_str(&if only_that { rest.replace(MASK, CHANGED) } else { rest.to_string() });
            if !veiled.ends_with('\n') {
                veiled.push('\n');
            }
        }
        veiled
    }

    /// A unified diff from what was found to what is wanted. A line in which only a secret differs is still told.
    pub fn diff(&self, diff: &str) -> String {
        let mut veiled = String::with_capacity(diff.len());
        let mut removed: BTreeSet<String> = BTreeSet::new();
        for (number, line) in diff.split_inclusive('\n').enumerate() {
            let sign = line.chars().next();
            match (sign, line.get(1..)) {
                // The first two name the file.
                (Some('-'), Some(rest)) if number > 1 => {
                    let rest = self.found(rest);
                    veiled.push('-');
                    veiled.push_str(&rest);
                    if !rest.ends_with('\n') {
                        veiled.push('\n');
                    }
                    removed.insert(rest.trim().to_owned());
                }
                (Some('+'), Some(rest)) if number > 1 => {
                    let rest = self.wanted(rest);
                    let only_that = removed.contains(rest.trim()) && matches!(rest, Cow::Owned(_));
                    veiled.push('+');
                    veiled.push_str(&if only_that { rest.replace(MASK, CHANGED) } else { rest.into_owned() });
                }
                _ => veiled.push_str(&self.secrets.mask(line)),
            }
        }
        veiled
    }
}

/// Where a secret begins that a word before it announces.
fn telling(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let starts = TELLING.iter().flat_map(|word| {
        let lower = &lower;
        lower.match_indices(word).filter_map(move |(at, _)| {
            let end = at + word.len();
            let whole = !lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric())
                && !lower[end..].starts_with(|c: char| c.is_ascii_alphanumeric());
            let value = lower[end..].trim_start_matches([' ', '\t', '=', ':', '"', '\'']);
            (whole && !value.trim().is_empty() && value.len() < lower.len() - end)
                .then(|| lower.len() - value.len())
        })
    });
    starts.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add("new-one");
        secrets
    }

    #[test]
    fn a_changed_secret_shows_as_a_change_and_as_nothing_else() {
        let diff = "--- /etc/x\n+++ /etc/x\n@@ -1,3 +1,3 @@\n same new-one\n- neighbor swp1 key 8 old-one peer\n+ neighbor swp1 key 8 new-one peer\n+ neighbor swp2 key 8 new-one peer\n";
        let wanted = " neighbor swp1 key 8 new-one peer\n neighbor swp2 key 8 new-one peer\n";
        let secrets = secrets();
        let veil = Veil::new(&secrets, wanted.lines());
        assert_eq!(
            veil.diff(diff),
            "--- /etc/x\n+++ /etc/x\n@@ -1,3 +1,3 @@\n same <secret>\n- neighbor swp1 key 8 <secret> peer\n\
             + neighbor swp1 key 8 <secret, changed> peer\n+ neighbor swp2 key 8 <secret> peer\n"
        );
    }

    #[test]
    fn between_two_states_nothing_is_known_of_either() {
        let diff = "--- a\n+++ b\n@@ -1,3 +1,3 @@\n  neighbor swp2 password kept-one\n-key old-one;\n+key newer;\n+x new-one\n";
        let secrets = secrets();
        assert_eq!(
            Veil::new(&secrets, ["key new-one;"]).found_diff(diff),
            "--- a\n+++ b\n@@ -1,3 +1,3 @@\n  neighbor swp2 password <secret>\n-key <secret>;\n+key <secret, changed>;\n\
             +x <secret>\n"
        );
    }

    #[test]
    fn on_the_way_back_the_older_secret_is_the_one_that_comes() {
        let diff = "--- /etc/x\n+++ /etc/x\n@@ -1 +1 @@\n- neighbor swp1 key 8 new-one peer\n+ neighbor swp1 key 8 old-one peer\n";
        let secrets = secrets();
        let veil = Veil::back(&secrets, [" neighbor swp1 key 8 new-one peer"]);
        assert_eq!(
            veil.diff(diff),
            "--- /etc/x\n+++ /etc/x\n@@ -1 +1 @@\n- neighbor swp1 key 8 <secret> peer\n\
             + neighbor swp1 key 8 <secret, changed> peer\n"
        );
    }

    #[test]
    fn an_old_secret_is_known_by_what_stands_around_the_new_one_or_before_it() {
        let secrets = secrets();
        let veil = Veil::new(&secrets, ["  key=new-one;", "other"]);
        assert_eq!(veil.found("key=old-one;\n"), "key=<secret>;\n");
        assert_eq!(veil.found("\tneighbor swp1 password old-one"), "\tneighbor swp1 password <secret>");
        assert_eq!(
            veil.found("router > neighbor swp1 password 8 old"),
            "router > neighbor swp1 password <secret>"
        );
        assert_eq!(veil.found("  \"db_password\": \"old-one\","), "  \"db_password\": \"<secret>");
        assert_eq!(veil.found("TOKEN=old-one"), "TOKEN=<secret>");
        for innocent in ["PasswordAuthentication no", "no password", "tokens 3", "password", "key=x\n", ""] {
            assert_eq!(veil.found(innocent), innocent);
        }
        // A file that is nothing but a secret shows nothing of what it was.
        let whole = Veil::new(&secrets, ["new-one"]);
        assert_eq!(whole.found("  anything\n"), "  <secret>\n");
    }
}
