//! What `verify routes` shows, with and without failures. Snapshots are in `tests/snapshots`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Build, answer, answered, entry, name, perfect, reference};
use fabricctl::fabric::Role;
use fabricctl::output::{DEFAULT_WIDTH, routes_table};
use fabricctl::parse::{NextHop, frr_routes};
use fabricctl::verify::routes::{Answers, RouteReport, expect, judge};

/// The drawing without its colours.
fn plain(report: &RouteReport) -> String {
    anstream::adapter::strip_str(&routes_table(report, DEFAULT_WIDTH)).to_string()
}

fn converged() -> RouteReport {
    let expectations = expect(&reference());
    let mut report = judge(&expectations, &perfect(&expectations));
    report.converged_after_ms = Some(1812);
    report
}

/// Four things wrong at once: a silent node, a lost uplink, a stranger, a route that is not selected.
fn broken() -> RouteReport {
    let expectations = expect(&reference());
    let mut answers = perfect(&expectations);
    answers.insert(name("spine02"), Err("connect to 192.0.2.22 port 22: connection refused".into()));
    let sample = expectations.routes.iter().find(|route| route.node.as_str() == "leaf04").unwrap();
    let leaf = answers.get_mut(&name("leaf04")).unwrap().as_mut().unwrap();
    for entries in leaf.routes.values_mut() {
        for hop in &mut entries[0].nexthops {
            hop.active = hop.interface.as_deref() != Some("swp52");
        }
    }
    for address in ["172.16.1.99/32", "172.16.1.251/32"] {
        leaf.routes.insert(address.parse().unwrap(), vec![entry(sample)]);
    }
    let spine = answers.get_mut(&name("spine01")).unwrap().as_mut().unwrap();
    spine.routes.get_mut(&"172.16.1.21/32".parse().unwrap()).unwrap()[0].selected = false;
    spine.routes.remove(&"10.0.0.12/32".parse().unwrap()).unwrap();
    judge(&expectations, &answers)
}

#[test]
fn a_converged_fabric() {
    insta::assert_snapshot!(plain(&converged()));
}

#[test]
fn a_broken_fabric() {
    insta::assert_snapshot!(plain(&broken()));
}

#[test]
fn real_answers_of_frr_10() {
    let read = |node: &str| frr_routes(&answer(&format!("frr-10.3/{node}-routes.json")));
    let asked = ["spine01", "leaf01", "leaf04"];
    let answers: Answers = asked.iter().map(|node| (name(node), Ok(read(node).unwrap()))).collect();
    let expectations = expect(&answered()).only(|node| asked.contains(&node.as_str()));
    insta::assert_snapshot!(plain(&judge(&expectations, &answers)));
}

#[test]
fn a_wide_fabric_is_drawn_in_pieces() {
    let mut build = Build::new("wide").node("spine01", Role::Spine, 65020, "10.0.0.21");
    for rack in 1..=14 {
        let (leaf, server) = (format!("leaf{rack:02}"), format!("server{rack:02}"));
        build = build
            .node(&leaf, Role::Leaf, 65100 + rack, &format!("10.0.1.{rack}"))
            .node(&server, Role::Server, 0, &format!("10.0.2.{rack}"))
            .link(&format!("{leaf}:swp51"), &format!("spine01:swp{rack}"))
            .link(&format!("{server}:eth1"), &format!("{leaf}:swp1"));
    }
    let fabric =
        build.workload("web1", "server01", "172.16.1.11").workload("web2", "server14", "172.16.1.12").0;
    let expectations = expect(&fabric);
    let text = plain(&judge(&expectations, &perfect(&expectations)));
    assert!(text.lines().all(|line| line.chars().count() <= DEFAULT_WIDTH), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn nobody_asked() {
    let expectations = expect(&reference()).only(|_| false);
    assert_eq!(
        plain(&judge(&expectations, &Answers::new())),
        "nothing to verify: no spine or leaf was asked\n"
    );
}

#[test]
fn marks_are_coloured_and_differ_without_colour() {
    let text = routes_table(&broken(), DEFAULT_WIDTH);
    assert!(text.contains("\u{1b}[32m✔\u{1b}[0m") && text.contains("\u{1b}[31m✖\u{1b}[0m"));
}

#[test]
fn what_a_device_says_cannot_drive_the_terminal() {
    let expectations = expect(&reference());
    let mut answers = perfect(&expectations);
    answers.insert(name("leaf01"), Err("\u{1b}]0;owned\u{7}gone\rhidden".into()));
    let text = plain(&judge(&expectations, &answers));
    assert!(text.contains("gonehidden") && !text.contains(['\u{7}', '\r', '\u{1b}']), "{text}");
}

#[test]
fn json_of_every_kind_of_check() {
    let mut report = broken();
    // One of each: the rest repeats.
    let wanted = [
        ("spine01", "172.16.1.11/32"),
        ("spine01", "172.16.1.21/32"),
        ("spine02", "172.16.1.11/32"),
        ("leaf04", "172.16.1.11/32"),
        ("leaf04", "10.0.0.14/32"),
        ("leaf04", "172.16.1.251/32"),
        ("leaf04", "172.16.1.99/32"),
    ];
    report.checks.retain(|check| wanted.contains(&(check.node.as_str(), &*check.prefix.to_string())));
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn json_says_when_it_converged() {
    let value = serde_json::to_value(converged()).unwrap();
    assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["ok", "converged_after_ms", "checks"]);
    assert_eq!((&value["ok"], &value["converged_after_ms"]), (&true.into(), &1812.into()));
    let check = value["checks"][0].as_object().unwrap();
    assert_eq!(
        check.keys().collect::<Vec<_>>(),
        ["node", "prefix", "kind", "ok", "expected", "found", "reason"]
    );
    assert!(serde_json::to_value(broken()).unwrap()["converged_after_ms"].is_null());
}

#[test]
fn a_next_hop_without_an_interface_is_no_next_hop() {
    let expectations = expect(&reference());
    let mut answers = perfect(&expectations);
    let spine = answers.get_mut(&name("spine01")).unwrap().as_mut().unwrap();
    let recursive = NextHop { interface: None, ip: "192.0.2.1".parse().ok(), active: true, fib: true };
    spine.routes.get_mut(&"172.16.1.11/32".parse().unwrap()).unwrap()[0].nexthops = vec![recursive];
    assert!(plain(&judge(&expectations, &answers)).contains("wrong next hops: missing swp1"));
}
