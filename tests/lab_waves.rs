//! What a change costs those that it isn't about, on real parts: pings run through all of it and count what they lose.
//!
//! One test walks through all of it on one lab, since bringing one up and deploying to it takes most of the time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a panic is how a test fails; tests start processes, write and read files, and tell what was lost"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use support::{CHANGED, FRR, Lab, Template, eventually};

/// Containers behind each pair of the leafs 02, 03 and 04, and two of one rack.
const ELSEWHERE: [(&str, &str, &str); 4] = [
    ("server02", "web21", "172.16.1.31"),
    ("server03", "web31", "172.16.1.41"),
    ("server04", "web41", "172.16.1.21"),
    ("server02", "web22", "172.16.1.23"),
];
/// From every rack to the next.
const EVERYWHERE: [(&str, &str, &str); 4] = [
    ("server01", "web11", "172.16.1.22"),
    ("server02", "web21", "172.16.1.32"),
    ("server03", "web31", "172.16.1.42"),
    ("server04", "web41", "172.16.1.12"),
];

#[test]
fn nobody_else_pays_for_a_change() {
    let lab = Lab::up("waves", "bookworm");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    one_leaf_of_four_restarts(&lab);
    a_leaf_that_breaks_its_own_bgp_is_undone(&lab);
    batches_in_their_order(&lab);
    spines_restart_one_after_the_other(&lab);
    a_spine_that_loses_routes_stops_the_run(&lab);
    a_device_that_fails_within_the_bound(&lab);
    lab.on(&["deploy"]).exits(0).says("nothing changed");
}

/// Pings that go on until they are asked for.
struct Traffic<'a> {
    lab: &'a Lab,
    pings: Vec<(String, Child)>,
}

/// A ping's sequence numbers that were not answered, in runs.
#[derive(Debug)]
struct Loss {
    ping: String,
    sent: usize,
    lost: usize,
    longest: usize,
}

impl<'a> Traffic<'a> {
    fn start(lab: &'a Lab, pairs: &[(&'static str, &str, &str)]) -> Self {
        let config = lab.ssh_config();
        let start = |(at, (server, container, address)): (usize, &(&'static str, &str, &str))| {
            let script = format!(
                "echo $$ >/run/ping.{at}; exec nsenter -t $(docker inspect -f '{{{{.State.Pid}}}}' {container}) -n \
                 ping -n -i 0.05 {address} >/run/ping.{at}.log"
            );
            let mut ssh = Command::new("ssh");
            ssh.arg("-F").arg(&config).args([*server, script.as_str()]).stdin(Stdio::null());
            ((*server).to_owned(), ssh.spawn().unwrap())
        };
        let traffic = Self { lab, pings: pairs.iter().enumerate().map(start).collect() };
        eventually("every ping is answered", || {
            traffic.pings.iter().enumerate().all(|(at, (server, _))| {
                lab.try_ssh(server, &format!("grep -q icmp_seq=20 /run/ping.{at}.log")).code == 0
            })
        });
        traffic
    }

    /// Ends them and says what they lost.
    fn end(mut self, what: &str) -> Vec<Loss> {
        let pings = std::mem::take(&mut self.pings);
        let losses: Vec<Loss> = pings
            .into_iter()
            .enumerate()
            .map(|(at, (server, mut ping))| {
                self.lab.ssh(&server, &format!("kill -INT $(cat /run/ping.{at})"));
                ping.wait().unwrap();
                let log = self.lab.ssh(&server, &format!("cat /run/ping.{at}.log; rm /run/ping.{at}*"));
                Loss::of(&log)
            })
            .collect();
        for loss in &losses {
            println!(
                "{what}: {}: {} sent, {} lost, {} at most in a row",
                loss.ping, loss.sent, loss.lost, loss.longest
            );
        }
        losses
    }

    /// Ends them; nothing may have been lost.
    #[track_caller]
    fn lost_nothing(self, what: &str) {
        let losses = self.end(what);
        assert!(losses.iter().all(|loss| loss.lost == 0), "{what}: {losses:#?}");
    }
}

impl Drop for Traffic<'_> {
    fn drop(&mut self) {
        for (_, ping) in &mut self.pings {
            let _ = ping.kill();
            let _ = ping.wait();
        }
    }
}

impl Loss {
    fn of(log: &str) -> Self {
        let answered: BTreeSet<usize> = log
            .lines()
            .filter(|line| line.contains("bytes from"))
            .filter_map(|line| line.split_once("icmp_seq=")?.1.split(' ').next()?.parse().ok())
            .collect();
        let summary = log.lines().find(|line| line.contains(" packets transmitted, ")).unwrap_or_default();
        let sent: usize =
            summary.split(' ').next().unwrap_or_default().parse().unwrap_or_else(|_| panic!("{log}"));
        // The last two may have been under way when it was ended.
        let (mut lost, mut longest, mut row) = (0, 0, 0);
        for number in 1..=sent.saturating_sub(2) {
            row = if answered.contains(&number) { 0 } else { row + 1 };
            lost += usize::from(row > 0);
            longest = longest.max(row);
        }
        assert!(!answered.is_empty(), "{log}");
        let ping = log.lines().next().unwrap_or_default().split(" 56(").next().unwrap_or_default().to_owned();
        Self { ping, sent, lost, longest }
    }
}

