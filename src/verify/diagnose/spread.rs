//! How a route spreads: from its leaf to every spine, and from there to every other leaf.

use super::container::Place;
use super::scene::{Judged, Look, Scene};
use super::unique::foreign_route;
use super::{Hop, HopStatus, leaf, node};
use crate::fabric::{Endpoint, Node, NodeName, Port, PortKind, Role};
use crate::verify::finding::{CheckName, Status};
use crate::verify::scope::has_session;
use ipnet::Ipv4Net;

/// Every spine that the leaf has a link to.
pub(super) fn spines(place: &Place<'_>) -> Vec<Hop> {
    let prefix = Ipv4Net::from(place.workload.address);
    let uplinks = place.leaf.ports_of(PortKind::Uplink);
    uplinks.flat_map(|uplink| way_up(place.scene, place.leaf, uplink, prefix)).collect()
}

/// Every other leaf.
pub(super) fn leafs(place: &Place<'_>) -> Vec<Hop> {
    let prefix = Ipv4Net::from(place.workload.address);
    let behind: Vec<&NodeName> =
        place.scene.fabric.attachments(place.workload).map(|end| &end.node).collect();
    let others = place.scene.fabric.with_role(Role::Leaf).filter(|leaf| !behind.contains(&&leaf.name));
    others.flat_map(|leaf| arrival(place.scene, leaf, prefix)).collect()
}

/// From a leaf by one of its uplinks into the tables of the spine.
fn way_up(scene: &Scene<'_>, leaf: &Node, uplink: &Port, prefix: Ipv4Net) -> Vec<Hop> {
    let Some(spine) = scene.fabric.nodes.get(&uplink.peer.node) else { return Vec::new() };
    let mut hops = vec![leaf::speaker(scene, &spine.name)];
    hops.extend(link(scene, leaf, uplink));
    if has_session(scene.fabric, leaf, uplink) {
        hops.extend(session(scene, leaf, uplink));
        if scene
            .about(CheckName::Bgp, &leaf.name, uplink.name.as_str())
            .is_some_and(|one| one.status == Status::Ok)
        {
            hops.extend(told(scene, leaf, uplink, prefix));
            hops.push(heard(scene, spine, &uplink.peer, leaf, prefix));
        }
    }
    hops.push(table(scene, &spine.name, prefix));
    hops.push(leaf::forwards(scene, &spine.name, &[]).hop(
        "forwarding",
        &spine.name,
        "sysctl net.ipv4.ip_forward",
    ));
    hops
}

/// Both ends of a link; those that are well make one hop.
pub(super) fn link(scene: &Scene<'_>, node: &Node, port: &Port) -> Vec<Hop> {
    let here = Endpoint { node: node.name.clone(), port: port.name.clone() };
    collapse(vec![scene.port(&here, "link"), scene.port(&port.peer, "link")])
}

/// Both ends of a session.
pub(super) fn session(scene: &Scene<'_>, node: &Node, port: &Port) -> Vec<Hop> {
    let ends = [(&node.name, &port.name), (&port.peer.node, &port.peer.port)];
    let hops = ends.map(|(node, port)| {
        let finding = scene.about(CheckName::Bgp, node, port.as_str());
        let command = format!("vtysh -c 'show bgp neighbors {port}'");
        scene.judged(node, finding).hop(&format!("BGP session {port}"), node, command).about(port.as_str())
    });
    collapse(hops.into())
}

/// The first hop, where all are well; else those that aren't, the failed ones first: what only couldn't be told at one
/// end is the other end's trouble.
fn collapse(mut hops: Vec<Hop>) -> Vec<Hop> {
    if hops.iter().all(|hop| hop.status == HopStatus::Ok) {
        hops.truncate(1);
    } else {
        hops.retain(|hop| hop.status != HopStatus::Ok);
        hops.sort_by_key(|hop| hop.status != HopStatus::Failed);
    }
    hops
}

/// Did the leaf tell the spine of it? Only where it has it itself: else that is another hop's trouble.
pub(super) fn told(scene: &Scene<'_>, leaf: &Node, uplink: &Port, prefix: Ipv4Net) -> Option<Hop> {
    let Look::Said(paths) = scene.look(&leaf.name, |facts| &facts.paths) else { return None };
    let known = paths.get(&prefix).filter(|found| found.own())?;
    let (port, peer) = (&uplink.name, &uplink.peer.node);
    let judged = if known.advertised_to.contains(port.as_str()) {
        Judged::Ok(format!("{prefix} is advertised to {peer}"))
    } else {
        let told: Vec<&str> = known.advertised_to.iter().map(String::as_str).collect();
        let told = if told.is_empty() { "nobody".to_owned() } else { told.join(", ") };
        Judged::bad(
            format!("{prefix} is advertised to {told}, not to {port}"),
            format!("a filter of {} towards {peer} refuses it", leaf.name),
            "fabricctl deploy puts the configuration right",
        )
    };
    let command = format!("vtysh -c 'show bgp ipv4 unicast neighbors {port} advertised-routes'");
    Some(judged.hop(&format!("advertised by {port}"), &leaf.name, command))
}

