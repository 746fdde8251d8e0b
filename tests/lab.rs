//! The main job on real parts: FRR, sshd and Docker in a lab, on both Debian releases.
//!
//! One test a release walks the whole story in order, since each chapter needs the one before.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

#[path = "lab_reach/mod.rs"]
mod reach;
mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use support::{Lab, SPINES, eventually};

#[test]
fn the_whole_story_on_bookworm() {
    whole_story("bookworm");
}

#[test]
fn the_whole_story_on_trixie() {
    whole_story("trixie");
}

#[test]
fn routes_by_table_ten_and_back_on_bookworm() {
    table_ten_and_back("bookworm");
}

#[test]
fn routes_by_table_ten_and_back_on_trixie() {
    table_ten_and_back("trixie");
}

/// The way of Cumulus Linux works too, and a leaf can go from one to the other.
fn table_ten_and_back(suite: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::up("table", suite);
    let of_daemon =
        |table: &str| lab.ssh("leaf01", &format!("ip route show table {table} proto 76 2>/dev/null || true"));
    lab.edit("roles:\n", "roles:\n  leaf: { host_routes: table }\n");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    assert!(of_daemon("10").contains("172.16.1.11"), "{}", of_daemon("10"));
    assert_eq!(of_daemon("main"), "");
    lab.edit("host_routes: table", "host_routes: main");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    assert!(of_daemon("main").contains("172.16.1.11"), "{}", of_daemon("main"));
    assert_eq!(of_daemon("10"), "");
    lab.on(&["plan", "--exit-code"]).exits(0);
}

/// One lab at a time: both at once on a small machine would test its patience, not the tool.
static TURN: Mutex<()> = Mutex::new(());

fn whole_story(suite: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::up("story", suite);
    a_dry_run_touches_nothing(&lab);
    let before = files_before(&lab);
    foreign_things_are_put_there(&lab);
    the_first_deployment_proves_twelve_routes(&lab);
    every_host_is_known_by_name(&lab);
    reach::commands_reach_devices_and_containers(&lab);
    reach::a_report_tells_that_all_is_well(&lab);
    nothing_leaks(&lab);
    containers_reach_each_other(&lab);
    a_second_deployment_changes_nothing(&lab);
    a_stopped_container_leaves_every_spine_and_returns(&lab);
    exactly_what_changed_is_replaced(&lab);
    an_archive_is_loaded_and_its_silent_container_is_found(&lab);
    what_was_done_by_hand_is_undone(&lab);
    teardown_takes_away_its_own_and_nothing_else(&lab, &before);
}

fn a_dry_run_touches_nothing(lab: &Lab) {
    let plan = lab.on(&["deploy", "--dry-run", "-o", "json"]).exits(0).json();
    assert_eq!(plan["changes"], true);
    assert_eq!(plan["summary"]["nodes"], 10);
    assert_eq!(plan["summary"]["containers"], 12);
    let waves: Vec<&str> =
        plan["waves"].as_array().unwrap().iter().map(|wave| wave["wave"].as_str().unwrap()).collect();
    assert_eq!(waves, ["spines", "leafs", "servers", "workloads"]);
    let step = &plan["waves"][0]["nodes"][0]["steps"][0];
    assert!(step["action"].is_string() && step["reason"].is_string(), "{step}");
    for node in ["spine01", "leaf01", "server01"] {
        assert_eq!(lab.try_ssh(node, "test -e /var/lib/fabricctl").code, 1, "{node} was touched");
    }
    lab.on(&["plan", "--exit-code"]).exits(3).says("write /etc/frr/frr.conf");
    lab.on(&["deploy"]).exits(2).says("--yes");
}

