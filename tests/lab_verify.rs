//! Everything that can be verified, on real devices: a healthy fabric gives no false alarm, faults are named.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a panic is how a test fails; measured times are printed"
)]

#[path = "lab_watch/mod.rs"]
mod lab_watch;
mod support;

use serde_json::Value;
use std::time::Instant;
use support::Lab;

/// How often a healthy fabric is asked in a row; `make healthy` asks 200 times, by `HEALTHY_RUNS`.
const RUNS: usize = 10;

#[test]
fn a_healthy_fabric_and_its_faults() {
    let lab = Lab::up("verify", "trixie");
    lab.on(&["deploy", "--yes"]).exits(0);
    lab.on(&["verify", "--wait", "60s"]).exits(0).says("all is as desired");
    healthy_again_and_again(&lab);
    every_form_has_its_document(&lab);
    lab_watch::status_and_watch(&lab);
    a_device_out_of_reach_is_told_and_the_others_are_judged(&lab);
    faults_are_named(&lab);
    what_comes_true_late_says_when(&lab);
    what_does_not_stay_is_told_with_its_length(&lab);
}

/// No false alarm: of runs that connect anew, and of rounds over one connection without a pause.
fn healthy_again_and_again(lab: &Lab) {
    let wish = std::env::var("HEALTHY_RUNS").ok();
    let runs = wish.map_or(RUNS, |number| number.parse().unwrap());
    let began = Instant::now();
    for run in 1..=runs {
        let report = lab.on(&["verify", "all", "-o", "json"]).exits(0).json();
        let undecided =
            report["checks"].as_array().unwrap().iter().filter(|one| one["status"] != "ok").count();
        assert_eq!(undecided, 0, "run {run}: {report:#}");
        let pairs = report["summary"].as_array().unwrap().iter().find(|one| one["check"] == "reachability");
        assert_eq!(pairs.unwrap()["passed"], 132);
        let explanation = lab.on(&["diagnose", "-o", "json"]).exits(0).json();
        assert_eq!(explanation["causes"], serde_json::json!([]), "run {run}");
    }
    let time = began.elapsed().as_secs_f64();
    println!("{runs} times `verify all` and `diagnose` on a healthy fabric, no false alarm: {time:.1} s");
    let watched =
        lab.on(&["verify", "all", "--for", "20s", "--interval", "10ms", "-o", "json"]).exits(0).json();
    assert_eq!(watched["violations"], serde_json::json!([]), "{watched:#}");
    let began = Instant::now();
    lab.on(&["verify", "reachability"]).exits(0);
    println!("reachability of 132 pairs: {:.2} s", began.elapsed().as_secs_f64());
}

fn every_form_has_its_document(lab: &Lab) {
    assert!(lab.on(&["verify", "bgp", "-o", "junit"]).exits(0).stdout.contains("<testsuite name=\"bgp\""));
    lab.on(&["verify", "bgp", "-o", "tap"]).exits(0).says("TAP version 14").says("1..16");
    lab.on(&["verify", "bgp", "-o", "markdown"]).exits(0).says("| ✅ bgp | 16 | 0 | 0 |");
    let limited = lab.on(&["verify", "links", "bgp", "-l", "leaf01", "-o", "json"]).exits(0).json();
    let checks = limited["checks"].as_array().unwrap();
    // Three ports, forwarding, proxy ARP on one of them, two sessions.
    assert!(checks.len() == 7 && checks.iter().all(|one| one["node"] == "leaf01"), "{limited:#}");
}

fn a_device_out_of_reach_is_told_and_the_others_are_judged(lab: &Lab) {
    let config = std::fs::read_to_string(lab.ssh_config()).unwrap();
    let other = lab.inventory.path().join("ssh_config");
    std::fs::write(&other, config.replace("Host leaf02\n", "Host leaf02\n  Port 2222\n")).unwrap();
    let ran = lab.fabricctl(&["verify", "-o", "json", "--ssh-config", other.to_str().unwrap()]);
    let report = ran.exits(4).json();
    assert_eq!(report["unreachable"][0]["node"], "leaf02", "{report:#}");
    assert_eq!(report["unreachable"].as_array().unwrap().len(), 1);
    assert!(failed(&report).is_empty(), "{:?}", failed(&report));
}

/// `CHECK NODE SUBJECT` of everything that failed.
fn failed(report: &Value) -> Vec<String> {
    let word = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let failed = report["checks"].as_array().unwrap().iter().filter(|one| one["status"] == "failed");
    failed
        .map(|one| format!("{} {} {}", word(one, "check"), word(one, "node"), word(one, "subject")))
        .collect()
}

