//! Secrets: values of `vars` and `environment` that are marked, `{ secret: TEXT }`, or come from elsewhere,
//! `{ secret: { file: PATH } }` and `{ secret: { env: NAME } }`.
//!
//! They are read before everything else and put into the tree as what they are, so that a reader that knows nothing
//! of secrets takes none for text. Where their texts stand in the inventory itself is noted, so that no drawing of it
//! shows them, not even of one that can't be used.

use super::extract::{Table, text, wrong};
use super::finding::{At, Drafts, Span};
use super::meaning::Meaning;
use super::suggest::nearest;
use super::yaml::{Entry, Item, Value};
use crate::fabric::{SHORTEST_SECRET, Secret, Secrets};
use std::path::Path;

/// The key that marks a secret.
pub(super) const KEY: &str = "secret";
const SOURCES: [&str; 2] = ["file", "env"];
const FORMS: &str = "write { secret: TEXT }, { secret: { file: PATH } } or { secret: { env: NAME } }";

/// Where secrets come from that don't stand in the inventory itself: asked by its reader, answered by a door.
pub trait Sources {
    /// The text of a file.
    ///
    /// # Errors
    /// When there is none that can be used.
    fn file(&self, path: &Path) -> Result<SecretFile, SourceError>;

    /// The value of an environment variable.
    ///
    /// # Errors
    /// When there is none that can be used.
    fn variable(&self, name: &str) -> Result<String, SourceError>;
}

/// A file that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// What it says.
    pub secret: Secret,
    /// Whether everybody on this machine can read it.
    pub open_to_all: bool,
}

/// Why a source gives no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is none.
    #[error("it isn't there")]
    Missing,
    /// It is no text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The system refuses it.
    #[error("{0}")]
    Refused(String),
}

/// What a secret means whose source gives no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The inventory can't be used.
    IsWrong,
    /// Nothing: what is done needs no secrets.
    IsFine,
}

/// How secrets are read.
pub(super) struct Reader<'s> {
    /// The folder that paths are relative to.
    pub(super) base: &'s Path,
    pub(super) sources: &'s dyn Sources,
    pub(super) absent: Absent,
    /// Every secret so far.
    pub(super) found: Secrets,
    /// Where the texts of secrets stand in the inventory.
    pub(super) spans: Vec<Span>,
}

