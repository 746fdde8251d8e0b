//! Fabrics for tests, built by hand, and the answers their nodes would give.

#![allow(dead_code, reason = "every test file uses a part of it")]

use fabricctl::fabric::{
    Asn, Endpoint, Fabric, HostRoutes, IfName, Image, ImageSource, Link, Network, Node, NodeName, Platform,
    Port, PortKind, Role, Secrets, Ssh, Workload,
};
use fabricctl::parse::{BgpNeighbor, Interface, KernelNeighbor, NextHop, Rib, RouteEntry};
use fabricctl::verify::routes::{Answers, Expectation, Expectations};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A fabric under construction, with one workload network, 172.16.1.0/24.
pub struct Build(pub Fabric);

impl Build {
    pub fn new(name: &str) -> Self {
        let network = Network {
            name: "containers".into(),
            subnet: "172.16.1.0/24".parse().unwrap(),
            gateway: Ipv4Addr::new(172, 16, 1, 1),
            parent: None,
        };
        let image = Image { name: "identify".into(), source: ImageSource::Build };
        Self(Fabric {
            name: name.into(),
            nodes: BTreeMap::new(),
            links: Vec::new(),
            networks: BTreeMap::from([("containers".into(), network)]),
            images: BTreeMap::from([("identify".into(), image)]),
            workloads: BTreeMap::new(),
            secrets: Secrets::default(),
        })
    }

    /// A node; an AS of 0 is none.
    pub fn node(mut self, name: &str, role: Role, asn: u32, loopback: &str) -> Self {
        let loopback: Ipv4Addr = loopback.parse().unwrap();
        let node = Node {
            name: NodeName::new(name).unwrap(),
            role,
            platform: Platform::Debian,
            asn: (asn != 0).then(|| Asn::new(asn).unwrap()),
            loopback,
            router_id: loopback,
            management: None,
            ssh: Ssh::default(),
            host_routes: HostRoutes::Main,
            ports: Vec::new(),
            vars: BTreeMap::new(),
        };
        self.0.nodes.insert(node.name.clone(), node);
        self
    }

    /// A link; what its ports are follows from the roles.
    pub fn link(mut self, a: &str, b: &str) -> Self {
        let (a, b): (Endpoint, Endpoint) = (a.parse().unwrap(), b.parse().unwrap());
        self.port(&a, &b);
        self.port(&b, &a);
        self.0.links.push(Link { a, b, mtu: 9216 });
        self
    }

