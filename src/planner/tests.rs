//! From differences to steps, on the reference fabric.

use super::*;
use crate::action::{Activation, File, How, Wave};
use crate::fabric::{Fabric, Facts, Node, NodeName};
use crate::inventory;
use crate::state::{FileState, Interface, NodeState};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn fabric() -> Fabric {
    let text = include_str!("../../inventory/reference/fabric.yml");
    inventory::read("fabric.yml", text, Path::new(".")).unwrap()
}

fn node<'a>(fabric: &'a Fabric, name: &str) -> &'a Node {
    &fabric.nodes[&NodeName::new(name).unwrap()]
}

fn file(path: &str, content: &str, service: &str, how: How) -> File {
    File {
        path: path.to_owned(),
        content: content.as_bytes().to_vec(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: 0o644,
        check: None,
        activates: Some(Activation { service: service.to_owned(), how }),
    }
}

fn wanted(fabric: &Fabric, name: &str) -> Desired {
    let files = vec![
        file("/etc/frr/daemons", "bgpd=yes\n", "frr", How::Restart),
        file("/etc/frr/frr.conf", "router bgp 65011\n bgp router-id 10.0.0.11\n", "frr", How::Reload),
        file("/etc/network/interfaces", "auto lo\niface lo inet loopback\n", "interfaces", How::Reload),
        file("/etc/sysctl.d/90-fabric.conf", "net.ipv4.ip_forward = 1\n-net.x = 2\n", "sysctl", How::Reload),
        file("/var/lib/fabricctl/images/identify/Dockerfile", "FROM scratch\n", "none", How::Reload),
    ];
    desired(fabric, node(fabric, name), files, Some(b"binary"), &BTreeMap::new())
}

/// A device fresh from its installation: its ports exist and are down.
fn bare(node: &Node) -> NodeState {
    let ports = node.ports.iter().map(|port| (port.name.clone(), Interface::default()));
    let lo = (crate::fabric::IfName::new("lo").unwrap(), Interface { up: true, ..Interface::default() });
    NodeState { interfaces: ports.chain([lo]).collect(), ..NodeState::default() }
}

/// A device as it is after a deployment.
fn deployed(desired: &Desired) -> NodeState {
    NodeState { recorded: true, ..desired.state.clone() }
}

fn steps(fabric: &Fabric, name: &str, current: &NodeState, wanted: &Desired) -> Vec<String> {
    let node = node(fabric, name);
    let plan = node_steps(fabric, node, &Facts::assumed(node.platform), current, wanted).unwrap();
    assemble([plan], &Wave::ALL).steps().map(|step| step.action.to_string()).collect()
}

#[test]
fn a_bare_leaf_gets_files_then_ports_then_daemons() {
    let fabric = fabric();
    let done = steps(&fabric, "leaf01", &bare(node(&fabric, "leaf01")), &wanted(&fabric, "leaf01"));
    assert_eq!(
        done,
        [
            "write /usr/local/sbin/rdnbrd",
            "write /etc/frr/daemons",
            "write /etc/frr/frr.conf",
            "write /etc/network/interfaces",
            "write /etc/sysctl.d/90-fabric.conf",
            "write /var/lib/fabricctl/images/identify/Dockerfile",
            "reload sysctl",
            "reload interfaces",
            "start frr",
            "start rdnbrd",
        ]
    );
}

#[test]
fn a_deployed_node_has_no_steps() {
    let fabric = fabric();
    for name in ["spine01", "leaf01", "server01"] {
        let wanted = wanted(&fabric, name);
        assert!(steps(&fabric, name, &deployed(&wanted), &wanted).is_empty(), "{name}");
    }
}

#[test]
fn a_changed_file_reloads_and_a_changed_daemons_file_restarts_once() {
    let fabric = fabric();
    let wanted = wanted(&fabric, "leaf01");
    let mut current = deployed(&wanted);
    let old = FileState::new(b"router bgp 1\n", "root", "root", 0o644);
    current.files.insert("/etc/frr/frr.conf".to_owned(), old.clone());
    assert_eq!(steps(&fabric, "leaf01", &current, &wanted), ["write /etc/frr/frr.conf", "reload frr"]);
    current.files.insert("/etc/frr/daemons".to_owned(), old);
    assert_eq!(
        steps(&fabric, "leaf01", &current, &wanted),
        ["write /etc/frr/daemons", "write /etc/frr/frr.conf", "restart frr"]
    );
}

#[test]
fn drift_without_a_changed_file_is_reloaded() {
    let fabric = fabric();
    let wanted = wanted(&fabric, "leaf01");
    let mut current = deployed(&wanted);
    current.routing.insert("router bgp 65011 > neighbor x".to_owned());
    current.sysctls.insert("net/ipv4/ip_forward".to_owned(), "0".to_owned());
    current.services.insert("rdnbrd".to_owned(), false);
    for interface in current.interfaces.values_mut() {
        interface.mtu = 1500;
    }
    assert_eq!(
        steps(&fabric, "leaf01", &current, &wanted),
        ["reload sysctl", "reload interfaces", "reload frr", "start rdnbrd"]
    );
}

#[test]
fn a_bare_server_gets_network_and_image_before_containers() {
    let fabric = fabric();
    let mut wanted = wanted(&fabric, "server01");
    wanted.state.files.clear();
    wanted.state.sysctls.clear();
    let done = steps(&fabric, "server01", &bare(node(&fabric, "server01")), &wanted);
    assert_eq!(done[..3], ["reload interfaces", "start docker", "create network containers on eth1"]);
    assert!(done[3].starts_with("build image fabricctl-reference/identify:"), "{}", done[3]);
    assert_eq!(done[4], "run container web11 (172.16.1.11)");
    assert_eq!(done.len(), 7);
}

#[test]
fn containers_are_replaced_started_and_removed_each_by_itself() {
    let fabric = fabric();
    let wanted = wanted(&fabric, "server01");
    let mut current = deployed(&wanted);
    let web11 = current.containers["web11"].clone();
    current.containers.get_mut("web11").unwrap().running = false;
    current.containers.get_mut("web12").unwrap().address = Some("172.16.1.99".parse().unwrap());
    current.containers.get_mut("web12").unwrap().mark.hash = "other".to_owned();
    current.containers.insert("old".to_owned(), web11);
    assert_eq!(
        steps(&fabric, "server01", &current, &wanted),
        [
            "remove container old",
            "remove container web12",
            "start container web11",
            "run container web12 (172.16.1.12)",
        ]
    );
}

#[test]
fn a_replaced_network_takes_its_containers_along() {
    let fabric = fabric();
    let wanted = wanted(&fabric, "server01");
    let mut current = deployed(&wanted);
    current.networks.get_mut("containers").unwrap().hash = "other".to_owned();
    let done = steps(&fabric, "server01", &current, &wanted);
    assert_eq!(
        done[..4],
        [
            "remove container web11",
            "remove container web12",
            "remove container web13",
            "remove network containers",
        ]
    );
    assert_eq!(done[4], "create network containers on eth1");
    assert_eq!(done.len(), 8);
}

#[test]
fn what_stands_in_the_way_is_said_at_once() {
    let fabric = fabric();
    let leaf = node(&fabric, "leaf01");
    let facts = Facts { frr: None, ifupdown2: false, ..Facts::assumed(leaf.platform) };
    let found =
        node_steps(&fabric, leaf, &facts, &NodeState::default(), &wanted(&fabric, "leaf01")).unwrap_err();
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(said[..2], ["FRR isn't installed", "ifupdown2 isn't installed"]);
    assert!(said.contains(&"port swp51 doesn't exist on the device".to_owned()), "{said:?}");

    let facts = Facts { tools: BTreeSet::new(), ..Facts::assumed(leaf.platform) };
    let found = node_steps(&fabric, leaf, &facts, &bare(leaf), &wanted(&fabric, "leaf01")).unwrap_err();
    let said: Vec<String> = found.iter().map(|blocker| format!("{blocker}: {}", blocker.hint())).collect();
    assert_eq!(
        said,
        ["FRR's reload script isn't installed: install it on the device: apt-get install frr-pythontools"]
    );

    let server = node(&fabric, "server01");
    let wanted = wanted(&fabric, "server01");
    let found = node_steps(&fabric, server, &facts, &bare(server), &wanted).unwrap_err();
    assert_eq!(found[0].to_string(), "BusyBox, of which images are built, isn't installed");
    let mut current = deployed(&wanted);
    current.containers.get_mut("web11").unwrap().mark.fabric = String::new();
    let found = node_steps(&fabric, server, &Facts::assumed(server.platform), &current, &wanted).unwrap_err();
    assert_eq!(found[0].to_string(), "there is a container named web11 that fabricctl didn't make");
}

#[test]
fn an_image_without_a_dockerfile_is_not_begun() {
    let fabric = fabric();
    let (server, mut wanted) = (node(&fabric, "server01"), wanted(&fabric, "server01"));
    wanted.files.clear();
    let found =
        node_steps(&fabric, server, &Facts::assumed(server.platform), &bare(server), &wanted).unwrap_err();
    assert!(found[0].to_string().contains("/var/lib/fabricctl/images/identify/Dockerfile"), "{}", found[0]);
}

#[test]
fn the_way_in_is_not_cut() {
    let fabric = fabric();
    let (leaf, wanted) = (node(&fabric, "leaf01"), wanted(&fabric, "leaf01"));
    let mut current = bare(leaf);
    let theirs = FileState::new(
        b"auto lo eth0\niface lo inet loopback\niface eth0 inet dhcp\n",
        "root",
        "root",
        0o644,
    );
    current.files.insert("/etc/network/interfaces".to_owned(), theirs);
    let found = node_steps(&fabric, leaf, &Facts::assumed(leaf.platform), &current, &wanted).unwrap_err();
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["/etc/network/interfaces on the device configures eth0, which the inventory doesn't know",]
    );
}

