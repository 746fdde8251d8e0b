//! What worked before a change, and must work again before the next one begins.

use super::{Check, Kind, RouteReport};
use crate::fabric::{Fabric, IfName, NodeName, Workload};
use compact_str::CompactString;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// The routes that packets could take at a moment, as far as the model still wants them.
///
/// Not every route that is wrong carried nothing: when the model gets another spine, every leaf lacks a next hop, and
/// all the others do their work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Node and prefix, with those wanted next hops that it had.
    there: BTreeMap<(NodeName, Ipv4Net), BTreeSet<CompactString>>,
    in_service: BTreeSet<NodeName>,
}

impl Standing {
    /// Takes note of what a report finds.
    pub fn of(report: &RouteReport) -> Self {
        let mut standing = Self::default();
        for check in
            report.checks.iter().filter(|check| matches!(check.kind, Kind::Workload | Kind::Loopback))
        {
            let mut hops = hops(check);
            hops.retain(|hop| check.expected.next_hops.iter().any(|wanted| wanted.as_str() == hop));
            if hops.is_empty() {
                continue;
            }
            if check.found.as_ref().is_some_and(|found| found.protocol == "bgp") {
                standing.in_service.insert(check.node.clone());
            }
            standing.there.insert((check.node.clone(), check.prefix), hops);
        }
        standing
    }

    /// How many routes there were.
    pub fn len(&self) -> usize {
        self.there.len()
    }

    /// Whether there was nothing that could be lost.
    pub fn is_empty(&self) -> bool {
        self.there.is_empty()
    }

    /// The nodes that carry traffic: they have a route from a neighbour.
    pub fn in_service(&self) -> &BTreeSet<NodeName> {
        &self.in_service
    }

    /// Whether a route was there and isn't now, or not by all the next hops that it had. What was wrong before and is
    /// wrong in the same way doesn't count, nor what the model no longer wants.
    pub fn misses(&self, check: &Check) -> bool {
        let had = self.there.get(&(check.node.clone(), check.prefix)).filter(|_| !check.ok);
        had.is_some_and(|had| !had.is_subset(&hops(check)))
    }
}

/// The interfaces that packets take.
fn hops(check: &Check) -> BTreeSet<CompactString> {
    let found = check.found.as_ref().filter(|found| found.selected && found.installed);
    found.map(|found| found.next_hops.iter().cloned().collect()).unwrap_or_default()
}

/// Nodes that can't be counted on, and what therefore can't be expected of the others.
#[derive(Debug, Clone, Copy)]
pub struct Excuse<'a> {
    /// The fabric.
    pub fabric: &'a Fabric,
    /// The nodes.
    pub nodes: &'a BTreeSet<NodeName>,
}

