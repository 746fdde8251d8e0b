//! Do the ports between nodes have carrier, their MTU and addresses, and the right cable?

use super::facts::{Facts, World};
use super::finding::{CheckName, Finding};
use super::forwarding;
use super::scope::{Scope, has_carrier, port_trouble};
use crate::fabric::{Endpoint, Fabric, IfName, Mac, Node, Port, PortKind, Workload};
use crate::parse::Interface;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

const CHECK: CheckName = CheckName::Links;

/// One verdict a port with a link, of every node, one for each address there that is a container's, and whether routers
/// forward.
pub(super) fn links(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let owners = owners(scope.fabric, world);
    let workloads = scope.fabric.workloads.values().map(|workload| (workload.address, workload)).collect();
    let mut findings = Vec::new();
    for (node, facts) in scope.answered(world) {
        match &facts.links {
            None => {}
            Some(Err(fault)) => findings.push(Finding::of_fault(CHECK, &node.name, "interfaces", fault)),
            Some(Ok(links)) => {
                if let Some(Err(fault)) = &facts.neighbors {
                    findings.push(Finding::of_fault(CHECK, &node.name, "neighbours", fault));
                }
                for port in &node.ports {
                    let link = links.get(port.name.as_str());
                    let finding = match link {
                        None => {
                            let reason = "there is no such interface";
                            Finding::failed(CHECK, &node.name, port.name.as_str(), reason)
                                .hint("see ip link on the device, and links in the inventory")
                        }
                        Some(link) => judged(world, &owners, node, facts, port, link),
                    };
                    findings.push(finding.expected(wanted(port)));
                }
                findings.extend(taken(&workloads, node, links));
            }
        }
    }
    findings.extend(forwarding::findings(scope, world));
    findings
}

/// The addresses of containers that a node itself has.
fn taken(
    workloads: &BTreeMap<Ipv4Addr, &Workload>,
    node: &Node,
    links: &BTreeMap<String, Interface>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, link) in links {
        for address in &link.addresses {
            let Some(workload) = workloads.get(&address.addr()) else { continue };
            let reason = format!("{} itself has the address of {}", node.name, workload.name);
            let finding = Finding::failed(CHECK, &node.name, format!("{name} {}", address.addr()), reason)
                .hint(format!("ip addr del {address} dev {name}"));
            findings.push(finding);
        }
    }
    findings
}

fn wanted(port: &Port) -> String {
    format!("up, MTU {}, cable to {}", port.mtu, port.peer)
}

/// Whose each Ethernet address is, of the ports with a link.
fn owners(fabric: &Fabric, world: &World) -> BTreeMap<Mac, Vec<Endpoint>> {
    let mut owners: BTreeMap<Mac, Vec<Endpoint>> = BTreeMap::new();
    for (name, node) in &fabric.nodes {
        let Some(Ok(Facts { links: Some(Ok(links)), .. })) = world.get(name) else { continue };
        for port in &node.ports {
            let mac = links.get(port.name.as_str()).and_then(|link| link.mac.as_ref()?.parse::<Mac>().ok());
            if let Some(mac) = mac {
                owners.entry(mac).or_default().push(Endpoint { node: name.clone(), port: port.name.clone() });
            }
        }
    }
    owners
}

fn judged(
    world: &World,
    owners: &BTreeMap<Mac, Vec<Endpoint>>,
    node: &Node,
    facts: &Facts,
    port: &Port,
    link: &Interface,
) -> Finding {
    let failed = |reason: String| Finding::failed(CHECK, &node.name, port.name.as_str(), reason);
    let mtu = link.mtu.unwrap_or_default();
    if !link.admin_up {
        return failed("it is switched off".to_owned())
            .found("down")
            .hint(format!("ip link set {} up", port.name));
    }
    if !link.carrier {
        return without_carrier(world, node, port).found("no carrier");
    }
    if mtu != port.mtu {
        return failed(format!("its MTU is {mtu}, not {}", port.mtu))
            .found(format!("up, MTU {mtu}"))
            .hint(format!("ip link set {} mtu {}, or fabricctl deploy", port.name, port.mtu));
    }
    let missing: Vec<String> = port
        .addresses
        .iter()
        .filter(|address| !link.addresses.contains(address))
        .map(Ipv4Net::to_string)
        .collect();
    if !missing.is_empty() {
        return failed(format!("it lacks the address {}", missing.join(", ")))
            .found(format!("up, MTU {mtu}"))
            .hint("fabricctl deploy puts it back");
    }
    if port.kind == PortKind::Data && !port.networks.is_empty() && !link.promiscuous {
        return failed("it isn't promiscuous, so frames for containers may be dropped".to_owned())
            .found(format!("up, MTU {mtu}"))
            .hint(format!("ip link set {} promisc on", port.name));
    }
    cable(world, owners, node, facts, port, mtu)
}