/// Node, what is done to it, how that is undone, the checks, and all that may fail then: the first of it must.
type Fault = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const FAULTS: &[Fault] = &[
    (
        "server02",
        "docker kill web21",
        "docker start web21",
        &["workloads", "neighbors", "routes", "bgp"],
        &["workloads server02 web21"],
    ),
    (
        "server03",
        "docker pause web31",
        "docker unpause web31",
        &["workloads", "links"],
        &["workloads server03 web31"],
    ),
    (
        "leaf04",
        "ip link set swp51 down",
        "ip link set swp51 up",
        &["links", "bgp"],
        &["links leaf04 swp51", "bgp leaf04 swp51"],
    ),
    (
        "leaf01",
        "ip link set swp52 mtu 1500",
        "ip link set swp52 mtu 9216",
        &["links"],
        &["links leaf01 swp52"],
    ),
    (
        "server01",
        "ip link set eth1 promisc off",
        "ip link set eth1 promisc on",
        &["links"],
        &["links server01 eth1"],
    ),
    (
        "leaf03",
        "service rdnbrd stop",
        "service rdnbrd start",
        &["services", "neighbors", "bgp"],
        &["services leaf03 rdnbrd", "neighbors leaf03 rdnbrd"],
    ),
    (
        "spine02",
        "vtysh -c 'conf t' -c 'router bgp 65020' -c 'neighbor swp3 shutdown'",
        "vtysh -c 'conf t' -c 'router bgp 65020' -c 'no neighbor swp3 shutdown'",
        &["bgp", "links", "services"],
        &["bgp spine02 swp3"],
    ),
    (
        "leaf02",
        "ip route add 172.16.1.99/32 dev swp2 metric 5",
        "ip route del 172.16.1.99/32 dev swp2 metric 5",
        &["routes", "links"],
        &[
            "routes leaf02 172.16.1.99",
            "routes spine01 172.16.1.99",
            "routes spine02 172.16.1.99",
            "routes leaf01 172.16.1.99",
            "routes leaf03 172.16.1.99",
            "routes leaf04 172.16.1.99",
        ],
    ),
];

fn faults_are_named(lab: &Lab) {
    for &(node, fault, cure, checks, may_fail) in FAULTS {
        lab.ssh(node, fault);
        let args: Vec<&str> = ["verify"].iter().chain(checks).copied().chain(["-o", "json"]).collect();
        // FRR and rdnbrd need a moment to notice.
        let mut found = Vec::new();
        support::eventually(fault, || {
            found = failed(&lab.on(&args).json());
            found.contains(&may_fail[0].to_owned())
                && found.iter().all(|one| may_fail.contains(&one.as_str()))
        });
        println!("{node}: {fault}: {}", found.join(", "));
        lab.ssh(node, cure);
        lab.on(&["verify", "--wait", "60s"]).exits(0);
    }
}

fn what_comes_true_late_says_when(lab: &Lab) {
    lab.ssh("server02", "docker stop -t 0 web22; (sleep 3; docker start web22) >/dev/null 2>&1 &");
    let report = lab.on(&["verify", "routes", "workloads", "--wait", "60s", "-o", "json"]).exits(0).json();
    let late =
        report["checks"].as_array().unwrap().iter().filter(|one| one["true_after_ms"].is_u64()).count();
    assert!(late > 0 && report["converged_after_ms"].as_u64().unwrap() > 0, "{report:#}");
    // Too late for the verdict, and told how late.
    lab.ssh("server02", "docker stop -t 0 web22; (sleep 5; docker start web22) >/dev/null 2>&1 &");
    let args = ["verify", "routes", "workloads", "--wait", "100ms", "--grace", "60s", "-o", "json"];
    let report = lab.on(&args).exits(1).json();
    assert!(report["late_after_ms"].as_u64().unwrap() > 100, "{report:#}");
    lab.on(&["verify", "--wait", "60s"]).exits(0);
}

fn what_does_not_stay_is_told_with_its_length(lab: &Lab) {
    lab.ssh("server04", "(sleep 3; docker pause web42; sleep 4; docker unpause web42) >/dev/null 2>&1 &");
    let args = ["verify", "workloads", "--for", "15s", "--interval", "500ms", "-o", "json"];
    let report = lab.on(&args).exits(1).json();
    let violations = report["violations"].as_array().unwrap();
    assert_eq!(violations.len(), 1, "{report:#}");
    assert_eq!((&violations[0]["subject"], &violations[0]["over"]), (&"web42".into(), &true.into()));
    assert!(violations[0]["lasted_ms"].as_u64().unwrap() >= 500, "{report:#}");
    lab.on(&["verify", "workloads", "--for", "2s"]).exits(0);
}
