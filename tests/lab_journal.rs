//! What a run leaves behind on the controller, and what a plan leaves alone: on real devices, one story in order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start processes, read files, print what they measured, and fail by panicking"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{Lab, Ran};

const NODES: [&str; 10] = [
    "leaf01", "leaf02", "leaf03", "leaf04", "server01", "server02", "server03", "server04", "spine01",
    "spine02",
];

#[test]
fn plans_and_their_records() {
    let lab = Lab::up("journal", "bookworm");
    a_plan_changes_nothing(&lab);
    a_saved_plan_is_refused_when_a_device_has_changed(&lab);
    a_run_that_is_killed_is_interrupted_and_the_next_completes_it(&lab);
    a_saved_plan_does_exactly_what_was_planned(&lab);
    a_failed_step_is_recorded_with_the_devices_words(&lab);
    ctrl_c_is_an_end(&lab);
    runs_that_change_nothing_are_recorded_too(&lab);
    a_plan_changes_nothing(&lab);
    a_full_disk_here_does_not_stop_a_run(&lab);
    a_teardown_is_recorded(&lab);
}

/// Everything on a node that a plan could have changed: times, owners, modes and contents of files, processes,
/// containers, addresses, routes and kernel settings.
const EVERYTHING: &str = "
    find /etc /usr/local /root /home /opt /srv /var/lib -path /var/lib/docker -prune -o -path /var/lib/containerd -prune \
        -o -printf '%p %T@ %m %u %g %s\\n' | sort
    find /etc /var/lib/fabricctl -type f -exec sha256sum {} + 2>/dev/null | sort
    ls -A /tmp /run/lock
    for daemon in watchfrr zebra bgpd staticd rdnbrd dockerd containerd; do echo $daemon $(pidof $daemon); done
    [ -z \"$(pidof dockerd)\" ] || docker ps -aq | xargs -r docker inspect -f '{{.Name}} {{.Id}} {{.State.StartedAt}}'
    ip -br -4 addr; ip -br link; ip -4 route show table all; ip -6 route show table all | grep -v fe80
    sysctl -a 2>/dev/null | grep -E '^net.ipv[46].(ip_forward|conf)'";

fn everything(lab: &Lab) -> BTreeMap<&'static str, String> {
    let node = |node| {
        let found = lab.ssh(node, EVERYTHING);
        assert!(found.lines().count() > 500, "{node}: {found}");
        (node, found)
    };
    NODES.into_iter().map(node).collect()
}

fn a_plan_changes_nothing(lab: &Lab) {
    // Something to plan: a container and a file of every leaf that aren't as they are to be.
    lab.edit("172.16.1.12,", "172.16.1.19,");
    lab.edit("mtu: 9216", "mtu: 9000");
    let before = everything(lab);
    let file = lab.inventory.path().join("nothing.plan");
    let out = file.to_str().unwrap();
    lab.on(&["plan", "--exit-code", "--detail", "--out", out]).exits(3).says("$ put_file file");
    lab.on(&["deploy", "--dry-run"]).exits(0).says("172.16.1.19");
    lab.on(&["deploy", out, "--dry-run"]).exits(0).says("172.16.1.19");
    for (node, found) in everything(lab) {
        let changed: Vec<&str> =
            found.lines().filter(|line| !before[node].lines().any(|was| was == *line)).collect();
        assert!(before[node] == found, "{node} was touched: {changed:#?}");
    }
    lab.edit("172.16.1.19,", "172.16.1.12,");
    lab.edit("mtu: 9000", "mtu: 9216");
}

fn file(lab: &Lab, name: &str) -> String {
    lab.inventory.path().join(name).to_str().unwrap().to_owned()
}

