//! A diagnosis of what devices answered: a fabric in which all is well, and one thing at a time that isn't.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod checks;
#[path = "../common/mod.rs"]
mod common;
mod documents;
mod well;

use common::{name, reference};
use fabricctl::fabric::{Fabric, NodeName};
use fabricctl::parse::{BgpPrefix, KernelRoute, ProbeEnd};
use fabricctl::verify::diagnose::{
    self, Explanation, HopStatus, Interest, Target, UnknownTarget, Verdict, Walk, explain, resolve, walk,
};
use fabricctl::verify::{Fault, Scope, World};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use well::{ADDRESS, facts, known, part, well};

fn walked(fabric: &Fabric, world: &World, text: &str) -> Walk {
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    walk(&Scope { fabric, nodes: &nodes }, world, &resolve(fabric, text).unwrap())
}

/// What explains all that fails.
fn whole(fabric: &Fabric, world: &World) -> Explanation {
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    explain(&Scope { fabric, nodes: &nodes }, world)
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
    let explanation = whole(&fabric, &world);
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
    let fabric = reference();
    let mut world = well(&fabric);
    part!(&mut world, "server01", inside).get_mut("web11").unwrap().arp_ignore.insert("eth0".into(), 8);
    let server = walked(&fabric, &world, "server01").verdict.unwrap();
    blames(&server, "server01", "its ARP", "answers no ARP request");
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
        part!(world, "leaf01", paths).insert(Ipv4Net::from(ADDRESS), BgpPrefix::default());
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
        part!(world, "spine01", paths).insert(prefix, BgpPrefix::default());
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
    assert!(one.ok && one.hops.iter().any(|hop| hop.evidence.contains("fabricctl diagnose web21")));
    blames(&deaf(&[21, 22, 23]).verdict.unwrap(), "server01", "back to the container", "are lost");
}

/// Nobody but the leaf has the routes to its hosts.
fn without_hosts(world: &mut World) {
    for node in ["spine01", "spine02", "leaf02", "leaf03", "leaf04"] {
        for last in 11..=13 {
            let prefix = Ipv4Net::from(Ipv4Addr::new(172, 16, 1, last));
            let facts = facts(world, node);
            facts.rib.as_mut().unwrap().as_mut().unwrap().routes.remove(&prefix);
            facts.fib.as_mut().unwrap().as_mut().unwrap().retain(|one| one.prefix != prefix);
            facts.paths.as_mut().unwrap().as_mut().unwrap().insert(prefix, BgpPrefix::default());
        }
    }
}

#[test]
fn a_router_answers_for_what_it_tells_and_not_for_what_it_isnt_told() {
    let fabric = reference();
    let mut world = well(&fabric);
    without_hosts(&mut world);
    for last in 11..=13 {
        let prefix = Ipv4Net::from(Ipv4Addr::new(172, 16, 1, last));
        part!(&mut world, "leaf01", paths).insert(prefix, BgpPrefix::default());
    }
    part!(&mut world, "leaf01", config).clear();
    let leaf = walked(&fabric, &world, "leaf01").verdict.unwrap();
    blames(&leaf, "leaf01", "BGP on the leaf", "`redistribute kernel` is missing");
    for healthy in ["leaf03", "spine01", "server01"] {
        let walk = walked(&fabric, &world, healthy);
        assert!(walk.ok, "{healthy}: {:#?}", walk.verdict);
    }
    // Told by the leaf, refused by a spine.
    let mut world = well(&fabric);
    let prefix = Ipv4Net::from(ADDRESS);
    part!(&mut world, "spine01", rib).routes.remove(&prefix);
    part!(&mut world, "spine01", fib).retain(|one| one.prefix != prefix);
    part!(&mut world, "spine01", paths).insert(prefix, BgpPrefix::default());
    let spine = walked(&fabric, &world, "spine01").verdict.unwrap();
    blames(&spine, "spine01", "Adj-RIB-In of swp1", "a filter of spine01");
    // Not told to that spine.
    part!(&mut world, "leaf01", paths).get_mut(&prefix).unwrap().advertised_to.remove("swp51");
    for node in ["spine01", "leaf01"] {
        let filter = walked(&fabric, &world, node).verdict.unwrap();
        blames(&filter, "leaf01", "advertised by swp51", "towards spine01");
    }
}

#[test]
fn a_loopback_that_is_not_told_of_is_its_own_nodes_trouble() {
    let fabric = reference();
    let mut world = well(&fabric);
    let prefix = Ipv4Net::from(fabric.nodes[&name("leaf02")].loopback);
    for node in ["spine01", "spine02", "leaf01", "leaf03", "leaf04"] {
        let facts = facts(&mut world, node);
        facts.rib.as_mut().unwrap().as_mut().unwrap().routes.remove(&prefix);
        facts.fib.as_mut().unwrap().as_mut().unwrap().retain(|one| one.prefix != prefix);
        facts.paths.as_mut().unwrap().as_mut().unwrap().insert(prefix, BgpPrefix::default());
    }
    part!(&mut world, "leaf02", paths).insert(prefix, BgpPrefix::default());
    let own = walked(&fabric, &world, "leaf02").verdict.unwrap();
    blames(&own, "leaf02", "its loopback", "`redistribute connected`");
    assert!(walked(&fabric, &world, "spine01").ok && walked(&fabric, &world, "leaf03").ok);
    let explanation = whole(&fabric, &world);
    let devices: Vec<&str> = explanation.causes.iter().map(|cause| cause.verdict.device.as_str()).collect();
    assert_eq!(devices, ["leaf02"], "{explanation:#?}");
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
    let explanation = whole(&fabric, &world);
    let [cause] = explanation.causes.as_slice() else { panic!("{explanation:#?}") };
    assert_eq!((cause.verdict.device.as_str(), cause.verdict.object.as_deref()), ("leaf01", Some("swp1")));
    assert_eq!(cause.verdict.cause, "it is switched off");
    assert!(explanation.failed >= 19 && cause.explains.len() == explanation.failed);
}
