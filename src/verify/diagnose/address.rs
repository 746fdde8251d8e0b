//! What was typed, and addresses that are no container's and no node's.

use super::scene::{Judged, Scene};
use super::unique::foreign_route;
use super::{Hop, Walk};
use crate::fabric::{Fabric, NodeName, PortKind, Role};
use crate::inventory::nearest_node;
use crate::parse::RouteEntry;
use crate::verify::finding::CheckName;
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};

/// What a diagnosis is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A container of the inventory.
    Container(String),
    /// A node.
    Node(NodeName),
    /// The gateway of a workload network, by the network's name.
    Gateway(String, Ipv4Addr),
    /// An address of a workload network that is nobody's.
    Unused(String, Ipv4Addr),
    /// An address that has nothing to do with the fabric.
    Outside(Ipv4Addr),
}

/// Why what was typed is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownTarget {
    /// An IPv6 address.
    #[error("{0} is an IPv6 address; the fabric's containers and nodes have IPv4 addresses")]
    Family(IpAddr),
    /// Neither an address nor a name of the inventory.
    #[error("{name:?} is no container, node or address")]
    Name {
        /// As typed.
        name: String,
        /// What it was likely meant to be.
        nearest: Option<String>,
    },
}

impl UnknownTarget {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            UnknownTarget::Name { nearest: Some(nearest), .. } => format!("did you mean {nearest}?"),
            UnknownTarget::Name { .. } => {
                "fabricctl inventory list shows the nodes and containers".to_owned()
            }
            UnknownTarget::Family(_) => "name an IPv4 address, a container or a node".to_owned(),
        }
    }
}

/// Finds out what a text means: an address, a container, a node.
///
/// # Errors
/// When it is none of these.
pub fn resolve(fabric: &Fabric, text: &str) -> Result<Target, UnknownTarget> {
    if fabric.workloads.contains_key(text) {
        return Ok(Target::Container(text.to_owned()));
    }
    if let Some(name) = fabric.nodes.keys().find(|name| name.as_str() == text) {
        return Ok(Target::Node(name.clone()));
    }
    match text.strip_suffix("/32").unwrap_or(text).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(address_of(fabric, address)),
        Ok(address) => Err(UnknownTarget::Family(address)),
        Err(_) => {
            let container = fabric.workloads.keys().find(|name| name.eq_ignore_ascii_case(text)).cloned();
            let nearest = container.or_else(|| nearest_node(text, fabric).map(str::to_owned));
            Err(UnknownTarget::Name { name: text.to_owned(), nearest })
        }
    }
}

fn address_of(fabric: &Fabric, address: Ipv4Addr) -> Target {
    if let Some(workload) = fabric.workloads.values().find(|workload| workload.address == address) {
        return Target::Container(workload.name.clone());
    }
    if let Some(network) = fabric.networks.values().find(|network| network.gateway == address) {
        return Target::Gateway(network.name.clone(), address);
    }
    let owner = fabric.nodes.values().find(|node| {
        let managed = node.management.as_ref().is_some_and(|port| port.address.addr() == address);
        let on_port = node.ports.iter().flat_map(|port| &port.addresses).any(|own| own.addr() == address);
        node.loopback == address || managed || on_port
    });
    if let Some(node) = owner {
        return Target::Node(node.name.clone());
    }
    match fabric.networks.values().find(|network| network.subnet.contains(&address)) {
        Some(network) => Target::Unused(network.name.clone(), address),
        None => Target::Outside(address),
    }
}

/// The address that every leaf has on its server ports.
pub(super) fn gateway(scene: &Scene<'_>, network: &str, address: Ipv4Addr) -> Walk {
    let mut hops = Vec::new();
    for leaf in scene.fabric.with_role(Role::Leaf) {
        for port in
            leaf.ports_of(PortKind::Server).filter(|port| port.networks.iter().any(|one| one == network))
        {
            let finding = scene.about(CheckName::Links, &leaf.name, port.name.as_str());
            let command = format!("ip addr show {}", port.name);
            let hop = scene.judged(&leaf.name, finding).hop(
                &format!("gateway on {}", port.name),
                &leaf.name,
                command,
            );
            hops.push(hop);
            let judged = super::leaf::forwards(scene, &leaf.name, &[port.name.as_str()]);
            let command = format!("sysctl net.ipv4.ip_forward net.ipv4.conf.{}.proxy_arp", port.name);
            hops.push(judged.hop("forwarding and proxy ARP", &leaf.name, command));
        }
    }
    Walk::of(
        address.to_string(),
        format!("the gateway of the network {network}, on every leaf's server ports"),
        hops,
    )
}

