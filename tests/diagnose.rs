//! A diagnosis of what devices answered: a fabric in which all is well, and one thing at a time that isn't.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{entry, name, reference};
use fabricctl::fabric::{Fabric, Node, NodeName, PortKind, Role};
use fabricctl::parse::{
    Attachment, BgpNeighbor, BgpPath, BgpPrefix, Container, DockerImage, DockerNetwork, HostState, Inside,
    Interface, KernelNeighbor, KernelNextHop, KernelRoute, Neighbor, NeighborStatus, Probe, ProbeEnd, Probes,
    Rib,
};
use fabricctl::verify::diagnose::{
    self, HopStatus, Interest, Target, UnknownTarget, Verdict, Walk, explain, resolve, walk,
};
use fabricctl::verify::{Clock, Docker, Facts, Fault, Scope, Service, World, routes};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 11);
const IMAGE: &str = "fabricctl-reference/identify:1";

/// An Ethernet address of its own for each port.
fn mac(node: &NodeName, port: &str) -> String {
    let sum = node
        .as_str()
        .bytes()
        .chain(port.bytes())
        .fold(7_u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(octet.into()));
    let [a, b, c, d] = sum.to_be_bytes();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

fn container_mac(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// What every device answers when all is well.
fn well(fabric: &Fabric) -> World {
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
    let (mut links, mut neighbors) = (BTreeMap::new(), Vec::new());
    for port in &node.ports {
        let link = Interface {
            admin_up: true,
            carrier: true,
            mtu: Some(port.mtu),
            mac: Some(mac(&node.name, port.name.as_str())),
            promiscuous: true,
            addresses: port.addresses.iter().copied().collect(),
            ..Interface::default()
        };
        links.insert(port.name.to_string(), link);
        neighbors.push(KernelNeighbor {
            dev: port.name.to_string(),
            address: "fe80::1".parse().unwrap(),
            mac: mac(&port.peer.node, port.peer.port.as_str()).parse().ok(),
            fresh: true,
            failed: false,
            written: false,
        });
    }
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
    let session = |port: &fabricctl::fabric::Port| {
        let peer = &fabric.nodes[&port.peer.node];
        let neighbor = BgpNeighbor {
            state: "Established".into(),
            remote_as: peer.asn.map(fabricctl::fabric::Asn::get),
            local_as: node.asn.map(fabricctl::fabric::Asn::get),
            router_id: Some(peer.router_id),
            address: "fe80::1".parse().ok(),
            families: BTreeSet::from(["ipv4Unicast".to_owned()]),
            accepted: Some(15),
            extended_next_hop: true,
            ..BgpNeighbor::default()
        };
        (port.name.to_string(), neighbor)
    };
    let linked = node.ports.iter().filter(|port| matches!(port.kind, PortKind::Uplink | PortKind::Downlink));
    facts.bgp = Some(Ok(linked.map(session).collect()));
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

fn known(address: Ipv4Addr, port: &str) -> Neighbor {
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

fn facts<'w>(world: &'w mut World, node: &str) -> &'w mut Facts {
    world.get_mut(&name(node)).unwrap().as_mut().unwrap()
}

macro_rules! part {
    ($world:expr, $node:literal, $part:ident) => {
        facts($world, $node).$part.as_mut().unwrap().as_mut().unwrap()
    };
}

fn walked(fabric: &Fabric, world: &World, text: &str) -> Walk {
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    walk(&Scope { fabric, nodes: &nodes }, world, &resolve(fabric, text).unwrap())
}

/// The verdict about web11 after something was done to a fabric in which all was well.
fn verdict(spoil: impl Fn(&mut World)) -> Verdict {
    let fabric = reference();
    let mut world = well(&fabric);
    spoil(&mut world);
    let walk = walked(&fabric, &world, "web11");
    walk.verdict.unwrap_or_else(|| panic!("{:#?}", walk.hops))
}

#[track_caller]
fn blames(verdict: &Verdict, device: &str, hop: &str, cause: &str) {
    assert_eq!((verdict.device.as_str(), verdict.hop.as_str()), (device, hop), "{verdict:?}");
    assert!(verdict.cause.contains(cause), "{verdict:?}");
    assert!(
        !verdict.command.is_empty() && !verdict.evidence.is_empty() && verdict.fix.is_some(),
        "{verdict:?}"
    );
}

fn fault() -> Fault {
    Fault { command: "show".into(), said: "it is not running".into(), absent: false }
}

#[test]
fn nothing_is_wrong_where_all_is_well() {
    let fabric = reference();
    let world = well(&fabric);
    for subject in
        ["web11", "web43", "leaf02", "spine01", "server03", "10.0.0.11", "172.16.1.1", "172.16.1.99"]
    {
        let walk = walked(&fabric, &world, subject);
        let open: Vec<_> = walk.hops.iter().filter(|hop| hop.status != HopStatus::Ok).collect();
        assert!(walk.ok && open.is_empty(), "{subject}: {open:#?}");
        assert!(!walk.hops.is_empty(), "{subject}");
    }
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    let scope = Scope { fabric: &fabric, nodes: &nodes };
    let explanation = explain(&scope, &world);
    assert!(explanation.ok && explanation.causes.is_empty(), "{explanation:#?}");
    assert_eq!(diagnose::suspects(&scope, &world), Interest::default());
}

#[test]
fn what_was_typed_is_understood() {
    let fabric = reference();
    let target = |text: &str| resolve(&fabric, text);
    assert_eq!(target("172.16.1.11/32"), Ok(Target::Container("web11".into())));
    assert_eq!(target("10.0.0.34"), Ok(Target::Node(name("server04"))));
    assert_eq!(target("172.16.1.252"), Ok(Target::Node(name("server02"))));
    assert_eq!(target("192.168.200.21"), Ok(Target::Node(name("spine01"))));
    assert!(matches!(target("172.16.1.200"), Ok(Target::Unused(..))));
    assert!(matches!(target("192.0.2.1"), Ok(Target::Outside(_))));
    assert!(matches!(target("2001:db8::1"), Err(UnknownTarget::Family(_))));
    assert_eq!(target("laef01").unwrap_err().hint(), "did you mean leaf01?");
}

#[test]
fn the_container_itself() {
    let gone = verdict(|world| {
        part!(world, "server01", docker).containers.remove("web11");
    });
    blames(&gone, "server01", "container process", "it was removed");
    let killed = verdict(|world| {
        let found = part!(world, "server01", docker).containers.get_mut("web11").unwrap();
        (found.status, found.running, found.exit_code) = ("exited".into(), false, Some(137));
        // What follows from it must not be blamed.
        part!(world, "leaf01", daemon).hosts.retain(|host| host.address != ADDRESS);
    });
    blames(&killed, "server01", "container process", "status 137 (killed)");
    let silent = verdict(|world| {
        part!(world, "server01", inside).get_mut("web11").unwrap().arp_ignore.insert("eth0".into(), 8);
    });
    blames(&silent, "server01", "its ARP", "answers no ARP request");
    let engine = verdict(|world| facts(world, "server01").docker = Some(Err(fault())));
    blames(&engine, "server01", "container process", "Docker on server01");
    let twice = verdict(|world| part!(world, "leaf03", daemon).hosts.push(known(ADDRESS, "swp1")));
    blames(&twice, "leaf03", "nobody else has its address", "somebody behind leaf03:swp1");
}

#[test]
fn the_leaf() {
    let port = verdict(|world| {
        part!(world, "leaf01", links).get_mut("swp1").unwrap().admin_up = false;
        part!(world, "server01", links).get_mut("eth1").unwrap().carrier = false;
    });
    blames(&port, "leaf01", "leaf port swp1", "switched off");
    let quiet = verdict(|world| {
        part!(world, "leaf01", settings).insert("net/ipv4/conf/swp1/proxy_arp".into(), "0".into());
    });
    blames(&quiet, "leaf01", "forwarding and proxy ARP", "proxy ARP is off");
    let daemon = verdict(|world| facts(world, "leaf01").daemon = Some(Err(fault())));
    blames(&daemon, "leaf01", "rdnbrd", "rdnbrd doesn't answer");
    let route = verdict(|world| part!(world, "leaf01", fib).retain(|one| one.prefix.addr() != ADDRESS));
    blames(&route, "leaf01", "kernel route", "deleted");
    let zebra = verdict(|world| facts(world, "leaf01").rib = Some(Err(fault())));
    blames(&zebra, "leaf01", "zebra", "zebra on leaf01");
    let forget = |world: &mut World| {
        part!(world, "leaf01", paths).remove(&Ipv4Net::from(ADDRESS));
    };
    blames(&verdict(forget), "leaf01", "BGP on the leaf", "the route map FABRIC-HOSTS");
    let missing = verdict(|world| {
        forget(world);
        part!(world, "leaf01", config).clear();
    });
    blames(&missing, "leaf01", "BGP on the leaf", "`redistribute kernel` is missing");
}

#[test]
fn the_way_through_the_fabric() {
    let prefix = Ipv4Net::from(ADDRESS);
    let filter = verdict(|world| {
        part!(world, "leaf01", paths).get_mut(&prefix).unwrap().advertised_to.remove("swp51");
    });
    blames(&filter, "leaf01", "advertised by swp51", "towards spine01");
    let refused = verdict(|world| {
        part!(world, "spine01", paths).remove(&prefix);
    });
    blames(&refused, "spine01", "Adj-RIB-In of swp1", "a filter of spine01");
    let mtu = verdict(|world| part!(world, "leaf02", links).get_mut("swp51").unwrap().mtu = Some(1500));
    blames(&mtu, "leaf02", "link swp51", "its MTU is 1500");
    let fib = verdict(|world| part!(world, "leaf03", fib).retain(|one| one.prefix != prefix));
    blames(&fib, "leaf03", "RIB and FIB", "the kernel has no such route");
    let hole = verdict(|world| {
        part!(world, "leaf02", fib).push(KernelRoute {
            prefix,
            kind: "blackhole".into(),
            table: None,
            protocol: None,
            scope: None,
            metric: None,
            next_hops: Vec::new(),
        });
    });
    blames(&hole, "leaf02", "nobody else has its address", "blackhole route");
    let lost = verdict(|world| {
        let pair = (Ipv4Addr::new(172, 16, 1, 21), ADDRESS);
        part!(world, "server02", probes).pairs.get_mut(&pair).unwrap().icmp = Some(ProbeEnd::OnlySmall);
    });
    blames(&lost, "server01", "back to the container", "smaller MTU");
    let deaf = |sources: &[u8]| {
        let fabric = reference();
        let mut world = well(&fabric);
        for last in sources {
            let pair = (Ipv4Addr::new(172, 16, 1, *last), ADDRESS);
            part!(&mut world, "server02", probes).pairs.get_mut(&pair).unwrap().icmp = Some(ProbeEnd::Lost);
        }
        walked(&fabric, &world, "web11")
    };
    // Its neighbours get answers: that is its own trouble.
    let one = deaf(&[21]);
    assert!(one.ok && one.hops.iter().any(|hop| hop.evidence.contains("fabricctl diagnose 172.16.1.21")));
    blames(&deaf(&[21, 22, 23]).verdict.unwrap(), "server01", "back to the container", "are lost");
}

#[test]
fn who_cannot_be_reached_comes_before_what_follows_from_it() {
    let silent = verdict(|world| {
        world.insert(name("server01"), Err("it can't be reached".into()));
        part!(world, "leaf01", daemon).hosts.retain(|host| host.address != ADDRESS);
    });
    assert!(silent.unreachable);
    blames(&silent, "server01", "container process", "can't be reached");
}

#[test]
fn one_cause_is_one_verdict() {
    let fabric = reference();
    let mut world = well(&fabric);
    part!(&mut world, "leaf01", links).get_mut("swp1").unwrap().admin_up = false;
    part!(&mut world, "server01", links).get_mut("eth1").unwrap().carrier = false;
    part!(&mut world, "leaf01", daemon).hosts.clear();
    for node in ["spine01", "spine02", "leaf01", "leaf02", "leaf03", "leaf04"] {
        for last in 11..=13 {
            let prefix = Ipv4Net::from(Ipv4Addr::new(172, 16, 1, last));
            let facts = facts(&mut world, node);
            facts.rib.as_mut().unwrap().as_mut().unwrap().routes.remove(&prefix);
            facts.fib.as_mut().unwrap().as_mut().unwrap().retain(|one| one.prefix != prefix);
        }
    }
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    let scope = Scope { fabric: &fabric, nodes: &nodes };
    let suspects = diagnose::suspects(&scope, &world);
    assert!(
        ["web11", "web12", "web13"].iter().all(|name| suspects.containers.contains(*name)),
        "{suspects:?}"
    );
    let explanation = explain(&scope, &world);
    let [cause] = explanation.causes.as_slice() else { panic!("{explanation:#?}") };
    assert_eq!((cause.verdict.device.as_str(), cause.verdict.object.as_deref()), ("leaf01", Some("swp1")));
    assert_eq!(cause.verdict.cause, "it is switched off");
    assert!(explanation.failed >= 19 && cause.explains.len() == explanation.failed);
}