impl Excuse<'_> {
    /// Whether a check can be wrong because of them: it is about them or what is behind them, or lacks only ways
    /// that lead over them.
    pub fn covers(&self, check: &Check) -> bool {
        if self.nodes.is_empty() {
            return false;
        }
        if self.nodes.contains(&check.node) {
            return true;
        }
        let about_them = match check.kind {
            Kind::Loopback => self.nodes.iter().any(|node| node.as_str() == check.subject),
            Kind::Workload => {
                self.fabric.workloads.get(&check.subject).is_some_and(|workload| self.cut_off(workload))
            }
            // What one of them still has from before is in nobody's name any more.
            Kind::Server | Kind::Unexpected => true,
        };
        about_them || self.over_them(check)
    }

    fn cut_off(&self, workload: &Workload) -> bool {
        let mut leafs = self.fabric.attachments(workload).map(|end| &end.node);
        self.nodes.contains(&workload.server) || leafs.all(|leaf| self.nodes.contains(leaf))
    }

    fn over_them(&self, check: &Check) -> bool {
        let taken = hops(check);
        let Some(node) = self.fabric.nodes.get(&check.node).filter(|_| !taken.is_empty()) else {
            return false;
        };
        let mut missing =
            check.expected.next_hops.iter().filter(|hop| !taken.contains(hop.as_str())).peekable();
        let leads_over_them = |hop: &IfName| {
            let port = node.ports.iter().find(|port| port.name == *hop);
            port.is_some_and(|port| self.nodes.contains(&port.peer.node))
        };
        missing.peek().is_some() && missing.all(leads_over_them)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory;
    use crate::verify::routes::{Expected, Found};
    use std::path::Path;

    fn check(node: &str, prefix: &str, subject: &str, hops: &[&str], wanted: &[&str]) -> Check {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        let found = Found { protocol: "bgp".into(), selected: true, installed: true, next_hops: owned(hops) };
        Check {
            node: NodeName::new(node).unwrap(),
            prefix: prefix.parse().unwrap(),
            kind: Kind::Workload,
            subject: subject.to_owned(),
            ok: hops == wanted,
            expected: Expected { next_hops: wanted.iter().map(|name| IfName::new(*name).unwrap()).collect() },
            found: (!hops.is_empty()).then_some(found),
            reason: None,
        }
    }

    fn report(checks: Vec<Check>) -> RouteReport {
        RouteReport { ok: false, converged_after_ms: None, checks, limited: false }
    }

    fn lost<'a>(standing: &Standing, report: &'a RouteReport) -> Vec<&'a Check> {
        report.checks.iter().filter(|check| standing.misses(check)).collect()
    }

    const WEB11: &str = "172.16.1.11/32";

    #[test]
    fn only_what_was_there_can_be_lost() {
        let mut own = check("leaf01", WEB11, "web11", &["swp1"], &["swp1"]);
        own.found.as_mut().unwrap().protocol = "kernel".into();
        let before = report(vec![
            check("spine01", WEB11, "web11", &["swp1"], &["swp1"]),
            check("spine02", WEB11, "web11", &[], &["swp1"]),
            own,
        ]);
        let standing = Standing::of(&before);
        let names: Vec<&str> = standing.in_service().iter().map(NodeName::as_str).collect();
        assert_eq!(names, ["spine01"], "a node with nothing but its own routes carries nothing yet");
        assert_eq!((standing.len(), lost(&standing, &before).len()), (2, 0));
        let after = report(vec![
            check("spine01", WEB11, "web11", &[], &["swp1"]),
            check("spine02", WEB11, "web11", &[], &["swp1"]),
            check("spine01", "172.16.1.12/32", "web12", &[], &["swp1"]),
        ]);
        assert_eq!(lost(&standing, &after), [&after.checks[0]]);
        assert!(Standing::default().is_empty() && !standing.is_empty());
    }

    #[test]
    fn a_route_that_lacks_what_it_never_had_is_in_service_all_the_same() {
        // A third spine is in the model, and nowhere else.
        let wanted = ["swp51", "swp52", "swp53"];
        let now = |hops: &[&str]| report(vec![check("leaf02", WEB11, "web11", hops, &wanted)]);
        let standing = Standing::of(&now(&["swp51", "swp52"]));
        assert_eq!(standing.in_service().len(), 1);
        assert_eq!(lost(&standing, &now(&["swp51", "swp52"])).len(), 0);
        assert_eq!(lost(&standing, &now(&["swp51", "swp53"])).len(), 1, "a session less than before");
        assert_eq!(lost(&standing, &now(&[])).len(), 1);
        // What the model no longer wants may go.
        let standing = Standing::of(&now(&["swp51", "swp59"]));
        assert_eq!(lost(&standing, &now(&["swp51"])).len(), 0);
    }

    #[test]
    fn what_cannot_be_selected_or_installed_is_not_there() {
        let mut idle = check("leaf02", WEB11, "web11", &["swp51"], &["swp51"]);
        idle.found.as_mut().unwrap().installed = false;
        assert!(Standing::of(&report(vec![idle])).is_empty());
    }

    #[test]
    fn a_node_that_failed_excuses_what_hangs_on_it_and_nothing_else() {
        let text = include_str!("../../../inventory/reference/fabric.yml");
        let fabric = inventory::read("fabric.yml", text, Path::new(".")).unwrap();
        let covers = |failed: &str, check: &Check| {
            let nodes = BTreeSet::from([NodeName::new(failed).unwrap()]);
            Excuse { fabric: &fabric, nodes: &nodes }.covers(check)
        };
        let both = ["swp51", "swp52"];
        let at_leaf02 = |hops: &[&str]| check("leaf02", WEB11, "web11", hops, &both);
        for failed in ["leaf01", "server01", "leaf02"] {
            assert!(covers(failed, &at_leaf02(&[])), "{failed}");
        }
        assert!(!covers("leaf03", &at_leaf02(&[])));
        assert!(covers("spine02", &at_leaf02(&["swp51"])));
        assert!(!covers("spine02", &at_leaf02(&["swp52"])), "that one leads over spine01");
        assert!(!covers("spine02", &at_leaf02(&[])), "one spine is enough");
        assert!(!Excuse { fabric: &fabric, nodes: &BTreeSet::new() }.covers(&at_leaf02(&[])));
    }
}
