//! The fault matrix: every fault that a fabric commonly has is made in a lab, one after the other. `diagnose` of what
//! suffers from it must name the right device and the right first hop; `diagnose` of the broken device, `diagnose` without
//! an argument and `verify all` the right device; and none of them one that is well. Each fault is mended, and all is well again before the next.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails; the matrix is printed, and tests wait"
)]

mod faults;
mod row;
#[path = "../support/mod.rs"]
mod support;

use faults::{Fault, LEAFS, SERVERS, SPINES};
use row::{Asker, Row};
use std::time::Instant;
use support::Lab;

#[test]
fn every_fault_is_named() {
    let lab = Lab::up("faults", "bookworm");
    lab.on(&["deploy", "--yes", "--no-verify"]).exits(0);
    lab.on(&["verify", "--wait", "60s", "-q"]).exits(0);
    let asker = Asker::new(&lab);
    what_is_well_is_not_blamed(&asker);
    what_is_typed_wrong_is_told(&lab);
    let began = Instant::now();
    let rows: Vec<Row> = wished().map(|fault| asker.row(fault)).collect();
    println!("\n{} faults in {:.0} s\n{}", rows.len(), began.elapsed().as_secs_f64(), row::table(&rows));
    let wrong: Vec<String> = rows.iter().flat_map(Row::complaints).collect();
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}

/// All faults, or those whose names hold the text in `FAULTS`.
fn wished() -> impl Iterator<Item = &'static Fault> {
    let wish = std::env::var("FAULTS").unwrap_or_default();
    let all: Vec<&Fault> = SERVERS.iter().chain(LEAFS).chain(SPINES).collect();
    let wished: Vec<&Fault> = all.into_iter().filter(|fault| fault.name.contains(&wish)).collect();
    assert!(!wished.is_empty(), "no fault is called {wish:?}");
    wished.into_iter()
}

fn what_is_well_is_not_blamed(asker: &Asker<'_>) {
    asker.lab.on(&["diagnose"]).exits(0).says("nothing to explain");
    let explanation = asker.document(&["diagnose"], 0);
    assert_eq!((&explanation["failed"], &explanation["causes"]), (&0.into(), &serde_json::json!([])));
    for subject in ["web11", "172.16.1.21/32", "leaf01", "spine02", "server01", "10.0.0.11", "172.16.1.1"] {
        let walk = asker.document(&["diagnose", subject], 0);
        assert!(walk["verdict"].is_null(), "{subject}: {walk:#}");
        let hops = walk["hops"].as_array().unwrap();
        assert!(!hops.is_empty() && hops.iter().all(|hop| hop["status"] == "ok"), "{subject}: {hops:?}");
    }
    asker.lab.on(&["diagnose", "172.16.1.200"]).exits(0).says("unused in the network containers");
    asker.lab.on(&["diagnose", "192.0.2.1"]).exits(1).says("outside the fabric");
}

fn what_is_typed_wrong_is_told(lab: &Lab) {
    lab.on(&["diagnose", "laef01"])
        .exits(2)
        .says("is no container, node or address")
        .says("did you mean leaf01?");
    lab.on(&["diagnose", "2001:db8::1"]).exits(2).says("is an IPv6 address");
}

#[test]
fn the_manual_lists_every_fault_with_its_hop() {
    let manual = std::fs::read_to_string("docs/diagnose.md").unwrap();
    for fault in SERVERS.iter().chain(LEAFS).chain(SPINES) {
        let row = format!("| {} | {} | {}", fault.name, fault.devices.join(", "), fault.hop);
        assert!(manual.contains(&row), "docs/diagnose.md has no row {row:?}");
    }
}