fn a_saved_plan_is_refused_when_a_device_has_changed(lab: &Lab) {
    let plan = file(lab, "change.plan");
    lab.on(&["plan", "--out", &plan]).exits(0).says(&format!("fabricctl deploy {plan} --lab"));
    let saved = std::fs::read_to_string(&plan).unwrap();
    assert!(!saved.contains("router bgp") && !saved.contains("bgpd=yes"), "no content of any file is in it");
    let runs = history(lab).len();
    lab.ssh("leaf03", "cp -a /etc/frr/daemons /root/daemons; echo '# by hand' >>/etc/frr/daemons");
    lab.ssh("server02", "ip link set eth2 up; ip addr add 192.0.2.1/32 dev eth2");
    let ran = lab.on(&["deploy", &plan, "--yes"]).exits(2);
    let ran = ran.says("error: leaf03: file /etc/frr/daemons: it has changed\n");
    let ran = ran.says("error: server02: port eth2: it has changed\n").says("nothing was changed");
    assert_eq!(ran.stderr.matches("error: ").count(), 3, "{}", ran.stderr);
    lab.on(&["deploy", &plan, "--dry-run"]).exits(2).says("leaf03");
    for node in NODES {
        assert_eq!(lab.try_ssh(node, "test -e /var/lib/fabricctl").code, 1, "{node} was touched");
    }
    assert_eq!(history(lab).len(), runs, "a refused plan is no run");
    lab.ssh("leaf03", "cp -a /root/daemons /etc/frr/daemons; rm /root/daemons");
    lab.ssh("server02", "ip addr del 192.0.2.1/32 dev eth2; ip link set eth2 down");
    // As it was: the plan holds again.
    lab.on(&["deploy", &plan, "--dry-run"]).exits(0).says(" steps on 10 nodes");
    // A template of the inventory's own is another plan, even where it makes the same file.
    let template = lab.inventory.path().join("templates/debian/etc/frr/frr.conf.j2");
    std::fs::create_dir_all(template.parent().unwrap()).unwrap();
    let text = std::fs::read_to_string("templates/debian/etc/frr/frr.conf.j2").unwrap();
    std::fs::write(&template, format!("{text}! more\n")).unwrap();
    let refused = lab.on(&["deploy", &plan, "--yes"]).exits(2);
    refused.says("error: the template debian/etc/frr/frr.conf.j2: it has changed\n");
    std::fs::remove_dir_all(lab.inventory.path().join("templates")).unwrap();
    std::fs::remove_file(&plan).unwrap();
}

/// Runs from the newest, as JSON.
fn history(lab: &Lab) -> Vec<Value> {
    lab.fabricctl(&["history", "-o", "json"]).exits(0).json().as_array().unwrap().clone()
}

fn show(lab: &Lab, run: &Value) -> Value {
    lab.fabricctl(&["history", "show", run["run"].as_str().unwrap(), "-o", "json"]).exits(0).json()
}

/// Steps of a run by what became of them.
fn steps<'a>(run: &'a Value, outcome: &str) -> Vec<&'a Value> {
    run["progress"].as_array().unwrap().iter().filter(|step| step["outcome"] == outcome).collect()
}

fn runs_folder(lab: &Lab) -> PathBuf {
    lab.inventory.path().join(".fabricctl/runs")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect()
}

