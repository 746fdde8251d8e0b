//! Fabrics made by hand, for tests that need no inventory.

use fabricctl::fabric::{
    Asn, Endpoint, Fabric, HostRoutes, IfName, Image, ImageSource, Link, Management, Network, Node, NodeName,
    Platform, Port, PortKind, Role, Ssh, Workload,
};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const MTU: u32 = 9216;

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn end(text: &str) -> Endpoint {
    text.parse().unwrap()
}

fn node(text: &str, role: Role, asn: Option<u32>, number: u8) -> Node {
    let loopback = Ipv4Addr::new(10, 0, 0, number);
    Node {
        name: name(text),
        role,
        platform: Platform::Debian,
        asn: asn.map(|asn| Asn::new(asn).unwrap()),
        loopback,
        router_id: loopback,
        management: Some(Management {
            interface: IfName::new("eth0").unwrap(),
            address: format!("192.168.200.{number}/24").parse().unwrap(),
            gateway: None,
        }),
        ssh: Ssh::default(),
        host_routes: HostRoutes::Main,
        ports: Vec::new(),
        vars: BTreeMap::new(),
    }
}

/// The kind of port at the first of two roles, and the addresses it has there.
fn kind(here: Role, there: Role) -> PortKind {
    match (here, there) {
        (Role::Leaf, Role::Spine) => PortKind::Uplink,
        (Role::Spine, _) => PortKind::Downlink,
        (Role::Leaf, _) => PortKind::Server,
        (Role::Server, _) => PortKind::Data,
    }
}

fn plug(fabric: &mut Fabric, here: &Endpoint, there: &Endpoint) {
    let kind = kind(fabric.nodes[&here.node].role, fabric.nodes[&there.node].role);
    let server = here.node.as_str().strip_prefix("server0");
    let (addresses, networks) = match (kind, server) {
        (PortKind::Server, _) => (vec!["172.16.1.1/24".parse().unwrap()], vec!["containers".to_owned()]),
        (PortKind::Data, Some(n)) => {
            (vec![format!("172.16.1.25{n}/24").parse().unwrap()], vec!["containers".to_owned()])
        }
        _ => (Vec::new(), Vec::new()),
    };
    let ports = &mut fabric.nodes.get_mut(&here.node).unwrap().ports;
    ports.push(Port { name: here.port.clone(), kind, peer: there.clone(), mtu: MTU, addresses, networks });
    ports.sort_by(|a, b| a.name.cmp(&b.name));
}

/// The fabric of `inventory/reference`.
pub fn reference() -> Fabric {
    let mut nodes = Vec::new();
    for n in 1..=2 {
        nodes.push(node(&format!("spine0{n}"), Role::Spine, Some(65020), 20 + n));
    }
    for n in 1..=4 {
        nodes.push(node(&format!("leaf0{n}"), Role::Leaf, Some(65010 + u32::from(n)), 10 + n));
        nodes.push(node(&format!("server0{n}"), Role::Server, None, 30 + n));
    }
    let mut fabric = Fabric {
        name: "reference".to_owned(),
        nodes: nodes.into_iter().map(|node| (node.name.clone(), node)).collect(),
        links: Vec::new(),
        networks: BTreeMap::from([(
            "containers".to_owned(),
            Network {
                name: "containers".to_owned(),
                subnet: "172.16.1.0/24".parse().unwrap(),
                gateway: Ipv4Addr::new(172, 16, 1, 1),
                parent: None,
            },
        )]),
        images: BTreeMap::from([(
            "identify".to_owned(),
            Image { name: "identify".to_owned(), source: ImageSource::Build },
        )]),
        workloads: BTreeMap::new(),
    };
    for leaf in 1..=4 {
        for spine in 1..=2 {
            cable(&mut fabric, &format!("leaf0{leaf}:swp5{spine}"), &format!("spine0{spine}:swp{leaf}"));
        }
    }
    for n in 1..=4 {
        let port = 2 - n % 2;
        cable(&mut fabric, &format!("server0{n}:eth{port}"), &format!("leaf0{n}:swp{port}"));
    }
    for server in 1..=4u8 {
        for n in 1..=3 {
            let workload = workload(server, n);
            fabric.workloads.insert(workload.name.clone(), workload);
        }
    }
    fabric
}

fn cable(fabric: &mut Fabric, a: &str, b: &str) {
    let link = Link { a: end(a), b: end(b), mtu: MTU };
    plug(fabric, &link.a, &link.b);
    plug(fabric, &link.b, &link.a);
    fabric.links.push(link);
}

fn workload(server: u8, n: u8) -> Workload {
    Workload {
        name: format!("web{server}{n}"),
        server: name(&format!("server0{server}")),
        network: "containers".to_owned(),
        address: Ipv4Addr::new(172, 16, 1, server * 10 + n),
        image: "identify".to_owned(),
        command: None,
        environment: BTreeMap::new(),
    }
}