    fn port(&mut self, here: &Endpoint, peer: &Endpoint) {
        let far = self.0.nodes[&peer.node].role;
        let node = self.0.nodes.get_mut(&here.node).unwrap();
        let kind = match (node.role, far) {
            (Role::Leaf, Role::Spine) => PortKind::Uplink,
            (Role::Spine, _) => PortKind::Downlink,
            (Role::Leaf, _) => PortKind::Server,
            (Role::Server, _) => PortKind::Data,
        };
        let addresses = match kind {
            PortKind::Server => vec!["172.16.1.1/24".parse().unwrap()],
            _ => Vec::new(),
        };
        let carries = matches!(kind, PortKind::Server | PortKind::Data);
        let networks = if carries { vec!["containers".to_owned()] } else { Vec::new() };
        node.ports.push(Port {
            name: here.port.clone(),
            kind,
            peer: peer.clone(),
            mtu: 9216,
            addresses,
            networks,
        });
        node.ports.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// The data address of a server, on all its data ports.
    pub fn data_address(mut self, server: &str, address: &str) -> Self {
        for port in &mut self.0.nodes.get_mut(&NodeName::new(server).unwrap()).unwrap().ports {
            port.addresses.push(address.parse().unwrap());
        }
        self
    }

    pub fn workload(mut self, name: &str, server: &str, address: &str) -> Self {
        let workload = Workload {
            name: name.into(),
            server: NodeName::new(server).unwrap(),
            network: "containers".into(),
            address: address.parse().unwrap(),
            image: "identify".into(),
            command: None,
            environment: BTreeMap::new(),
        };
        self.0.workloads.insert(name.into(), workload);
        self
    }
}

/// Spines and leafs of `inventory/reference`, with its servers, but without workloads.
fn reference_nodes() -> Build {
    let mut build = Build::new("reference");
    for spine in 1..=2 {
        build = build.node(&format!("spine0{spine}"), Role::Spine, 65020, &format!("10.0.0.2{spine}"));
    }
    for rack in 1..=4 {
        let (leaf, server) = (format!("leaf0{rack}"), format!("server0{rack}"));
        build = build
            .node(&leaf, Role::Leaf, 65010 + rack, &format!("10.0.0.1{rack}"))
            .node(&server, Role::Server, 0, &format!("10.0.0.3{rack}"))
            .link(&format!("{leaf}:swp51"), &format!("spine01:swp{rack}"))
            .link(&format!("{leaf}:swp52"), &format!("spine02:swp{rack}"));
        let port = if rack % 2 == 1 { 1 } else { 2 };
        build = build
            .link(&format!("{server}:eth{port}"), &format!("{leaf}:swp{port}"))
            .data_address(&server, &format!("172.16.1.25{rack}/24"));
    }
    build
}

/// The reference fabric, from its inventory.
pub fn reference() -> Fabric {
    let text = include_str!("../../inventory/reference/fabric.yml");
    fabricctl::inventory::read("fabric.yml", text, std::path::Path::new(".")).unwrap()
}

/// The fabric that gave the answers in `tests/answers/frr-*`: the workloads of server01 only.
pub fn answered() -> Fabric {
    let mut build = reference_nodes();
    for number in 1..=3 {
        build = build.workload(&format!("web1{number}"), "server01", &format!("172.16.1.1{number}"));
    }
    build.0
}

pub fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

pub fn ports(names: &[&str]) -> std::collections::BTreeSet<IfName> {
    names.iter().map(|name| IfName::new(*name).unwrap()).collect()
}

/// The answers of a fabric in which all is well.
pub fn perfect(expectations: &Expectations) -> Answers {
    let mut answers: Answers =
        expectations.nodes.iter().map(|node| (node.clone(), Ok(Rib::default()))).collect();
    for route in &expectations.routes {
        if let Some(Ok(rib)) = answers.get_mut(&route.node) {
            rib.routes.insert(route.prefix, vec![entry(route)]);
        }
    }
    answers
}

/// The route that an expectation asks for.
pub fn entry(route: &Expectation) -> RouteEntry {
    let wanted: Vec<_> = if route.next_hops.is_empty() {
        route.tolerated.iter().take(1).collect()
    } else {
        route.next_hops.iter().collect()
    };
    let hop =
        |port: &IfName| NextHop { interface: Some(port.as_str().into()), ip: None, active: true, fib: true };
    RouteEntry {
        protocol: route.source.protocols()[0].into(),
        selected: true,
        installed: Some(true),
        distance: Some(20),
        metric: Some(0),
        nexthops: wanted.into_iter().map(hop).collect(),
    }
}

/// A real answer of a device.
pub fn answer(path: &str) -> String {
    let file = format!("{}/tests/answers/{path}", env!("CARGO_MANIFEST_DIR"));
    #[expect(clippy::disallowed_methods, reason = "test data")]
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// An Ethernet address of its own for each port.
fn mac(node: &NodeName, port: &str) -> String {
    let sum = node.as_str().bytes().chain(port.bytes()).fold(7_u64, |sum, octet| sum * 31 + u64::from(octet));
    format!("02:00:{:02x}:{:02x}:{:02x}:{:02x}", sum >> 24 & 255, sum >> 16 & 255, sum >> 8 & 255, sum & 255)
}

/// The ports of a node as they should be, and the neighbours that prove their cables.
pub fn wired(node: &Node) -> (BTreeMap<String, Interface>, Vec<KernelNeighbor>) {
    let link = |port: &Port| {
        let link = Interface {
            admin_up: true,
            carrier: true,
            mtu: Some(port.mtu),
            mac: Some(mac(&node.name, port.name.as_str())),
            promiscuous: true,
            addresses: port.addresses.iter().copied().collect(),
            ..Interface::default()
        };
        (port.name.to_string(), link)
    };
    let neighbor = |port: &Port| KernelNeighbor {
        dev: port.name.to_string(),
        address: "fe80::1".parse().unwrap(),
        mac: mac(&port.peer.node, port.peer.port.as_str()).parse().ok(),
        fresh: true,
        failed: false,
        written: false,
    };
    (node.ports.iter().map(link).collect(), node.ports.iter().map(neighbor).collect())
}

/// The BGP sessions of a router, all of them up.
pub fn sessions(fabric: &Fabric, node: &Node) -> BTreeMap<String, BgpNeighbor> {
    let linked = node.ports.iter().filter(|port| matches!(port.kind, PortKind::Uplink | PortKind::Downlink));
    let session = |port: &Port| {
        let peer = &fabric.nodes[&port.peer.node];
        let neighbor = BgpNeighbor {
            state: "Established".into(),
            remote_as: peer.asn.map(Asn::get),
            local_as: node.asn.map(Asn::get),
            router_id: Some(peer.router_id),
            address: "fe80::1".parse().ok(),
            since_ms: Some(3_723_000),
            families: ["ipv4Unicast".to_owned()].into(),
            accepted: Some(8),
            extended_next_hop: true,
            ..BgpNeighbor::default()
        };
        (port.name.to_string(), neighbor)
    };
    linked.map(session).collect()
}
