//! The one place that knows the YAML parser: text in, a tree with the place of every value out.
//!
//! A tree of our own rather than serde: it keeps how a value was written (`no` and `"no"` differ, `5.10` stays
//! `5.10`) and both places of a repeated key, and reading goes on after the first wrong type.

use super::finding::{Drafts, Span};
use super::meaning::Meaning;
use crate::fabric::Secret;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// More values than any fabric needs; what reaches it repeats itself through aliases.
const MAX_VALUES: usize = 2_000_000;
/// Deeper than any inventory is.
const MAX_DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// A YAML value, as written.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// One value; `plain` when it stands without quotes.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Item>),
    /// A map, in the order of the file; no key comes twice.
    Map(Vec<Entry>),
    /// A map that marks a secret, once that was read.
    Secret(Secret),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Item,
}

/// A key and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Span,
    plain: bool,
}

/// Reads one document. What is wrong goes to `drafts`; `None` when there is no tree to go on with.
pub(super) fn parse(text: &str, drafts: &mut Drafts) -> Option<Item> {
    let options = granit_parser::options! {
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder =
        Builder { text, drafts, open: Vec::new(), anchors: HashMap::new(), values: 0, root: None };
    let mut documents = 0;
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                builder.syntax(&error);
                return None;
            }
        };
        let range = span.byte_range().unwrap_or(0..0);
        let span = Span { start: range.start, end: range.end };
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                builder
                    .drafts
                    .add(span, "a second document starts here")
                    .help("an inventory is one YAML document: remove the `---` and what doesn't belong");
                return None;
            }
        }
        builder.event(event, span)?;
    }
    builder.root
}

/// A list or map that is still being read.
struct Open {
    start: Span,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Item>),
    /// The entries so far, and what comes next.
    Map(Vec<Entry>, Next),
}

/// What comes next in a map.
enum Next {
    Key,
    /// The value of this key; of none when the key can't be used.
    Value(Option<Key>),
}

struct Builder<'t, 'd> {
    text: &'t str,
    drafts: &'d mut Drafts,
    open: Vec<Open>,
    anchors: HashMap<usize, (Item, usize)>,
    values: usize,
    root: Option<Item>,
}

impl Builder<'_, '_> {
    /// Takes one event; `None` ends the reading.
    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !self.is_text_tag(tag.as_ref(), span);
                let item = Item { span, value: Value::Scalar { text: text.into_owned(), plain } };
                self.close(item, anchor, 1);
                Some(())
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.is_text_tag(tag.as_ref(), span);
                self.open.push(Open { start: span, anchor, content: Content::List(Vec::new()) });
                Some(())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.is_text_tag(tag.as_ref(), span);
                self.open.push(Open { start: span, anchor, content: Content::Map(Vec::new(), Next::Key) });
                Some(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { start, anchor, content } = self.open.pop()?;
                let value = match content {
                    Content::List(items) => Value::List(items),
                    Content::Map(entries, _) => Value::Map(self.merged(entries)),
                };
                let item = Item { span: self.first_line(start, span.end), value };
                let size = if anchor == 0 { 1 } else { count(&item) };
                self.close(item, anchor, size);
                Some(())
            }
            Event::Alias(id) => self.alias(id, span),
            _ => Some(()),
        }
    }

    /// A complete value goes to what is open, or is the document.
    fn close(&mut self, item: Item, anchor: usize, size: usize) {
        self.values += 1;
        if anchor != 0 {
            self.anchors.insert(anchor, (item.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(item),
            Some(Content::List(items)) => items.push(item),
            Some(Content::Map(entries, next)) => match std::mem::replace(next, Next::Key) {
                Next::Key => *next = Next::Value(key(item, self.drafts)),
                Next::Value(None) => {}
                Next::Value(Some(key)) => entries.push(Entry { key, value: item }),
            },
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Option<()> {
        let Some((item, size)) = self.anchors.get(&id) else {
            self.drafts.add(span, "this alias stands inside what it refers to");
            return None;
        };
        self.values = self.values.saturating_add(*size);
        if self.values > MAX_VALUES {
            self.drafts
                .add(span, format!("aliases make this file more than {MAX_VALUES} values long"))
                .help("write the values out, or use `defaults` and `roles`");
            return None;
        }
        let item = Item { span, value: item.value.clone() };
        self.close(item, 0, 1);
        Some(())
    }

    /// Repeated keys are reported and dropped; `<<` brings in the keys of other maps that aren't there yet.
    fn merged(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut merges = Vec::new();
        for entry in entries {
            if entry.key.plain && entry.key.text == "<<" {
                merges.push(entry.value);
            } else if let Some(first) = seen.get(&entry.key.text) {
                self.drafts
                    .add(entry.key.span, format!("`{}` is here twice", entry.key.text))
                    .label("again here")
                    .related(*first, "first here")
                    .help("a map holds each key once: remove one, or give it another name");
            } else {
                seen.insert(entry.key.text.clone(), entry.key.span);
                kept.push(entry);
            }
        }
        for item in merges {
            let span = item.span;
            let maps = match item.value {
                Value::List(items) => items,
                _ => vec![item],
            };
            for map in maps {
                let Value::Map(entries) = map.value else {
                    self.drafts.add(span, "`<<` takes a map, or a list of maps");
                    continue;
                };
                for entry in entries {
                    if !seen.contains_key(&entry.key.text) {
                        seen.insert(entry.key.text.clone(), entry.key.span);
                        kept.push(entry);
                    }
                }
            }
        }
        kept
    }

    /// Whether `!!str` says that the value is text; other tags are reported.
    fn is_text_tag(&mut self, tag: Option<&Cow<'_, Tag>>, span: Span) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema_tag("str") {
            return true;
        }
        if !["map", "seq", "int", "bool"].iter().any(|name| tag.is_yaml_core_schema_tag(name)) {
            self.drafts
                .add(span, "a YAML tag (`!…`) means nothing here")
                .help("remove the tag; secrets and templates of other tools aren't read");
        }
        false
    }

    fn syntax(&mut self, error: &ScanError) {
        let at = error.marker().byte_offset().unwrap_or(self.text.len());
        let end = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |c| at + c.len_utf8());
        let (message, help) = explain(error.kind());
        let draft = self.drafts.add(Span { start: at, end }, message);
        if let Some(help) = help {
            draft.help(help);
        }
    }

    /// The part of a list or map that is underlined: what stands on its first line.
    fn first_line(&self, start: Span, end: usize) -> Span {
        let text = self.text.get(start.start..end.max(start.end)).unwrap_or_default();
        let line = text.split('\n').next().unwrap_or_default().trim_end();
        Span { start: start.start, end: start.start + line.len() }
    }
}

/// A value in the place of a key, as a key; `None` when it can't be one.
fn key(item: Item, drafts: &mut Drafts) -> Option<Key> {
    let Value::Scalar { text, plain } = item.value else {
        drafts.add(item.span, "a list or map can't be a key").help("a key is one word followed by a colon");
        return None;
    };
    if plain && text != "<<" {
        match Meaning::of(&text) {
            Meaning::Null => {
                drafts.add(item.span, "this key is empty").help("write a name before the colon");
                return None;
            }
            Meaning::Bool(_) | Meaning::Ambiguous => {
                drafts
                    .add(item.span, format!("the key `{text}` is a boolean to readers of YAML"))
                    .help(format!("if it is a name, put it in quotes: \"{text}\""));
            }
            Meaning::Number | Meaning::Text => {}
        }
    }
    Some(Key { text, span: item.span, plain })
}

/// How many values there are in one.
fn count(item: &Item) -> usize {
    1 + match &item.value {
        Value::Scalar { .. } | Value::Secret(_) => 0,
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| count(&entry.value)).sum(),
    }
}

