//! The verdicts about routes in the shape of all checks.

use super::{Check, Kind, RouteReport, against_kernel, expect, judge_each};
use crate::fabric::{Fabric, IfName, NodeName};
use crate::verify::facts::{Facts, World};
use crate::verify::finding::{CheckName, Finding};
use crate::verify::scope::Scope;

/// Judges what the selected routers answered; says nothing of those that didn't.
pub(in crate::verify) fn findings(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let report = report(scope, world);
    report.checks.into_iter().map(|check| finding(scope.fabric, check)).collect()
}

/// The same as a report of its own, with what FRR and the kernel say taken together.
pub fn report(scope: &Scope<'_>, world: &World) -> RouteReport {
    let asked = |name: &NodeName| {
        scope.nodes.contains(name) && matches!(world.get(name), Some(Ok(Facts { rib: Some(_), .. })))
    };
    let expectations = expect(scope.fabric).only(asked);
    let mut report = judge_each(&expectations, |node| {
        let rib = world.get(node)?.as_ref().ok()?.rib.as_ref()?;
        Some(rib.as_ref().map_err(ToString::to_string))
    });
    against_kernel(&mut report, &expectations, |node| {
        let fib = world.get(node)?.as_ref().ok()?.fib.as_ref()?;
        fib.as_deref().ok()
    });
    report
}

fn finding(fabric: &Fabric, check: Check) -> Finding {
    let address = check.prefix.addr();
    let subject =
        if check.subject.is_empty() { address.to_string() } else { format!("{} {address}", check.subject) };
    let strangers = strangers(fabric, &check);
    let mut finding = if check.ok {
        Finding { reason: check.reason, ..Finding::ok(CheckName::Routes, &check.node, subject) }
    } else {
        let reason = check.reason.unwrap_or_default();
        Finding::failed(CheckName::Routes, &check.node, subject, told(reason, &strangers))
    };
    if !check.ok {
        finding.related = strangers;
    }
    let wanted: Vec<&str> = check.expected.next_hops.iter().map(IfName::as_str).collect();
    if matches!(check.kind, Kind::Workload | Kind::Loopback) {
        finding.expected = Some(format!("via {}", wanted.join(", ")));
    }
    finding.found = check.found.map(|found| {
        let by = if found.next_hops.is_empty() { "nothing".to_owned() } else { found.next_hops.join(", ") };
        format!("{} via {by}{}", found.protocol, if found.installed { "" } else { ", not installed" })
    });
    (finding.prefix, finding.kind) = (Some(check.prefix), Some(check.kind));
    finding
}

/// The nodes behind next hops that shouldn't be: they have the prefix, too.
fn strangers(fabric: &Fabric, check: &Check) -> Vec<NodeName> {
    let Some(found) = check.found.as_ref().filter(|_| !check.ok) else { return Vec::new() };
    let Some(node) = fabric.nodes.get(&check.node) else { return Vec::new() };
    let wanted = |name: &&String| check.expected.next_hops.iter().any(|port| port.as_str() == name.as_str());
    let extra = found.next_hops.iter().filter(|name| !wanted(name));
    let mut nodes: Vec<NodeName> = extra
        .filter_map(|name| node.ports.iter().find(|port| port.name.as_str() == name.as_str()))
        .map(|port| port.peer.node.clone())
        .collect();
    nodes.dedup();
    nodes
}

fn told(reason: String, strangers: &[NodeName]) -> String {
    if strangers.is_empty() {
        return reason;
    }
    let names: Vec<&str> = strangers.iter().map(NodeName::as_str).collect();
    format!("{reason} (leads to {})", names.join(" and "))
}
