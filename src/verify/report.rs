//! What a run of checks found, over all its rounds. Its JSON form is a contract.

use super::finding::{CheckName, Finding, Status};
use crate::fabric::NodeName;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The form of the document. It is counted up when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// The verdict about everything that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The form of this document.
    pub schema: u32,
    /// Nothing failed, every device was reached, and nothing was violated while it was watched.
    pub ok: bool,
    /// How long it took until all was as desired, in milliseconds; `None` if it never was.
    pub converged_after_ms: Option<u64>,
    /// All became as desired, but only after so many milliseconds: longer than it was waited for.
    pub late_after_ms: Option<u64>,
    /// How long it was watched, in milliseconds (`--for`).
    pub watched_ms: Option<u64>,
    /// Devices that didn't answer; nothing else is said of them.
    pub unreachable: Vec<Unreachable>,
    /// The checks in a few numbers each.
    pub summary: Vec<Summary>,
    /// All verdicts of the last round: check by check.
    pub checks: Vec<Finding>,
    /// What became untrue while it was watched, in the order in which it did.
    pub violations: Vec<Violation>,
}

/// A device that didn't answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreachable {
    /// The device.
    pub node: NodeName,
    /// Why.
    pub reason: String,
}

/// A check in a few numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The check.
    pub check: CheckName,
    /// Nothing of it failed.
    pub ok: bool,
    /// How many verdicts are as desired.
    pub passed: usize,
    /// How many are not.
    pub failed: usize,
    /// How many couldn't be decided.
    pub skipped: usize,
}

/// A time in which something was not as desired while it was watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The check.
    pub check: CheckName,
    /// The node.
    pub node: NodeName,
    /// What of the node.
    pub subject: String,
    /// What was wrong first.
    pub reason: String,
    /// The clock's time when it was first seen, as RFC 3339 has it. Whoever asks sets it.
    pub at: String,
    /// When it was first seen, in milliseconds since the watch began.
    pub from_ms: u64,
    /// How long it was seen, in milliseconds, to the first round in which it was right again.
    pub lasted_ms: u64,
    /// It was right again before the watch ended.
    pub over: bool,
}

impl Report {
    /// The report about one round.
    pub fn of(checks: &BTreeSet<CheckName>, findings: Vec<Finding>, unreachable: Vec<Unreachable>) -> Self {
        let summary: Vec<Summary> = CheckName::all()
            .filter(|check| checks.contains(check))
            .map(|check| {
                let count =
                    |status| findings.iter().filter(|one| one.check == check && one.status == status).count();
                let failed = count(Status::Failed);
                Summary {
                    check,
                    ok: failed == 0,
                    passed: count(Status::Ok),
                    failed,
                    skipped: count(Status::Skipped),
                }
            })
            .collect();
        Self {
            schema: SCHEMA,
            ok: unreachable.is_empty() && summary.iter().all(|check| check.ok),
            converged_after_ms: None,
            late_after_ms: None,
            watched_ms: None,
            unreachable,
            summary,
            checks: findings,
            violations: Vec::new(),
        }
    }

    /// What failed.
    pub fn failed(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().filter(|finding| finding.status == Status::Failed)
    }
}

/// What a verdict is about.
type Key = (CheckName, NodeName, String);

/// What happened to each verdict from round to round.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// What has failed in some round, and when it became true if it did.
    failing: BTreeMap<Key, Option<u64>>,
    open: BTreeMap<Key, usize>,
    violations: Vec<Violation>,
}

impl Course {
    /// Takes note of a round that was judged `at_ms` after the first question, and writes into it when each verdict
    /// became true. Returns what became true in this round.
    pub fn round(&mut self, findings: &mut [Finding], at_ms: u64) -> Vec<Finding> {
        let mut news = Vec::new();
        for finding in findings {
            let key = key(finding);
            if finding.status == Status::Failed {
                self.failing.insert(key, None);
            } else if let Some(since) = self.failing.get_mut(&key) {
                if since.is_none() {
                    *since = Some(at_ms);
                    finding.true_after_ms = Some(at_ms);
                    news.push(finding.clone());
                }
                finding.true_after_ms = *since;
            }
        }
        news
    }

