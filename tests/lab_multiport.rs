//! Leafs with several server ports and several workload networks, on real parts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod support;

use serde_json::Value;
use support::Lab;

#[test]
fn ports_share_a_gateway_and_networks_a_leaf() {
    let lab = Lab::of("multi-port", "ports", "bookworm");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 5 container /32s and 3 loopbacks");
    // Which port each host is behind only its /32 can tell: swp1 and swp3 have one prefix.
    assert_eq!(lab.ssh("leaf01", "ip -o addr show | grep -c ' 172.16.1.1/24 '").trim(), "2");
    for (host, port) in [("172.16.1.11", "swp1"), ("172.16.1.21", "swp3"), ("172.16.2.11", "swp2")] {
        let route = lab.ssh("leaf01", &format!("ip route show {host} proto 76"));
        assert!(route.contains(&format!("dev {port} ")), "{route}");
    }
    // Another port with the same gateway, another network on the same leaf, another rack, and both.
    for there in ["172.16.1.21", "172.16.2.11", "172.16.1.31", "172.16.2.31"] {
        lab.in_container("server01", "blue1", &format!("ping -c 2 {there}"));
    }
    lab.in_container("server03", "green3", "ping -c 2 172.16.2.11");
    every_host_is_behind_its_port(&lab);
    lab.on(&["plan", "--exit-code"]).exits(0).says("nothing to change");
    lab.on(&["teardown", "--yes"]).exits(0).says("torn down");
}

fn every_host_is_behind_its_port(lab: &Lab) {
    let report = lab.on(&["status", "neighbors", "-o", "json"]).exits(0).json();
    let hosts = report["hosts"].as_array().unwrap();
    let mut found: Vec<(&str, &str, &str)> = hosts
        .iter()
        .filter(|host| host["owner"] == "workload")
        .map(|host| [&host["name"], &host["node"], &host["port"]].map(|word| word.as_str().unwrap()).into())
        .collect();
    found.sort_unstable();
    let wanted = [
        ("blue1", "leaf01", "swp1"),
        ("blue2", "leaf01", "swp3"),
        ("blue3", "leaf02", "swp1"),
        ("green1", "leaf01", "swp2"),
        ("green3", "leaf02", "swp2"),
    ];
    assert_eq!(found, wanted, "{report:#}");
    assert_eq!(report["missing"], Value::Array(Vec::new()));
}
