//! A fabric in which all is well, as its devices would tell.

use crate::common::{entry, name, sessions, wired};
use fabricctl::fabric::{Fabric, Node, PortKind, Role};
use fabricctl::parse::{
    Attachment, BgpPath, BgpPrefix, Container, DockerImage, DockerNetwork, HostState, Inside, Interface,
    KernelNextHop, KernelRoute, Neighbor, NeighborStatus, Probe, ProbeEnd, Probes, Rib,
};
use fabricctl::verify::{Clock, Docker, Facts, Service, World, routes};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 11);
const IMAGE: &str = "fabricctl-reference/identify:1";

fn container_mac(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// What every device answers when all is well.
pub fn well(fabric: &Fabric) -> World {
    let expectations = routes::expect(fabric);
    let mut world: World =
        fabric.nodes.values().map(|node| (node.name.clone(), Ok(common_facts(fabric, node)))).collect();
    for route in &expectations.routes {
        let facts = facts(&mut world, route.node.as_str());
        let chosen = entry(route);
        let hop = |one: &fabricctl::parse::NextHop| KernelNextHop { dev: one.interface.clone(), via: None };
        let kernel = KernelRoute {
            prefix: route.prefix,
            kind: "unicast".into(),
            table: None,
            protocol: Some(if chosen.protocol == "bgp" { "bgp" } else { "76" }.into()),
            scope: None,
            metric: Some(20),
            next_hops: chosen.nexthops.iter().map(hop).collect(),
        };
        let path = |port: &str, own: bool| BgpPath {
            from: (!own).then(|| port.to_owned()),
            own,
            valid: true,
            used: true,
            as_path: "65000".into(),
        };
        let own = chosen.protocol != "bgp";
        let paths = if own {
            vec![path("", true)]
        } else {
            route.next_hops.iter().map(|port| path(port.as_str(), false)).collect()
        };
        let node = &fabric.nodes[&route.node];
        let sessions =
            node.ports.iter().filter(|port| matches!(port.kind, PortKind::Uplink | PortKind::Downlink));
        let advertised_to = sessions.map(|port| port.name.to_string()).collect();
        facts.rib.as_mut().unwrap().as_mut().unwrap().routes.insert(route.prefix, vec![chosen.clone()]);
        if chosen.protocol != "connected" {
            facts.fib.as_mut().unwrap().as_mut().unwrap().push(kernel);
        }
        facts
            .paths
            .as_mut()
            .unwrap()
            .as_mut()
            .unwrap()
            .insert(route.prefix, BgpPrefix { paths, advertised_to });
    }
    world
}

fn common_facts(fabric: &Fabric, node: &Node) -> Facts {
    let (links, neighbors) = wired(node);
    let services = match node.role {
        Role::Spine => vec!["frr"],
        Role::Leaf => vec!["frr", "rdnbrd"],
        Role::Server => vec!["docker"],
    };
    let running = Service { running: true, enabled: Some(true), dead: Vec::new() };
    let mut facts = Facts {
        links: Some(Ok(links)),
        neighbors: Some(Ok(neighbors)),
        services: Some(Ok(services.into_iter().map(|name| (name.to_owned(), running.clone())).collect())),
        clock: Some(Ok(Clock { offset_s: 0.0, error_s: 0.1 })),
        ..Facts::default()
    };
    if node.role.routes() {
        router(fabric, node, &mut facts);
    } else {
        server(fabric, node, &mut facts);
    }
    facts
}

fn router(fabric: &Fabric, node: &Node, facts: &mut Facts) {
    facts.bgp = Some(Ok(sessions(fabric, node)));
    facts.rib = Some(Ok(Rib::default()));
    facts.fib = Some(Ok(Vec::new()));
    facts.paths = Some(Ok(BTreeMap::new()));
    let redistribute =
        "router bgp 1 > address-family ipv4 unicast > redistribute kernel route-map FABRIC-HOSTS";
    facts.config = Some(Ok(BTreeSet::from([redistribute.to_owned()])));
    let mut settings = BTreeMap::from([("net/ipv4/ip_forward".to_owned(), "1".to_owned())]);
    for port in &node.ports {
        settings.insert(format!("net/ipv4/conf/{}/proxy_arp", port.name), "1".into());
    }
    facts.settings = Some(Ok(settings));
    if node.role == Role::Leaf {
        let here = fabric.workloads.values().flat_map(|workload| {
            let ends = fabric.attachments(workload).filter(|end| end.node == node.name);
            ends.map(move |end| known(workload.address, end.port.as_str()))
        });
        let status =
            NeighborStatus { hosts: here.collect(), protocol: Some(76), ..NeighborStatus::default() };
        facts.daemon = Some(Ok(status));
    }
}

pub fn known(address: Ipv4Addr, port: &str) -> Neighbor {
    Neighbor {
        address: address.into(),
        port: port.to_owned(),
        mac: container_mac(address).parse().ok(),
        state: HostState::Live,
        age_s: None,
        last_answer_s: Some(0.5),
        settled: Some(true),
        moves: 0,
        rival: None,
    }
}

fn server(fabric: &Fabric, node: &Node, facts: &mut Facts) {
    let (mut docker, mut insides, mut probes) = (Docker::default(), BTreeMap::new(), Probes::default());
    for workload in fabric.workloads_on(&node.name) {
        let end = Attachment {
            configured: Some(workload.address),
            address: Some(workload.address),
            mac: Some(container_mac(workload.address)),
        };
        let labels = [("fabricctl.fabric", "reference"), ("fabricctl.spec", "1")];
        let container = Container {
            name: workload.name.clone(),
            status: "running".into(),
            running: true,
            image: IMAGE.into(),
            image_id: "sha256:1".into(),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            networks: BTreeMap::from([("containers".to_owned(), end)]),
            ..Container::default()
        };
        docker.containers.insert(workload.name.clone(), container);
        let eth0 = Interface {
            admin_up: true,
            carrier: true,
            mac: Some(container_mac(workload.address)),
            addresses: BTreeSet::from([Ipv4Net::new(workload.address, 24).unwrap()]),
            ..Interface::default()
        };
        let interfaces = BTreeMap::from([("eth0".to_owned(), eth0)]);
        insides.insert(workload.name.clone(), Inside { interfaces, ..Inside::default() });
        for other in fabric.workloads.values().filter(|other| other.name != workload.name) {
            let good = || Some(ProbeEnd::Answered(0.3));
            probes.pairs.insert((workload.address, other.address), Probe { icmp: good(), tcp: good() });
        }
    }
    let parent = node.ports_of(PortKind::Data).next().map(|port| port.name.to_string());
    let subnet = "172.16.1.0/24".parse().ok();
    let network = DockerNetwork { driver: "macvlan".into(), parent, subnet, ..DockerNetwork::default() };
    docker.networks.insert("containers".into(), network);
    let image = DockerImage { id: "sha256:1".into(), tags: vec![IMAGE.into()], ..DockerImage::default() };
    docker.images.push(image);
    (facts.docker, facts.inside, facts.probes) = (Some(Ok(docker)), Some(Ok(insides)), Some(Ok(probes)));
}

pub fn facts<'w>(world: &'w mut World, node: &str) -> &'w mut Facts {
    world.get_mut(&name(node)).unwrap().as_mut().unwrap()
}

/// What a node said to one question, to be changed.
macro_rules! part {
    ($world:expr, $node:literal, $part:ident) => {
        $crate::well::facts($world, $node).$part.as_mut().unwrap().as_mut().unwrap()
    };
}
pub(crate) use part;
