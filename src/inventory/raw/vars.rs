//! Free variables: any YAML, handed to templates as it is.

use super::super::extract::entries;
use super::super::finding::{Drafts, Span};
use super::super::meaning::Meaning;
use super::super::yaml::{Entry, Item, Value};
use crate::fabric::Var;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Reads `vars`.
pub(super) fn read(item: &Item, drafts: &mut Drafts) -> BTreeMap<String, Var> {
    entries(item, "`vars`", drafts)
        .unwrap_or_default()
        .iter()
        .map(|entry| (entry.key.text.clone(), var(&entry.value, drafts)))
        .collect()
}

/// A value by the core schema of YAML 1.2; what YAML 1.1 reads differently is reported.
fn var(item: &Item, drafts: &mut Drafts) -> Var {
    match &item.value {
        Value::List(items) => Var::List(items.iter().map(|item| var(item, drafts)).collect()),
        Value::Map(entries) => {
            let entry = |entry: &Entry| (entry.key.text.clone(), var(&entry.value, drafts));
            Var::Map(entries.iter().map(entry).collect())
        }
        Value::Secret(secret) => Var::Secret(secret.clone()),
        Value::Scalar { text, plain } => Var::Plain(scalar(text, *plain, item.span, drafts)),
    }
}

fn scalar(text: &str, plain: bool, span: Span, drafts: &mut Drafts) -> Json {
    if !plain {
        return Json::from(text);
    }
    match Meaning::of(text) {
        Meaning::Null => Json::Null,
        Meaning::Bool(value) => Json::Bool(value),
        Meaning::Text => Json::from(text),
        Meaning::Number => number(text).unwrap_or_else(|| {
            drafts.add(span, format!("readers of YAML take `{text}` for different numbers")).help(format!(
                "write it in decimal without zeros before it, or as text in quotes: \"{text}\""
            ));
            Json::Null
        }),
        Meaning::Ambiguous => {
            drafts
                .add(span, format!("`{text}` is a boolean to some readers of YAML and text to others"))
                .help(format!("write true or false, or put it in quotes: \"{text}\""));
            Json::Null
        }
    }
}

/// A number that every reader takes for the same; `None` for octal, hexadecimal and what is too large.
fn number(text: &str) -> Option<Json> {
    let digits = text.trim_start_matches(['+', '-']);
    let octal = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    if octal || digits.starts_with("0x") || digits.starts_with("0o") {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.trim_start_matches('+').parse::<i64>().ok().map(Json::from);
    }
    text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Json::Number)
}
