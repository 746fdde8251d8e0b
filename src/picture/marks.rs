//! What is known of the state of a fabric's parts.

use crate::fabric::{Endpoint, NodeName};
use serde::Serialize;
use std::collections::BTreeMap;

/// A state, the graver the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody asked, or nobody answered for it.
    Unknown,
    /// As desired.
    Ok,
    /// It works, but something about it isn't as desired.
    Warning,
    /// It isn't as desired.
    Failed,
}

impl State {
    /// Every state, in the order in which a legend lists them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Failed, Self::Unknown];

    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    /// As a sign, since colour never carries meaning alone.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Unknown => "?",
            Self::Ok => "✓",
            Self::Warning => "!",
            Self::Failed => "✕",
        }
    }
}

/// A state, and why it is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// The state.
    pub state: State,
    /// Why, in the order in which it became known.
    pub notes: Vec<String>,
}

/// The states of a fabric's parts; what has none is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    nodes: BTreeMap<NodeName, Mark>,
    workloads: BTreeMap<String, Mark>,
    ends: BTreeMap<Endpoint, Mark>,
}

impl Marks {
    /// Says something about a node.
    pub fn node(&mut self, name: &NodeName, state: State, note: &str) {
        add(self.nodes.entry(name.clone()), state, note);
    }

    /// Says something about a workload.
    pub fn workload(&mut self, workload: &str, state: State, note: &str) {
        add(self.workloads.entry(workload.to_owned()), state, note);
    }

    /// Says something about a link, seen from one of its ends.
    pub fn end(&mut self, end: &Endpoint, state: State, note: &str) {
        add(self.ends.entry(end.clone()), state, note);
    }

    /// What is known of a node.
    pub fn of_node(&self, node: &NodeName) -> Mark {
        self.nodes.get(node).cloned().unwrap_or_else(Mark::unknown)
    }

    /// What is known of a workload.
    pub fn of_workload(&self, workload: &str) -> Mark {
        self.workloads.get(workload).cloned().unwrap_or_else(Mark::unknown)
    }

    /// What is known of a link, from both ends.
    pub fn of_link(&self, ends: [&Endpoint; 2]) -> Mark {
        let mut whole = Mark::unknown();
        for mark in ends.into_iter().filter_map(|end| self.ends.get(end)) {
            whole.state = whole.state.max(mark.state);
            whole.notes.extend(mark.notes.iter().cloned());
        }
        whole
    }
}

impl Mark {
    fn unknown() -> Self {
        Self { state: State::Unknown, notes: Vec::new() }
    }
}

/// The gravest state counts, all that was said is kept.
fn add<K: Ord>(entry: std::collections::btree_map::Entry<'_, K, Mark>, state: State, note: &str) {
    let mark = entry.or_insert_with(Mark::unknown);
    mark.state = mark.state.max(state);
    if !note.is_empty() && !mark.notes.iter().any(|said| said == note) {
        mark.notes.push(note.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_state_counts_and_a_link_is_as_bad_as_its_worse_end() {
        let mut marks = Marks::default();
        let (near, far) = ("leaf01:swp51".parse().unwrap(), "spine01:swp1".parse().unwrap());
        assert_eq!(marks.of_link([&near, &far]).state, State::Unknown);
        marks.end(&near, State::Ok, "");
        assert_eq!(marks.of_link([&near, &far]), Mark { state: State::Ok, notes: Vec::new() });
        marks.end(&far, State::Failed, "no carrier");
        marks.end(&far, State::Ok, "no carrier");
        let notes = vec!["no carrier".to_owned()];
        assert_eq!(marks.of_link([&near, &far]), Mark { state: State::Failed, notes });
    }
}
