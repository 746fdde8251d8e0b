//! Typed values out of the tree. Every function reports what doesn't fit and goes on.

use super::finding::{At, Drafts, Span};
use super::meaning::Meaning;
use super::secrets;
use super::suggest::{either, nearest};
use super::yaml::{Entry, Item, Value};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// A setting that may be there or not; one that can't be used has been reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Field<T> {
    /// Not written.
    #[default]
    Absent,
    /// Written, but of no use.
    Broken,
    /// Written, and of the right form.
    Good(At<T>),
}

impl<T> Field<T> {
    pub(super) fn good(&self) -> Option<&At<T>> {
        if let Self::Good(at) = self { Some(at) } else { None }
    }

    pub(super) fn value(&self) -> Option<&T> {
        self.good().map(|at| &at.value)
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// This setting, or where it isn't written the other.
    pub(super) fn or<'f>(&'f self, other: &'f Self) -> &'f Self {
        if self.is_absent() { other } else { self }
    }

    fn from(value: Option<At<T>>) -> Self {
        value.map_or(Self::Broken, Self::Good)
    }
}

/// A map whose keys are known.
pub(super) struct Table<'t> {
    /// Entries by what their keys are taken for.
    entries: Vec<(&'t str, &'t Entry)>,
    pub(super) span: Span,
}

impl<'t> Table<'t> {
    /// Takes an item as a map with these keys; others are reported. One that is a slip for a known key stands for it,
    /// so that one mistake gives one finding.
    pub(super) fn open(item: &'t Item, what: &str, known: &[&'t str], drafts: &mut Drafts) -> Option<Self> {
        let Value::Map(entries) = &item.value else {
            wrong(item, what, &format!("a map with {}", either(known.iter().copied())), drafts);
            return None;
        };
        let mut named = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = entry.key.text.as_str();
            if known.contains(&key) {
                named.push((key, entry));
                continue;
            }
            let near = nearest(key, known.iter().copied());
            drafts.add(entry.key.span, format!("unknown key `{key}` in {what}")).help(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it may hold {}", either(known.iter().copied())),
            });
            if let Some(near) = near
                && !entries.iter().any(|entry| entry.key.text == near)
            {
                named.push((near, entry));
            }
        }
        Some(Self { entries: named, span: item.span })
    }

    /// The item under a key.
    pub(super) fn item(&self, key: &str) -> Option<&'t Item> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key with its item.
    pub(super) fn entry(&self, key: &str) -> Option<&'t Entry> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, entry)| *entry)
    }

    /// The value under a key, read by one of the functions below.
    pub(super) fn field<T>(&self, key: &str, read: impl FnOnce(&'t Item) -> Option<At<T>>) -> Field<T> {
        self.item(key).map_or(Field::Absent, |item| Field::from(read(item)))
    }
}

/// The entries of a map whose keys are names; nothing at all counts as an empty one.
pub(super) fn entries<'t>(item: &'t Item, what: &str, drafts: &mut Drafts) -> Option<&'t [Entry]> {
    match &item.value {
        Value::Map(entries) => Some(entries),
        Value::Scalar { text, plain: true } if Meaning::of(text) == Meaning::Null => Some(&[]),
        _ => {
            wrong(item, what, "a map of names", drafts);
            None
        }
    }
}

/// The items of a list; nothing at all counts as an empty one.
pub(super) fn list<'t>(item: &'t Item, what: &str, form: &str, drafts: &mut Drafts) -> Option<&'t [Item]> {
    match &item.value {
        Value::List(items) => Some(items),
        Value::Scalar { text, plain: true } if Meaning::of(text) == Meaning::Null => Some(&[]),
        _ => {
            wrong(item, what, form, drafts);
            None
        }
    }
}

/// Text. A number stands for itself as written; a boolean or nothing isn't taken for text.
pub(super) fn text(item: &Item, what: &str, drafts: &mut Drafts) -> Option<At<String>> {
    let Value::Scalar { text, plain } = &item.value else {
        wrong(item, what, "text", drafts);
        return None;
    };
    if text.contains('\0') {
        drafts.add(item.span, format!("{what} holds a NUL character, which no program takes"));
        return None;
    }
    match if *plain { Meaning::of(text) } else { Meaning::Text } {
        Meaning::Text | Meaning::Number => Some(At { value: text.clone(), span: item.span }),
        Meaning::Null => {
            wrong(item, what, "text", drafts);
            None
        }
        Meaning::Bool(_) | Meaning::Ambiguous => {
            drafts
                .add(item.span, format!("{what} takes text, and `{text}` is a boolean to readers of YAML"))
                .help(format!("put it in quotes: \"{text}\""));
            None
        }
    }
}