/// Files and kernel settings as they are before anything is deployed.
fn files_before(lab: &Lab) -> BTreeMap<&'static str, String> {
    let sum = |node: &str, path: &str| lab.ssh(node, &format!("stat -c '%a %U %G' {path}; cat {path}"));
    BTreeMap::from([
        ("spine01 /etc/frr/daemons", sum("spine01", "/etc/frr/daemons")),
        ("leaf01 /etc/frr/frr.conf", sum("leaf01", "/etc/frr/frr.conf")),
        ("leaf01 /etc/network/interfaces", sum("leaf01", "/etc/network/interfaces")),
        ("leaf01 settings", lab.ssh("leaf01", "sysctl net.ipv4.ip_forward net.ipv4.conf.swp1.arp_announce")),
    ])
}

fn foreign_things_are_put_there(lab: &Lab) {
    lab.ssh("leaf01", "echo mine >/etc/frr/foreign; echo mine >/etc/sysctl.d/foreign.conf");
    // As after the installation of its package: it runs, and starts with the device.
    lab.ssh("server01", "service docker start && ln -s ../init.d/docker /etc/rc2.d/S01docker");
    lab.ssh(
        "server01",
        "mkdir /root/c && cp /bin/busybox /root/c/ && printf 'FROM scratch\\nCOPY busybox /\\n' >/root/c/Dockerfile && \
         DOCKER_BUILDKIT=0 docker build -q -t foreign:1 /root/c && \
         docker run -d --restart always --stop-timeout 1 --name foreign --network none foreign:1 /busybox sleep 100000",
    );
}

fn the_first_deployment_proves_twelve_routes(lab: &Lab) {
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    let report = lab.on(&["verify", "routes", "-o", "json"]).exits(0).json();
    assert_eq!(report["ok"], true);
    assert!(report["converged_after_ms"].is_u64());
    let checks = report["checks"].as_array().unwrap();
    let of_kind = |kind: &str| checks.iter().filter(|check| check["kind"] == kind).count();
    assert_eq!(of_kind("workload"), 6 * 12);
    assert_eq!(of_kind("unexpected"), 0);
    // The same is true without this tool: FRR itself says so.
    for spine in SPINES {
        let table = lab.ssh(spine, "vtysh -c 'show ip route'");
        for n in 1..=4 {
            for k in 1..=3 {
                let wanted = format!("B>* 172.16.1.{n}{k}/32");
                let line = table.lines().find(|line| line.contains(&wanted));
                let line = line.unwrap_or_else(|| panic!("{spine} lacks {wanted}:\n{table}"));
                assert!(line.contains(&format!("swp{n}")), "{line}");
            }
        }
    }
}

/// The daemons say what they know, and each host has its name in the inventory.
fn every_host_is_known_by_name(lab: &Lab) {
    let mut names = Vec::new();
    let report = lab.on(&["status", "neighbors", "-o", "json"]).exits(0).json();
    for host in report["hosts"].as_array().unwrap().iter().filter(|host| host["owner"] == "workload") {
        assert!(["live", "probing"].contains(&host["state"].as_str().unwrap()), "{host}");
        let (name, node) = (host["name"].as_str().unwrap(), host["node"].as_str().unwrap());
        // web21 is on server02, behind leaf02, whose server port is swp2.
        let rack = &name[3..4];
        assert_eq!(node, format!("leaf0{rack}"), "{host}");
        let port = if ["1", "3"].contains(&rack) { "swp1" } else { "swp2" };
        assert_eq!((host["port"].as_str(), &host["rival"]), (Some(port), &Value::Null), "{host}");
        names.push(name.to_owned());
    }
    names.sort_unstable();
    let wanted: Vec<String> = (1..=4).flat_map(|n| (1..=3).map(move |k| format!("web{n}{k}"))).collect();
    assert_eq!(names, wanted, "{report:#}");
    assert_eq!(report["missing"], serde_json::json!([]));
    assert!(report["hosts"].as_array().unwrap().iter().all(|host| host["owner"] != "unknown"), "{report:#}");
    lab.on(&["status", "neighbors"]).exits(0).says("12 workloads").says("advertised by 4 leafs");
}

