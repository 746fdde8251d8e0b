//! What hands do to devices is told, with the difference; what runs do to them isn't, whether they end well or are undone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a panic is how a test fails; tests start processes and write files, and tell how long things took"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use support::{Lab, Ran};

const PASSWORD: &str = "bgp:Tr0ub4dor-and-3";
const BY_HAND: &str = "what-a-hand-wrote";

#[test]
fn what_hands_change_is_told_and_what_runs_change_is_not() {
    let lab = prepared();
    nobody_deployed_yet(&lab);
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    let run = a_deployment_is_no_drift(&lab);
    an_edited_inventory_is_no_drift(&lab);
    hands_are_told(&lab);
    a_deployment_puts_it_right(&lab);
    what_a_run_removed_and_is_back(&lab);
    let run = if run == no_drift(&lab) { panic!("other runs came after the first") } else { no_drift(&lab) };
    a_run_that_was_undone_is_no_drift(&lab, &run);
    a_device_that_is_away(&lab);
    lab.on(&["teardown", "--yes"]).exits(0);
    nobody_deployed_yet(&lab);
}

/// A lab whose routers share a password that nobody is to see.
fn prepared() -> Lab {
    let lab = Lab::up("drift", "bookworm");
    let secret = format!("  mtu: 9216\n  vars: {{ bgp_password: {{ secret: \"{PASSWORD}\" }} }}\n");
    lab.edit("  mtu: 9216\n", &secret);
    let text = std::fs::read_to_string("templates/debian/etc/frr/frr.conf.j2").unwrap();
    let line = " neighbor {{ port.name }} timers connect 1\n";
    assert!(text.contains(line));
    let password = format!("{line} neighbor {{{{ port.name }}}} password {{{{ node.vars.bgp_password }}}}\n");
    template(&lab, "etc/frr/frr.conf", &text.replace(line, &password));
    lab
}