/// An address of a workload network in nobody's name: is it really nobody's?
pub(super) fn unused(scene: &Scene<'_>, network: &str, address: Ipv4Addr) -> Walk {
    let mut hops = Vec::new();
    for node in scene.fabric.nodes.values() {
        hops.extend(squatter(scene, &node.name, address));
    }
    for node in scene.fabric.nodes.values().filter(|node| node.role.routes()) {
        let (title, command) = ("route", format!("ip route show {address}/32"));
        if let Some(judged) = foreign_route(scene, &node.name, address) {
            hops.push(judged.hop(title, &node.name, command));
        } else if scene.said(&node.name, |facts| &facts.rib).is_none() {
            hops.push(scene.silence(&node.name).hop(title, &node.name, command));
        }
    }
    // Those who only heard of it come last.
    let heard = |node: &NodeName| {
        let rib = scene.said(node, |facts| &facts.rib)?;
        rib.selected(&Ipv4Net::from(address)).map(|entry| (node.clone(), entry.protocol.clone()))
    };
    let all: Vec<(NodeName, _)> = scene.world.keys().filter_map(heard).collect();
    let command = format!("vtysh -c 'show ip route {address}/32'");
    let who: Vec<&str> = all.iter().map(|(node, _)| node.as_str()).collect();
    if let Some((node, protocol)) = all.first() {
        let evidence = format!("{address}/32 is in the tables of {}, there from {protocol}", who.join(", "));
        hops.push(if hops.iter().any(|hop| hop.status == super::HopStatus::Failed) {
            Judged::Unknown(evidence).hop("route elsewhere", node, command)
        } else {
            let cause = format!("somebody advertises {address}, which is in nobody's name");
            let fix = format!("{command} names its AS path: its last AS is whose");
            Judged::bad(evidence, cause, fix.clone()).hop("route elsewhere", node, command)
        });
    } else if let Some(node) = scene.world.keys().next() {
        hops.push(Judged::Ok(format!("no router has a route to {address}")).hop("route", node, command));
    }
    Walk::of(address.to_string(), format!("unused in the network {network}"), hops)
}

/// Somebody on a node, or behind it, who uses the address.
fn squatter(scene: &Scene<'_>, node: &NodeName, address: Ipv4Addr) -> Vec<Hop> {
    let mut hops = Vec::new();
    if let Some(docker) = scene.said(node, |facts| &facts.docker) {
        let has = |one: &&crate::parse::Container| {
            one.running && one.networks.values().any(|end| end.address == Some(address))
        };
        for other in docker.containers.values().filter(has) {
            let judged = Judged::bad(
                format!("{} has {address}", other.name),
                format!("the container {} on {node} uses it and is not in the inventory", other.name),
                format!("add it to the inventory, or docker rm -f {}", other.name),
            );
            hops.push(judged.hop("container", node, format!("docker inspect {}", other.name)));
        }
    }
    if let Some(status) = scene.said(node, |facts| &facts.daemon) {
        for host in status.hosts.iter().filter(|host| host.address == IpAddr::from(address)) {
            let mac = host.mac.map_or("no Ethernet address".to_owned(), |mac| mac.to_string());
            let judged = Judged::bad(
                format!("{address} is {} at {}, {mac}", host.state, host.port),
                format!("somebody behind {node}:{} answers for it and is not in the inventory", host.port),
                format!("find out who has {mac} there; add it to the inventory, or stop it"),
            );
            hops.push(judged.hop("rdnbrd", node, "rdnbrd status"));
        }
    }
    hops
}

/// An address that isn't the fabric's: by which route, if any, would routers send to it?
pub(super) fn outside(scene: &Scene<'_>, address: Ipv4Addr) -> Walk {
    let mut hops = Vec::new();
    for node in scene.fabric.nodes.values().filter(|node| node.role.routes()) {
        let command = format!("vtysh -c 'show ip route {address}'");
        let judged = match scene.said(&node.name, |facts| &facts.rib) {
            None => scene.silence(&node.name),
            Some(rib) => {
                let holding = rib.routes.iter().filter(|(prefix, _)| prefix.contains(&address));
                let selected =
                    holding.filter_map(|(prefix, all)| Some((prefix, all.iter().find(|one| one.selected)?)));
                match selected.max_by_key(|(prefix, _)| prefix.prefix_len()) {
                    Some((prefix, entry)) => Judged::Ok(way(*prefix, entry)),
                    None => Judged::bad(
                        "no route",
                        format!("{address} is not of this fabric, and nobody told its routers where it is"),
                        "advertise it, or a default route, to the fabric; else nothing is wrong",
                    ),
                }
            }
        };
        hops.push(judged.hop("route", &node.name, command));
    }
    Walk::of(address.to_string(), "outside the fabric: no node, container or network has it", hops)
}

fn way(prefix: Ipv4Net, entry: &RouteEntry) -> String {
    let by: Vec<&str> = entry.nexthops.iter().filter_map(|hop| hop.interface.as_deref()).collect();
    format!("{prefix} from {}, by {}", entry.protocol, by.join(", "))
}