impl Reader<'_> {
    /// Reads every secret of an inventory.
    pub(super) fn read(&mut self, root: &mut Item, drafts: &mut Drafts) {
        self.literals(root);
        for section in entries(root) {
            match section.key.text.as_str() {
                "defaults" => self.settings(&mut section.value, drafts),
                "roles" | "nodes" => {
                    for member in entries(&mut section.value) {
                        self.settings(&mut member.value, drafts);
                    }
                }
                "workloads" => {
                    for workload in entries(&mut section.value) {
                        self.workload(&mut workload.value, drafts);
                    }
                }
                _ => {}
            }
        }
    }

    /// Whatever somebody may have meant to be a secret, well-formed and in place or not.
    fn literals(&mut self, item: &Item) {
        match &item.value {
            Value::List(items) => items.iter().for_each(|item| self.literals(item)),
            Value::Map(entries) => {
                for Entry { key, value } in entries {
                    if near(&key.text) {
                        self.literal(value, key.text == KEY);
                    } else {
                        self.literals(value);
                    }
                }
            }
            Value::Scalar { .. } | Value::Secret(_) => {}
        }
    }

    /// Every text below a key that marks a secret, or nearly does, but the names of files and variables.
    fn literal(&mut self, item: &Item, certain: bool) {
        match &item.value {
            Value::Scalar { text, plain } => {
                self.spans.push(item.span);
                let word = *plain && matches!(Meaning::of(text), Meaning::Bool(_) | Meaning::Null);
                if certain && !word {
                    self.found.add(text);
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.literal(item, certain)),
            Value::Map(entries) => {
                let texts = entries.iter().filter(|entry| nearest(&entry.key.text, SOURCES).is_none());
                texts.for_each(|entry| self.literal(&entry.value, certain));
            }
            Value::Secret(_) => {}
        }
    }

    fn settings(&mut self, item: &mut Item, drafts: &mut Drafts) {
        for entry in entries(item).iter_mut().filter(|entry| entry.key.text == "vars") {
            self.variables(&mut entry.value, drafts);
        }
    }

    /// The values of a map that marks no secret itself.
    fn variables(&mut self, item: &mut Item, drafts: &mut Drafts) {
        for entry in entries(item) {
            if entry.key.text == KEY && !is_marked(&entry.value) {
                drafts
                    .add(entry.key.span, format!("`{KEY}` marks a value, and is no name of one here"))
                    .help(format!(
                        "write `{KEY}: {{ {KEY}: … }}` to keep it secret, or give it another name"
                    ));
                entry.value.value = Value::Secret(Secret::unknown());
            }
            self.value(&mut entry.value, drafts);
        }
    }

    /// A free value and what is in it.
    fn value(&mut self, item: &mut Item, drafts: &mut Drafts) {
        if is_marked(item) {
            return self.marked(item, drafts);
        }
        if let Value::Map(entries) = &item.value
            && let [Entry { key, .. }] = entries.as_slice()
            && key.text.eq_ignore_ascii_case(KEY)
        {
            drafts.add(key.span, format!("`{}` marks nothing", key.text)).help(format!("write `{KEY}`"));
        }
        match &mut item.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.value(item, drafts)),
            Value::Map(_) => self.variables(item, drafts),
            Value::Scalar { .. } | Value::Secret(_) => {}
        }
    }

    fn workload(&mut self, item: &mut Item, drafts: &mut Drafts) {
        for environment in entries(item).iter_mut().filter(|entry| entry.key.text == "environment") {
            for variable in entries(&mut environment.value) {
                if is_marked(&variable.value) {
                    self.marked(&mut variable.value, drafts);
                    one_line(variable, drafts);
                } else if let Value::Map(inside) = &variable.value.value {
                    let slip = inside.iter().find(|entry| near(&entry.key.text));
                    let message = format!("`{}` takes text or a secret, found a map", variable.key.text);
                    let draft = drafts.add(slip.map_or(variable.value.span, |slip| slip.key.span), message);
                    draft.help(match slip {
                        Some(slip) if slip.key.text != KEY => format!("did you mean `{KEY}`?"),
                        _ => FORMS.to_owned(),
                    });
                    variable.value.value = Value::Secret(Secret::unknown());
                }
            }
        }
    }

    /// Puts the secret in the place of its mark; one that can't be read has been reported.
    fn marked(&mut self, item: &mut Item, drafts: &mut Drafts) {
        let secret = match &item.value {
            Value::Map(entries) => entries
                .first()
                .and_then(|entry| self.secret(&entry.value, drafts))
                .unwrap_or_else(Secret::unknown),
            _ => return,
        };
        item.value = Value::Secret(secret);
    }

    fn secret(&mut self, item: &Item, drafts: &mut Drafts) -> Option<Secret> {
        let (secret, span) = match &item.value {
            Value::Scalar { .. } => {
                let At { value, span } = text(item, "a secret", drafts)?;
                (Secret::new(value), span)
            }
            Value::Map(entries) => {
                let table = Table::open(item, "a secret", &SOURCES, drafts)?;
                match (table.item("file"), table.item("env")) {
                    (Some(file), None) => (self.file(file, drafts)?, file.span),
                    (None, Some(variable)) => (self.variable(variable, drafts)?, variable.span),
                    (None, None) => {
                        // Keys that mean nothing have been reported.
                        if entries.is_empty() {
                            drafts.add(item.span, "this secret comes from nowhere").help(FORMS);
                        }
                        return None;
                    }
                    (Some(_), Some(_)) => {
                        drafts.add(item.span, "this secret comes from two places").help(FORMS);
                        return None;
                    }
                }
            }
            Value::List(_) | Value::Secret(_) => {
                wrong(item, "a secret", "text, or a map with file or env", drafts);
                return None;
            }
        };
        if secret.reveal().contains('\0') {
            drafts.add(span, "this secret holds a NUL character, which no program takes");
            return None;
        }
        if secret.reveal().trim().chars().count() < SHORTEST_SECRET {
            drafts
                .add(span, format!("this secret has fewer than {SHORTEST_SECRET} characters"))
                .help("so short a text stands in others by chance, and can't be kept out of what is shown; take a longer one");
            return None;
        }
        self.found.add(secret.reveal());
        Some(secret)
    }

    fn file(&self, item: &Item, drafts: &mut Drafts) -> Option<Secret> {
        let At { value: named, span } = text(item, "`file`", drafts)?;
        if named.trim().is_empty() {
            drafts.add(span, "`file` names no file");
            return None;
        }
        let path = self.base.join(&named);
        let shown = path.display();
        let found = match self.sources.file(&path) {
            Ok(found) => found,
            Err(_) if self.absent == Absent::IsFine => return None,
            Err(SourceError::Missing) => {
                drafts.add(span, format!("there is no file {shown}")).help(
                    "write the secret into it, readable by you alone (chmod 600); paths are relative to the inventory",
                );
                return None;
            }
            Err(error) => {
                drafts.add(span, format!("can't take a secret from {shown}: {error}"));
                return None;
            }
        };
        // The line feed at the end is the file's, not the secret's.
        let text = found.secret.reveal();
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        if text.trim().is_empty() {
            drafts.add(span, format!("{shown} is empty")).help("write the secret into it");
            return None;
        }
        if found.open_to_all {
            drafts
                .add(span, format!("everybody on this machine can read {shown}"))
                .warning()
                .help(format!("chmod 600 {shown}"));
        }
        Some(Secret::new(text))
    }

    fn variable(&mut self, item: &Item, drafts: &mut Drafts) -> Option<Secret> {
        let At { value: name, span } = text(item, "`env`", drafts)?;
        if name.is_empty()
            || name.contains(|c: char| matches!(c, '=' | '$') || c.is_whitespace() || c.is_control())
        {
            drafts
                .add(span, format!("an environment variable can't be named {name:?}"))
                .help("write the name alone, without '$', '=' and blanks");
            return None;
        }
        self.found.add_variable(&name);
        let problem = match self.sources.variable(&name) {
            Ok(value) if !value.trim().is_empty() => return Some(Secret::new(value)),
            _ if self.absent == Absent::IsFine => return None,
            Ok(_) => format!("the environment variable {name} is empty"),
            Err(SourceError::Missing) => format!("the environment variable {name} isn't set"),
            Err(error) => format!("can't take a secret from the environment variable {name}: {error}"),
        };
        drafts
            .add(span, problem)
            .help(format!("set and export it before; with sudo: sudo --preserve-env={name} fabricctl …"));
        None
    }
}

