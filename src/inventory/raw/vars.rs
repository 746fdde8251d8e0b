//! Free variables: any YAML, handed to templates as it is.

use super::super::extract::entries;
use super::super::finding::Drafts;
use super::super::meaning::Meaning;
use super::super::yaml::{Item, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Reads `vars`.
pub(super) fn read(item: &Item, drafts: &mut Drafts) -> BTreeMap<String, Json> {
    entries(item, "`vars`", drafts)
        .unwrap_or_default()
        .iter()
        .map(|entry| (entry.key.text.clone(), json(&entry.value, drafts)))
        .collect()
}

/// A value by the core schema of YAML 1.2; what YAML 1.1 reads differently is reported.
fn json(item: &Item, drafts: &mut Drafts) -> Json {
    match &item.value {
        Value::List(items) => items.iter().map(|item| json(item, drafts)).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.text.clone(), json(&entry.value, drafts)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Scalar { text, plain: false } => Json::String(text.clone()),
        Value::Scalar { text, plain: true } => match Meaning::of(text) {
            Meaning::Null => Json::Null,
            Meaning::Bool(value) => Json::Bool(value),
            Meaning::Text => Json::String(text.clone()),
            Meaning::Number => number(text).unwrap_or_else(|| {
                drafts.add(item.span, format!("readers of YAML take `{text}` for different numbers")).help(
                    format!("write it in decimal without zeros before it, or as text in quotes: \"{text}\""),
                );
                Json::Null
            }),
            Meaning::Ambiguous => {
                drafts
                    .add(
                        item.span,
                        format!("`{text}` is a boolean to some readers of YAML and text to others"),
                    )
                    .help(format!("write true or false, or put it in quotes: \"{text}\""));
                Json::Null
            }
        },
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
