//! What worked before a change, and must work again before the next one begins.

use super::{Check, RouteReport};
use crate::fabric::NodeName;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;

/// The routes that were right at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    right: BTreeSet<(NodeName, Ipv4Net)>,
    in_service: BTreeSet<NodeName>,
}

impl Standing {
    /// Takes note of what a report finds right.
    pub fn of(report: &RouteReport) -> Self {
        let right: Vec<&Check> = report.checks.iter().filter(|check| check.ok).collect();
        let by_bgp = |check: &&&Check| check.found.as_ref().is_some_and(|found| found.protocol == "bgp");
        Self {
            right: right.iter().map(|check| (check.node.clone(), check.prefix)).collect(),
            in_service: right.iter().filter(by_bgp).map(|check| check.node.clone()).collect(),
        }
    }

    /// The nodes that carry traffic: they have a right route from a neighbour.
    pub fn in_service(&self) -> &BTreeSet<NodeName> {
        &self.in_service
    }

    /// What was right and isn't now. Routes that were not right before don't count, nor those that are no longer expected.
    pub fn lost<'a>(&'a self, report: &'a RouteReport) -> impl Iterator<Item = &'a Check> + 'a {
        let was_right = |check: &&Check| self.right.contains(&(check.node.clone(), check.prefix));
        report.checks.iter().filter(|check| !check.ok).filter(was_right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::routes::{Expected, Found, Kind};

    fn check(node: &str, prefix: &str, protocol: &str, ok: bool) -> Check {
        let found = Found { protocol: protocol.into(), selected: true, installed: true, next_hops: vec![] };
        Check {
            node: NodeName::new(node).unwrap(),
            prefix: prefix.parse().unwrap(),
            kind: Kind::Workload,
            subject: String::new(),
            ok,
            expected: Expected::default(),
            found: Some(found),
            reason: None,
        }
    }

    fn report(checks: Vec<Check>) -> RouteReport {
        RouteReport { ok: false, converged_after_ms: None, checks, limited: false }
    }

    #[test]
    fn only_what_was_right_can_be_lost() {
        let before = report(vec![
            check("spine01", "172.16.1.11/32", "bgp", true),
            check("spine02", "172.16.1.11/32", "bgp", false),
            check("leaf01", "172.16.1.11/32", "kernel", true),
        ]);
        let standing = Standing::of(&before);
        let names: Vec<&str> = standing.in_service().iter().map(NodeName::as_str).collect();
        assert_eq!(names, ["spine01"], "a node with nothing but its own routes carries nothing yet");
        assert_eq!(standing.lost(&before).count(), 0);
        let after = report(vec![
            check("spine01", "172.16.1.11/32", "bgp", false),
            check("spine02", "172.16.1.11/32", "bgp", false),
            check("spine01", "172.16.1.12/32", "bgp", false),
        ]);
        let lost: Vec<&Check> = standing.lost(&after).collect();
        assert_eq!(lost, [&after.checks[0]]);
    }
}
