//! One node: what it runs, its ports, its sessions, and whether everybody has its loopback.

use super::scene::{Judged, Scene};
use super::{Hop, HopStatus, Walk, container, leaf, spread, tables};
use crate::fabric::{Node, NodeName, PortKind, Role};
use crate::verify::finding::{CheckName, Finding, Status};
use crate::verify::scope::has_session;
use std::net::Ipv4Addr;

/// The title of the hops that look for a node's loopback at the others.
pub(super) const LOOPBACK: &str = "its loopback";

/// The title of the hop about the settings of a router, and how to see them.
pub(super) const FORWARDING: &str = "forwarding and proxy ARP";
pub(super) const SYSCTL: &str = "sysctl -a --pattern 'ip_forward|conf.*.(forwarding|proxy_arp)'";

/// The hops, in order; each for those roles that it concerns.
const HOPS: [fn(&Scene<'_>, &Node) -> Vec<Hop>; 13] = [
    management,
    services,
    clock,
    speaker,
    ports,
    taken,
    sessions,
    settings,
    hosts,
    containers,
    tables::exports,
    tables::loopback,
    tables::routes,
];

/// Walks the hops of one node.
pub(super) fn walk(scene: &Scene<'_>, name: &NodeName) -> Walk {
    let Some(node) = scene.fabric.nodes.get(name) else {
        return Walk::of(name.as_str(), "no node of the inventory", Vec::new());
    };
    let asn = node.asn.map(|asn| format!(" in AS {asn}")).unwrap_or_default();
    let about = format!("{}{asn}, loopback {}", node.role, node.loopback);
    let hops = HOPS.iter().flat_map(|hop| hop(scene, node)).collect();
    Walk::of(name.as_str(), about, hops)
}

fn management(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    let judged = match scene.world.get(&node.name) {
        Some(Ok(_)) => Judged::Ok("it answers".to_owned()),
        _ => scene.silence(&node.name),
    };
    vec![judged.hop("management", &node.name, format!("ssh {} true, from here", node.name))]
}

/// The findings of one check about a node, the good ones in one hop.
fn summed(
    scene: &Scene<'_>,
    node: &Node,
    check: CheckName,
    title: &str,
    command: impl Fn(&Finding) -> String,
    which: impl Fn(&Finding) -> bool,
) -> Vec<Hop> {
    let mut hops = Vec::new();
    let mut good = Vec::new();
    for finding in scene.of(check, &node.name).filter(|finding| which(finding)) {
        if finding.status == Status::Ok {
            good.push(finding.subject.clone());
        } else {
            let judged = scene.judged(&node.name, Some(finding));
            hops.push(judged.hop(&format!("{title} {}", finding.subject), &node.name, command(finding)));
        }
    }
    hops.sort_by_key(|hop| hop.status != HopStatus::Failed);
    if !good.is_empty() {
        let listed = if good.len() > 6 { format!("{} of them", good.len()) } else { good.join(", ") };
        let shown =
            scene.of(check, &node.name).find(|finding| finding.status == Status::Ok && which(finding));
        let command = shown.map(&command).unwrap_or_default();
        hops.insert(0, Judged::Ok(listed).hop(title, &node.name, command));
    }
    hops
}

fn services(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    let command = |finding: &Finding| format!("service {} status", finding.subject);
    summed(scene, node, CheckName::Services, "service", command, |_| true)
}

fn clock(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    summed(scene, node, CheckName::Time, "time", |_| "date".to_owned(), |_| true)
}

fn speaker(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    if node.role.routes() { vec![leaf::speaker(scene, &node.name)] } else { Vec::new() }
}

/// Its ports; where the trouble is at the far end, that end.
fn ports(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    node.ports.iter().flat_map(|port| spread::link(scene, node, port)).collect()
}

/// The addresses of containers that it has itself.
fn taken(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    let failed = scene.of(CheckName::Links, &node.name).filter(|one| one.status == Status::Failed);
    let hops = failed.filter_map(|finding| {
        let (port, _) =
            finding.subject.split_once(' ').filter(|(_, word)| word.parse::<Ipv4Addr>().is_ok())?;
        let judged = scene.judged(&node.name, Some(finding));
        Some(judged.hop(&format!("addresses of {port}"), &node.name, format!("ip addr show {port}")))
    });
    hops.collect()
}

fn sessions(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    let ports = node.ports.iter().filter(|port| has_session(scene.fabric, node, port));
    ports.flat_map(|port| spread::session(scene, node, port)).collect()
}

fn settings(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    if !node.role.routes() {
        return Vec::new();
    }
    let speaking: Vec<&str> = node.ports_of(PortKind::Server).map(|port| port.name.as_str()).collect();
    let judged = leaf::forwards(scene, &node.name, &speaking);
    let title = if speaking.is_empty() { "forwarding" } else { FORWARDING };
    vec![judged.hop(title, &node.name, SYSCTL)]
}

/// Its containers, or those that it knows behind its ports.
fn hosts(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    match node.role {
        Role::Server => {
            let inspect = |finding: &Finding| {
                format!(
                    "docker inspect {}",
                    finding.subject.strip_prefix("network ").unwrap_or(&finding.subject)
                )
            };
            summed(scene, node, CheckName::Workloads, "container", inspect, |_| true)
        }
        Role::Leaf => {
            summed(scene, node, CheckName::Neighbors, "host", |_| "rdnbrd status".to_owned(), |_| true)
        }
        Role::Spine => Vec::new(),
    }
}

/// What is wrong within a server's containers, where their engine sees nothing.
fn containers(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    let well = |name: &str| {
        scene.about(CheckName::Workloads, &node.name, name).is_some_and(|one| one.status == Status::Ok)
    };
    let workloads = scene.fabric.workloads_on(&node.name).filter(|one| well(&one.name));
    workloads.filter_map(|one| container::itself(scene, one)).collect()
}
