//! Verdicts that say the same of several things are told in one line.

use crate::output::printable;
use crate::output::routes::{list, seconds};
use crate::verify::{CheckName, Finding, Report, Status};

/// What a device said, without control characters and colours.
pub(super) fn clean(text: &str) -> String {
    anstream::adapter::strip_str(&printable(text)).to_string()
}

/// Verdicts of one check on one node for one reason.
pub(in crate::output) struct Group<'a> {
    pub first: &'a Finding,
    pub subjects: Vec<&'a str>,
}

/// All verdicts of a status, grouped, in the order of the checks.
pub(in crate::output) fn groups(report: &Report, status: Status) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in report.checks.iter().filter(|finding| finding.status == status) {
        let same = |group: &&mut Group<'_>| {
            let first = group.first;
            first.check == finding.check && first.node == finding.node && first.reason == finding.reason
        };
        match groups.iter_mut().rev().find(same) {
            Some(group) => group.subjects.push(&finding.subject),
            None => groups.push(Group { first: finding, subjects: vec![&finding.subject] }),
        }
    }
    groups
}

impl Group<'_> {
    /// What it is about.
    pub(in crate::output) fn subject(&self) -> String {
        clean(&list(&self.subjects))
    }

    /// Why, and when it became true after all.
    pub(in crate::output) fn reason(&self) -> String {
        let reason = clean(self.first.reason.as_deref().unwrap_or_default());
        match self.first.true_after_ms {
            Some(ms) if self.first.status == Status::Failed => {
                format!("{reason}; true after {}, too late", seconds(ms))
            }
            _ => reason,
        }
    }

    pub(in crate::output) fn hint(&self) -> Option<String> {
        self.first.hint.as_deref().map(clean)
    }
}

/// The one sentence that a person looks for.
pub(in crate::output) fn last_line(report: &Report) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let names: Vec<&str> = report.summary.iter().map(|one| CheckName::as_str(one.check)).collect();
    let nodes: std::collections::BTreeSet<_> = report.checks.iter().map(|finding| &finding.node).collect();
    if report.ok {
        let passed: usize = report.summary.iter().map(|one| one.passed).sum();
        let skipped: usize = report.summary.iter().map(|one| one.skipped).sum();
        let undecided = if skipped == 0 { String::new() } else { format!(", {skipped} not decided") };
        let (what, nodes) = (count(passed, "verdict"), count(nodes.len(), "node"));
        let over = report.watched_ms.map(|ms| format!(", for {}", seconds(ms))).unwrap_or_default();
        let after = match report.converged_after_ms {
            Some(ms) if report.watched_ms.is_none() => format!(" (after {})", seconds(ms)),
            _ => String::new(),
        };
        return format!("all is as desired: {what} on {nodes}{undecided}{over}{after}");
    }
    let mut parts = Vec::new();
    let failed: Vec<&Finding> = report.failed().collect();
    if !failed.is_empty() {
        let on: std::collections::BTreeSet<&str> =
            failed.iter().map(|finding| finding.node.as_str()).collect();
        let on: Vec<&str> = on.into_iter().collect();
        let decided = report.checks.iter().filter(|finding| finding.status != Status::Skipped).count();
        parts.push(format!("{} of {} failed, on {}", failed.len(), count(decided, "verdict"), list(&on)));
    }
    if let Some(ms) = report.late_after_ms {
        parts.push(format!("all would have been as desired after {}", seconds(ms)));
    }
    if !report.violations.is_empty() {
        parts.push(format!("{} while it was watched", count(report.violations.len(), "violation")));
    }
    if !report.unreachable.is_empty() {
        let on: Vec<&str> = report.unreachable.iter().map(|one| one.node.as_str()).collect();
        parts.push(format!("no answer from {}", list(&on)));
    }
    if parts.is_empty() {
        parts.push(format!("not as desired: {}", names.join(", ")));
    }
    parts.join("; ")
}
