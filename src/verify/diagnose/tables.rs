//! One router: what it brings into BGP and tells its neighbours of, and which routes it lacks.

use super::scene::{Judged, Look, Scene};
use super::{Hop, HopStatus, LOOKED_INTO, container, leaf, node, spread};
use crate::fabric::{Endpoint, Fabric, Node, NodeName, Port, PortKind, Role};
use crate::verify::finding::{CheckName, Finding, Status};
use crate::verify::scope::has_session;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The prefixes of the hosts behind a leaf.
pub(super) fn behind(fabric: &Fabric, leaf: &NodeName) -> BTreeSet<Ipv4Net> {
    let workloads = fabric.workloads.values();
    let there = workloads.filter(|one| fabric.attachments(one).any(|end| end.node == *leaf));
    there.map(|one| Ipv4Net::from(one.address)).take(LOOKED_INTO).collect()
}

/// Of a leaf: are the hosts that rdnbrd advertises in the kernel, in zebra and in BGP, and are the spines told of them?
pub(super) fn exports(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    let Some(status) = scene.said(&node.name, |facts| &facts.daemon) else { return Vec::new() };
    let hosts = status.hosts.iter().filter(|host| host.state.advertised());
    let live: BTreeSet<IpAddr> = hosts.map(|host| host.address).collect();
    let mut hops: Vec<Hop> = Vec::new();
    let mut good = Vec::new();
    for workload in scene.fabric.workloads.values().filter(|one| live.contains(&IpAddr::from(one.address))) {
        let prefix = Ipv4Net::from(workload.address);
        let here = container::places(scene, workload).find(|place| place.leaf.name == node.name);
        let Some(place) = here.filter(|_| asked(scene, &node.name, prefix)) else { continue };
        let way = [leaf::kernel_route, leaf::rib, leaf::origin].iter().flat_map(|hop| hop(&place));
        match way.chain(telling(scene, node, prefix)).find(|hop| hop.status == HopStatus::Failed) {
            None => good.push(workload.name.as_str()),
            // What all of them have in common is told once.
            Some(hop) if hops.iter().any(|known| known.title == hop.title && known.cause == hop.cause) => {}
            Some(hop) => hops.push(hop),
        }
    }
    if !good.is_empty() {
        let listed = if good.len() > 6 { format!("{} of them", good.len()) } else { good.join(", ") };
        let command = "vtysh -c 'show bgp ipv4 unicast'";
        hops.push(Judged::Ok(format!("{listed}: in BGP, and told")).hop("host routes", &node.name, command));
    }
    hops
}

/// Was a router asked for BGP's paths to a prefix, and did it answer?
fn asked(scene: &Scene<'_>, node: &NodeName, prefix: Ipv4Net) -> bool {
    scene.said(node, |facts| &facts.paths).is_some_and(|paths| paths.contains_key(&prefix))
}

/// Whom a router tells of a prefix of its own.
fn telling(scene: &Scene<'_>, node: &Node, prefix: Ipv4Net) -> Vec<Hop> {
    let sessions = node.ports.iter().filter(|port| is_up(scene, node, port));
    sessions.filter_map(|port| spread::told(scene, node, port, prefix)).collect()
}

fn is_up(scene: &Scene<'_>, node: &Node, port: &Port) -> bool {
    has_session(scene.fabric, node, port)
        && scene
            .about(CheckName::Bgp, &node.name, port.name.as_str())
            .is_some_and(|one| one.status == Status::Ok)
}

/// Whether a router brings its own loopback into BGP and tells of it, and whether all others have it.
pub(super) fn loopback(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    if !node.role.routes() {
        return Vec::new();
    }
    let prefix = Ipv4Net::from(node.loopback);
    let mut hops: Vec<Hop> = origin(scene, node, prefix).into_iter().collect();
    hops.extend(telling(scene, node, prefix).into_iter().filter(|hop| hop.status == HopStatus::Failed));
    let findings = scene.findings.iter().filter(|one| one.check == CheckName::Routes);
    let mut good = 0;
    for finding in findings.filter(|one| one.prefix == Some(prefix)) {
        match scene.fabric.nodes.get(&finding.node) {
            Some(other) if finding.status != Status::Ok => {
                hops.push(lacking(scene, other, prefix, node::LOOPBACK));
            }
            _ => good += 1,
        }
    }
    let command = format!("vtysh -c 'show ip route {prefix}' on another router");
    hops.push(Judged::Ok(format!("{good} routers have it")).hop(node::LOOPBACK, &node.name, command));
    hops
}

