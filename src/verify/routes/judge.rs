//! The verdict: expectations against answers.

use super::{Check, Expectation, Expectations, Expected, Found, Kind, RouteReport};
use crate::fabric::{IfName, NodeName};
use crate::parse::{Rib, RouteEntry};
use compact_str::CompactString;
use ipnet::Ipv4Net;
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// What each node answered: its routes, or why there are none to look at.
pub type Answers = BTreeMap<NodeName, Result<Rib, String>>;

/// Judges the answers. A node that did not answer fails all that was expected of it.
pub fn judge(expectations: &Expectations, answers: &Answers) -> RouteReport {
    judge_each(expectations, |node| answers.get(node).map(|answer| answer.as_ref().map_err(Clone::clone)))
}

/// The same, with answers that stand elsewhere; `None` for a node that wasn't asked.
pub fn judge_each<'a>(
    expectations: &Expectations,
    answer: impl Fn(&NodeName) -> Option<Result<&'a Rib, String>>,
) -> RouteReport {
    let mut checks = Vec::with_capacity(expectations.routes.len());
    // They stand in the order of the nodes.
    let mut rest = &expectations.routes[..];
    for node in &expectations.nodes {
        let count = rest.iter().take_while(|route| route.node == *node).count();
        let (expected, others) = rest.split_at(count);
        rest = others;
        match answer(node) {
            Some(Ok(rib)) => {
                checks.extend(expected.iter().map(|route| check(route, rib)));
                checks.extend(unasked(expectations, node, rib));
            }
            Some(Err(error)) => {
                let reason = format!("the node did not answer: {error}");
                checks.extend(expected.iter().map(|route| verdict(route, None, Some(reason.clone()))));
            }
            None => checks.extend(
                expected.iter().map(|route| verdict(route, None, Some("the node was not asked".to_owned()))),
            ),
        }
    }
    RouteReport {
        ok: checks.iter().all(|check| check.ok),
        converged_after_ms: None,
        checks,
        limited: expectations.limited,
    }
}

fn check(route: &Expectation, rib: &Rib) -> Check {
    let entry = rib.selected(&route.prefix).or_else(|| rib.entries(&route.prefix).first());
    verdict(route, entry.map(found), gap(route, entry))
}

fn verdict(route: &Expectation, found: Option<Found>, gap: Option<String>) -> Check {
    let wanted = if route.next_hops.is_empty() { &route.tolerated } else { &route.next_hops };
    Check {
        node: route.node.clone(),
        prefix: route.prefix,
        kind: route.kind,
        subject: route.subject.clone(),
        ok: gap.is_none(),
        expected: Expected { next_hops: wanted.iter().cloned().collect() },
        found,
        reason: gap,
    }
}

/// What stands between a route and what is expected of it; `None` if nothing does.
fn gap(route: &Expectation, entry: Option<&RouteEntry>) -> Option<String> {
    let wanted = route.source.protocols();
    let Some(entry) = entry else {
        let expected = format!("absent, expected from {}{}", wanted[0], via(&interfaces(route)));
        return Some(if route.unreachable {
            "absent, and BGP can't bring it here: nothing leads to its leaf, or only paths through this node's own AS"
                .to_owned()
        } else {
            expected
        });
    };
    let found = found(entry);
    if !found.selected {
        return Some(format!("present from {}, but not selected", found.protocol));
    }
    if !wanted.contains(&found.protocol.as_str()) {
        let (from, by) = (&found.protocol, via(&found.next_hops));
        return Some(format!(
            "comes from {from}{by}, expected from {}{}",
            wanted[0],
            via(&interfaces(route))
        ));
    }
    if !found.installed {
        return Some("selected, but not installed in the kernel".to_owned());
    }
    next_hop_gap(route, entry, &found)
}

