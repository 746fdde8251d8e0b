//! What every spine and leaf must have, and what the verdict says of what they do have.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Build, answer, answered, entry, name, perfect, ports, reference};
use fabricctl::fabric::{Fabric, HostRoutes, Role};
use fabricctl::parse::{NextHop, Rib, RouteEntry, frr_routes};
use fabricctl::verify::routes::{Answers, Check, Expectation, Expectations, Kind, Source, expect, judge};
use ipnet::Ipv4Net;

fn find<'a>(expectations: &'a Expectations, node: &str, address: &str) -> Option<&'a Expectation> {
    let prefix: Ipv4Net = format!("{address}/32").parse().unwrap();
    expectations.routes.iter().find(|route| route.node.as_str() == node && route.prefix == prefix)
}

fn wants(fabric: &Fabric, node: &str, address: &str) -> (Source, Vec<String>) {
    let expectations = expect(fabric);
    let route =
        find(&expectations, node, address).unwrap_or_else(|| panic!("nothing expected: {node} {address}"));
    (route.source, route.next_hops.iter().map(ToString::to_string).collect())
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn the_reference_fabric() {
    let fabric = reference();
    let expectations = expect(&fabric);
    assert_eq!(
        expectations.nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        "spine01 spine02 leaf01 leaf02 leaf03 leaf04"
    );
    // 12 containers on 6 nodes; 6 loopbacks on 4 leafs, 5 on either spine.
    let count = |kind| expectations.routes.iter().filter(|route| route.kind == kind).count();
    assert_eq!((count(Kind::Workload), count(Kind::Loopback)), (72, 34));

    assert_eq!(wants(&fabric, "spine01", "172.16.1.11"), (Source::Bgp, strings(&["swp1"])));
    assert_eq!(wants(&fabric, "spine02", "172.16.1.43"), (Source::Bgp, strings(&["swp4"])));
    assert_eq!(wants(&fabric, "leaf01", "172.16.1.11"), (Source::Kernel, strings(&["swp1"])));
    assert_eq!(wants(&fabric, "leaf02", "172.16.1.21"), (Source::Kernel, strings(&["swp2"])));
    assert_eq!(wants(&fabric, "leaf04", "172.16.1.11"), (Source::Bgp, strings(&["swp51", "swp52"])));
    assert_eq!(wants(&fabric, "leaf01", "10.0.0.11"), (Source::Interface, strings(&["lo"])));
    assert_eq!(wants(&fabric, "leaf01", "10.0.0.14"), (Source::Bgp, strings(&["swp51", "swp52"])));
    assert_eq!(wants(&fabric, "leaf01", "10.0.0.22"), (Source::Bgp, strings(&["swp52"])));
    assert_eq!(wants(&fabric, "spine02", "10.0.0.13"), (Source::Bgp, strings(&["swp3"])));
    // Both spines are AS 65020: neither takes a path that the other is in.
    assert_eq!(find(&expectations, "spine01", "10.0.0.22"), None);
}

#[test]
fn table_mode_wants_imported_routes() {
    let mut fabric = reference();
    fabric.nodes.get_mut(&name("leaf01")).unwrap().host_routes = HostRoutes::Table;
    assert_eq!(wants(&fabric, "leaf01", "172.16.1.11").0, Source::Table);
    assert_eq!(wants(&fabric, "leaf02", "172.16.1.21").0, Source::Kernel);
}

#[test]
fn spines_with_an_as_each_see_each_other_over_all_leafs() {
    let mut fabric = reference();
    fabric.nodes.get_mut(&name("spine02")).unwrap().asn = Some(fabricctl::fabric::Asn::new(65021).unwrap());
    let all = strings(&["swp1", "swp2", "swp3", "swp4"]);
    assert_eq!(wants(&fabric, "spine01", "10.0.0.22"), (Source::Bgp, all));
    assert_eq!(wants(&fabric, "leaf01", "10.0.0.22"), (Source::Bgp, strings(&["swp52"])));
}

/// Two spines of one AS, three leafs, one server on leafs 1 and 2.
fn dual_attached() -> Fabric {
    Build::new("dual")
        .node("spine01", Role::Spine, 65020, "10.0.0.21")
        .node("spine02", Role::Spine, 65020, "10.0.0.22")
        .node("leaf01", Role::Leaf, 65011, "10.0.0.11")
        .node("leaf02", Role::Leaf, 65012, "10.0.0.12")
        .node("leaf03", Role::Leaf, 65013, "10.0.0.13")
        .node("server01", Role::Server, 0, "10.0.0.31")
        .link("leaf01:swp51", "spine01:swp1")
        .link("leaf01:swp52", "spine02:swp1")
        .link("leaf02:swp51", "spine01:swp2")
        .link("leaf02:swp52", "spine02:swp2")
        .link("leaf03:swp51", "spine01:swp3")
        .link("server01:eth1", "leaf01:swp1")
        .link("server01:eth2", "leaf02:swp1")
        .workload("web11", "server01", "172.16.1.11")
        .0
}

#[test]
fn a_server_on_two_leafs_is_reached_by_both() {
    let fabric = dual_attached();
    assert_eq!(wants(&fabric, "spine01", "172.16.1.11"), (Source::Bgp, strings(&["swp1", "swp2"])));
    assert_eq!(wants(&fabric, "leaf01", "172.16.1.11"), (Source::Kernel, strings(&["swp1"])));
    assert_eq!(wants(&fabric, "leaf02", "172.16.1.11"), (Source::Kernel, strings(&["swp1"])));
    assert_eq!(wants(&fabric, "leaf03", "172.16.1.11"), (Source::Bgp, strings(&["swp51"])));
    // leaf03 has no link to spine02, and spine01 doesn't know it.
    let expectations = expect(&fabric);
    assert_eq!(find(&expectations, "leaf03", "10.0.0.22"), None);
    assert_eq!(find(&expectations, "spine02", "10.0.0.13"), None);
}

#[test]
fn leafs_of_one_as_cannot_see_each_other_and_the_verdict_says_why() {
    let mut fabric = dual_attached();
    fabric.nodes.get_mut(&name("leaf02")).unwrap().asn = fabric.nodes[&name("leaf01")].asn;
    fabric.nodes.get_mut(&name("server01")).unwrap().ports.truncate(1);
    let expectations = expect(&fabric);
    let route = find(&expectations, "leaf02", "172.16.1.11").unwrap();
    assert!(route.unreachable && route.next_hops.is_empty());
    assert_eq!(find(&expectations, "leaf02", "10.0.0.11"), None);

    let mut answers = perfect(&expectations);
    assert!(judge(&expectations, &answers).ok, "there after all, as with allowas-in");
    drop_route(&mut answers, "leaf02", "172.16.1.11");
    let report = judge(&expectations, &answers);
    let check = failed(&report.checks);
    assert!(check.reason.as_ref().unwrap().contains("BGP can't bring it here"), "{check:?}");
}

#[test]
fn a_choice_that_bgp_makes_by_age_is_not_prescribed() {
    // leaf02 has the AS of leaf01. A container on leafs 1 and 3 reaches it if the spine prefers the path of leaf03.
    let mut fabric = Build(dual_attached()).link("server01:eth3", "leaf03:swp1").0;
    fabric.nodes.get_mut(&name("leaf02")).unwrap().asn = fabric.nodes[&name("leaf01")].asn;
    let server = fabric.nodes.get_mut(&name("server01")).unwrap();
    server.ports.retain(|port| port.peer.node.as_str() != "leaf02");
    let expectations = expect(&fabric);
    let route = find(&expectations, "leaf02", "172.16.1.11").unwrap();
    assert_eq!((route.next_hops.len(), &*route.tolerated), (0, &ports(&["swp51", "swp52"])));
    assert!(!route.unreachable);
}

#[test]
fn all_is_well() {
    let expectations = expect(&reference());
    let report = judge(&expectations, &perfect(&expectations));
    assert!(report.ok);
    assert_eq!((report.checks.len(), report.converged_after_ms), (106, None));
    assert!(report.checks.iter().all(|check| check.ok && check.reason.is_none() && check.found.is_some()));
}

#[test]
fn real_answers_of_a_converged_fabric_pass() {
    for frr in ["frr-8.4.4", "frr-10.3"] {
        let asked = ["spine01", "leaf01", "leaf04"];
        let expectations = expect(&answered()).only(|node| asked.contains(&node.as_str()));
        let report = judge(&expectations, &real(frr, &asked, ""));
        let wrong: Vec<_> = report.checks.iter().filter(|check| !check.ok).collect();
        assert!(report.ok, "{frr}: {wrong:#?}");
        let servers = report.checks.iter().filter(|check| check.kind == Kind::Server);
        assert_eq!(servers.map(|check| check.subject.as_str()).collect::<Vec<_>>(), ["server01"; 3]);
    }
}

#[test]
fn real_answers_with_a_dead_uplink_fail_by_its_name() {
    for (frr, reason) in [
        ("frr-8.4.4", "wrong next hops: missing swp52"),
        // FRR 10.3 keeps the dead next hop in the list, marked `fib` and no longer `active`.
        ("frr-10.3", "wrong next hops: not in use swp52"),
    ] {
        let expectations = expect(&answered()).only(|node| node.as_str() == "leaf04");
        let report = judge(&expectations, &real(frr, &["leaf04"], "-uplink-down"));
        let said = |address: &str| {
            let prefix: Ipv4Net = format!("{address}/32").parse().unwrap();
            let check = report.checks.iter().find(|check| check.prefix == prefix).unwrap();
            check.reason.clone().unwrap_or_default()
        };
        assert_eq!(said("172.16.1.11"), reason);
        assert_eq!(said("10.0.0.22"), "absent, expected from bgp via swp52");
        assert_eq!(said("10.0.0.21"), "");
        assert!(!report.ok);
    }
}

#[test]
fn real_answers_of_spines_with_an_as_each_and_a_container_behind_two_leafs_pass() {
    let mut fabric = Build(answered())
        .node("server05", Role::Server, 0, "10.0.0.35")
        .link("server05:eth1", "leaf01:swp1")
        .link("server05:eth2", "leaf02:swp9")
        .workload("web11", "server05", "172.16.1.11")
        .0;
    fabric.nodes.get_mut(&name("spine02")).unwrap().asn = Some(fabricctl::fabric::Asn::new(65021).unwrap());
    let asked = ["spine01", "leaf01", "leaf04"];
    let expectations = expect(&fabric).only(|node| asked.contains(&node.as_str()));
    let route = find(&expectations, "spine01", "10.0.0.22").unwrap();
    assert_eq!(*route.next_hops, ports(&["swp1", "swp2", "swp3", "swp4"]));
    let route = find(&expectations, "spine01", "172.16.1.11").unwrap();
    assert_eq!(*route.next_hops, ports(&["swp1", "swp2"]));
    let report = judge(&expectations, &real("frr-8.4.4", &asked, "-spine-ases"));
    assert!(report.ok, "{:#?}", report.checks.iter().filter(|check| !check.ok).collect::<Vec<_>>());
}

fn real(frr: &str, nodes: &[&str], state: &str) -> Answers {
    let read = |node: &str| frr_routes(&answer(&format!("{frr}/{node}{state}-routes.json"))).unwrap();
    nodes.iter().map(|node| (name(node), Ok(read(node)))).collect()
}

fn rib<'a>(answers: &'a mut Answers, node: &str) -> &'a mut Rib {
    answers.get_mut(&name(node)).unwrap().as_mut().unwrap()
}