/// Only loopbacks and host routes enter BGP: neither the rack's prefix nor the management network does.
fn nothing_leaks(lab: &Lab) {
    for node in ["spine01", "spine02", "leaf01", "leaf04"] {
        let answer = lab.ssh(node, "vtysh -c 'show bgp ipv4 unicast json'");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        for prefix in answer["routes"].as_object().unwrap().keys() {
            let ok =
                prefix.ends_with("/32") && (prefix.starts_with("172.16.1.") || prefix.starts_with("10.0.0."));
            assert!(ok, "{node} has {prefix} in BGP");
        }
    }
}

fn containers_reach_each_other(lab: &Lab) {
    eventually("web11 reached its leaf", || {
        lab.ssh("server01", "docker logs web11 2>&1").contains("172.16.1.1")
    });
    lab.in_container("server01", "web11", "ping -c 3 172.16.1.41");
    lab.in_container("server04", "web43", "ping -c 3 172.16.1.12");
    // No NAT: the far side sees the container's own address.
    let seen = lab.in_container("server01", "web11", "wget -qO- http://172.16.1.41/");
    assert!(seen.contains("172.16.1.11"), "{seen}");
}

/// What would change if a service or container were restarted.
fn identity(lab: &Lab) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for node in ["spine01", "leaf01", "leaf02"] {
        found.insert(node.to_owned(), lab.ssh(node, "pidof bgpd zebra rdnbrd || pidof bgpd zebra"));
    }
    for n in 1..=4 {
        let server = format!("server0{n}");
        found.insert(server.clone(), lab.ssh(&server, "pidof dockerd"));
        let started = lab.ssh(
            &server,
            "docker inspect -f '{{.Name}} {{.Id}} {{.State.StartedAt}}' $(docker ps -q --filter label=fabricctl.fabric)",
        );
        for line in started.lines() {
            let (name, rest) = line.split_once(' ').unwrap();
            found.insert(name.trim_start_matches('/').to_owned(), rest.to_owned());
        }
    }
    found
}

fn a_second_deployment_changes_nothing(lab: &Lab) {
    let before = identity(lab);
    lab.on(&["plan", "--exit-code"]).exits(0).says("nothing to change");
    lab.on(&["deploy"]).exits(0).says("nothing changed");
    assert_eq!(before, identity(lab));
}

fn has_route(lab: &Lab, node: &str, prefix: &str) -> bool {
    !lab.routes(node)[prefix].is_null()
}

fn a_stopped_container_leaves_every_spine_and_returns(lab: &Lab) {
    let prefix = "172.16.1.42/32";
    lab.ssh("server04", "docker stop -t 0 web42");
    eventually("web42's /32 is withdrawn", || SPINES.iter().all(|spine| !has_route(lab, spine, prefix)));
    let report = lab.on(&["verify", "routes", "--wait", "0s", "-o", "json"]).exits(1).json();
    let wrong: Vec<&Value> =
        report["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert!(wrong.iter().all(|check| check["prefix"] == prefix), "{wrong:?}");
    assert_eq!(wrong.len(), 6, "every spine and leaf lacks it: {wrong:?}");
    lab.ssh("server04", "docker start web42");
    lab.on(&["verify", "routes", "--wait", "60s"]).exits(0).says("all 12 container /32s");
}

/// The keys whose values differ.
fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    after.iter().filter(|(key, value)| before.get(*key) != Some(value)).map(|(key, _)| key.clone()).collect()
}

fn exactly_what_changed_is_replaced(lab: &Lab) {
    let before = identity(lab);
    lab.edit("172.16.1.12,", "172.16.1.15,");
    lab.edit(
        "web13: { server: server01, address: 172.16.1.13, image: identify }",
        "web13: { server: server01, address: 172.16.1.13, image: identify, environment: { COLOUR: blue } }",
    );
    lab.on(&["plan"]).exits(0).says("its address changes: 172.16.1.12 → 172.16.1.15");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    assert_eq!(changed(&before, &identity(lab)), ["web12", "web13"]);
    assert!(!has_route(lab, "spine01", "172.16.1.12/32"));
    assert!(lab.in_container("server01", "web13", "sh -c 'echo $COLOUR'").contains("blue"));
    // One that leaves the inventory leaves its server.
    lab.edit("  web33: { server: server03, address: 172.16.1.33, image: identify }\n", "");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 11 container /32s");
    assert!(!lab.ssh("server03", "docker ps -a").contains("web33"));
}