/// No signal: the far end's fault where that is switched off, else the cable's, which has two ends.
fn without_carrier(world: &World, node: &Node, port: &Port) -> Finding {
    let subject = port.name.as_str();
    if let Some(why) = port_trouble(world, &port.peer) {
        let reason = format!("no carrier: {} {why}", port.peer.node);
        return Finding::skipped(CHECK, &node.name, subject, reason).with(&port.peer.node);
    }
    let far = match has_carrier(world, &port.peer) {
        Some(true) => format!(", though {} has", port.peer),
        _ => String::new(),
    };
    Finding::failed(CHECK, &node.name, subject, format!("no carrier{far}"))
        .hint(format!("see the cable to {}", port.peer))
        .with(&port.peer.node)
}

/// Who is at the far end, by LLDP or by the Ethernet addresses that were heard.
fn cable(
    world: &World,
    owners: &BTreeMap<Mac, Vec<Endpoint>>,
    node: &Node,
    facts: &Facts,
    port: &Port,
    mtu: u32,
) -> Finding {
    let subject = port.name.as_str();
    let (ends, by) = far_ends(owners, facts, port);
    let is = format!("up, MTU {mtu}");
    if ends.contains(&port.peer) {
        return Finding::ok(CHECK, &node.name, subject)
            .found(format!("{is}, cable to {}, by {by}", port.peer));
    }
    if let Some(other) = ends.first() {
        return Finding::failed(
            CHECK,
            &node.name,
            subject,
            format!("its cable leads to {other}, not to {}", port.peer),
        )
        .found(format!("{is}, cable to {other}, by {by}"))
        .hint("plug it where the inventory says, or change links in the inventory")
        .with(&other.node);
    }
    let why = match world.get(&port.peer.node) {
        Some(Ok(_)) => format!("nobody of the fabric was heard on it, {} neither", port.peer),
        Some(Err(_)) => format!("{} can't be reached", port.peer.node),
        None => format!("{} was not asked", port.peer.node),
    };
    Finding::skipped(CHECK, &node.name, subject, format!("its cable isn't proven: {why}")).found(is)
}

fn far_ends(
    owners: &BTreeMap<Mac, Vec<Endpoint>>,
    facts: &Facts,
    port: &Port,
) -> (BTreeSet<Endpoint>, &'static str) {
    let named = facts.lldp.get(port.name.as_str()).and_then(|said| {
        let node = said.node.as_deref()?.split('.').next()?;
        let port = IfName::new(said.port.as_deref()?).ok()?;
        Some(Endpoint { node: crate::fabric::NodeName::new(node).ok()?, port })
    });
    if let Some(end) = named {
        return (BTreeSet::from([end]), "LLDP");
    }
    let Some(Ok(neighbors)) = &facts.neighbors else { return (BTreeSet::new(), "nothing") };
    let here = || neighbors.iter().filter(|one| one.dev == port.name.as_str() && !one.failed && !one.written);
    let ends = |fresh: bool| {
        let macs = here().filter(|one| one.fresh || !fresh).filter_map(|one| one.mac);
        macs.filter_map(|mac| owners.get(&mac)).flatten().cloned().collect::<BTreeSet<_>>()
    };
    // What was heard just now counts before what was heard at some time.
    let fresh = ends(true);
    (if fresh.is_empty() { ends(false) } else { fresh }, "its Ethernet address")
}
