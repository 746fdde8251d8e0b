//! The checks judge what devices answered: real answers where there are some, else answers made for the case.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{answer, name, reference, wired};
use fabricctl::fabric::{Fabric, NodeName};
use fabricctl::parse::{Container, DockerImage, DockerNetwork, Interface};
use fabricctl::parse::{frr_bgp_neighbors, frr_routes, ip_neighbors, ip_routes, probes};
use fabricctl::verify::{
    self, CheckName, Clock, Docker, Facts, Fault, Finding, Scope, Service, Status, World,
};
use std::collections::{BTreeMap, BTreeSet};

fn judged(fabric: &Fabric, check: CheckName, world: &World) -> Vec<Finding> {
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    verify::judge(&Scope { fabric, nodes: &nodes }, &BTreeSet::from([check]), world)
}

/// What is not as desired: node, subject, status and reason.
fn wrong(findings: &[Finding]) -> Vec<(String, Status, String)> {
    let wrong = findings.iter().filter(|finding| finding.status != Status::Ok);
    wrong
        .map(|one| {
            (format!("{} {}", one.node, one.subject), one.status, one.reason.clone().unwrap_or_default())
        })
        .collect()
}

fn only(node: &str, facts: Facts) -> World {
    World::from([(name(node), Ok(facts))])
}

/// Interfaces as they should be, with Ethernet addresses of their own, and neighbours that prove the cables.
fn links(fabric: &Fabric) -> World {
    let mut world = World::new();
    for node in fabric.nodes.values() {
        let (found, heard) = wired(node);
        let facts = Facts { links: Some(Ok(found)), neighbors: Some(Ok(heard)), ..Facts::default() };
        world.insert(node.name.clone(), Ok(facts));
    }
    world
}

fn facts<'w>(world: &'w mut World, node: &str) -> &'w mut Facts {
    world.get_mut(&name(node)).unwrap().as_mut().unwrap()
}

fn link<'w>(world: &'w mut World, node: &str, port: &str) -> &'w mut Interface {
    facts(world, node).links.as_mut().unwrap().as_mut().unwrap().get_mut(port).unwrap()
}

#[test]
fn links_that_are_right_are_right() {
    let fabric = reference();
    let findings = judged(&fabric, CheckName::Links, &links(&fabric));
    assert_eq!(findings.len(), 24);
    assert_eq!(wrong(&findings), []);
}

#[test]
fn the_end_that_is_switched_off_is_to_blame() {
    let fabric = reference();
    let mut world = links(&fabric);
    link(&mut world, "leaf04", "swp51").admin_up = false;
    link(&mut world, "spine01", "swp4").carrier = false;
    let said = wrong(&judged(&fabric, CheckName::Links, &world));
    assert_eq!(
        said,
        [
            ("leaf04 swp51".into(), Status::Failed, "it is switched off".into()),
            ("spine01 swp4".into(), Status::Skipped, "no carrier: leaf04 swp51 is switched off".into()),
        ]
    );
}

#[test]
fn mtu_address_and_promiscuity_are_looked_at() {
    let fabric = reference();
    let mut world = links(&fabric);
    link(&mut world, "leaf01", "swp51").mtu = Some(1500);
    link(&mut world, "leaf02", "swp2").addresses.clear();
    link(&mut world, "server03", "eth1").promiscuous = false;
    facts(&mut world, "spine02").links.as_mut().unwrap().as_mut().unwrap().remove("swp3");
    let said: Vec<String> = wrong(&judged(&fabric, CheckName::Links, &world))
        .into_iter()
        .map(|(what, _, why)| format!("{what}: {why}"))
        .collect();
    assert_eq!(
        said,
        [
            "leaf01 swp51: its MTU is 1500, not 9216",
            "leaf02 swp2: it lacks the address 172.16.1.1/24",
            "leaf03 swp52: its cable isn't proven: nobody of the fabric was heard on it, spine02:swp3 neither",
            "server03 eth1: it isn't promiscuous, so frames for containers may be dropped",
            "spine02 swp3: there is no such interface",
        ]
    );
}