/// Starts a deployment and returns when its record tells that something holds.
fn deploy_until(lab: &Lab, holds: impl Fn(&str) -> bool) -> Child {
    let before = files(&runs_folder(lab));
    let mut child = lab
        .command(&["deploy", "--yes", "--lab", &lab.name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    loop {
        let new = files(&runs_folder(lab)).into_iter().find(|file| !before.contains(file));
        if new.is_some_and(|file| holds(&std::fs::read_to_string(file).unwrap())) {
            return child;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        assert!(started.elapsed() < Duration::from_secs(120), "it never came so far");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn signal(child: &Child, signal: i32) {
    assert_eq!(unsafe { libc::kill(child.id().cast_signed(), signal) }, 0);
}

const BEGUN: &str = "\"record\":\"step-begun\"";

fn a_run_that_is_killed_is_interrupted_and_the_next_completes_it(lab: &Lab) {
    for begun in [1, 15, 40] {
        let mut child = deploy_until(lab, |text| text.matches(BEGUN).count() >= begun);
        let running = &history(lab)[0];
        assert!(running["outcome"] == "running" || child.try_wait().unwrap().is_some(), "{running}");
        signal(&child, libc::SIGKILL);
        child.wait().unwrap();
        let killed = &history(lab)[0];
        assert_eq!((&killed["outcome"], &killed["exit"]), (&"interrupted".into(), &Value::Null), "{killed}");
        let run = show(lab, killed);
        assert!(run["progress"].as_array().unwrap().len() >= begun, "{run:#}");
        assert_eq!((&run["plan"]["changes"], &run["unreadable_records"]), (&true.into(), &0.into()));
        println!(
            "killed after {begun} steps had begun: {} done, {} open",
            steps(&run, "done").len(),
            steps(&run, "begun").len()
        );
    }
    // A step that certainly hasn't ended when the controller is killed.
    let template = slow(lab, 5);
    let begins = |text: &str| {
        text.lines()
            .any(|line| line.contains(BEGUN) && line.contains("write /etc/slow") && line.contains("server03"))
    };
    let mut child = deploy_until(lab, begins);
    signal(&child, libc::SIGKILL);
    child.wait().unwrap();
    let killed = &history(lab)[0];
    let run = show(lab, killed);
    let open = steps(&run, "begun");
    assert!(
        open.iter().any(|step| step["node"] == "server03" && step["step"] == "write /etc/slow"),
        "{open:?}"
    );
    lab.fabricctl(&["history", "show", killed["run"].as_str().unwrap()])
        .exits(0)
        .says("interrupted: it ended without a word")
        .says("  server03: write /etc/slow was begun\n");
    std::fs::remove_file(template).unwrap();

    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    let newest = &history(lab)[..2];
    assert_eq!((&newest[0]["outcome"], &newest[1]["outcome"]), (&"done".into(), &"interrupted".into()));
    assert_eq!(newest[0]["steps"]["done"], newest[0]["steps"]["planned"]);
    let by = format!("  server03: rolled back (by run {})", newest[0]["run"].as_str().unwrap());
    lab.fabricctl(&["history", "show", newest[1]["run"].as_str().unwrap()]).exits(0).says(&by);
    lab.on(&["plan", "--exit-code"]).exits(0);
}

/// A file on each server whose check takes that many seconds.
fn slow(lab: &Lab, seconds: u32) -> PathBuf {
    let path = lab.inventory.path().join("templates/debian/etc/slow.j2");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = format!("{{#- fabricctl: roles=server check=\"sleep {seconds}; test -s {{}}\" -#}}\nslow\n");
    std::fs::write(&path, text).unwrap();
    path
}

fn a_saved_plan_does_exactly_what_was_planned(lab: &Lab) {
    let plan = file(lab, "change.plan");
    lab.edit("172.16.1.12,", "172.16.1.15,");
    lab.on(&["plan", "--out", &plan, "--limit", "server01"]).exits(0);
    let before = lab.ssh("server01", "docker inspect -f '{{.Id}}' web11 web13");
    // It is for server01 alone, without anyone saying so again.
    lab.on(&["deploy", &plan, "--yes"]).exits(0).says("deployed: 2 steps on 1 node: 2 containers");
    assert_eq!(before, lab.ssh("server01", "docker inspect -f '{{.Id}}' web11 web13"));
    assert!(lab.ssh("server01", "docker inspect web12").contains("172.16.1.15"));
    let newest = &history(lab)[0];
    assert_eq!((&newest["outcome"], &newest["nodes"]), (&"done".into(), &serde_json::json!(["server01"])));
    let shown = lab.fabricctl(&["history", "show", newest["run"].as_str().unwrap()]).exits(0);
    shown
        .says("its address changes: 172.16.1.12 → 172.16.1.15")
        .says(&format!("typed      fabricctl deploy {plan}"));
    // Once done, it isn't what is to be done any more.
    lab.on(&["deploy", &plan, "--yes"]).exits(2).says("server01: container web12: it has changed");
    lab.edit("172.16.1.15,", "172.16.1.12,");
    lab.on(&["deploy", &plan, "--yes"]).exits(2).says("error: the inventory: it has changed\n");
    // A node that can't be asked makes no plan to save.
    lab.ssh("leaf02", "mv /usr/bin/dpkg-query /usr/bin/dpkg-query.away");
    let unsaved = file(lab, "unsaved.plan");
    lab.on(&["plan", "--out", &unsaved]).exits(1).says(&format!("the plan was not saved in {unsaved}"));
    assert!(!Path::new(&unsaved).exists());
    lab.ssh("leaf02", "mv /usr/bin/dpkg-query.away /usr/bin/dpkg-query");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
}

fn a_failed_step_is_recorded_with_the_devices_words(lab: &Lab) {
    let template = lab.inventory.path().join("templates/debian/etc/refused.j2");
    let text = "{#- fabricctl: roles=spine check=\"echo the words of the device; false {}\" -#}\nx\n";
    std::fs::write(&template, text).unwrap();
    lab.on(&["deploy", "--yes", "--limit", "spine"]).exits(5).says("the words of the device");
    let newest = &history(lab)[0];
    assert_eq!((&newest["outcome"], &newest["exit"]), (&"rolled-back".into(), &5.into()));
    let run = show(lab, newest);
    let failed = steps(&run, "failed");
    // The other spine carries traffic too, and waits for this one.
    assert_eq!(failed.len(), 1, "{failed:?}");
    for step in failed {
        assert_eq!(step["step"], "write /etc/refused");
        assert!(step["said"].as_str().unwrap().starts_with("the words of the device\n"), "{step}");
    }
    assert!(run["errors"][0].as_str().unwrap().contains("write /etc/refused: the words"), "{run:#}");
    std::fs::remove_file(template).unwrap();
}

fn ctrl_c_is_an_end(lab: &Lab) {
    let template = slow(lab, 3);
    let mut child = deploy_until(lab, |text| text.contains(BEGUN));
    signal(&child, libc::SIGINT);
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(130));
    let newest = &history(lab)[0];
    assert_eq!((&newest["outcome"], &newest["exit"]), (&"interrupted".into(), &130.into()));
    std::fs::remove_file(template).unwrap();
    lab.on(&["deploy", "--yes"]).exits(0);
}

fn runs_that_change_nothing_are_recorded_too(lab: &Lab) {
    let started = Instant::now();
    let ran = lab.on(&["deploy", "-o", "json"]).exits(0).json();
    println!("deploy with nothing to change: {:.2} s", started.elapsed().as_secs_f64());
    let newest = &history(lab)[0];
    assert_eq!(newest["run"], ran["run"]);
    assert_eq!((&newest["outcome"], &newest["steps"]["planned"]), (&"unchanged".into(), &0.into()));
    assert_eq!(newest["nodes"].as_array().unwrap().len(), 10);
    // Without consent there is no run.
    let runs = history(lab).len();
    lab.edit("172.16.1.12,", "172.16.1.15,");
    lab.on(&["deploy"]).exits(2).says("--yes");
    lab.edit("172.16.1.15,", "172.16.1.12,");
    assert_eq!(history(lab).len(), runs);
}

/// The disk of the journal is full from the first change on, until the run has told so.
const FULL_DISK: &str = r#"
    mount -t tmpfs -o size=1m journal "$1" || exit 99
    "$2" teardown --yes --limit "$4" --lab "$3" 2>"$1.stderr" &
    until ls "$1"/runs/*.jsonl >/dev/null 2>&1; do :; done
    dd if=/dev/zero of="$1/fill" bs=1k 2>/dev/null
    until grep -q warning "$1.stderr" || ! kill -0 $!; do sleep 0.01; done
    rm "$1/fill"
    wait $! || exit
    cat "$1.stderr"
    "$2" history show 2"#;

fn a_full_disk_here_does_not_stop_a_run(lab: &Lab) {
    let disk = lab.inventory.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", FULL_DISK, "sh"])
        .arg(&disk)
        .args([env!("CARGO_BIN_EXE_fabricctl"), &lab.name, "leaf,server"])
        .env("FABRICCTL_INVENTORY", lab.inventory.path())
        .env("FABRICCTL_JOURNAL", &disk)
        .output()
        .unwrap();
    let ran = Ran::of(&output).exits(0).says("torn down: ").says("warning: can't write the journal ");
    let ran =
        ran.says("No space left on device").says("\ndone: exit code 0, ").says(" could not be written\n");
    assert_eq!(ran.stdout.matches("warning: ").count(), 1, "{}", ran.stdout);
}

fn a_teardown_is_recorded(lab: &Lab) {
    lab.on(&["teardown", "--yes"]).exits(0).says("torn down");
    let newest = &history(lab)[0];
    assert_eq!((&newest["verb"], &newest["outcome"]), (&"teardown".into(), &"done".into()));
    assert_eq!(newest["steps"]["done"], newest["steps"]["planned"]);
    lab.on(&["teardown", "--yes"]).exits(0).says("nothing to do");
    assert_eq!(history(lab)[0]["outcome"], "unchanged");
}
