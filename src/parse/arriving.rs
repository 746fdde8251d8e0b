//! Large JSON, read while it arrives: of the text only what isn't whole yet is kept.

use super::{ParseError, first_line};
use compact_str::CompactString;
use serde::de::DeserializeOwned;

/// So much of an answer that is no JSON is kept to be shown.
const SHOWN: usize = 1024;

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Opening,
    MemberOrEnd,
    Member,
    CommaOrEnd,
    Nothing,
}

/// A JSON object or array whose members are taken one by one.
#[derive(Debug)]
pub(super) struct Arriving {
    what: &'static str,
    object: bool,
    pending: Vec<u8>,
    next: Next,
    count: usize,
}

impl Arriving {
    /// The answer to a command: an object.
    pub(super) fn object(what: &'static str) -> Self {
        Self { what, object: true, pending: Vec::new(), next: Next::Opening, count: 0 }
    }

    /// The same with an array.
    pub(super) fn array(what: &'static str) -> Self {
        Self { object: false, ..Self::object(what) }
    }

    /// Takes the next part of the text, and hands out the members that are whole now, with their keys in an object.
    pub(super) fn push<T: DeserializeOwned>(
        &mut self,
        octets: &[u8],
        mut take: impl FnMut(CompactString, T) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        // What arrives is looked at where it is; only what is left of the last time must stand before it.
        let mut pending = std::mem::take(&mut self.pending);
        let octets = if pending.is_empty() {
            octets
        } else {
            pending.extend_from_slice(octets);
            &pending
        };
        // A character may be cut; what is none is replaced.
        let whole = match std::str::from_utf8(octets) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => octets.len(),
        };
        let text = String::from_utf8_lossy(&octets[..whole]);
        let mut left = &*text;
        while let Some(rest) = trimmed(left).filter(|_| self.next != Next::Nothing) {
            let Some(rest) = self.step(rest, &mut take)? else { break };
            left = rest;
        }
        let left = left.trim_ascii_start().as_bytes();
        let odd = matches!(self.next, Next::Opening | Next::Nothing);
        let kept = if odd { &left[..left.len().min(SHOWN)] } else { left };
        self.pending = [kept, &octets[whole..]].concat();
        Ok(())
    }

    /// Reads one thing from a text that doesn't begin with white space; `None` when it isn't whole.
    fn step<'t, T: DeserializeOwned>(
        &mut self,
        text: &'t str,
        take: &mut impl FnMut(CompactString, T) -> Result<(), ParseError>,
    ) -> Result<Option<&'t str>, ParseError> {
        let (opening, closing) = if self.object { ('{', '}') } else { ('[', ']') };
        self.next = match self.next {
            Next::Opening if text.starts_with(opening) => Next::MemberOrEnd,
            // Something else than an answer: its first line is to be shown, once it is there.
            Next::Opening => return Ok(None),
            Next::MemberOrEnd | Next::CommaOrEnd if text.starts_with(closing) => Next::Nothing,
            Next::CommaOrEnd if text.starts_with(',') => Next::Member,
            Next::CommaOrEnd => return Err(self.odd("a comma or the end", text)),
            Next::MemberOrEnd | Next::Member => return self.member(text, take),
            Next::Nothing => return Err(self.odd("nothing more", text)),
        };
        Ok(Some(&text[1..]))
    }

    fn member<'t, T: DeserializeOwned>(
        &mut self,
        text: &'t str,
        take: &mut impl FnMut(CompactString, T) -> Result<(), ParseError>,
    ) -> Result<Option<&'t str>, ParseError> {
        let (mut key, mut rest) = (CompactString::default(), text);
        if self.object {
            let Some((name, behind)) = self.value(text, "")? else { return Ok(None) };
            let Some(behind) = trimmed(behind) else { return Ok(None) };
            let Some(behind) = behind.strip_prefix(':') else { return Err(self.odd("a colon", behind)) };
            (key, rest) = (name, behind);
        }
        let Some((value, rest)) = self.value(rest, &key)? else { return Ok(None) };
        take(key, value)?;
        (self.next, self.count) = (Next::CommaOrEnd, self.count + 1);
        Ok(Some(rest))
    }

    /// A value and what stands behind it.
    fn value<'t, T: DeserializeOwned>(
        &self,
        text: &'t str,
        key: &str,
    ) -> Result<Option<(T, &'t str)>, ParseError> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter();
        match values.next() {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some((value, &text[values.byte_offset()..]))),
            Some(Err(error)) if error.is_eof() => Ok(None),
            Some(Err(source)) => {
                let number = || format!("entry {}", self.count + 1);
                let place = if key.is_empty() { number() } else { key.escape_debug().to_string() };
                Err(ParseError::Member { what: self.what, place, source })
            }
        }
    }

    /// The text is at its end.
    pub(super) fn end(mut self) -> Result<(), ParseError> {
        let what = self.what;
        let pending = std::mem::take(&mut self.pending);
        match self.next {
            Next::Nothing => match trimmed(&String::from_utf8_lossy(&pending)) {
                None => Ok(()),
                Some(more) => Err(self.odd("nothing more", more)),
            },
            Next::Opening => {
                Err(ParseError::Refused { what, answer: first_line(&String::from_utf8_lossy(&pending)) })
            }
            _ => Err(ParseError::Short { what }),
        }
    }

    fn odd(&self, wanted: &'static str, text: &str) -> ParseError {
        ParseError::Value { what: self.what, wanted, found: text.chars().take(40).collect() }
    }
}

/// A text without its white space in front; `None` if there is no other.
fn trimmed(text: &str) -> Option<&str> {
    let text = text.trim_ascii_start();
    (!text.is_empty()).then_some(text)
}