/// A whole number within limits.
pub(super) fn number(
    item: &Item,
    what: &str,
    range: RangeInclusive<u32>,
    why: &str,
    drafts: &mut Drafts,
) -> Option<At<u32>> {
    let form = format!("a whole number from {} to {}", range.start(), range.end());
    let Value::Scalar { text, plain } = &item.value else {
        wrong(item, what, &form, drafts);
        return None;
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || !plain || (text.starts_with('0') && text.len() > 1) {
        let draft = wrong(item, what, &form, drafts);
        if digits {
            draft.help("write the digits alone: no quotes, no zeros before them");
        }
        return None;
    }
    match text.parse() {
        Ok(value) if range.contains(&value) => Some(At { value, span: item.span }),
        _ => {
            drafts
                .add(item.span, format!("{what} {text} is out of range"))
                .label(format!("allowed are {} to {}", range.start(), range.end()))
                .help(why);
            None
        }
    }
}

/// `true` or `false`.
pub(super) fn boolean(item: &Item, what: &str, drafts: &mut Drafts) -> Option<At<bool>> {
    if let Value::Scalar { text, plain: true } = &item.value {
        match Meaning::of(text) {
            Meaning::Bool(value) => return Some(At { value, span: item.span }),
            Meaning::Ambiguous => {
                let lower = text.to_ascii_lowercase();
                let meant = if lower == "yes" || lower == "on" { "true" } else { "false" };
                drafts
                    .add(
                        item.span,
                        format!("`{text}` is a boolean to some readers of YAML and text to others"),
                    )
                    .help(format!("write `{meant}`"));
                return None;
            }
            _ => {}
        }
    }
    wrong(item, what, "true or false", drafts);
    None
}

/// One of a few words.
pub(super) fn word<T: Copy>(
    item: &Item,
    what: &str,
    words: &[(&str, T)],
    drafts: &mut Drafts,
) -> Option<At<T>> {
    let At { value, span } = text(item, what, drafts)?;
    if let Some((_, found)) = words.iter().find(|(word, _)| *word == value) {
        return Some(At { value: *found, span });
    }
    let known = || words.iter().map(|(word, _)| *word);
    let draft = drafts.add(span, format!("{what} can't be `{value}`"));
    draft.help(match nearest(&value, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it is {}", either(known())),
    });
    None
}

/// An IPv4 address that a machine can hold.
pub(super) fn address(item: &Item, what: &str, drafts: &mut Drafts) -> Option<At<Ipv4Addr>> {
    let At { value, span } = text(item, what, drafts)?;
    let Ok(address) = value.parse::<Ipv4Addr>() else {
        let draft = drafts.add(span, format!("{what} `{value}` is not an IPv4 address"));
        match value.split_once('/') {
            Some((bare, _)) if bare.parse::<Ipv4Addr>().is_ok() => {
                draft.help(format!("write the address alone: {bare}"));
            }
            _ => {
                draft.help("write four numbers from 0 to 255, without zeros before them: 172.16.1.11");
            }
        }
        return None;
    };
    usable(address, what, span, drafts).then_some(At { value: address, span })
}

/// An IPv4 address with the length of its network.
pub(super) fn interface(item: &Item, what: &str, drafts: &mut Drafts) -> Option<At<Ipv4Net>> {
    let At { value: net, span } = network(item, what, "192.168.200.11/24", drafts)?;
    if !usable(net.addr(), what, span, drafts) {
        return None;
    }
    if net.prefix_len() < 31 && (net.addr() == net.network() || net.addr() == net.broadcast()) {
        let kind = if net.addr() == net.network() { "network" } else { "broadcast" };
        drafts.add(span, format!("{what} {net} is the {kind} address of {}", net.trunc()));
        return None;
    }
    Some(At { value: net, span })
}

/// A prefix: no bits set to the right of its length. One that has is reported, and taken for what it must mean.
pub(super) fn prefix(item: &Item, what: &str, drafts: &mut Drafts) -> Option<At<Ipv4Net>> {
    let At { value: net, span } = network(item, what, "172.16.1.0/24", drafts)?;
    if net != net.trunc() {
        drafts
            .add(span, format!("{what} {net} is an address in a prefix, not a prefix"))
            .help(format!("write {}", net.trunc()));
    }
    Some(At { value: net.trunc(), span })
}

fn network(item: &Item, what: &str, example: &str, drafts: &mut Drafts) -> Option<At<Ipv4Net>> {
    let At { value, span } = text(item, what, drafts)?;
    if let Ok(net) = value.parse::<Ipv4Net>() {
        return Some(At { value: net, span });
    }
    let draft = drafts.add(span, format!("{what} `{value}` is not ADDRESS/LENGTH"));
    if value.parse::<Ipv4Addr>().is_ok() {
        draft.help(format!("add the length of its network: {value}/24"));
    } else {
        draft.help(format!("write an IPv4 address, a slash and a length from 0 to 32: {example}"));
    }
    None
}

/// Whether a machine can hold the address.
fn usable(address: Ipv4Addr, what: &str, span: Span, drafts: &mut Drafts) -> bool {
    let kind = if address.octets()[0] == 0 {
        "in 0.0.0.0/8, \"this network\""
    } else if address.is_loopback() {
        "in 127.0.0.0/8, which never leaves a machine"
    } else if address.is_multicast() {
        "a multicast address"
    } else if address.octets()[0] >= 240 {
        "in the reserved range 240.0.0.0/4"
    } else if address.is_link_local() {
        "link-local (169.254.0.0/16), which isn't routed"
    } else {
        return true;
    };
    drafts
        .add(span, format!("{what} {address} can't be used: it is {kind}"))
        .help("take one that is yours, or from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 (RFC 1918)");
    false
}

/// Reports an item of the wrong form.
pub(super) fn wrong<'d>(
    item: &Item,
    what: &str,
    form: &str,
    drafts: &'d mut Drafts,
) -> &'d mut super::finding::Draft {
    if secrets::is_marked(item) {
        return drafts
            .add(item.span, format!("{what} can't be a secret"))
            .help(format!("it takes {form}; secrets are values of vars: and of a workload's environment:"));
    }
    let found = match &item.value {
        Value::Secret(_) => secrets::KEY.to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
        Value::Scalar { text, plain } => match if *plain { Meaning::of(text) } else { Meaning::Text } {
            Meaning::Null => "nothing".to_owned(),
            Meaning::Bool(value) => format!("the boolean {value}"),
            Meaning::Number => format!("the number {text}"),
            Meaning::Text | Meaning::Ambiguous => {
                let mut shown: String = text.chars().take(30).collect();
                if shown.len() < text.len() {
                    shown.push('…');
                }
                format!("the text {shown:?}")
            }
        },
    };
    drafts.add(item.span, format!("{what} takes {form}, found {found}"))
}