/// An image that was made elsewhere, whose container never says a word.
fn an_archive_is_loaded_and_its_silent_container_is_found(lab: &Lab) {
    let before = identity(lab);
    lab.fetch("server01", "docker save foreign:1", "boxed.tar");
    lab.edit("  identify: { build: true }", "  identify: { build: true }\n  boxed: { archive: boxed.tar }");
    lab.edit(
        "web32: { server: server03, address: 172.16.1.32, image: identify }",
        "web32: { server: server03, address: 172.16.1.32, image: boxed, command: [/busybox, sleep, '100000'] }",
    );
    lab.on(&["deploy", "--yes"]).exits(0).says("all 11 container /32s");
    assert_eq!(changed(&before, &identity(lab)), ["web32"]);
    assert!(lab.ssh("server03", "docker inspect -f '{{.Config.Image}}' web32").contains("/boxed:"));
    lab.on(&["plan", "--exit-code"]).exits(0);
}

fn what_was_done_by_hand_is_undone(lab: &Lab) {
    let before = identity(lab);
    lab.ssh("server02", "docker rm -f web21; docker stop -t 0 web22");
    lab.ssh("leaf01", "vtysh -c 'conf t' -c 'router bgp 65011' -c 'bgp router-id 10.9.9.9'");
    lab.ssh("leaf02", "ip addr del 172.16.1.1/24 dev swp2");
    lab.ssh("leaf03", "echo '# by hand' >>/etc/frr/frr.conf; sysctl -qw net.ipv4.conf.swp1.proxy_arp=0");
    lab.ssh("leaf04", "service rdnbrd stop");
    let status = lab.on(&["status", "neighbors"]).exits(1).says("leaf04: status: rdnbrd doesn't answer");
    assert!(status.stdout.contains("web31"), "the others are shown all the same: {}", status.stdout);
    lab.on(&["plan"])
        .exits(0)
        .says("run container web21")
        .says("start container web22")
        .says("swp2 lacks 172.16.1.1/24")
        .says("net/ipv4/conf/swp1/proxy_arp is 0, not 1")
        .says("start rdnbrd");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 11 container /32s");
    assert_eq!(changed(&before, &identity(lab)), ["web21", "web22"], "nothing else was restarted");
    lab.on(&["plan", "--exit-code"]).exits(0);
}

fn teardown_takes_away_its_own_and_nothing_else(lab: &Lab, before: &BTreeMap<&'static str, String>) {
    lab.on(&["teardown", "--keep-config", "--yes"]).exits(0);
    assert_eq!(lab.ssh("server02", "docker ps -aq; docker network ls -q --filter driver=macvlan").trim(), "");
    lab.ssh("leaf01", "pidof bgpd rdnbrd");
    lab.on(&["teardown", "--yes"]).exits(0).says("torn down");
    lab.on(&["teardown", "--yes"]).exits(0).says("nothing to do");
    assert_eq!(&files_before(lab), before);
    for node in ["spine01", "leaf01", "server01"] {
        assert_eq!(lab.try_ssh(node, "test -e /var/lib/fabricctl").code, 1, "{node} keeps records");
    }
    assert_eq!(lab.try_ssh("leaf01", "pidof rdnbrd bgpd").code, 1, "daemons still run");
    assert_eq!(lab.ssh("leaf01", "ip route show proto 76"), "");
    assert_eq!(lab.ssh("leaf01", "cat /etc/frr/foreign /etc/sysctl.d/foreign.conf"), "mine\nmine\n");
    let left =
        lab.ssh("server01", "docker ps --format '{{.Names}}'; docker image ls --format '{{.Repository}}'");
    assert_eq!(left, "foreign\nforeign\n");
}
