//! `--limit`: which nodes a run is about, in the patterns that Ansible uses.
//!
//! Parts are separated by `,` or `:`. A part is a node's name, a role (`leaf` or `leafs`), `all`, or a pattern of names
//! with `*`, `?` and `[a-z]`; `!` before it takes those nodes out, `&` keeps only those. As in Ansible the order of parts doesn't matter:
//! all plain ones are put together first, then `&`, then `!`; without a plain part, all nodes are taken to begin with.

use super::suggest::{either, nearest};
use crate::fabric::{Fabric, Node, NodeName, Role};
use std::collections::BTreeSet;

/// Why a pattern selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is nothing between two separators, or nothing at all.
    #[error("limit {0:?} has an empty part")]
    Empty(String),
    /// A form of Ansible that isn't taken here.
    #[error("limit {part:?} is a {form}, which fabricctl doesn't read")]
    Form {
        /// The part as written.
        part: String,
        /// What it is.
        form: &'static str,
    },
    /// A part that no node matches.
    #[error("limit {part:?} matches no node")]
    NoMatch {
        /// The part as written.
        part: String,
        /// The node or role it was likely meant to be.
        nearest: Option<String>,
        /// What there is, as a sentence lists it.
        known: String,
    },
    /// Every part matches something, all together leave nothing.
    #[error("limit {0:?} leaves no node")]
    Nothing(String),
}

impl LimitError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            LimitError::Empty(_) | LimitError::Form { .. } => {
                "separate names, roles and patterns by commas: 'spine,leaf0*,!leaf03'".to_owned()
            }
            LimitError::NoMatch { nearest: Some(nearest), .. } => format!("did you mean {nearest}?"),
            LimitError::NoMatch { known, .. } => {
                format!("nodes are {known}; roles (spine, leaf, server) and all are known too")
            }
            LimitError::Nothing(_) => "what is taken out with ! or & is all there was".to_owned(),
        }
    }
}

/// The nodes that a pattern selects; all of them without one.
///
/// # Errors
/// When a part of the pattern matches no node, or all parts together leave none.
pub fn select(fabric: &Fabric, pattern: Option<&str>) -> Result<BTreeSet<NodeName>, LimitError> {
    let Some(pattern) = pattern else { return Ok(fabric.nodes.keys().cloned().collect()) };
    let (mut plain, mut kept, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for part in pattern.split([',', ':']) {
        let part = part.trim();
        let (list, word) = match part.split_at_checked(1) {
            Some(("!", rest)) => (&mut out, rest.trim()),
            Some(("&", rest)) => (&mut kept, rest.trim()),
            _ => (&mut plain, part),
        };
        if word.is_empty() {
            return Err(LimitError::Empty(pattern.to_owned()));
        }
        if word.starts_with('~') {
            return Err(LimitError::Form { part: part.to_owned(), form: "regular expression" });
        }
        list.push(matching(fabric, word)?);
    }
    let mut selected: BTreeSet<&NodeName> =
        if plain.is_empty() { fabric.nodes.keys().collect() } else { plain.into_iter().flatten().collect() };
    for names in kept {
        selected.retain(|name| names.contains(name));
    }
    for names in out {
        selected.retain(|name| !names.contains(name));
    }
    if selected.is_empty() {
        return Err(LimitError::Nothing(pattern.to_owned()));
    }
    Ok(selected.into_iter().cloned().collect())
}

/// The nodes of one part.
fn matching<'f>(fabric: &'f Fabric, word: &str) -> Result<BTreeSet<&'f NodeName>, LimitError> {
    // "leafs" are those of role leaf, unless somebody is called so.
    let one = word.strip_suffix('s').filter(|_| fabric.nodes.keys().all(|name| name.as_str() != word));
    let role = Role::ALL.into_iter().find(|role| role.as_str() == word || Some(role.as_str()) == one);
    let fits = |node: &Node| match role {
        Some(role) => node.role == role,
        None => word == "all" || glob(word, node.name.as_str()),
    };
    let names: BTreeSet<&NodeName> =
        fabric.nodes.values().filter(|node| fits(node)).map(|node| &node.name).collect();
    if names.is_empty() {
        let known = || fabric.nodes.keys().map(NodeName::as_str);
        let words = known().chain(Role::ALL.iter().map(|role| role.as_str()));
        return Err(LimitError::NoMatch {
            part: word.to_owned(),
            nearest: nearest(word, words).map(str::to_owned),
            known: either(known()),
        });
    }
    Ok(names)
}