/// Docker takes variables from a file that has one line for each.
fn one_line(variable: &Entry, drafts: &mut Drafts) {
    if let Value::Secret(secret) = &variable.value.value
        && secret.reveal().contains(['\n', '\r'])
    {
        drafts
            .add(variable.value.span, format!("the secret `{}` has several lines", variable.key.text))
            .help(
                "a secret variable has one line, for Docker takes it from a file of such lines; \
                 encode this one, in base64 for example",
            );
    }
}

/// Whether an item marks a secret: a map with that key and no other.
pub(super) fn is_marked(item: &Item) -> bool {
    match &item.value {
        Value::Secret(_) => true,
        Value::Map(entries) => matches!(entries.as_slice(), [entry] if entry.key.text == KEY),
        _ => false,
    }
}

/// Whether a key is that of a secret, or a slip for it.
fn near(key: &str) -> bool {
    strsim::damerau_levenshtein(&key.to_lowercase(), KEY) <= 1
}

/// The entries of a map; of anything else none.
fn entries(item: &mut Item) -> &mut [Entry] {
    if let Value::Map(entries) = &mut item.value { entries } else { &mut [] }
}

/// The text of an inventory with a star for every octet of a secret, so that all else stays in its place. Of one that
/// can't be read as YAML it isn't known what is secret: there it is whatever follows that key on its line, and the lines
/// below that are indented deeper.
pub(super) fn starred(text: &str, spans: &[Span], found: &Secrets, readable: bool) -> String {
    let mut octets = text.as_bytes().to_vec();
    let mut star = |range: std::ops::Range<usize>| {
        if let Some(octets) = octets.get_mut(range) {
            octets.iter_mut().filter(|octet| **octet != b'\n').for_each(|octet| *octet = b'*');
        }
    };
    found.places(text).into_iter().for_each(&mut star);
    spans.iter().map(|span| span.start..span.end).for_each(&mut star);
    if !readable {
        after_keys(text).into_iter().for_each(&mut star);
    }
    // Whole characters went, all else is as it was.
    String::from_utf8(octets).unwrap_or_default()
}

/// What may be secret in a text whose form isn't known.
fn after_keys(text: &str) -> Vec<std::ops::Range<usize>> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut found, mut at, mut inside) = (Vec::new(), 0, None);
    for line in text.split_inclusive('\n') {
        let key = line.match_indices(KEY).find_map(|(key, _)| {
            let rest = line[key + KEY.len()..].trim_start_matches(['"', '\'', ' ']);
            rest.starts_with(':').then(|| line.len() - rest.len() + 1)
        });
        if let Some(value) = key {
            inside = Some(indent(line));
            found.push(at + value..at + line.len());
        } else if inside.is_some_and(|outer| line.trim().is_empty() || indent(line) > outer) {
            found.push(at..at + line.len());
        } else {
            inside = None;
        }
        at += line.len();
    }
    found
}
