//! Is a container's address its own? Others who have it: containers, nodes, hosts behind other leafs, routes of somebody's.

use super::Hop;
use super::container::Place;
use super::scene::{Judged, Scene};
use crate::fabric::{Endpoint, NodeName, Workload};
use crate::parse::Interface;
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};

/// Somebody else who has its address, wherever that is.
pub(super) fn only_one(place: &Place<'_>) -> Vec<Hop> {
    let Workload { name, address, .. } = place.workload;
    let title = "nobody else has its address";
    if let Some((node, judged, command)) =
        namesake(place).or_else(|| holder(place)).or_else(|| elsewhere(place)).or_else(|| usurper(place))
    {
        return vec![judged.hop(title, node, command)];
    }
    let evidence = format!("no other container, interface, leaf or route for {address}");
    vec![Judged::Ok(evidence).hop(title, &place.leaf.name, format!("fabricctl status neighbors, for {name}"))]
}

type Found<'a> = Option<(&'a NodeName, Judged, String)>;

/// Another container with its address.
fn namesake<'a>(place: &Place<'a>) -> Found<'a> {
    let Workload { name, server, address, .. } = place.workload;
    for node in place.scene.world.keys() {
        let Some(docker) = place.scene.said(node, |facts| &facts.docker) else { continue };
        for other in docker.containers.values().filter(|other| other.running) {
            let itself = other.name == *name && node == server;
            if !itself && other.networks.values().any(|end| end.address == Some(*address)) {
                let evidence = format!("{} has {address} on {node}", other.name);
                let cause = format!("a duplicate address: {} on {node} has {name}'s", other.name);
                let fix = format!("give {0} another address, or docker rm -f {0}", other.name);
                let judged = Judged::bad(evidence, cause, fix);
                return Some((node, judged, format!("docker inspect {}", other.name)));
            }
        }
    }
    None
}

/// A node that has its address on one of its interfaces.
fn holder<'a>(place: &Place<'a>) -> Found<'a> {
    let Workload { name, address, .. } = place.workload;
    for node in place.scene.world.keys() {
        let Some(links) = place.scene.said(node, |facts| &facts.links) else { continue };
        let holds = |link: &Interface| link.addresses.iter().any(|one| one.addr() == *address);
        if let Some((port, _)) = links.iter().find(|(_, link)| holds(link)) {
            let cause = format!("a duplicate address: {node} itself has {name}'s on {port}");
            let judged = Judged::bad(
                format!("{port} has {address}"),
                cause,
                format!("ip addr del {address} dev {port}"),
            );
            return Some((node, judged, format!("ip addr show {port}")));
        }
    }
    None
}

/// Somebody who answers for its address behind another leaf, or another port.
fn elsewhere<'a>(place: &Place<'a>) -> Found<'a> {
    let Workload { name, address, .. } = place.workload;
    let ends: Vec<&Endpoint> = place.scene.fabric.attachments(place.workload).collect();
    for node in place.scene.world.keys() {
        let Some(status) = place.scene.said(node, |facts| &facts.daemon) else { continue };
        let hosts = status.hosts.iter().filter(|host| host.address == IpAddr::from(*address));
        for host in hosts.filter(|host| host.state.advertised()) {
            let expected = ends.iter().any(|end| end.node == *node && end.port.as_str() == host.port);
            let rival = host.rival.as_ref().map(|rival| (rival.port.as_str(), rival.mac));
            let other = if expected { rival } else { Some((host.port.as_str(), host.mac)) };
            let Some((port, mac)) = other else { continue };
            let mac = mac.map_or("an unknown Ethernet address".to_owned(), |mac| mac.to_string());
            let evidence = format!("{address} is {} at {port}, {mac}", host.state);
            let cause = format!("a duplicate address: somebody behind {node}:{port} answers for {name}'s");
            let fix = format!("find out who has {mac} behind {node}:{port}, and give it another address");
            return Some((node, Judged::bad(evidence, cause, fix), "rdnbrd status".to_owned()));
        }
    }
    None
}

/// The container of the inventory that has taken an address which isn't its own, as it says itself.
pub(super) fn with_address(scene: &Scene<'_>, address: Ipv4Addr) -> Option<String> {
    let all = scene.world.keys().filter_map(|node| scene.said(node, |facts| &facts.inside)).flatten();
    let taken = all.filter(|(_, inside)| {
        inside.interfaces.values().flat_map(|interface| &interface.addresses).any(|one| one.addr() == address)
    });
    let own =
        |name: &str| scene.fabric.workloads.get(name).is_some_and(|workload| workload.address != address);
    let docker = scene.world.keys().filter_map(|node| scene.said(node, |facts| &facts.docker));
    let given = docker
        .flat_map(|docker| docker.containers.values())
        .filter(|one| one.running && one.networks.values().any(|end| end.address == Some(address)));
    let names = taken.map(|(name, _)| name.as_str()).chain(given.map(|one| one.name.as_str()));
    names.into_iter().find(|name| own(name)).map(str::to_owned)
}

/// A router that has a route of its own to its address, although it isn't behind it.
fn usurper<'a>(place: &Place<'a>) -> Found<'a> {
    let address = place.workload.address;
    let behind =
        |node: &NodeName| place.scene.fabric.attachments(place.workload).any(|end| end.node == *node);
    place.scene.world.keys().filter(|node| !behind(node)).find_map(|node| {
        let judged = foreign_route(place.scene, node, address)?;
        Some((node, judged, format!("ip route show {address}/32")))
    })
}

/// A route to a single address that a router didn't get by BGP and can't have of itself.
pub(super) fn foreign_route(scene: &Scene<'_>, node: &NodeName, address: Ipv4Addr) -> Option<Judged> {
    let prefix = Ipv4Net::from(address);
    let kernel = scene.said(node, |facts| &facts.fib)?;
    let own = kernel
        .iter()
        .filter(|route| route.prefix == prefix && !matches!(route.kind.as_str(), "local" | "broadcast"));
    let mut foreign =
        own.filter(|route| !matches!(route.protocol.as_deref(), Some("bgp" | "186" | "kernel" | "76")));
    let route = foreign.next()?;
    let (kind, by) = (route.kind.as_str(), route.protocol.as_deref().unwrap_or("hand"));
    let word = if kind == "unicast" { String::new() } else { format!("{kind} ") };
    Some(Judged::bad(
        format!("a {kind} route to {address}/32, made by {by}"),
        format!("{node} has a {kind} route of its own to {address}, which somebody put there"),
        format!("ip route del {word}{address}/32"),
    ))
}