/// Nothing where the loopback is in BGP, or that wasn't asked.
fn origin(scene: &Scene<'_>, node: &Node, prefix: Ipv4Net) -> Option<Hop> {
    let Look::Said(paths) = scene.look(&node.name, |facts| &facts.paths) else { return None };
    if paths.get(&prefix)?.own() {
        return None;
    }
    let judged = leaf::not_brought(scene, &node.name, prefix, "redistribute connected");
    let command = format!("vtysh -c 'show bgp ipv4 unicast {prefix}'");
    Some(judged.hop(node::LOOPBACK, &node.name, command))
}

/// Routes that a router lacks or has wrong.
pub(super) fn routes(scene: &Scene<'_>, node: &Node) -> Vec<Hop> {
    let mut hops: Vec<Hop> = Vec::new();
    for prefix in failing(scene, &node.name).filter(|prefix| *prefix != Ipv4Net::from(node.loopback)) {
        let hop = lacking(scene, node, prefix, &format!("route {prefix}"));
        let told = hops.iter().any(|known| {
            known.status == HopStatus::Failed && known.title == hop.title && known.cause == hop.cause
        });
        if !told {
            hops.push(hop);
        }
    }
    hops
}

/// The prefixes whose routes a router has wrong.
pub(super) fn failing(scene: &Scene<'_>, node: &NodeName) -> impl Iterator<Item = Ipv4Net> {
    scene.of(CheckName::Routes, node).filter(|one| one.status == Status::Failed).filter_map(|one| one.prefix)
}

/// Why a router lacks a route: somebody gave it another, a filter at one of the ends of a session, or its tables. Not known
/// where its neighbours don't tell it of it: that is not its own trouble.
fn lacking(scene: &Scene<'_>, node: &Node, prefix: Ipv4Net, title: &str) -> Hop {
    let table = Hop { title: title.to_owned(), ..spread::table(scene, &node.name, prefix) };
    if table.status != HopStatus::Failed || spread::is_foreign(scene, &node.name, prefix) {
        return table;
    }
    let way = arriving(scene, node, prefix);
    if let Some(failed) = way.iter().find(|hop| hop.status == HopStatus::Failed) {
        return failed.clone();
    }
    let elsewhere = |one: &&Finding| {
        one.check == CheckName::Routes && one.prefix == Some(prefix) && one.node != node.name
    };
    let right_elsewhere = scene.findings.iter().filter(elsewhere).any(|one| one.status == Status::Ok);
    let own =
        if way.is_empty() { right_elsewhere } else { way.iter().all(|hop| hop.status == HopStatus::Ok) };
    if own {
        return table;
    }
    let evidence = format!("{}; nobody tells it of it", table.evidence);
    Hop { status: HopStatus::Unknown, evidence, cause: None, fix: None, ..table }
}

/// The sessions by which a prefix should come: to a spine from those who bring it in, to a leaf from its spines.
fn arriving(scene: &Scene<'_>, node: &Node, prefix: Ipv4Net) -> Vec<Hop> {
    let address = prefix.addr();
    let workloads = scene.fabric.workloads.values().filter(|one| one.address == address);
    let mut origins: BTreeSet<&NodeName> =
        workloads.flat_map(|one| scene.fabric.attachments(one)).map(|end| &end.node).collect();
    origins.extend(scene.fabric.nodes.values().filter(|one| one.loopback == address).map(|one| &one.name));
    let wanted = |port: &&Port| match node.role {
        Role::Leaf => port.kind == PortKind::Uplink,
        _ => origins.contains(&port.peer.node),
    };
    let mut hops = Vec::new();
    for port in node.ports.iter().filter(wanted).filter(|port| is_up(scene, node, port)) {
        let Some(peer) = scene.fabric.nodes.get(&port.peer.node) else { continue };
        hops.extend(peer.port(&port.peer.port).and_then(|far| spread::told(scene, peer, far, prefix)));
        let end = Endpoint { node: node.name.clone(), port: port.name.clone() };
        hops.push(spread::heard(scene, node, &end, peer, prefix));
    }
    hops
}
