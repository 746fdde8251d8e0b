//! What is shown nowhere: the secrets of this run, taken out where text leaves the program.
//!
//! They are kept for the whole process, as colours are: text leaves by several ways, a panic among them, and none may
//! forget to bring them.

use super::note;
use crate::fabric::Secrets;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

static HIDDEN: RwLock<Option<Secrets>> = RwLock::new(None);

/// From now on nothing of these is shown.
pub fn hide(secrets: &Secrets) {
    let mut hidden = HIDDEN.write().unwrap_or_else(PoisonError::into_inner);
    hidden.get_or_insert_default().extend(secrets);
}

/// A text as it may be shown.
pub fn masked(text: &str) -> Cow<'_, str> {
    let hidden = HIDDEN.read().unwrap_or_else(PoisonError::into_inner);
    match hidden.as_ref() {
        Some(secrets) => secrets.mask(text),
        None => Cow::Borrowed(text),
    }
}

/// A JSON document as it may be shown.
pub fn masked_json(mut value: Value) -> Value {
    let hidden = HIDDEN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(secrets) = hidden.as_ref() {
        secrets.mask_json(&mut value);
    }
    value
}

/// From now on a panic tells its place and its reason as everything else is told: without secrets.
pub fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        note(&format!("bug: thread '{}' {panic}", thread.name().unwrap_or("?")));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_taken_out_of_texts_and_documents() {
        assert_eq!(masked("a text of nobody's"), "a text of nobody's");
        let mut secrets = Secrets::default();
        secrets.add("zq7-hidden");
        hide(&secrets);
        assert_eq!(masked("it's zq7-hidden!"), "it's <secret>!");
        assert_eq!(
            masked_json(serde_json::json!({"a": ["zq7-hidden"]})),
            serde_json::json!({"a": ["<secret>"]})
        );
        let failure = super::super::Failure::say(super::super::Exit::Bug, "zq7-hidden", "not zq7-hidden");
        assert!(!failure.to_json().contains("zq7-hidden"), "{}", failure.to_json());
    }
}
