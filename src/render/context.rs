//! What templates see.

use super::rules::{self, Rule};
use crate::fabric::{Fabric, Facts, ImageSource, Network, Node, Port, PortKind, Workload, revealing};
use ipnet::Ipv4Net;
use minijinja::value::{Serde, Value};
use serde::Serialize;
use std::collections::BTreeSet;

/// The values that are the same for every node of a fabric.
#[derive(Serialize)]
struct Shared<'f> {
    fabric: &'f Fabric,
    routers: Vec<&'f Node>,
    networks: Vec<&'f Network>,
    host_subnets: BTreeSet<Ipv4Net>,
    bgp_rules: Vec<Rule>,
}

/// The values of one node.
#[derive(Serialize)]
struct Own<'f> {
    node: &'f Node,
    facts: &'f Facts,
    bgp_ports: Vec<&'f Port>,
    server_ports: Vec<&'f Port>,
    /// The prefixes of the workload networks that its server ports carry.
    workload_subnets: BTreeSet<Ipv4Net>,
    data_ports: Vec<&'f Port>,
    workloads: Vec<&'f Workload>,
    built_images: BTreeSet<&'f str>,
}

/// The part of the context that only depends on the fabric.
pub(super) fn shared(fabric: &Fabric) -> Value {
    let shared = Shared {
        fabric,
        bgp_rules: rules::of(fabric),
        routers: fabric.nodes.values().filter(|node| node.role.routes()).collect(),
        networks: fabric.networks.values().collect(),
        host_subnets: fabric.host_subnets().map(|subnet| subnet.trunc()).collect(),
    };
    revealing(|| Value::from(Serde(shared)))
}

/// The part of the context that depends on the node.
pub(super) fn own(fabric: &Fabric, node: &Node, facts: &Facts) -> Value {
    let ports = |kinds: &[PortKind]| node.ports.iter().filter(|port| kinds.contains(&port.kind)).collect();
    let workloads: Vec<_> = fabric.workloads_on(&node.name).collect();
    let built_images = workloads
        .iter()
        .filter_map(|workload| fabric.images.get(&workload.image))
        .filter(|image| image.source == ImageSource::Build)
        .map(|image| image.name.as_str())
        .collect();
    let names: BTreeSet<&String> = node.ports_of(PortKind::Server).flat_map(|port| &port.networks).collect();
    let carried = names.into_iter().filter_map(|name| fabric.networks.get(name));
    let own = Own {
        node,
        facts,
        bgp_ports: ports(&[PortKind::Uplink, PortKind::Downlink]),
        server_ports: ports(&[PortKind::Server]),
        workload_subnets: carried.map(|network| network.subnet.trunc()).collect(),
        data_ports: ports(&[PortKind::Data]),
        workloads,
        built_images,
    };
    revealing(|| Value::from(Serde(own)))
}