    /// Writes into a verdict what became true after it.
    pub fn late(&self, mut verdict: Report) -> Report {
        for finding in verdict.checks.iter_mut().filter(|finding| finding.status == Status::Failed) {
            finding.true_after_ms = self.failing.get(&key(finding)).copied().flatten();
        }
        verdict
    }

    /// Takes note of a round in which all should still be true. `at` is the clock's time of it.
    pub fn watch(&mut self, findings: &[Finding], unreachable: &[Unreachable], at_ms: u64, at: &str) {
        let failed = findings.iter().filter(|finding| finding.status == Status::Failed);
        let mut now: BTreeMap<Key, &str> =
            failed.map(|finding| (key(finding), finding.reason.as_deref().unwrap_or_default())).collect();
        for device in unreachable {
            now.insert((CheckName::Services, device.node.clone(), "device".to_owned()), &device.reason);
        }
        self.open.retain(|key, index| {
            let Some(violation) = self.violations.get_mut(*index) else { return false };
            violation.lasted_ms = at_ms.saturating_sub(violation.from_ms);
            violation.over = !now.contains_key(key);
            !violation.over
        });
        for (key, reason) in now {
            if self.open.contains_key(&key) {
                continue;
            }
            let (check, node, subject) = key.clone();
            let (reason, at) = (reason.to_owned(), at.to_owned());
            self.open.insert(key, self.violations.len());
            self.violations.push(Violation {
                check,
                node,
                subject,
                reason,
                at,
                from_ms: at_ms,
                lasted_ms: 0,
                over: false,
            });
        }
    }

    /// What was violated while it was watched.
    pub fn violations(self) -> Vec<Violation> {
        self.violations
    }
}

fn key(finding: &Finding) -> Key {
    (finding.check, finding.node.clone(), finding.subject.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(status: Status) -> Finding {
        let node = NodeName::new("leaf01").unwrap();
        match status {
            Status::Ok => Finding::ok(CheckName::Links, &node, "swp1"),
            Status::Failed => Finding::failed(CheckName::Links, &node, "swp1", "no carrier"),
            Status::Skipped => Finding::skipped(CheckName::Links, &node, "swp1", "nobody knows"),
        }
    }

    #[test]
    fn a_verdict_that_becomes_true_says_when() {
        let mut course = Course::default();
        let mut rounds: Vec<[Finding; 1]> =
            [Status::Failed, Status::Ok, Status::Ok].map(|status| [finding(status)]).into();
        assert!(course.round(&mut rounds[0], 10).is_empty());
        assert_eq!(course.round(&mut rounds[1], 20).len(), 1);
        assert!(course.round(&mut rounds[2], 30).is_empty());
        let times: Vec<_> = rounds.iter().map(|[finding]| finding.true_after_ms).collect();
        assert_eq!(times, [None, Some(20), Some(20)]);
        let mut always = [finding(Status::Ok)];
        Course::default().round(&mut always, 10);
        assert_eq!(always[0].true_after_ms, None);
    }

    #[test]
    fn violations_have_a_beginning_and_a_length() {
        let mut course = Course::default();
        for (at, status) in
            [(0, Status::Ok), (1000, Status::Failed), (2000, Status::Failed), (3000, Status::Ok)]
        {
            course.watch(&[finding(status)], &[], at, "then");
        }
        course.watch(&[finding(Status::Failed)], &[], 4000, "now");
        course.watch(&[finding(Status::Failed)], &[], 5000, "later");
        let told: Vec<_> = course
            .violations()
            .iter()
            .map(|one| (one.from_ms, one.lasted_ms, one.over, one.at.clone()))
            .collect();
        assert_eq!(told, [(1000, 2000, true, "then".to_owned()), (4000, 1000, false, "now".to_owned())]);
    }

    #[test]
    fn one_device_out_of_reach_is_not_as_desired() {
        let node = NodeName::new("leaf02").unwrap();
        let checks = BTreeSet::from([CheckName::Links]);
        let unreachable = vec![Unreachable { node, reason: "it can't be reached".to_owned() }];
        let report = Report::of(&checks, vec![finding(Status::Ok), finding(Status::Skipped)], unreachable);
        assert!(!report.ok && report.summary[0].ok);
        assert_eq!((report.summary[0].passed, report.summary[0].skipped), (1, 1));
        assert!(Report::of(&checks, vec![finding(Status::Skipped)], vec![]).ok);
    }
}
