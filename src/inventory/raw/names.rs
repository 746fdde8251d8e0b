//! Names that are checked harder than the types of the fabric do: where they end up decides what they may hold.

use super::super::extract::{Field, text};
use super::super::finding::{At, Drafts, Span};
use super::super::yaml::Item;
use crate::fabric::{IfName, NodeName, Role};

/// A name that becomes part of image references and labels: lower case, as Docker wants its repositories.
pub(super) fn slug(item: &Item, what: &str, drafts: &mut Drafts) -> Field<String> {
    match text(item, what, drafts) {
        Some(name) if is_slug(&name.value, name.span, what, drafts) => Field::Good(name),
        _ => Field::Broken,
    }
}

/// Whether a name can be a repository of Docker images.
pub(super) fn is_slug(name: &str, span: Span, what: &str, drafts: &mut Drafts) -> bool {
    let word =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let ok = name.len() <= 63 && name.split(['-', '_', '.']).all(word);
    if !ok {
        drafts
            .add(span, format!("{what} can't be named `{name}`"))
            .help("at most 63 lower-case letters and digits, with single '-', '_' or '.' between them");
    }
    ok
}

/// Whether a node can have this name: one label of a host name, and no word of `--limit`.
pub(super) fn node(name: &At<String>, drafts: &mut Drafts) {
    if let Err(error) = NodeName::new(name.value.as_str()) {
        drafts
            .add(name.span, format!("a node can't be named `{}`", name.value))
            .help(format!("{error} (RFC 1123)"));
    } else if name.value.starts_with('-') || name.value.ends_with('-') {
        drafts
            .add(name.span, format!("a node can't be named `{}`", name.value))
            .help("a host name starts and ends with a letter or digit (RFC 1123)");
    } else if name.value == "all" || Role::ALL.iter().any(|role| role.as_str() == name.value) {
        drafts
            .add(name.span, format!("a node can't be named `{}`", name.value))
            .help(format!("in --limit `{}` stands for a group of nodes; add a number: {0}01", name.value));
    }
}

/// A name for a Docker object: container or network.
pub(super) fn docker(name: &At<String>, what: &str, drafts: &mut Drafts) {
    let mut chars = name.value.chars();
    let ok = chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && (2..=63).contains(&name.value.len())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if !ok {
        drafts.add(name.span, format!("a {what} can't be named `{}`", name.value)).help(
            "2 to 63 letters, digits, '_', '.' and '-', the first a letter or digit (a rule of Docker)",
        );
    }
}

/// An interface of the kernel.
pub(super) fn interface(item: &Item, what: &str, drafts: &mut Drafts) -> Option<At<IfName>> {
    let At { value, span } = text(item, what, drafts)?;
    checked(&value, what, span, drafts).map(|value| At { value, span })
}

/// A name that a port can have.
pub(super) fn checked(name: &str, what: &str, span: Span, drafts: &mut Drafts) -> Option<IfName> {
    if name == "lo" {
        drafts
            .add(span, "`lo` is the loopback, not a port")
            .help("the loopback address is given as `loopback`");
        return None;
    }
    match IfName::new(name) {
        Ok(valid) if name.starts_with(|c: char| c.is_ascii_alphanumeric()) => Some(valid),
        Ok(_) => {
            drafts.add(span, format!("{what} can't be named `{name}`")).help("start with a letter or digit");
            None
        }
        Err(error) => {
            drafts
                .add(span, format!("{what} can't be named `{name}`"))
                .help(format!("{error} (by the kernel)"));
            None
        }
    }
}