/// Whether a pattern with `*`, `?` and `[…]` fits the whole text. Going back to the last star is enough,
/// so it takes at most pattern × text steps.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if let Some(next) = pattern.get(p).and_then(|_| one(&pattern, p, text[t])) {
            p = next;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Matches one character; the place in the pattern after it.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match pattern[at] {
        '?' => Some(at + 1),
        '[' => match pattern[at + 1..].iter().skip(1).position(|c| *c == ']') {
            Some(length) => {
                let class = &pattern[at + 1..at + 2 + length];
                let (not, class) = match class {
                    ['!', rest @ ..] if !rest.is_empty() => (true, rest),
                    _ => (false, class),
                };
                (in_class(class, c) != not).then_some(at + length + 3)
            }
            None => (c == '[').then_some(at + 1),
        },
        literal => (literal == c).then_some(at + 1),
    }
}

fn in_class(mut class: &[char], c: char) -> bool {
    loop {
        match class {
            [from, '-', to, rest @ ..] => {
                if (*from..=*to).contains(&c) {
                    return true;
                }
                class = rest;
            }
            [one, rest @ ..] => {
                if *one == c {
                    return true;
                }
                class = rest;
            }
            [] => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Fabric {
        let text = include_str!("../../inventory/reference/fabric.yml");
        super::super::read("fabric.yml", text, std::path::Path::new(".")).unwrap()
    }

    fn names(pattern: &str) -> String {
        let fabric = reference();
        let selected = select(&fabric, Some(pattern)).unwrap();
        selected.iter().map(NodeName::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn patterns_select_as_ansible_does() {
        assert_eq!(names("leaf*:!leaf03"), "leaf01 leaf02 leaf04");
        assert_eq!(names("!leaf03,leaf"), "leaf01 leaf02 leaf04");
        assert_eq!(names("spine,leaf01"), "leaf01 spine01 spine02");
        assert_eq!(names("all:&*01:!server"), "leaf01 spine01");
        assert_eq!(names("!spine:!leaf"), "server01 server02 server03 server04");
        assert_eq!(names("leaf0[1-2]"), "leaf01 leaf02");
        assert_eq!(names("leaf0[!1-2]"), "leaf03 leaf04");
        assert_eq!(names("s*0?"), names("spine,server"));
        assert_eq!(names("leafs,spines"), names("leaf,spine"));
        assert_eq!(select(&reference(), None).unwrap().len(), 10);
    }

    #[test]
    fn what_matches_nothing_is_an_error_that_helps() {
        let fabric = reference();
        let error = select(&fabric, Some("leaf1")).unwrap_err();
        assert_eq!(error.to_string(), "limit \"leaf1\" matches no node");
        assert_eq!(error.hint(), "did you mean leaf01?");
        let error = select(&fabric, Some("rack*")).unwrap_err();
        assert!(error.hint().starts_with("nodes are leaf01, leaf02"), "{}", error.hint());
        assert!(matches!(select(&fabric, Some("leaf01:")), Err(LimitError::Empty(_))));
        assert!(matches!(select(&fabric, Some("")), Err(LimitError::Empty(_))));
        assert!(matches!(select(&fabric, Some("~leaf.*")), Err(LimitError::Form { .. })));
        assert!(matches!(select(&fabric, Some("leaf01:!leaf")), Err(LimitError::Nothing(_))));
    }

    #[test]
    fn stars_need_no_luck() {
        assert!(glob("*a*b*", "xxaxxbxx"));
        assert!(!glob("*a*a*a*a*a*a*a*b", &"a".repeat(5000)));
        assert!(glob("[", "[") && !glob("[]", "x") && glob("[]]", "]") && glob("**", ""));
    }
}
