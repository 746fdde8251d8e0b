//! Troubles with some nodes, gathered while the others go on.

use crate::fabric::NodeName;
use crate::output::{Exit, Failure, Problem};
use std::collections::BTreeSet;

/// What is wrong with some nodes while others are fine.
#[derive(Default)]
pub(super) struct Troubles {
    found: Vec<(Exit, Problem)>,
}

impl Troubles {
    pub(super) fn add(&mut self, exit: Exit, problem: Problem) {
        self.found.push((exit, problem));
    }

    pub(super) fn extend(&mut self, exit: Exit, problems: impl IntoIterator<Item = Problem>) {
        self.found.extend(problems.into_iter().map(|problem| (exit, problem)));
    }

    pub(super) fn append(&mut self, mut others: Self) {
        self.found.append(&mut others.found);
    }

    /// Only those that are about these nodes, or about none.
    pub(super) fn only(mut self, nodes: &BTreeSet<NodeName>) -> Self {
        let about = |problem: &Problem| {
            problem.node.as_deref().is_none_or(|name| nodes.iter().any(|node| node.as_str() == name))
        };
        self.found.retain(|(_, problem)| about(problem));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Those of a set of nodes that nothing is wrong with.
    pub(super) fn spare<'a>(&self, nodes: impl IntoIterator<Item = &'a NodeName>) -> Vec<&'a str> {
        let hit = |name: &&str| self.found.iter().any(|(_, problem)| problem.node.as_deref() == Some(*name));
        nodes.into_iter().map(NodeName::as_str).filter(|name| !hit(name)).collect()
    }

    /// The failure they are, if there are any; its exit code is that of the gravest.
    pub(super) fn into_failure(self) -> Result<(), Failure> {
        let Some(exit) = self.found.iter().map(|(exit, _)| *exit).max() else { return Ok(()) };
        Err(Failure { exit, problems: self.found.into_iter().map(|(_, problem)| problem).collect() })
    }

    /// The same when a verb that changes devices has not begun: then it says so, and which nodes are fine.
    pub(super) fn before_changes<'a>(
        mut self,
        nodes: impl IntoIterator<Item = &'a NodeName>,
    ) -> Result<(), Failure> {
        let spared = self.spare(nodes);
        if !self.is_empty() && !spared.is_empty() {
            let message = format!("nothing was changed; nothing is wrong with {}", listed(&spared));
            self.add(Exit::Ok, Problem { message, ..Problem::default() });
        }
        self.into_failure()
    }
}

/// Words as a sentence lists them.
pub(super) fn listed<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [some @ .., last] => {
            let some: Vec<&str> = some.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", some.join(", "), last.as_ref())
        }
    }
}
