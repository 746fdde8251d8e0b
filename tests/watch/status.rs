//! The screen and the document of `status`.

use crate::common::{name, reference};
use crate::world::{container, forget, link, well};
use fabricctl::output::{STATUS_SCHEMA, Status, status_json, status_table};
use fabricctl::verify::overview::{Overview, overview};
use fabricctl::verify::{OpenRun, Scope, World};
use std::collections::BTreeSet;

fn seen(world: &World) -> Overview {
    let fabric = reference();
    let nodes = fabric.nodes.keys().cloned().collect();
    overview(&Scope { fabric: &fabric, nodes: &nodes }, world)
}

fn shown(overview: &Overview, open: &[(OpenRun, BTreeSet<fabricctl::fabric::NodeName>)]) -> String {
    let status = Status {
        fabric: "reference",
        lab: Some("demo"),
        at: "2026-11-22T16:47:02Z",
        took_ms: 412,
        overview,
        last: None,
        open,
    };
    let schema = jsonschema::validator_for(&serde_json::from_str(STATUS_SCHEMA).unwrap()).unwrap();
    let document = status_json(&status);
    let wrong: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(wrong, Vec::<String>::new(), "{document:#}");
    assert_eq!(document["ok"], overview.ok());
    anstream::adapter::strip_str(&status_table(&status)).to_string()
}

fn broken() -> World {
    let fabric = reference();
    let mut world = well(&fabric);
    link(&mut world, "leaf02", "swp2").admin_up = false;
    link(&mut world, "server02", "eth2").carrier = false;
    let dead = container(&mut world, "server01", "web11");
    (dead.status, dead.running, dead.exit_code) = ("exited".into(), false, Some(137));
    for node in ["spine01", "spine02"] {
        forget(&mut world, node, "172.16.1.11");
        forget(&mut world, node, "172.16.1.21");
    }
    world.insert(name("leaf04"), Err("no answer within 15 s\u{1b}[31m".into()));
    world
}

#[test]
fn a_healthy_fabric() {
    let overview = seen(&well(&reference()));
    assert!(overview.ok());
    insta::assert_snapshot!(shown(&overview, &[]));
}

#[test]
fn a_broken_fabric_with_an_open_run() {
    let overview = seen(&broken());
    assert!(!overview.ok());
    let run =
        OpenRun { run: "20261122T164629Z-5f59".into(), who: "ann@desk".into(), left_s: 87, by_hand: true };
    let open = [(run, BTreeSet::from([name("leaf01"), name("spine01")]))];
    insta::assert_snapshot!(shown(&overview, &open));
}

#[test]
fn nobody_answers() {
    let world =
        well(&reference()).into_keys().map(|node| (node, Err("connection refused".to_owned()))).collect();
    insta::assert_snapshot!(shown(&seen(&world), &[]));
}

#[test]
fn a_session_counts_once_and_a_part_of_the_fabric_has_its_neighbours() {
    let fabric = reference();
    let nodes = BTreeSet::from([name("leaf01")]);
    let overview = overview(&Scope { fabric: &fabric, nodes: &nodes }, &well(&fabric));
    assert_eq!((overview.sessions().expected, overview.links().expected), (2, 3));
    assert_eq!((overview.devices.len(), overview.containers.len()), (1, 0));
    assert!(overview.ok(), "{:?}", overview.failed);
    let all = seen(&well(&fabric));
    assert_eq!((all.sessions().ok, all.sessions().expected), (8, 8));
    assert_eq!((all.routes().ok, all.routes().expected), (72, 72));
}
