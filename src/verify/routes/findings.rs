//! The verdicts about routes in the shape of all checks.

use super::{Check, Kind, RouteReport, against_kernel, expect, judge_each};
use crate::fabric::{Fabric, IfName, NodeName, Workload};
use crate::verify::facts::{Facts, World};
use crate::verify::finding::{CheckName, Finding, Status};
use crate::verify::scope::Scope;
use compact_str::CompactString;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Judges what the selected routers answered; says nothing of those that didn't.
///
/// The /32 of a container that is known not to run is rightly absent: it is its server where something is to be mended.
pub(in crate::verify) fn findings(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let report = report(scope, world);
    let dead = dead(scope.fabric, world);
    let judged = |check: Check| {
        let absent = !check.ok && check.kind == Kind::Workload && check.found.is_none();
        let cause = dead.get(&check.prefix.addr()).filter(|_| absent);
        let finding = finding(scope.fabric, check);
        match cause {
            None => finding,
            Some((workload, is)) => Finding {
                ok: true,
                status: Status::Skipped,
                reason: Some(format!(
                    "absent, as it should be: {} is {is} on {}",
                    workload.name, workload.server
                )),
                related: vec![workload.server.clone()],
                ..finding
            },
        }
    };
    let mut findings: Vec<Finding> = report.checks.into_iter().map(judged).collect();
    for (node, facts) in scope.answered(world).filter(|(node, _)| node.role.routes()) {
        if let Some(Err(fault)) = &facts.fib {
            findings.push(Finding::of_fault(CheckName::Routes, &node.name, "kernel routes", fault));
        }
    }
    findings
}

/// The workloads whose servers said that they don't run, by address.
fn dead<'a>(fabric: &'a Fabric, world: &'a World) -> BTreeMap<Ipv4Addr, (&'a Workload, &'a str)> {
    let workloads = fabric.workloads.values().filter_map(|workload| {
        let docker = world.get(&workload.server)?.as_ref().ok()?.docker.as_ref()?.as_ref().ok()?;
        let is = match docker.containers.get(&workload.name) {
            None => "not there",
            Some(found) if found.running => return None,
            Some(found) => found.status.as_str(),
        };
        Some((workload.address, (workload, is)))
    });
    workloads.collect()
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
    let missing = missing(fabric, &check);
    // Who is at the other end of the route; an address in nobody's name is asked for itself.
    let at = if check.subject.is_empty() { address.to_string() } else { check.subject.clone() };
    let mut finding = if check.ok {
        Finding { reason: check.reason, ..Finding::ok(CheckName::Routes, &check.node, subject) }
    } else {
        let reason = check.reason.unwrap_or_default();
        Finding::failed(CheckName::Routes, &check.node, subject, told(reason, &strangers))
            .hint(format!("fabricctl diagnose {at}"))
    };
    finding.related = strangers;
    if !finding.ok {
        finding.related.extend(missing);
    }
    if finding.reason.as_deref().is_some_and(|reason| reason.contains("the kernel")) && !finding.ok {
        finding.hint =
            Some(format!("ip route show {address}; ip nexthop show; where it stays: service frr restart"));
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

/// The nodes that a route should come from: where it is absent those that bring it into the fabric, else those behind
/// the next hops that are missing.
fn missing(fabric: &Fabric, check: &Check) -> Vec<NodeName> {
    let mut nodes: Vec<NodeName> = match (&check.found, check.kind) {
        (None, Kind::Workload) => {
            let workload = fabric.workloads.get(&check.subject).into_iter();
            workload.flat_map(|one| fabric.attachments(one)).map(|end| end.node.clone()).collect()
        }
        (None, Kind::Loopback) => {
            fabric.nodes.keys().filter(|name| name.as_str() == check.subject).cloned().collect()
        }
        (Some(found), Kind::Workload | Kind::Loopback) => {
            let ports = fabric.nodes.get(&check.node).into_iter().flat_map(|node| &node.ports);
            let wanted = ports.filter(|port| {
                check.expected.next_hops.contains(&port.name)
                    && !found.next_hops.iter().any(|name| name == port.name.as_str())
            });
            wanted.map(|port| port.peer.node.clone()).collect()
        }
        _ => Vec::new(),
    };
    nodes.retain(|name| *name != check.node);
    nodes.dedup();
    nodes
}

/// The nodes behind next hops that shouldn't be: they have the prefix, too.
fn strangers(fabric: &Fabric, check: &Check) -> Vec<NodeName> {
    let relevant = !check.ok && check.kind != Kind::Server;
    let Some(found) = check.found.as_ref().filter(|_| relevant) else { return Vec::new() };
    let Some(node) = fabric.nodes.get(&check.node) else { return Vec::new() };
    let wanted =
        |name: &&CompactString| check.expected.next_hops.iter().any(|port| port.as_str() == name.as_str());
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