fn drop_route(answers: &mut Answers, node: &str, address: &str) {
    rib(answers, node).routes.remove(&format!("{address}/32").parse().unwrap()).unwrap();
}

fn failed(checks: &[Check]) -> &Check {
    let mut failed = checks.iter().filter(|check| !check.ok);
    let first = failed.next().unwrap();
    assert_eq!(failed.next(), None, "only one");
    first
}

/// The reason given when leaf04's route to web11 (or leaf01's own) is changed.
fn reason_for(node: &str, change: impl Fn(&mut RouteEntry)) -> String {
    let expectations = expect(&reference());
    let mut answers = perfect(&expectations);
    let entries = rib(&mut answers, node).routes.get_mut(&"172.16.1.11/32".parse().unwrap()).unwrap();
    change(&mut entries[0]);
    let report = judge(&expectations, &answers);
    failed(&report.checks).reason.clone().unwrap()
}

#[test]
fn every_gap_is_named() {
    let hop = |name: &str, fib| NextHop { interface: Some(name.into()), ip: None, active: true, fib };
    assert_eq!(reason_for("leaf04", |entry| entry.selected = false), "present from bgp, but not selected");
    assert_eq!(
        reason_for("leaf04", |entry| entry.installed = Some(false)),
        "selected, but not installed in the kernel"
    );
    assert_eq!(reason_for("leaf04", |entry| drop(entry.nexthops.pop())), "wrong next hops: missing swp52");
    assert_eq!(
        reason_for("leaf04", |entry| entry.nexthops = vec![hop("swp51", true), hop("swp52", false)]),
        "wrong next hops: not in use swp52"
    );
    assert_eq!(
        reason_for("leaf04", |entry| entry.nexthops = vec![hop("swp51", true), hop("swp3", true)]),
        "wrong next hops: missing swp52; not expected swp3"
    );
    assert_eq!(
        reason_for("leaf01", |entry| {
            entry.protocol = "bgp".into();
            entry.nexthops = vec![hop("swp52", true), hop("swp51", true)];
        }),
        "comes from bgp via swp51 and swp52, expected from kernel via swp1"
    );
    assert_eq!(
        reason_for("spine01", |entry| entry.nexthops = vec![hop("swp2", true)]),
        "wrong next hops: missing swp1; not expected swp2"
    );
}

