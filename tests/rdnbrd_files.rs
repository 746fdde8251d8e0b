//! The daemon's files: for a device, as fabricctl renders them, and for people who install it alone, in
//! `packaging/rdnbrd`. They have one source, the templates, and are put to the test that a device will put them to.
//!
//! `UPDATE_GOLDEN=1 cargo test --test rdnbrd_files` writes `packaging/rdnbrd` anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]
#![expect(clippy::disallowed_methods, reason = "tests run commands and read their own files")]

mod common;

use common::{Build, name, reference};
use fabricctl::fabric::{Fabric, Facts, HostRoutes, Role};
use fabricctl::neighbor::{Config, OnExit};
use fabricctl::render::Templates;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const MANAGED: &str = "# Managed by fabricctl (fabric reference, node leaf01);";

/// The files of a fabric's leaf01, by path.
fn files(fabric: &Fabric, systemd: bool) -> BTreeMap<String, String> {
    let node = &fabric.nodes[&name("leaf01")];
    let facts = Facts { systemd, ..Facts::assumed(node.platform) };
    let files = Templates::new(Vec::new()).unwrap().render(fabric, node, &facts).unwrap();
    files.into_iter().map(|file| (file.path, String::from_utf8(file.content).unwrap())).collect()
}

fn check(text: &str) -> std::process::Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_rdnbrd")).arg("--check-config").arg(file.path()).output().unwrap()
}

#[track_caller]
fn accepted(text: &str) -> Config {
    let checked = check(text);
    assert!(checked.status.success(), "{}\n{text}", String::from_utf8_lossy(&checked.stderr));
    Config::parse("rdnbrd.conf", text).unwrap()
}

#[test]
fn the_configuration_is_one_the_daemon_takes() {
    let mut fabric = reference();
    for (host_routes, table, settle) in [(HostRoutes::Main, 254, "10"), (HostRoutes::Table, 10, "off")] {
        fabric.nodes.get_mut(&name("leaf01")).unwrap().host_routes = host_routes;
        let text = files(&fabric, true).remove("/etc/rdnbrd.conf").unwrap();
        assert!(text.starts_with(MANAGED), "{text}");
        let config = accepted(&text);
        assert_eq!((config.route_table, config.on_exit), (table, OnExit::Keep));
        assert!(config.manages("swp1") && !config.manages("swp2") && !config.manages("swp51"));
        assert!(
            text.contains("\nallow = 172.16.1.0/24\n") && text.contains(&format!("\nsettle = {settle}\n"))
        );
    }
}

#[test]
fn every_server_port_and_every_network_on_one_is_in_the_configuration() {
    let text = include_str!("../inventory/multi-port/fabric.yml");
    let fabric = fabricctl::inventory::read("fabric.yml", text, Path::new(".")).unwrap();
    let text = files(&fabric, true).remove("/etc/rdnbrd.conf").unwrap();
    assert!(text.contains("\ninterfaces = swp1 swp2 swp3\n"), "{text}");
    assert!(text.contains("\nallow = 172.16.1.0/24 172.16.2.0/24\n"), "{text}");
    accepted(&text);
}

#[test]
fn a_leaf_without_servers_has_a_configuration_too() {
    let fabric = Build::new("bare")
        .node("spine01", Role::Spine, 65020, "10.0.0.21")
        .node("leaf01", Role::Leaf, 65011, "10.0.0.11")
        .link("leaf01:swp51", "spine01:swp1")
        .0;
    let text = files(&fabric, true).remove("/etc/rdnbrd.conf").unwrap();
    assert!(!text.contains("allow") && !accepted(&text).manages("swp51"), "{text}");
}

