//! The checks: what each asks for, and how it judges.

use super::facts::{Section, Sections, World};
use super::finding::{CheckName, Finding};
use super::scope::Scope;
use super::{agreement, bgp, drift, links, reachability, routes, services, workloads};
use std::collections::BTreeSet;

/// A check: the sections that it looks at, and its judgement of what was answered.
struct Check {
    name: CheckName,
    about: &'static str,
    asks: &'static [Section],
    judge: fn(&Scope<'_>, &World) -> Vec<Finding>,
}

/// All checks, in the order in which one builds upon the other: what is wrong below is the cause of what is above.
const CHECKS: [Check; 9] = [
    Check {
        name: CheckName::Services,
        about: "FRR and its daemons, rdnbrd, Docker and ssh run and start with their device",
        asks: &[Section::Services],
        judge: services::services,
    },
    Check {
        name: CheckName::Time,
        about: "the clocks of all devices agree with this machine's",
        asks: &[Section::Clock],
        judge: services::time,
    },
    Check {
        name: CheckName::Links,
        about: "ports have carrier, their MTU and addresses, and the cable that the inventory says; routers forward",
        asks: &[Section::Links, Section::Cables, Section::Settings],
        judge: links::links,
    },
    Check {
        name: CheckName::Bgp,
        about: "sessions are up, with the right neighbours, address families and numbers of prefixes",
        asks: &[Section::Bgp, Section::Links],
        judge: bgp::bgp,
    },
    Check {
        name: CheckName::Workloads,
        about: "containers run with their address, image and labels, and are known to their leaf",
        asks: &[Section::Docker, Section::Logs],
        judge: workloads::workloads,
    },
    Check {
        name: CheckName::Neighbors,
        about: "rdnbrd, the kernel's neighbour table and the kernel's routes agree on every leaf",
        asks: &[Section::Daemon, Section::Neighbors, Section::Fib, Section::Docker],
        judge: agreement::neighbors,
    },
    Check {
        name: CheckName::Routes,
        about: "every spine and leaf has every container's /32 and every loopback, by the right next hops",
        asks: &[Section::Rib, Section::Fib],
        judge: routes::findings,
    },
    Check {
        name: CheckName::Reachability,
        about: "every container reaches every other by ICMP at full size and by TCP, under its own address",
        asks: &[Section::Probes],
        judge: reachability::reachability,
    },
    Check {
        name: CheckName::Drift,
        about: "devices are as the last run left them, where one did: files, routing, ports, settings, containers",
        asks: &[Section::Drift],
        judge: drift::findings,
    },
];

impl CheckName {
    /// All checks, in the order in which one builds upon the other.
    pub fn all() -> impl Iterator<Item = CheckName> {
        CHECKS.iter().map(|check| check.name)
    }

    /// What it verifies, in a sentence.
    pub fn about(self) -> &'static str {
        CHECKS.iter().find(|check| check.name == self).map_or("", |check| check.about)
    }
}

/// What to ask each node for these checks.
///
/// Of nodes that were not selected those are asked, too, whose answers tell on which side of a link something is wrong:
/// the direct neighbours of the selected ones.
pub fn sections(scope: &Scope<'_>, checks: &BTreeSet<CheckName>) -> Sections {
    let wanted: BTreeSet<Section> = CHECKS
        .iter()
        .filter(|check| checks.contains(&check.name))
        .flat_map(|check| check.asks)
        .copied()
        .collect();
    let two_sided = checks.iter().any(|check| matches!(check, CheckName::Links | CheckName::Bgp));
    let mut asked = Sections::new();
    for node in scope.nodes.iter().filter_map(|name| scope.fabric.nodes.get(name)) {
        let sections: BTreeSet<Section> =
            wanted.iter().copied().filter(|section| section.concerns(node.role)).collect();
        if !sections.is_empty() {
            asked.insert(node.name.clone(), sections);
        }
        for port in node.ports.iter().filter(|_| two_sided) {
            let Some(peer) =
                scope.fabric.nodes.get(&port.peer.node).filter(|peer| !scope.nodes.contains(&peer.name))
            else {
                continue;
            };
            let both = [Section::Links, Section::Bgp].into_iter();
            let both = both.filter(|section| wanted.contains(section) && section.concerns(peer.role));
            asked.entry(peer.name.clone()).or_default().extend(both);
        }
    }
    asked.retain(|_, sections| !sections.is_empty());
    asked
}

/// Judges what was answered, check by check.
pub fn judge(scope: &Scope<'_>, checks: &BTreeSet<CheckName>, world: &World) -> Vec<Finding> {
    CHECKS
        .iter()
        .filter(|check| checks.contains(&check.name))
        .flat_map(|check| (check.judge)(scope, world))
        .collect()
}