fn template(lab: &Lab, path: &str, text: &str) -> std::path::PathBuf {
    let path = lab.inventory.path().join("templates/debian").join(format!("{path}.j2"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// Asks, in both forms; no secret of anybody comes out.
#[track_caller]
fn drift(lab: &Lab, code: i32) -> (Ran, Value) {
    let started = Instant::now();
    let text = lab.on(&["verify", "drift"]).exits(code);
    println!("verify drift: {:.2} s", started.elapsed().as_secs_f64());
    let json = lab.on(&["verify", "drift", "-o", "json"]).exits(code);
    for secret in [PASSWORD, BY_HAND] {
        for said in [&text.stdout, &text.stderr, &json.stdout, &json.stderr] {
            assert!(!said.contains(secret), "it tells {secret}: {said}");
        }
    }
    let report = json.json();
    assert_eq!(report["ok"], code == 0);
    (text, report)
}

/// Nothing differs anywhere. Returns the run that put there what is on leaf01.
#[track_caller]
fn no_drift(lab: &Lab) -> String {
    let (text, report) = drift(lab, 0);
    let nodes = report["nodes"].as_array().unwrap();
    assert!(
        nodes.len() == 10 && nodes.iter().all(|node| node["standing"] == "as-deployed"),
        "{}",
        text.stdout
    );
    let run = nodes[0]["run"]["run"].as_str().unwrap().to_owned();
    assert!(text.stdout.contains(&run), "{}", text.stdout);
    run
}

fn nobody_deployed_yet(lab: &Lab) {
    let (text, report) = drift(lab, 0);
    text.says("– leaf01    never deployed to\n").says("\n✔ 10 nodes never deployed to\n");
    assert!(report["nodes"].as_array().unwrap().iter().all(|node| node["standing"] == "never-deployed"));
}

fn a_deployment_is_no_drift(lab: &Lab) -> String {
    let run = no_drift(lab);
    let newest = &lab.fabricctl(&["history", "-o", "json"]).exits(0).json()["runs"][0]["run"];
    if newest.is_string() {
        assert_eq!(newest, &Value::from(run.as_str()));
    }
    // Asking leaves nothing behind.
    for node in ["leaf01", "server01"] {
        lab.ssh(node, "touch /root/asked; sleep 0.1");
    }
    no_drift(lab);
    for node in ["leaf01", "server01"] {
        let written = "find /etc /usr /root /var/lib/fabricctl /tmp /run/fabricctl -xdev -newer /root/asked ! -path /tmp";
        assert_eq!(lab.ssh(node, written), "", "{node}");
        lab.ssh(node, "rm /root/asked");
    }
    run
}

fn an_edited_inventory_is_no_drift(lab: &Lab) {
    lab.edit("172.16.1.12,", "172.16.1.15,");
    let another = template(lab, "etc/another", "{#- fabricctl: roles=spine -#}\nx\n");
    no_drift(lab);
    lab.edit("172.16.1.15,", "172.16.1.12,");
    std::fs::remove_file(another).unwrap();
}

/// What a node, a kind and a name are told of: the message and the difference.
type Told = BTreeMap<(String, String, String), (String, String)>;

fn told(report: &Value) -> Told {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told = Told::new();
    for node in report["nodes"].as_array().unwrap() {
        for one in node["differences"].as_array().unwrap() {
            let key = (text(&node["node"]), text(&one["kind"]), text(&one["name"]));
            told.insert(key, (text(&one["message"]), text(&one["diff"])));
        }
    }
    told
}

/// Each deed of a hand: the node, the command, and what is told of it: kind, name, message and a part of the difference.
const DEEDS: [(&str, &str, &str, &str, &str, &str); 14] = [
    (
        "leaf01",
        "sed -i 's/password .*/password what-a-hand-wrote/' /etc/frr/frr.conf",
        "file",
        "/etc/frr/frr.conf",
        "its content was changed",
        "- neighbor swp51 password <secret>\n",
    ),
    (
        "leaf01",
        "chmod 666 /etc/rdnbrd.conf",
        "file",
        "/etc/rdnbrd.conf",
        "it is root:root 0666, and was root:root 0644",
        "-root:root 0644\n+root:root 0666\n",
    ),
    (
        "leaf01",
        "chown frr /etc/network/interfaces",
        "file",
        "/etc/network/interfaces",
        "it is frr:root 0644, and was root:root 0644",
        "-root:root 0644\n+frr:root 0644\n",
    ),
    (
        "leaf01",
        "ip addr add 192.0.2.1/24 dev swp1",
        "interface",
        "swp1",
        "it has 192.0.2.1/24",
        "+address 192.0.2.1/24\n",
    ),
    (
        "leaf02",
        "vtysh -c 'configure' -c 'router bgp 65012' -c 'timers bgp 5 15'",
        "routing",
        "frr",
        "its running configuration is not /etc/frr/frr.conf as it was put there: 1 line not in the file",
        "@@ router bgp 65012 @@\n+timers bgp 5 15\n",
    ),
    (
        "leaf02",
        "ip addr del 172.16.1.1/24 dev swp2",
        "interface",
        "swp2",
        "it lacks 172.16.1.1/24",
        "-address 172.16.1.1/24\n",
    ),
    (
        "leaf02",
        "sysctl -qw net.ipv4.conf.swp2.proxy_arp=0",
        "setting",
        "net/ipv4/conf/swp2/proxy_arp",
        "it is 0, not 1",
        "-net/ipv4/conf/swp2/proxy_arp = 1\n+net/ipv4/conf/swp2/proxy_arp = 0\n",
    ),
    ("leaf03", "service rdnbrd stop", "service", "rdnbrd", "it doesn't run", "-running\n+stopped\n"),
    ("leaf03", "rm /etc/frr/daemons", "file", "/etc/frr/daemons", "it is gone", "-bgpd=yes\n"),
    (
        "leaf04",
        "cp /usr/local/sbin/rdnbrd /root/x; echo >>/root/x; mv /root/x /usr/local/sbin/rdnbrd",
        "file",
        "/usr/local/sbin/rdnbrd",
        "its content was changed",
        "",
    ),
    (
        "server01",
        "docker stop -t 0 web11",
        "container",
        "web11",
        "it doesn't run (exited)",
        "-running\n+stopped\n",
    ),
    (
        "server01",
        "i=$(docker inspect -f '{{.Config.Image}}' web12); docker rm -f web12; \
      docker run -d --name web12 --network containers --ip 172.16.1.12 -e PASSWORD=what-a-hand-wrote $i",
        "container",
        "web12",
        "it was replaced: another container has its name",
        "-restart unless-stopped\n+restart no\n",
    ),
    (
        "server02",
        "docker rm -f web21",
        "container",
        "web21",
        "it is gone",
        "-network containers 172.16.1.21\n",
    ),
    (
        "server02",
        "docker rm -f web22 web23; docker network rm containers",
        "network",
        "containers",
        "it is gone",
        "-subnet 172.16.1.0/24\n",
    ),
];

fn hands_are_told(lab: &Lab) {
    for (node, command, ..) in DEEDS {
        lab.ssh(node, command);
    }
    let (text, report) = drift(lab, 1);
    let told = told(&report);
    let mut expected: Vec<_> =
        DEEDS.iter().map(|(node, _, kind, name, ..)| (*node, *kind, *name)).map(owned).collect();
    expected.extend(["web22", "web23"].map(|name| owned(("server02", "container", name))));
    expected.sort();
    assert_eq!(told.keys().cloned().collect::<Vec<_>>(), expected, "{}", text.stdout);
    for (node, _, kind, name, message, part) in DEEDS {
        let (said, diff) = &told[&owned((node, kind, name))];
        assert_eq!(said, message, "{node} {kind} {name}");
        assert!(diff.contains(part), "{node} {kind} {name}: {diff}");
        assert!(text.stdout.contains(&format!("    {kind} {name}: {message}\n")), "{}", text.stdout);
    }
    let text =
        text.says("✔ spine01   as deployed").says("\n✖ 6 nodes differ from what the last run put there\n");
    assert!(text.stdout.contains("<secret, changed>"), "{}", text.stdout);
    lab.on(&["verify", "drift", "--limit", "spine,server03"]).exits(0).says("nothing differs on 3 nodes");
}

fn owned((node, kind, name): (&str, &str, &str)) -> (String, String, String) {
    (node.to_owned(), kind.to_owned(), name.to_owned())
}

fn a_deployment_puts_it_right(lab: &Lab) {
    // What isn't fabricctl's it doesn't take away; it says what to do.
    lab.on(&["deploy", "--yes"]).exits(1).says("docker rm -f web12");
    lab.ssh("server01", "docker rm -f web12");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    no_drift(lab);
}

fn what_a_run_removed_and_is_back(lab: &Lab) {
    let another = template(lab, "etc/another", "{#- fabricctl: roles=spine -#}\nx\n");
    lab.on(&["deploy", "--yes", "-l", "spine"]).exits(0);
    no_drift(lab);
    std::fs::remove_file(another).unwrap();
    lab.on(&["deploy", "--yes", "-l", "spine"]).exits(0);
    no_drift(lab);
    lab.ssh("spine01", "echo x >/etc/another");
    let (_, report) = drift(lab, 1);
    let told = told(&report);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[&owned(("spine01", "file", "/etc/another"))].0, "it was removed, and is there again");
    lab.ssh("spine01", "rm /etc/another");
}

/// Somebody else's container, on an address that isn't free then.
const SQUATTER: &str = "docker run -d --name squatter --network containers --ip 172.16.1.15 \
                        $(docker inspect -f '{{.Config.Image}}' web11)";

/// Files, a routing configuration and a container that is replaced: all is put back, and the record with it.
fn a_run_that_was_undone_is_no_drift(lab: &Lab, before: &str) {
    let record =
        "cd /var/lib/fabricctl/deployed && find . -type f -exec sha256sum {} + | sort; find . -type d | sort";
    let kept = ["leaf01", "server01"].map(|node| lab.ssh(node, record));
    let frr = lab.inventory.path().join("templates/debian/etc/frr/frr.conf.j2");
    let text = std::fs::read_to_string(&frr).unwrap();
    std::fs::write(&frr, text.replace("timers connect 1\n", "timers connect 2\n")).unwrap();
    let another = template(lab, "etc/another", "{#- fabricctl: roles=leaf,server -#}\nx\n");
    lab.edit("172.16.1.12,", "172.16.1.15,");
    lab.ssh("server01", SQUATTER);
    lab.on(&["deploy", "--yes"]).exits(5).says("run container web12").says("rolled back");
    lab.ssh("server01", "docker rm -f squatter");
    let run = no_drift(lab);
    assert_eq!(run, before, "the run that was undone is not the one that put there what is there");
    assert_eq!(["leaf01", "server01"].map(|node| lab.ssh(node, record)), kept);
    std::fs::write(&frr, text).unwrap();
    std::fs::remove_file(another).unwrap();
    lab.edit("172.16.1.15,", "172.16.1.12,");
    assert!(lab.on(&["plan", "--exit-code"]).exits(0).stdout.contains("nothing to change"));
}

fn a_device_that_is_away(lab: &Lab) {
    let config = lab.ssh_config();
    let away = std::fs::read_to_string(&config).unwrap();
    let path = lab.inventory.path().join("ssh_config");
    std::fs::write(&path, format!("Host leaf04\n  ProxyCommand false\n{away}")).unwrap();
    let ran = lab.fabricctl(&["verify", "drift", "--ssh-config", path.to_str().unwrap()]);
    ran.exits(4).says("✖ leaf04    it gave no answer\n").says("✔ leaf03    as deployed");
    assert!(Path::new(&config).exists());
}
