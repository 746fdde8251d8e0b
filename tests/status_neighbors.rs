//! What `status neighbors` shows of what the daemons say. Snapshots are in `tests/snapshots`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{name, reference};
use fabricctl::output::neighbors_table;
use fabricctl::parse::{NeighborStatus, neighbor_status};
use fabricctl::verify::neighbors::{NeighborAnswers, NeighborReport, Owner, Silence, report};
use serde_json::{Value, json};

fn host(address: &str, port: &str, state: &str) -> Value {
    let number = address.rsplit('.').next().unwrap().parse::<u8>().unwrap();
    json!({
        "address": address, "port": port, "mac": format!("02:42:ac:10:01:{number:02x}"), "state": state,
        "age_s": 3725.4, "last_answer_s": 0.4321, "settled": true, "moves": 0, "rival": null,
    })
}

fn with(mut host: Value, changes: &Value) -> Value {
    host.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    host
}

fn status(port: &str, hosts: &[Value]) -> NeighborStatus {
    let count = hosts.len();
    let answer = json!({
        "schema": 1, "version": "0.1.0", "pid": 4711, "uptime_s": 7261.5, "degraded": false, "table": 254,
        "protocol": 76,
        "ports": [{"name": port, "index": 3, "up": true, "prefixes": ["172.16.1.1/24"], "hosts": count}],
        "hosts": hosts, "counters": {"learned": count, "moves": 0, "duplicates": 0, "probes": 86_400},
    });
    neighbor_status(&answer.to_string()).unwrap()
}

/// The daemons' answers in the reference fabric when all is well.
fn healthy() -> NeighborAnswers {
    let leaf = |rack: u8| {
        let port = if rack % 2 == 1 { "swp1" } else { "swp2" };
        let own = [format!("172.16.1.25{rack}")];
        let workloads = (1..=3).map(|number| format!("172.16.1.{rack}{number}"));
        let hosts: Vec<Value> = workloads.chain(own).map(|address| host(&address, port, "live")).collect();
        (name(&format!("leaf0{rack}")), Ok(status(port, &hosts)))
    };
    (1..=4).map(leaf).collect()
}

/// A duplicate, a stranger, a move between racks, a candidate, a daemon in trouble, and two without an answer.
fn troubled() -> NeighborAnswers {
    let mut answers = healthy();
    let rival = json!({ "rival": {"port": "swp2", "mac": "02:42:ac:10:01:99"} });
    let fresh = json!({ "settled": false, "age_s": 2.0, "moves": 1 });
    let hosts = [
        with(host("172.16.1.11", "swp1", "live"), &rival),
        with(host("172.16.1.12", "swp1", "probing"), &json!({ "last_answer_s": 1.25, "moves": 3 })),
        with(host("172.16.1.13", "swp1", "candidate"), &json!({ "last_answer_s": null, "settled": false })),
        with(host("172.16.1.23", "swp1", "live"), &fresh),
        host("172.16.1.77", "swp1", "adopted"),
    ];
    let mut first = status("swp1", &hosts);
    first.degraded = true;
    first.counters.extend([("moves".to_owned(), 4), ("duplicates".to_owned(), 1)]);
    answers.insert(name("leaf01"), Ok(first));
    answers.insert(
        name("leaf03"),
        Err(Silence::Unasked("no status: cumulus brings a daemon of its own".into())),
    );
    answers.insert(name("leaf04"), Err(Silence::Failed("rdnbrd doesn't answer: it isn't running".into())));
    answers
}

fn document(report: &NeighborReport) -> Value {
    serde_json::to_value(report).unwrap()
}

#[test]
fn all_is_well() {
    let report = report(&reference(), &healthy());
    assert!(report.ok && report.missing.is_empty());
    insta::assert_snapshot!(neighbors_table(&report));
}

#[test]
fn all_kinds_of_trouble() {
    insta::assert_snapshot!(neighbors_table(&report(&reference(), &troubled())));
}

#[test]
fn json_of_all_kinds_of_trouble() {
    let mut document = document(&report(&reference(), &troubled()));
    // One of each kind is enough to show the form.
    document["hosts"].as_array_mut().unwrap().truncate(3);
    insta::assert_snapshot!(format!("{document:#}"));
}

#[test]
fn a_workload_is_missing_only_if_every_leaf_that_may_have_it_answered() {
    let mut answers = healthy();
    answers.insert(name("leaf01"), Ok(status("swp1", &[])));
    let missing = |answers: &NeighborAnswers| -> Vec<String> {
        report(&reference(), answers).missing.into_iter().map(|workload| workload.workload).collect()
    };
    assert_eq!(missing(&answers), ["web11", "web12", "web13"]);
    answers.insert(name("leaf01"), Err(Silence::Failed("gone".into())));
    assert_eq!(missing(&answers), Vec::<String>::new());
    answers.remove(&name("leaf01"));
    assert_eq!(missing(&answers), Vec::<String>::new(), "it was not asked");
}

#[test]
fn an_unknown_host_and_one_in_the_wrong_rack_are_told() {
    let report = report(&reference(), &troubled());
    assert!(!report.ok, "leaf04 did not answer");
    let of = |node: &str, address: &str| {
        let mut hosts = report.hosts.iter();
        hosts.find(|host| host.node.as_str() == node && host.address.to_string() == address).unwrap()
    };
    let stranger = of("leaf01", "172.16.1.77");
    assert_eq!((stranger.owner, stranger.name.as_deref()), (Owner::Unknown, None));
    let moving = of("leaf01", "172.16.1.23");
    assert_eq!((moving.owner, moving.name.as_deref()), (Owner::Workload, Some("web23")));
    assert_eq!(
        (moving.also_on.as_slice(), moving.expected_at.as_slice()),
        (&[name("leaf02")][..], &["leaf02:swp2".to_owned()][..])
    );
    assert_eq!(of("leaf02", "172.16.1.23").also_on, [name("leaf01")]);
    assert_eq!(of("leaf02", "172.16.1.252").owner, Owner::Server);
}

#[test]
fn without_a_leaf_there_is_nothing_to_show() {
    let empty = report(&reference(), &NeighborAnswers::new());
    assert_eq!(neighbors_table(&empty), "nothing to show: no leaf was asked\n");
}