#[test]
fn an_absent_route_is_named() {
    let expectations = expect(&reference());
    let mut answers = perfect(&expectations);
    drop_route(&mut answers, "spine01", "172.16.1.11");
    let report = judge(&expectations, &answers);
    let check = failed(&report.checks);
    assert_eq!((check.node.as_str(), check.subject.as_str(), &check.found), ("spine01", "web11", &None));
    assert_eq!(check.reason.as_deref(), Some("absent, expected from bgp via swp1"));
    assert!(!report.ok);
}

#[test]
fn a_silent_node_fails_all_its_checks() {
    let expectations = expect(&reference());
    let mut answers = perfect(&expectations);
    answers.insert(name("leaf02"), Err("connection refused".into()));
    answers.remove(&name("leaf03"));
    let report = judge(&expectations, &answers);
    let reasons = |node: &str| {
        let of = report.checks.iter().filter(move |check| check.node.as_str() == node);
        of.map(|check| check.reason.clone().unwrap()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(
        reasons("leaf02").into_iter().collect::<Vec<_>>(),
        ["the node did not answer: connection refused"]
    );
    assert_eq!(reasons("leaf03").into_iter().collect::<Vec<_>>(), ["the node was not asked"]);
    assert_eq!(report.checks.iter().filter(|check| !check.ok).count(), 36);
}

#[test]
fn strangers_are_wrong_and_servers_are_known() {
    let expectations = expect(&reference());
    let mut answers = perfect(&expectations);
    let sample = entry(find(&expectations, "leaf04", "172.16.1.11").unwrap());
    for prefix in ["172.16.1.99/32", "172.16.1.253/32", "172.16.1.0/24", "198.51.100.7/32", "10.0.0.33/32"] {
        rib(&mut answers, "leaf04").routes.insert(prefix.parse().unwrap(), vec![sample.clone()]);
    }
    let report = judge(&expectations, &answers);
    let stranger = failed(&report.checks);
    assert_eq!((stranger.kind, stranger.prefix.to_string().as_str()), (Kind::Unexpected, "172.16.1.99/32"));
    assert_eq!(stranger.reason.as_deref(), Some("in nobody's name, it comes from bgp via swp51 and swp52"));
    let known: Vec<_> = report.checks.iter().filter(|check| check.kind == Kind::Server).collect();
    assert_eq!((known.len(), known[0].subject.as_str(), known[0].ok), (1, "server03", true));
}

#[test]
fn the_gateway_is_nobodys_host_route_unless_it_is_ones_own() {
    let expectations = expect(&reference());
    let mut answers = perfect(&expectations);
    let gateway = "172.16.1.1/32".parse().unwrap();
    let mut own = entry(find(&expectations, "leaf01", "10.0.0.11").unwrap());
    own.protocol = "local".into();
    // FRR 10 lists a leaf's own address; from BGP it would be a leak.
    rib(&mut answers, "leaf01").routes.insert(gateway, vec![own]);
    assert!(judge(&expectations, &answers).ok);
    let leaked = entry(find(&expectations, "leaf04", "172.16.1.11").unwrap());
    rib(&mut answers, "leaf04").routes.insert(gateway, vec![leaked]);
    assert_eq!(failed(&judge(&expectations, &answers).checks).kind, Kind::Unexpected);
}

#[test]
fn only_the_nodes_asked_for() {
    let expectations = expect(&reference()).only(|node| node.as_str() == "spine01");
    assert_eq!(expectations.nodes, [name("spine01")]);
    let report = judge(&expectations, &perfect(&expectations));
    assert!(report.ok && report.checks.len() == 17);
}