fn next_hop_gap(route: &Expectation, entry: &RouteEntry, found: &Found) -> Option<String> {
    // Both stand in natural order. Most routes are right, and then there is no more to find out.
    let wanted = route.next_hops.iter().map(IfName::as_str);
    if !route.next_hops.is_empty() && wanted.eq(found.next_hops.iter().map(CompactString::as_str)) {
        return None;
    }
    let taken: BTreeSet<&str> = found.next_hops.iter().map(CompactString::as_str).collect();
    let known: BTreeSet<&str> = entry.nexthops.iter().filter_map(|hop| hop.interface.as_deref()).collect();
    let names = |wanted: &mut dyn Iterator<Item = &str>| wanted.collect::<Vec<_>>().join(", ");
    let missing = || route.next_hops.iter().map(IfName::as_str).filter(|name| !taken.contains(name));
    let absent = names(&mut missing().filter(|name| !known.contains(name)));
    let unused = names(&mut missing().filter(|name| known.contains(name)));
    let allowed: BTreeSet<&str> =
        route.next_hops.iter().chain(route.tolerated.iter()).map(IfName::as_str).collect();
    let extra =
        names(&mut found.next_hops.iter().map(CompactString::as_str).filter(|name| !allowed.contains(name)));

    let mut gaps = Vec::new();
    for (what, which) in [("missing", absent), ("not in use", unused), ("not expected", extra)] {
        if !which.is_empty() {
            gaps.push(format!("{what} {which}"));
        }
    }
    if gaps.is_empty() && taken.is_empty() {
        gaps.push(format!("none in use, expected one of {}", interfaces(route).join(", ")));
    }
    (!gaps.is_empty()).then(|| format!("wrong next hops: {}", gaps.join("; ")))
}

/// Host routes inside the workload subnets that nothing above asked for.
fn unasked(expectations: &Expectations, node: &NodeName, rib: &Rib) -> Vec<Check> {
    let hosts = rib.routes.iter().filter(|(prefix, _)| {
        prefix.prefix_len() == 32 && expectations.subnets.iter().any(|subnet| subnet.contains(*prefix))
    });
    let foreign = hosts.filter(|(prefix, entries)| {
        let mine = expectations.local.get(node).is_some_and(|own| own.contains(&prefix.addr()));
        let own_interface = mine && entries.iter().all(|entry| is_interface(&entry.protocol));
        !expectations.owned.contains(&prefix.addr()) && !own_interface
    });
    let mut checks: Vec<Check> = foreign
        .filter_map(|(prefix, entries)| {
            let entry = entries.iter().find(|entry| entry.selected).or(entries.first())?;
            Some(unasked_check(expectations, node, *prefix, found(entry)))
        })
        .collect();
    checks.sort_by_key(|check| (check.kind, check.prefix));
    checks
}

fn is_interface(protocol: &str) -> bool {
    super::Source::Interface.protocols().contains(&protocol)
}

fn unasked_check(expectations: &Expectations, node: &NodeName, prefix: Ipv4Net, found: Found) -> Check {
    let server = expectations.servers.get(&prefix.addr());
    let (kind, reason) = match server {
        Some(server) => (Kind::Server, format!("{server}'s own data address")),
        None => (
            Kind::Unexpected,
            format!("in nobody's name, it comes from {}{}", found.protocol, via(&found.next_hops)),
        ),
    };
    let subject = server.map(ToString::to_string).unwrap_or_default();
    Check {
        node: node.clone(),
        prefix,
        kind,
        subject,
        ok: kind == Kind::Server,
        expected: Expected::default(),
        found: Some(found),
        reason: Some(reason),
    }
}

/// A route as the report shows it; of its next hops those that packets take.
fn found(entry: &RouteEntry) -> Found {
    let mut next_hops: Vec<CompactString> =
        entry.nexthops.iter().filter(|hop| hop.forwards()).filter_map(|hop| hop.interface.clone()).collect();
    if next_hops.len() > 1 {
        // Natural order where the kernel's name is one that the model could have.
        next_hops.sort_by_cached_key(|name| (IfName::new(name.as_str()).ok(), name.clone()));
        next_hops.dedup();
    }
    Found {
        protocol: entry.protocol.clone(),
        selected: entry.selected,
        installed: entry.in_kernel(),
        next_hops,
    }
}

fn interfaces(route: &Expectation) -> Vec<String> {
    let wanted = if route.next_hops.is_empty() { &route.tolerated } else { &route.next_hops };
    wanted.iter().map(ToString::to_string).collect()
}

/// ` via swp51 and swp52`; nothing where there is none.
fn via(names: &[impl Borrow<str> + Display]) -> String {
    match names {
        [] => String::new(),
        [one] => format!(" via {one}"),
        [rest @ .., last] => format!(" via {} and {last}", rest.join(", ")),
    }
}