#[test]
fn swapped_cables_are_named_and_silence_proves_nothing() {
    let fabric = reference();
    let mut world = links(&fabric);
    let heard =
        |world: &mut World| facts(world, "leaf01").neighbors.as_mut().unwrap().as_mut().unwrap().clone();
    let mut swapped = heard(&mut world);
    for one in &mut swapped {
        one.dev = match one.dev.as_str() {
            "swp51" => "swp52".into(),
            "swp52" => "swp51".into(),
            other => other.into(),
        };
    }
    facts(&mut world, "leaf01").neighbors = Some(Ok(swapped));
    facts(&mut world, "leaf02").neighbors = Some(Ok(Vec::new()));
    let said = wrong(&judged(&fabric, CheckName::Links, &world));
    let failed: Vec<&str> = said
        .iter()
        .filter(|(_, status, _)| *status == Status::Failed)
        .map(|(_, _, why)| why.as_str())
        .collect();
    assert_eq!(
        failed,
        [
            "its cable leads to spine02:swp1, not to spine01:swp1",
            "its cable leads to spine01:swp1, not to spine02:swp1"
        ]
    );
    let silent: Vec<&str> =
        said.iter().filter(|(_, s, _)| *s == Status::Skipped).map(|(what, ..)| &**what).collect();
    assert_eq!(silent, ["leaf02 swp2", "leaf02 swp51", "leaf02 swp52"]);
}

/// Sessions of real routers, which had all that their fabric has.
fn bgp(release: &str, file: &str) -> World {
    let text = answer(&format!("frr-{release}/{file}-bgp-neighbors.json"));
    let node = file.split('-').next().unwrap();
    only(node, Facts { bgp: Some(Ok(frr_bgp_neighbors(&text).unwrap())), ..Facts::default() })
}

#[test]
fn real_sessions_that_are_up() {
    let fabric = reference();
    for release in ["8.4.4", "10.3"] {
        for (node, sessions) in [("leaf01", 2), ("spine01", 4)] {
            let findings = judged(&fabric, CheckName::Bgp, &bgp(release, node));
            assert_eq!((findings.len(), wrong(&findings)), (sessions, vec![]), "{release} {node}");
        }
    }
}

#[test]
fn real_sessions_that_are_down_say_why() {
    let fabric = reference();
    for release in ["8.4.4", "10.3"] {
        let why = |file: &str| -> Vec<String> {
            let said = wrong(&judged(&fabric, CheckName::Bgp, &bgp(release, file)));
            said.into_iter().map(|(what, _, why)| format!("{what}: {why}")).collect()
        };
        assert_eq!(
            why("leaf01-down"),
            [
                "leaf01 swp51: the session is shut down by configuration",
                "leaf01 swp52: down: no address of the neighbour, no router advertisement came on swp52"
            ],
            "{release}"
        );
        assert_eq!(
            why("leaf01-wrong-as"),
            ["leaf01 swp51: leaf01 waits for AS 65099, spine01 is in AS 65020"],
            "{release}"
        );
    }
}

#[test]
fn the_other_end_of_a_session_isnt_blamed() {
    let fabric = reference();
    let mut world = bgp("10.3", "leaf01-down");
    let spine = bgp("10.3", "spine01");
    world.extend(spine);
    let sessions = facts(&mut world, "spine01").bgp.as_mut().unwrap().as_mut().unwrap();
    sessions.get_mut("swp1").unwrap().state = "Active".into();
    let said = wrong(&judged(&fabric, CheckName::Bgp, &world));
    let spine = said.iter().find(|(what, ..)| what == "spine01 swp1").unwrap();
    assert_eq!(spine.1, Status::Skipped, "{said:?}");
    assert!(spine.2.contains("leaf01:swp51"), "{said:?}");
    // A program that doesn't answer is a failure of its own device, and the reason of its neighbours'.
    let fault = Fault {
        command: "show bgp neighbors json".into(),
        said: "bgpd is not running".into(),
        absent: false,
    };
    facts(&mut world, "leaf01").bgp = Some(Err(fault));
    let said = wrong(&judged(&fabric, CheckName::Bgp, &world));
    let at: Vec<(&str, Status)> = said.iter().map(|(what, status, _)| (what.as_str(), *status)).collect();
    assert_eq!(at, [("leaf01 bgpd", Status::Failed), ("spine01 swp1", Status::Skipped)], "{said:?}");
}

#[test]
fn fewer_prefixes_than_loopbacks_and_more_than_there_are_are_told() {
    let fabric = reference();
    for (count, said) in [(1, "at least 4 loopbacks should"), (500, "the fabric has 22")] {
        let mut world = bgp("8.4.4", "leaf01");
        let sessions = facts(&mut world, "leaf01").bgp.as_mut().unwrap().as_mut().unwrap();
        sessions.get_mut("swp51").unwrap().accepted = Some(count);
        let found = wrong(&judged(&fabric, CheckName::Bgp, &world));
        assert!(found.len() == 1 && found[0].2.contains(said), "{found:?}");
    }
}

