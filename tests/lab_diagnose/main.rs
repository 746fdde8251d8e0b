//! The fault matrix: every fault that a fabric commonly has is made in a lab, one after the other, and both `diagnose`
//! of what suffers from it and `diagnose` without an argument must name the right device and the right first hop, and
//! never one that is well.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails; the matrix is printed, and tests wait"
)]

mod faults;
#[path = "../support/mod.rs"]
mod support;

use faults::{Fault, LEAFS, SERVERS, SPINES};
use serde_json::Value;
use std::time::{Duration, Instant};
use support::Lab;

/// How long it may take until a fault is seen. Most are at once; the limit is for noisy machines.
const PATIENCE: Duration = Duration::from_secs(60);

/// Faults that no check fails by at once: neighbours are remembered for a while, and rdnbrd withdraws one of two hosts.
const UNFELT: [&str; 2] = ["proxy ARP off", "a server takes a container's address"];

#[test]
fn every_fault_is_named() {
    let lab = Lab::up("faults", "bookworm");
    lab.on(&["deploy", "--yes"]).exits(0);
    lab.on(&["verify", "--wait", "60s", "-q"]).exits(0);
    what_is_well_is_not_blamed(&lab);
    what_is_typed_wrong_is_told(&lab);
    let mut wrong = Vec::new();
    for fault in SERVERS.iter().chain(LEAFS).chain(SPINES) {
        let told = matrix_row(&lab, fault);
        match told {
            Ok(told) => println!("✔ {told}"),
            Err(told) => {
                println!("✖ {told}");
                wrong.push(told);
            }
        }
    }
    assert!(wrong.is_empty(), "{} faults were not named:\n{}", wrong.len(), wrong.join("\n"));
}

fn what_is_well_is_not_blamed(lab: &Lab) {
    lab.on(&["diagnose"]).exits(0).says("nothing to explain");
    for subject in ["web11", "172.16.1.21/32", "leaf01", "spine02", "server01", "10.0.0.11", "172.16.1.1"] {
        let walk = lab.on(&["diagnose", subject, "-o", "json"]).exits(0).json();
        assert_eq!(walk["verdict"], Value::Null, "{subject}");
        let hops = walk["hops"].as_array().unwrap();
        assert!(hops.iter().all(|hop| hop["status"] == "ok"), "{subject}: {hops:?}");
    }
    lab.on(&["diagnose", "172.16.1.200"]).exits(0).says("unused in the network containers");
    lab.on(&["diagnose", "192.0.2.1"]).exits(1).says("outside the fabric");
}

fn what_is_typed_wrong_is_told(lab: &Lab) {
    lab.on(&["diagnose", "laef01"])
        .exits(2)
        .says("is no container, node or address")
        .says("did you mean leaf01?");
    lab.on(&["diagnose", "2001:db8::1"]).exits(2).says("is an IPv6 address");
}

/// Breaks it, asks, mends it, and waits until all is well again.
fn matrix_row(lab: &Lab, fault: &Fault) -> Result<String, String> {
    lab.ssh(fault.node, fault.inject);
    let named = named(lab, fault).and_then(|told| explained(lab, fault).map(|()| told));
    let verified = asked(lab, &["verify", "-o", "json", "-q"]);
    lab.ssh(fault.node, fault.undo);
    heal(lab, fault);
    match verified["ok"].as_bool() {
        Some(false) => named,
        Some(true) if UNFELT.contains(&fault.name) => named,
        _ => Err(format!("{}: verify found nothing", fault.name)),
    }
}

/// Waits until all is well. What FRR itself doesn't get over is mended as the diagnosis says.
fn heal(lab: &Lab, fault: &Fault) {
    for _ in 0..3 {
        if lab.on(&["verify", "--wait", "20s", "--grace", "0s", "-q"]).code == 0 {
            return;
        }
        let explanation = lab.on(&["diagnose", "-o", "json", "-q"]).json();
        for cause in explanation["causes"].as_array().unwrap() {
            let verdict = &cause["verdict"];
            if verdict["fix"].as_str().is_some_and(|fix| fix.contains("service frr restart")) {
                println!("  after {}: {} needs its FRR restarted", fault.name, verdict["device"]);
                lab.ssh(verdict["device"].as_str().unwrap(), "service frr restart");
            }
        }
    }
    let healed = lab.on(&["verify", "--wait", "120s", "-q"]);
    assert_eq!(healed.code, 0, "{}: not mended\n{}{}", fault.name, healed.stdout, healed.stderr);
}

/// What a run says. None of these faults cuts a device off; a machine that is too busy for a connection does.
fn asked(lab: &Lab, args: &[&str]) -> Value {
    for _ in 0..3 {
        let ran = lab.on(args);
        if ran.code != 4 {
            return ran.json();
        }
        println!("  a device couldn't be reached, asked again: {}", ran.stderr.trim());
    }
    lab.on(args).json()
}

/// The subject's verdict, asked for until the fault shows; no healthy device may be blamed meanwhile.
fn named(lab: &Lab, fault: &Fault) -> Result<String, String> {
    let began = Instant::now();
    loop {
        let walk = asked(lab, &["diagnose", fault.subject, "-o", "json", "-q"]);
        let verdict = &walk["verdict"];
        let word = |key: &str| verdict[key].as_str().unwrap_or("nothing").to_owned();
        let told = format!("{}: {}, {}: {}", fault.name, word("device"), word("hop"), word("cause"));
        let right = fault.devices.contains(&&*word("device"));
        if right && word("hop").starts_with(fault.hop) {
            let complete = ["evidence", "fix", "command"].iter().all(|key| !word(key).is_empty());
            return if complete { Ok(told) } else { Err(format!("{told} (incomplete: {verdict})")) };
        }
        if !right && !verdict.is_null() {
            return Err(format!("{told} (a healthy device)"));
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("{told} (never {}, {})", fault.devices.join(" or "), fault.hop));
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// What explains the failing checks, once they fail: causes on the broken device alone.
fn explained(lab: &Lab, fault: &Fault) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let explanation = asked(lab, &["diagnose", "-o", "json", "-q"]);
        let causes = explanation["causes"].as_array().unwrap();
        let foreign = causes.iter().find(|cause| {
            let device = cause["verdict"]["device"].as_str().unwrap_or_default();
            !fault.devices.contains(&device)
        });
        match foreign {
            Some(cause) => {
                let (verdict, first) = (&cause["verdict"], &cause["explains"][0]);
                return Err(format!("{}: a healthy device is blamed: {verdict} for {first}", fault.name));
            }
            None if !causes.is_empty() => return Ok(()),
            None if began.elapsed() > PATIENCE => {
                return Err(format!("{}: nothing is explained", fault.name));
            }
            None => std::thread::sleep(Duration::from_millis(250)),
        }
    }
}