/// FRR restarts on some nodes.
fn restart(lab: &Lab, condition: &str) -> Template {
    let line = format!("bgpd=yes\n{{% if {condition} %}}\n# changed\n{{% endif %}}\n");
    Template::edited(lab, "etc/frr/daemons.j2", &[("bgpd=yes\n", &line)])
}

const REMOTE: &str = "interface remote-as external";

/// The sessions of one node are with a neighbour of another AS than there is.
fn broken(node: &str) -> String {
    format!(r#"interface remote-as {{{{ "internal" if node.name == "{node}" else "external" }}}}"#)
}

fn established(lab: &Lab, node: &str) -> usize {
    let summary: Value = serde_json::from_str(&lab.ssh(node, "vtysh -c 'show bgp summary json'")).unwrap();
    let peers = summary["ipv4Unicast"]["peers"].as_object().unwrap();
    peers.values().filter(|peer| peer["state"] == "Established").count()
}

fn wait_for_guards(lab: &Lab) {
    eventually("every device closes its run", || {
        let open = |node: &str| lab.try_ssh(node, "ls /var/lib/fabricctl/runs/*/armed").code == 0;
        !["leaf01", "leaf02", "spine01", "spine02"].into_iter().any(open)
    });
}

fn one_leaf_of_four_restarts(lab: &Lab) {
    let traffic = Traffic::start(lab, &ELSEWHERE);
    let change = restart(lab, r#"node.name == "leaf01""#);
    let pid = lab.ssh("leaf01", "pidof bgpd");
    lab.on(&["deploy", "--yes"]).exits(0).says("restart frr");
    assert_ne!(lab.ssh("leaf01", "pidof bgpd"), pid);
    traffic.lost_nothing("FRR of one leaf of four restarts");
    drop(change);
    lab.on(&["deploy", "--yes"]).exits(0);
}

fn a_leaf_that_breaks_its_own_bgp_is_undone(lab: &Lab) {
    let traffic = Traffic::start(lab, &ELSEWHERE);
    let wrong = Template::edited(lab, FRR, &[(REMOTE, &broken("leaf01"))]);
    let ran = lab.on(&["deploy", "--yes", "--wait", "3s"]).exits(5).says("the routes didn't become right");
    ran.says("rolled back: everything is as it was before this run on leaf01");
    lab.on(&["verify", "routes", "--wait", "60s"]).exits(0);
    // Nobody looks, and nobody confirms: the leaf has to help itself.
    let ran = lab.on(&["deploy", "--yes", "--no-verify", "--confirm", "manual", "--confirm-within", "10s"]);
    ran.exits(0).says("not final yet");
    assert_eq!(established(lab, "leaf01"), 0, "it isn't broken at all");
    wait_for_guards(lab);
    lab.on(&["verify", "routes", "--wait", "60s"]).exits(0);
    assert_eq!(established(lab, "leaf01"), 2);
    traffic.lost_nothing("one leaf breaks its own BGP, twice");
    drop(wrong);
    // A filter takes effect a second after FRR has read it: who looks at once sees nothing.
    let deny = "{% endfor %}\n exit-address-family";
    let late = "{% endfor %}\n{% for port in bgp_ports if node.name == \"leaf01\" %}\n  \
                neighbor {{ port.name }} route-map NOTHING out\n{% endfor %}\n exit-address-family";
    let map = "route-map FABRIC-LOOPBACK permit 10\n match interface lo\nexit\n!\n";
    let with_map = format!(
        "{map}{{% if node.name == \"leaf01\" %}}\nroute-map NOTHING deny 10\nexit\n!\n{{% endif %}}\n"
    );
    let late = Template::edited(lab, FRR, &[(deny, late), (map, &with_map)]);
    lab.on(&["deploy", "--yes", "--wait", "3s"]).exits(5).says("the routes didn't become right");
    drop(late);
    lab.on(&["verify", "routes", "--wait", "60s"]).exits(0);
}

/// The nodes of a run in the order in which their first step began, and those that were under way at the same time.
fn order(lab: &Lab, run: &str) -> (Vec<String>, BTreeSet<String>) {
    let story =
        std::fs::read_to_string(lab.inventory.path().join(format!(".fabricctl/runs/{run}.jsonl"))).unwrap();
    let (mut order, mut open, mut together) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for line in story.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let node = record["node"].as_str().unwrap_or_default().to_owned();
        match record["record"].as_str().unwrap() {
            "step-begun" => {
                if !order.contains(&node) {
                    order.push(node.clone());
                }
                open.insert(node);
                if open.len() > 1 {
                    together.extend(open.iter().cloned());
                }
            }
            "node" => {
                open.remove(&node);
            }
            _ => {}
        }
    }
    (order, together)
}

fn run_of(document: &Value) -> String {
    document["run"].as_str().unwrap().to_owned()
}

fn batches_in_their_order(lab: &Lab) {
    let traffic = Traffic::start(lab, &EVERYWHERE);
    let change = Template::edited(lab, FRR, &[CHANGED]);
    let cautious = ["deploy", "--yes", "-o", "json", "--canary", "leaf03", "--serial", "1"];
    let ran = lab.on(&cautious).exits(0);
    let (nodes, together) = order(lab, &run_of(&ran.json()));
    assert_eq!(nodes, ["spine01", "spine02", "leaf03", "leaf01", "leaf02", "leaf04"]);
    assert!(together.is_empty(), "{together:?}");
    assert_eq!(ran.json()["failed"], serde_json::json!([]));
    drop(change);
    // Without a word about it, the leafs go together, and the spines don't.
    let ran = lab.on(&["deploy", "--yes", "-o", "json"]).exits(0);
    let (nodes, together) = order(lab, &run_of(&ran.json()));
    assert_eq!(nodes[..2], ["spine01", "spine02"]);
    assert!(together.iter().all(|node| node.starts_with("leaf")), "{together:?}");
    traffic.lost_nothing("every router reloads, twice");
}

fn spines_restart_one_after_the_other(lab: &Lab) {
    let traffic = Traffic::start(lab, &EVERYWHERE);
    let change = restart(lab, r#"node.role == "spine""#);
    let ran = lab.on(&["deploy", "--yes"]).exits(0);
    ran.says("spines, 1 of 2: ").says("spines, 2 of 2: ").says("they are back");
    let losses = traffic.end("FRR of both spines restarts, one after the other");
    // A spine takes its routes out of the kernel before leafs hear of it: a moment, and only for what led over it.
    for loss in &losses {
        assert!(loss.longest * 10 < loss.sent, "{loss:?} was cut off");
    }
    let spared = losses.iter().filter(|loss| loss.lost == 0).count();
    println!("{spared} of {} pings lost nothing", losses.len());
    drop(change);
    let ran = lab.on(&["deploy", "--yes", "-o", "json", "--all-at-once", "--limit", "spine"]).exits(0);
    assert_eq!(order(lab, &run_of(&ran.json())).0.len(), 2);
}

fn a_spine_that_loses_routes_stops_the_run(lab: &Lab) {
    let change = Template::edited(lab, FRR, &[(REMOTE, &broken("spine01")), CHANGED]);
    let has = |node: &str| lab.ssh(node, "vtysh -c 'show running-config'").contains("compare-routerid");
    let traffic = Traffic::start(lab, &EVERYWHERE);
    let ran =
        lab.on(&["deploy", "--yes", "--wait", "3s"]).exits(5).says("that were there before didn't come back");
    ran.says("rolled back: everything is as it was before this run on spine01").says("12 steps were done");
    assert!(!has("spine01") && !has("spine02") && !has("leaf01"));
    // The bound lets the others go on, as soon as that one is as it was.
    let ran = lab.on(&["deploy", "--yes", "--wait", "3s", "--max-fail", "1", "-o", "json"]).exits(1);
    assert_eq!(ran.json()["failed"], serde_json::json!(["spine01"]));
    assert_eq!(ran.json()["done"], false);
    assert!(!has("spine01") && has("spine02") && has("leaf01") && has("leaf04"));
    let losses = traffic.end("one spine loses its sessions, twice");
    assert!(losses.iter().all(|loss| loss.longest * 10 < loss.sent), "{losses:#?}");
    drop(change);
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
}

fn a_device_that_fails_within_the_bound(lab: &Lab) {
    let text = "{#- fabricctl: roles=leaf check=\"grep -q good {}\" -#}\n{{ \"bad\" if node.name == \"leaf02\" else \"good\" }}\n";
    let on = || {
        let has = |node: &&str| lab.try_ssh(node, "test -e /etc/word").code == 0;
        ["leaf01", "leaf02", "leaf03", "leaf04"].iter().filter(|node| has(node)).copied().collect::<Vec<_>>()
    };
    let file = Template::new(lab, "etc/word.j2", text);
    lab.on(&["deploy", "--yes"]).exits(5).says("leaf02: write /etc/word");
    assert_eq!(on(), Vec::<&str>::new());
    lab.on(&["deploy", "--yes", "--max-fail", "2", "--canary", "leaf02"]).exits(5);
    assert_eq!(on(), Vec::<&str>::new());
    let ran = lab.on(&["deploy", "--yes", "--max-fail", "25%", "--serial", "2"]).exits(1);
    let ran = ran.says("leaf02 failed; --max-fail lets the others go on").says("deployed, but not on leaf02");
    ran.says("rolled back: everything is as it was before this run on leaf02").says("leafs, 2 of 2: ");
    assert_eq!(on(), ["leaf01", "leaf03", "leaf04"]);
    for node in ["leaf01", "leaf02"] {
        assert_eq!(lab.try_ssh(node, "ls /var/lib/fabricctl/runs/*/armed").code, 2, "{node} has an open run");
    }
    drop(file);
    lab.on(&["deploy", "--yes"]).exits(0);
    assert_eq!(on(), Vec::<&str>::new());
}
