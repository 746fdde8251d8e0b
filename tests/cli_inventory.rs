//! `fabricctl inventory` as a program: exit codes, and documents that others read.
#![expect(clippy::unwrap_used, reason = "tests")]

use assert_cmd::Command;
use serde_json::{Value, json};

fn fabricctl(args: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = Command::cargo_bin("fabricctl").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().args(args).assert()
}

fn stdout(args: &[&str]) -> String {
    let output = fabricctl(args).success().get_output().clone();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(args: &[&str]) -> Value {
    serde_json::from_str(&stdout(args)).unwrap()
}

fn stderr(args: &[&str], code: i32) -> String {
    let output = fabricctl(args).code(code).get_output().clone();
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_reference_fabric_is_valid() {
    assert_eq!(
        stdout(&["inventory", "validate"]),
        "inventory/reference: valid: 10 nodes, 12 links, 1 network, 12 workloads\n"
    );
    assert_eq!(
        json_of(&["inventory", "validate", "-o", "json"]),
        json!({"valid": true, "fabric": "reference", "nodes": 10, "links": 12, "networks": 1, "images": 1, "workloads": 12})
    );
}

#[test]
fn a_leaf_is_shown_with_everything_derived() {
    let leaf = json_of(&["inventory", "show", "leaf02", "-o", "json"]);
    assert_eq!(leaf["router_id"], "10.0.0.12");
    assert_eq!(
        leaf["management"],
        json!({"interface": "eth0", "address": "192.168.200.12/24", "gateway": null})
    );
    assert_eq!(
        leaf["ports"],
        json!([
            {"name": "swp2", "kind": "server", "peer": "server02:eth2", "mtu": 9216,
             "addresses": ["172.16.1.1/24"], "networks": ["containers"]},
            {"name": "swp51", "kind": "uplink", "peer": "spine01:swp2", "mtu": 9216, "addresses": [], "networks": []},
            {"name": "swp52", "kind": "uplink", "peer": "spine02:swp2", "mtu": 9216, "addresses": [], "networks": []},
        ])
    );
    assert!(leaf.get("workloads").is_none(), "a leaf runs none");
}

#[test]
fn a_server_is_shown_with_its_workloads() {
    let server = json_of(&["inventory", "show", "server02", "-o", "json"]);
    assert_eq!(
        server["ports"],
        json!([{"name": "eth2", "kind": "data", "peer": "leaf02:swp2", "mtu": 9216,
                "addresses": ["172.16.1.252/24"], "networks": ["containers"]}])
    );
    assert_eq!(server["workloads"][2]["name"], "web23");
    assert_eq!(server["workloads"][2]["network"], "containers");
    assert_eq!(server["asn"], Value::Null);
    let yaml = stdout(&["inventory", "show", "server02"]);
    assert!(yaml.starts_with("name: server02\nrole: server\n"), "{yaml}");
}

#[test]
fn the_whole_fabric_is_the_same_document_every_time() {
    let first = stdout(&["inventory", "show", "-o", "json"]);
    assert_eq!(first, stdout(&["inventory", "show", "-o", "json"]));
    let fabric: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(fabric["links"].as_array().unwrap().len(), 12);
    assert_eq!(fabric["links"][0], json!({"a": "leaf01:swp51", "b": "spine01:swp1", "mtu": 9216}));
    assert_eq!(fabric["images"]["identify"]["source"], json!({"source": "build"}));
}

#[test]
fn the_list_holds_what_limit_selects() {
    let list = json_of(&["inventory", "list", "-l", "server*:!server01,spine01", "-o", "json"]);
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["server02", "server03", "server04", "spine01"]);
    assert_eq!(
        list[0],
        json!({"name": "server02", "role": "server", "platform": "debian", "asn": null, "loopback": "10.0.0.32",
               "management": "192.168.200.32/24", "links": 1, "workloads": [
                   {"name": "web21", "address": "172.16.1.21", "network": "containers", "image": "identify"},
                   {"name": "web22", "address": "172.16.1.22", "network": "containers", "image": "identify"},
                   {"name": "web23", "address": "172.16.1.23", "network": "containers", "image": "identify"}]})
    );
    let table = stdout(&["inventory", "list", "-l", "spine"]);
    assert_eq!(
        table,
        "NODE     ROLE   PLATFORM  AS     LOOPBACK   MANAGEMENT         LINKS  WORKLOADS\n\
         spine01  spine  debian    65020  10.0.0.21  192.168.200.21/24  4      -\n\
         spine02  spine  debian    65020  10.0.0.22  192.168.200.22/24  4      -\n"
    );
}

#[test]
fn a_name_nobody_has_is_answered_with_the_nearest() {
    assert_eq!(
        stderr(&["inventory", "show", "laef01"], 2),
        "error: there is no node laef01\n  help: did you mean leaf01?\n"
    );
    let text = stderr(&["inventory", "list", "-l", "rack1"], 2);
    assert!(
        text.starts_with("error: limit \"rack1\" matches no node\n  help: nodes are leaf01, leaf02"),
        "{text}"
    );
    assert!(stderr(&["inventory", "show", "leaf01", "-l", "spine"], 2).contains("--limit leaves leaf01 out"));
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let text = stderr(&["inventory", "validate", "-i", "tests/errors/address-twice", "-o", "json"], 2);
    let errors: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        errors,
        json!({"exit": 2, "errors": [{
            "message": "172.16.1.11 is used twice: by workload web11 and by workload web21 \
                        (first used here: tests/errors/address-twice/fabric.yml:26:39)",
            "location": {"file": "tests/errors/address-twice/fabric.yml", "line": 27, "column": 39},
            "hint": "the next free address there is 172.16.1.2"}]})
    );
}

#[test]
fn an_inventory_that_is_not_there_is_one_clear_error() {
    let text = stderr(&["inventory", "validate", "-i", "/nonexistent/fabric"], 2);
    assert!(
        text.starts_with("error: there is no inventory at /nonexistent/fabric\n  help: point -i"),
        "{text}"
    );
    let text = stderr(&["inventory", "validate", "-i", "src"], 2);
    assert!(text.starts_with("error: src has no fabric.yml\n"), "{text}");
}

#[test]
fn an_inventory_can_come_from_stdin() {
    let mut command = Command::cargo_bin("fabricctl").unwrap();
    command.args(["inventory", "validate", "-i", "-"]).write_stdin("fabric: X\n").assert().code(2);
    let text = include_str!("../inventory/reference/fabric.yml");
    let mut command = Command::cargo_bin("fabricctl").unwrap();
    command.args(["inventory", "validate", "-i", "-"]).write_stdin(text).assert().success();
}