#[test]
fn the_kernels_routes_are_held_against_frrs() {
    let fabric = common::answered();
    let text = answer("frr-10.3/spine01-routes.json");
    let rib = frr_routes(&text).unwrap();
    let hops = |port: &str| format!(r#""dev":"{port}","protocol":"bgp","metric":20"#);
    let mut lines: Vec<String> = Vec::new();
    for (prefix, entries) in rib.routes.iter().filter(|(prefix, _)| prefix.prefix_len() == 32) {
        let port = entries[0].nexthops[0].interface.clone().unwrap();
        lines.push(format!(r#"{{"dst":"{}",{}}}"#, prefix.addr(), hops(&port)));
    }
    let judge = |lines: &[String]| {
        let fib = ip_routes(&format!("[{}]", lines.join(","))).unwrap();
        let facts = Facts { rib: Some(Ok(rib.clone())), fib: Some(Ok(fib)), ..Facts::default() };
        wrong(&judged(&fabric, CheckName::Routes, &only("spine01", facts)))
    };
    assert_eq!(judge(&lines), [], "both say the same");
    let at = lines.iter().position(|line| line.contains("172.16.1.11")).unwrap();
    let whole = lines.clone();
    lines.remove(at);
    assert_eq!(judge(&lines)[0].2, "FRR holds it installed, the kernel has no such route");
    lines.push(format!(r#"{{"dst":"172.16.1.11",{}}}"#, hops("swp3")));
    assert_eq!(judge(&lines)[0].2, "FRR sends by swp1, the kernel by swp3");
    lines = whole.clone();
    lines.push(r#"{"type":"blackhole","dst":"172.16.1.11","metric":1}"#.to_owned());
    assert_eq!(judge(&lines)[0].2, "FRR holds it installed, in the kernel it is a blackhole route");
    lines = whole;
    lines.push(format!(r#"{{"dst":"172.16.1.99",{}}}"#, hops("swp3")));
    assert_eq!(judge(&lines)[0].2, "a unicast route by bgp that only the kernel knows (leads to leaf03)");
}

#[test]
fn services_and_clocks() {
    let service = |running, enabled, dead: &[&str]| Service {
        running,
        enabled,
        dead: dead.iter().map(ToString::to_string).collect(),
    };
    let services = BTreeMap::from([
        ("docker".to_owned(), service(true, None, &[])),
        ("frr".to_owned(), service(true, Some(true), &["bgpd"])),
        ("rdnbrd".to_owned(), service(false, Some(true), &[])),
        ("ssh".to_owned(), service(true, Some(false), &[])),
    ]);
    let world = only("leaf01", Facts { services: Some(Ok(services)), ..Facts::default() });
    let said: Vec<String> =
        wrong(&judged(&reference(), CheckName::Services, &world)).into_iter().map(|(.., why)| why).collect();
    assert_eq!(
        said,
        ["of its daemons bgpd doesn't run", "it doesn't run", "it doesn't start with the device"]
    );
    for (offset_s, error_s, ok) in
        [(0.4, 0.1, true), (-5.0, 0.1, false), (1.5, 0.6, true), (90.0, 2.0, false)]
    {
        let clock = Some(Ok(Clock { offset_s, error_s }));
        let findings =
            judged(&reference(), CheckName::Time, &only("leaf01", Facts { clock, ..Facts::default() }));
        assert_eq!(findings[0].status == Status::Ok, ok, "{:?}", findings[0]);
    }
}

/// server01 as it should be.
fn docker() -> Docker {
    let mut docker = Docker::default();
    for number in 1..=3 {
        let (name, address) = (format!("web1{number}"), format!("172.16.1.1{number}").parse().ok());
        let end = fabricctl::parse::Attachment { configured: address, address, mac: None };
        let labels = [("fabricctl.fabric", "reference"), ("fabricctl.spec", "x")];
        let container = Container {
            name: name.clone(),
            status: "running".into(),
            running: true,
            image: "fabricctl-reference/identify:1".into(),
            image_id: "sha256:1".into(),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            networks: BTreeMap::from([("containers".to_owned(), end)]),
            ..Container::default()
        };
        docker.containers.insert(name, container);
    }
    let network = DockerNetwork {
        driver: "macvlan".into(),
        parent: Some("eth1".into()),
        subnet: "172.16.1.0/24".parse().ok(),
        ..DockerNetwork::default()
    };
    docker.networks.insert("containers".into(), network);
    docker.images.push(DockerImage {
        id: "sha256:1".into(),
        tags: vec!["fabricctl-reference/identify:1".into()],
        ..DockerImage::default()
    });
    docker
}

#[test]
fn containers_are_what_the_inventory_says() {
    let said = |change: &dyn Fn(&mut Docker)| {
        let mut docker = docker();
        change(&mut docker);
        let logs = (1..=3).map(|n| (format!("web1{n}"), format!("web1{n} is known to its leaf 172.16.1.1")));
        let facts = Facts { docker: Some(Ok(docker)), logs: Some(Ok(logs.collect())), ..Facts::default() };
        let found = wrong(&judged(&reference(), CheckName::Workloads, &only("server01", facts)));
        found.into_iter().map(|(what, _, why)| format!("{what}: {why}")).collect::<Vec<_>>().join("; ")
    };
    let web = |docker: &mut Docker, change: &dyn Fn(&mut Container)| {
        change(docker.containers.get_mut("web11").unwrap());
    };
    assert_eq!(said(&|_| {}), "");
    assert!(said(&|docker| drop(docker.containers.remove("web11"))).contains("there is no such container"));
    let exited = |one: &mut Container| (one.status, one.exit_code) = ("exited".into(), Some(137));
    assert!(said(&|docker| web(docker, &exited)).contains("it doesn't run: exited with status 137"));
    assert!(said(&|docker| web(docker, &|one| one.status = "paused".into())).contains("it is paused"));
    assert!(said(&|docker| web(docker, &|one| one.restarts = 7)).contains("7 times"));
    assert!(said(&|docker| web(docker, &|one| one.labels.clear())).contains("labels"));
    assert!(
        said(&|docker| web(docker, &|one| one.image = "other:1".into())).contains("its image is other:1")
    );
    assert!(said(&|docker| docker.images.clear()).contains("is gone from the server"));
    assert!(said(&|docker| docker.images[0].id = "sha256:2".into()).contains("was made from another"));
    let moved = |one: &mut Container| {
        one.networks.get_mut("containers").unwrap().address = "172.16.1.99".parse().ok();
    };
    assert!(said(&|docker| web(docker, &moved)).contains("it has 172.16.1.99, not 172.16.1.11"));
    let parent =
        |docker: &mut Docker| docker.networks.get_mut("containers").unwrap().parent = Some("eth9".into());
    assert!(said(&parent).contains("network containers: its parent is eth9, not eth1"));
    let stranger = |docker: &mut Docker| {
        let copy = Container { name: "stranger".into(), ..docker.containers["web11"].clone() };
        docker.containers.insert("stranger".into(), copy);
    };
    assert!(said(&stranger).contains("is no workload of this server"));
}

#[test]
fn who_reaches_whom() {
    let said = |text: &str| {
        let facts = Facts { probes: Some(Ok(probes(text).unwrap())), ..Facts::default() };
        let found = wrong(&judged(&reference(), CheckName::Reachability, &only("server01", facts)));
        found.into_iter().map(|(what, _, why)| format!("{what}: {why}")).collect::<Vec<_>>().join("; ")
    };
    let pair = "172.16.1.11 172.16.1.21";
    assert_eq!(said(&format!("icmp {pair} ok 0.5\ntcp {pair} ok 0.7\ndone")), "");
    assert_eq!(
        said(&format!("icmp {pair} small\ntcp {pair} ok 0.7\ndone")),
        "server01 web11 → web21: small packets arrive, 9216 octets in one piece don't"
    );
    assert!(said(&format!("icmp {pair} lost\ntcp {pair} lost\ndone")).contains("neither to ICMP nor to TCP"));
    assert!(said(&format!("icmp {pair} ok 1\ntcp {pair} lost\ndone")).contains("TCP has no answer"));
    assert!(said("silent 172.16.1.11 it is exited\ndone").contains("web11: nothing can be sent from it"));
    let translated =
        format!("icmp {pair} ok 1\ntcp {pair} ok 1\nsaw icmp 172.16.1.21 172.16.1.11 172.16.1.1\ndone");
    assert!(said(&translated).contains("arrive under the address 172.16.1.1"), "{}", said(&translated));
}

#[test]
fn real_neighbour_tables_and_routes_are_read() {
    for release in ["bookworm", "trixie"] {
        let neighbors = ip_neighbors(&answer(&format!("debian-{release}/leaf01-neighbors.json"))).unwrap();
        assert!(
            neighbors.iter().any(|one| one.dev == "swp51" && one.mac.is_some() && !one.written),
            "{release}"
        );
        let fib = ip_routes(&answer(&format!("debian-{release}/leaf01-fib.json"))).unwrap();
        let host = |last: u8| fib.iter().find(|one| one.prefix.addr().octets() == [172, 16, 1, last]);
        assert_eq!(host(11).unwrap().next_hops[0].dev.as_deref(), Some("swp1"), "{release}");
        assert!(host(21).unwrap_or_else(|| panic!("{release}: no 172.16.1.21")).next_hops.len() > 1);
    }
}
