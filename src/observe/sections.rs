//! The device's answers, told apart by marks that hold a word of this run.

use memchr::{memchr, memmem};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

/// A word that no answer holds: the standard library seeds its hashers from the system's random numbers.
pub(super) fn draw_word() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
}

/// The answers by name.
#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<String, Vec<u8>>);

impl Answers {
    /// Cuts what a script printed at its marks.
    pub(super) fn split(word: &str, stdout: &[u8]) -> Self {
        let mut cutter = Cutter::new(word);
        cutter.push(stdout, |_, _| false);
        cutter.end(|_, _| false)
    }

    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.get(name).unwrap_or_default()).into_owned()
    }

    pub(super) fn yes(&self, name: &str) -> bool {
        self.text(name).trim() == "yes"
    }
}

/// Cuts at marks what arrives in pieces. What is large needn't be kept: whoever reads it gets it piece by piece.
pub(super) struct Cutter {
    mark: Vec<u8>,
    /// What may be the beginning of a mark.
    held: Vec<u8>,
    name: Option<String>,
    answers: Answers,
}

impl Cutter {
    pub(super) fn new(word: &str) -> Self {
        let mark = format!("\n@@{word} ").into_bytes();
        Self { mark, held: Vec::new(), name: None, answers: Answers::default() }
    }

    /// Takes the next piece. `elsewhere` gets each part of an answer with its name, and says whether it took it.
    pub(super) fn push(&mut self, octets: &[u8], mut elsewhere: impl FnMut(&str, &[u8]) -> bool) {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(octets);
        let mut rest = &held[..];
        while let Some(at) = memmem::find(rest, &self.mark) {
            self.keep(&rest[..at], &mut elsewhere);
            let behind = &rest[at + self.mark.len()..];
            let Some(end) = memchr(b'\n', behind) else {
                self.name = None;
                self.held = rest[at..].to_vec();
                return;
            };
            self.begin(&behind[..end]);
            rest = &behind[end + 1..];
        }
        let longest = self.mark.len().min(rest.len());
        let begun = (1..=longest).rev().find(|octets| rest.ends_with(&self.mark[..*octets])).unwrap_or(0);
        let (whole, open) = rest.split_at(rest.len() - begun);
        self.keep(whole, &mut elsewhere);
        self.held = open.to_vec();
    }

    /// The answers that were kept.
    pub(super) fn end(mut self, mut elsewhere: impl FnMut(&str, &[u8]) -> bool) -> Answers {
        let held = std::mem::take(&mut self.held);
        match held.strip_prefix(&self.mark[..]) {
            Some(name) => self.begin(name),
            None => self.keep(&held, &mut elsewhere),
        }
        self.answers
    }

    fn begin(&mut self, name: &[u8]) {
        self.name = std::str::from_utf8(name).ok().map(str::to_owned);
        if let Some(name) = &self.name {
            self.answers.0.insert(name.clone(), Vec::new());
        }
    }

    fn keep(&mut self, octets: &[u8], elsewhere: &mut impl FnMut(&str, &[u8]) -> bool) {
        let Some(name) = self.name.as_deref().filter(|_| !octets.is_empty()) else { return };
        if !elsewhere(name, octets)
            && let Some(answer) = self.answers.0.get_mut(name)
        {
            answer.extend_from_slice(octets);
        }
    }
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
    }

    #[test]
    fn pieces_of_any_size_make_the_same_answers() {
        let said = b"noise\n@@w one\n1\n@@w\n@@other two\n\n\n@@w large\nabc\n\n@@w three\n\n@@w end";
        let whole = Answers::split("w", said);
        assert_eq!(whole.text("large"), "abc\n");
        for size in 1..said.len() {
            let (mut cutter, mut large) = (Cutter::new("w"), Vec::new());
            let mut elsewhere = |name: &str, octets: &[u8]| {
                let mine = name == "large";
                if mine {
                    large.extend_from_slice(octets);
                }
                mine
            };
            for piece in said.chunks(size) {
                cutter.push(piece, &mut elsewhere);
            }
            let answers = cutter.end(&mut elsewhere);
            assert_eq!(String::from_utf8(large).unwrap(), "abc\n", "{size}");
            for name in ["one", "three"] {
                assert_eq!(answers.text(name), whole.text(name), "{size}");
            }
            assert!(answers.text("large").is_empty() && answers.get("end").is_some(), "{size}");
        }
    }
}