#[test]
fn a_faulty_configuration_is_refused_with_everything_that_is_wrong() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "keepalif = 1\nprotocol = 11\n").unwrap();
    let checked =
        Command::new(env!("CARGO_BIN_EXE_rdnbrd")).arg("--check-config").arg(file.path()).output().unwrap();
    assert_eq!(checked.status.code(), Some(2));
    let text = String::from_utf8(checked.stderr).unwrap();
    let name = file.path().display();
    assert!(
        text.starts_with(&format!("rdnbrd: {name}:1: unknown key \"keepalif\", did you mean keepalive?\n"))
    );
    assert!(text.contains(&format!("rdnbrd: {name}:2: protocol is \"11\", allowed: ")), "{text}");
    let missing =
        Command::new(env!("CARGO_BIN_EXE_rdnbrd")).args(["--check-config", "/nowhere"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn the_init_script_is_a_script() {
    let text = files(&reference(), false).remove("/etc/init.d/rdnbrd").unwrap();
    assert!(text.starts_with(&format!("#!/bin/sh\n{MANAGED}")), "{text}");
    let checked = Command::new("sh").args(["-n", "-c", &text]).status().unwrap();
    assert!(checked.success());
}

#[test]
fn what_ends_for_good_is_flushed_on_both_kinds_of_init() {
    let with = files(&reference(), true);
    let unit = &with["/etc/systemd/system/rdnbrd.service"];
    assert!(unit.starts_with(MANAGED) && unit.ends_with("WantedBy=multi-user.target\n"), "{unit}");
    assert!(unit.contains("\nType=notify\n") && unit.contains("restart rdnbrd-flush.service\n"), "{unit}");
    assert!(with["/etc/systemd/system/rdnbrd-flush.service"].contains("rdnbrd --flush"));
    let without = files(&reference(), false);
    assert!(without["/etc/init.d/rdnbrd"].contains("\"$DAEMON\" --flush"));
    // A journal bounds itself.
    assert!(!with.contains_key("/etc/logrotate.d/rdnbrd"));
    assert!(without["/etc/logrotate.d/rdnbrd"].contains("copytruncate"));
}

/// The leaf of nobody in particular: a port with hosts and an uplink, and no networks to choose addresses by.
fn neutral() -> Fabric {
    let mut fabric = Build::new("any")
        .node("spine01", Role::Spine, 65020, "192.0.2.21")
        .node("leaf01", Role::Leaf, 65011, "192.0.2.11")
        .node("server01", Role::Server, 0, "192.0.2.31")
        .link("leaf01:swp51", "spine01:swp1")
        .link("leaf01:swp1", "server01:eth1")
        .0;
    fabric.networks.clear();
    fabric
}

#[test]
fn the_files_to_install_it_alone_are_the_same() {
    let fabric = neutral();
    let mut all = files(&fabric, true);
    all.extend(files(&fabric, false));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/rdnbrd");
    let ours = all.iter().filter(|(path, _)| path.contains("rdnbrd") || path.contains("sysctl"));
    let mut names = Vec::new();
    for (path, text) in ours {
        let below = path.trim_start_matches('/').replace("90-fabricctl", "90-rdnbrd");
        let text = alone(text);
        names.push(below.clone());
        let file = folder.join(&below);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &text).unwrap();
        }
        let golden = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(golden, text, "{below} (UPDATE_GOLDEN=1?)");
        assert!(!text.contains("fabricctl"), "{text}");
    }
    assert_eq!(
        names,
        [
            "etc/init.d/rdnbrd",
            "etc/logrotate.d/rdnbrd",
            "etc/rdnbrd.conf",
            "etc/sysctl.d/90-rdnbrd.conf",
            "etc/systemd/system/rdnbrd-flush.service",
            "etc/systemd/system/rdnbrd.service",
        ]
    );
    accepted(&fs::read_to_string(folder.join("etc/rdnbrd.conf")).unwrap());
}

/// A file without its mark, which would say that a change made here is lost.
fn alone(text: &str) -> String {
    let marked =
        |line: &&str| line.contains("changes made here are") || line.contains("Changes made here are");
    let lines: Vec<&str> = text.lines().map(|line| if marked(&line) { ALONE } else { line }).collect();
    lines.join("\n") + "\n"
}

const ALONE: &str = "# For rdnbrd without an orchestrator: edit it to what your leaf has. docs/rdnbrd.md tells of everything.";

#[test]
fn the_program_says_what_it_is() {
    let version = Command::new(env!("CARGO_BIN_EXE_rdnbrd")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap(), "rdnbrd 0.1.0\n");
    let wrong = Command::new(env!("CARGO_BIN_EXE_rdnbrd")).arg("--verson").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