/// What a person can do about text that is no YAML.
fn explain(kind: &ErrorKind) -> (String, Option<&'static str>) {
    let help = match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            return (
                "a tab can't indent YAML".to_owned(),
                Some("indent with spaces; two for each level is usual"),
            );
        }
        ErrorKind::UnknownAnchor => {
            return (
                "there is no anchor of that name above".to_owned(),
                Some(
                    "define it as `&name` before it is used as `*name`; a value that starts with * needs quotes",
                ),
            );
        }
        ErrorKind::DirectiveDisallowed => Some("remove the line that starts with %"),
        ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            Some("each `[` needs its `]` and each `{` its `}`: look at this line and those before it")
        }
        ErrorKind::MappingValueNotAllowed => {
            Some("a line before this may lack its colon, or a value with `: ` in it its quotes")
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            Some("a quote opens and closes one value; nothing follows it on its line")
        }
        ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => {
            Some("a `[` before this has no `]`, or a comma is missing")
        }
        ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator => {
            Some("a `{` before this has no `}`, or a comma is missing")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey | ErrorKind::ExpectedBlockMappingKey => {
            Some(
                "each line of a map is `key: value`, with a blank after the colon; its keys stand below each other",
            )
        }
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockSequenceEntry => {
            Some("what belongs together is indented by the same number of spaces")
        }
        _ => None,
    };
    (format!("this is no YAML: {kind}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn tree(text: &str) -> (Option<Item>, Vec<String>) {
        let mut drafts = Drafts::default();
        let item = parse(text, &mut drafts);
        (item, drafts.finish("f", text).into_iter().map(|finding| finding.message).collect())
    }

    fn keys(item: &Item) -> Vec<&str> {
        let Value::Map(entries) = &item.value else { panic!("a map") };
        entries.iter().map(|entry| entry.key.text.as_str()).collect()
    }

    #[test]
    fn quotes_and_spelling_are_kept() {
        let (item, messages) = tree("a: no\nb: \"no\"\nc: 5.10\n");
        assert_eq!(messages, Vec::<String>::new());
        let Value::Map(entries) = item.unwrap().value else { panic!("a map") };
        let values: Vec<(&str, bool)> = entries
            .iter()
            .map(|entry| match &entry.value.value {
                Value::Scalar { text, plain } => (text.as_str(), *plain),
                _ => panic!("a scalar"),
            })
            .collect();
        assert_eq!(values, [("no", true), ("no", false), ("5.10", true)]);
        assert_eq!(entries[2].value.span, Span { start: 17, end: 21 });
    }

    #[test]
    fn merge_keys_add_what_is_missing() {
        let (item, messages) = tree("base: &b {x: 1, y: 2}\nnode: {<<: *b, y: 3}\n");
        assert_eq!(messages, Vec::<String>::new());
        let Value::Map(entries) = item.unwrap().value else { panic!("a map") };
        assert_eq!(keys(&entries[1].value), ["y", "x"]);
    }

    #[test]
    fn a_file_that_explodes_through_aliases_is_refused() {
        let mut text = "l0: &l0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..10 {
            let below = format!("*l{},", level - 1).repeat(10);
            writeln!(text, "l{level}: &l{level} [{below}]").unwrap();
        }
        let (item, messages) = tree(&text);
        assert!(item.is_none());
        assert_eq!(messages, ["aliases make this file more than 2000000 values long"]);
    }

    #[test]
    fn an_alias_of_itself_is_refused() {
        let (item, messages) = tree("a: &a [*a]\n");
        assert!(item.is_none());
        assert_eq!(messages.len(), 1);
    }
}