#[test]
fn a_teardown_restores_and_stops_what_did_not_run() {
    let fabric = fabric();
    let leaf = node(&fabric, "leaf01");
    let mut current = deployed(&wanted(&fabric, "leaf01"));
    current.services_before = BTreeMap::from([("frr".to_owned(), true), ("rdnbrd".to_owned(), false)]);
    let plan = assemble([teardown_steps(&fabric, leaf, &current, Scope::Everything)], &TEARDOWN_ORDER);
    let done: Vec<String> = plan.steps().map(|step| step.action.to_string()).collect();
    assert_eq!(done.first().unwrap(), "stop rdnbrd");
    assert_eq!(done[done.len() - 3..], ["reload interfaces", "restart frr", "remove fabricctl's records"]);
    assert!(teardown_steps(&fabric, leaf, &bare(leaf), Scope::Everything).is_empty());
    assert!(teardown_steps(&fabric, leaf, &current, Scope::Workloads).is_empty());
}

#[test]
fn a_changed_secret_replaces_its_container_and_is_told_nowhere() {
    let with = |token: &str| {
        let text = include_str!("../../inventory/reference/fabric.yml").replace(
            "address: 172.16.1.11, image: identify",
            &format!("address: 172.16.1.11, image: identify, environment: {{ TOKEN: {token} }}"),
        );
        inventory::read("fabric.yml", &text, Path::new(".")).unwrap()
    };
    let (before, after) = (with("{ secret: hunter22 }"), with("{ secret: hunter23 }"));
    let server = node(&after, "server01");
    let current = deployed(&wanted(&before, "server01"));
    let desired = wanted(&after, "server01");
    let plan = node_steps(&after, server, &Facts::assumed(server.platform), &current, &desired).unwrap();
    let plan = assemble([plan], &Wave::ALL);
    let told: Vec<String> = plan.steps().map(|step| format!("{}: {}", step.action, step.reason)).collect();
    assert_eq!(
        told,
        [
            "remove container web11: a secret in its environment changes",
            "run container web11 (172.16.1.11): a secret in its environment changes"
        ]
    );
    let shown = format!("{plan:?} {} {current:?} {desired:?}", serde_json::to_string(&plan).unwrap());
    assert!(!shown.contains("hunter"), "{shown}");
    // The label's hash is the same for both: a secret can't be guessed from it.
    assert_eq!(current.containers["web11"].mark, desired.state.containers["web11"].mark);
    // One that isn't marked any more is another specification, though it reads like the mask.
    let unmarked = wanted(&with("<secret>"), "server01");
    assert_ne!(current.containers["web11"].mark, unmarked.state.containers["web11"].mark);
}