/// Has a router a path by a certain port, from the node at its far end?
pub(super) fn heard(scene: &Scene<'_>, node: &Node, end: &Endpoint, from: &Node, prefix: Ipv4Net) -> Hop {
    let port = &end.port;
    let paths = scene.look(&node.name, |facts| &facts.paths);
    let judged = paths.blind().unwrap_or_else(|| match paths {
        Look::Said(paths) => {
            let Some(found) = paths.get(&prefix) else {
                return Judged::Unknown("it wasn't asked".to_owned());
            };
            match found.paths.iter().find(|path| path.from.as_deref() == Some(port.as_str())) {
                Some(path) if path.valid => {
                    let best = if path.used { ", in use" } else { ", not the best" };
                    Judged::Ok(format!("{prefix} from {port}, AS path {}{best}", path.as_path))
                }
                Some(path) => Judged::bad(
                    format!("{prefix} from {port}, AS path {}, not valid", path.as_path),
                    "its next hop can't be reached",
                    format!("vtysh -c 'show bgp ipv4 unicast {prefix}' says why"),
                ),
                None => not_heard(scene, node, from, port.as_str(), prefix),
            }
        }
        Look::Failed(fault) => leaf::router_fault(scene, &node.name, fault, "bgpd"),
        Look::Unasked | Look::Silent(_) => Judged::Unknown(String::new()),
    });
    let command = format!("vtysh -c 'show bgp ipv4 unicast {prefix}'");
    judged.hop(&format!("Adj-RIB-In of {port}"), &node.name, command)
}

fn not_heard(scene: &Scene<'_>, node: &Node, from: &Node, port: &str, prefix: Ipv4Net) -> Judged {
    let told = scene.said(&from.name, |facts| &facts.paths).and_then(|paths| paths.get(&prefix));
    let told = told.is_some_and(|known| !known.advertised_to.is_empty());
    if !told {
        return Judged::Unknown(format!("{} doesn't advertise {prefix}", from.name));
    }
    Judged::bad(
        format!("no path to {prefix} from {port}"),
        format!("{} advertises it, a filter of {} on {port} refuses it", from.name, node.name),
        "fabricctl deploy puts the configuration right",
    )
}

/// FRR's table and the kernel's, as the check of routes sees both; before that, whether somebody put another route there.
pub(super) fn table(scene: &Scene<'_>, node: &NodeName, prefix: Ipv4Net) -> Hop {
    let command = format!("vtysh -c 'show ip route {prefix}'; ip route show {prefix}");
    let finding = scene.route(node, prefix);
    let judged = match scene.look(node, |facts| &facts.rib) {
        Look::Failed(fault) => leaf::router_fault(scene, node, fault, "zebra"),
        _ => match finding.filter(|finding| finding.status == Status::Failed) {
            Some(_) => {
                foreign_route(scene, node, prefix.addr()).unwrap_or_else(|| scene.judged(node, finding))
            }
            None => scene.judged(node, finding),
        },
    };
    let judged = match judged {
        Judged::Bad { evidence, cause, fix } if fix.starts_with("fabricctl plan") => {
            let fix = format!("vtysh -c 'show ip route {prefix}'; service frr restart where it stays");
            Judged::Bad { evidence, cause, fix }
        }
        other => other,
    };
    judged.hop("RIB and FIB", node, command)
}

/// A leaf that gets a route from its spines: one hop if all is well, else what isn't.
fn arrival(scene: &Scene<'_>, leaf: &Node, prefix: Ipv4Net) -> Vec<Hop> {
    let name = &leaf.name;
    let end = table(scene, name, prefix);
    let mut hops = vec![leaf::speaker(scene, name)];
    for uplink in leaf.ports_of(PortKind::Uplink) {
        hops.extend(link(scene, leaf, uplink));
        if has_session(scene.fabric, leaf, uplink) {
            hops.extend(session(scene, leaf, uplink));
        }
        let up = scene
            .about(CheckName::Bgp, name, uplink.name.as_str())
            .is_some_and(|one| one.status == Status::Ok);
        if let Some(spine) = scene.fabric.nodes.get(&uplink.peer.node).filter(|_| up) {
            let here = Endpoint { node: name.clone(), port: uplink.name.clone() };
            hops.push(heard(scene, leaf, &here, spine, prefix));
        }
    }
    let speaking: Vec<&str> = leaf.ports_of(PortKind::Server).map(|port| port.name.as_str()).collect();
    hops.push(leaf::forwards(scene, name, &speaking).hop(node::FORWARDING, name, node::SYSCTL));
    hops.retain(|hop| hop.status != HopStatus::Ok);
    hops.push(end);
    hops
}

/// Whether somebody gave a router a route of its own to a single address.
pub(super) fn is_foreign(scene: &Scene<'_>, node: &NodeName, prefix: Ipv4Net) -> bool {
    foreign_route(scene, node, prefix.addr()).is_some()
}
