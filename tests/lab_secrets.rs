//! Secrets on real parts: a password of BGP and a variable of a container do their work, and are told nowhere: not on
//! the command line's outputs, not in files of the controller, not in anybody's arguments.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests look at the machine as a user would, and a panic is how they fail"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::{Lab, Ran, eventually};

const PASSWORD: &str = "bgp:Tr0ub4dor-and-3";
const NEXT_PASSWORD: &str = "bgp:s0mething-newer";
const TOKEN: &str = "it\"s a $token with 'quotes' #1";
const NEXT_TOKEN: &str = "another-token-of-web11";
/// Forms that stand in JSON and in shell scripts are told by a part without quotes.
const TELLING: [&str; 5] = [PASSWORD, NEXT_PASSWORD, TOKEN, NEXT_TOKEN, "a $token with"];

static TURN: Mutex<()> = Mutex::new(());

#[test]
fn secrets_reach_devices_and_nobody_else_on_trixie() {
    secrets_reach_devices_and_nobody_else("trixie");
}

fn secrets_reach_devices_and_nobody_else(suite: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = prepared(suite);
    what_is_planned_tells_none(&lab);
    run(&lab, TOKEN, &["deploy", "--yes", "-vv"]).exits(0).says("all 12 container /32s");
    they_do_their_work(&lab, PASSWORD, TOKEN);
    run(&lab, TOKEN, &["plan", "--exit-code"]).exits(0);
    run(&lab, TOKEN, &["verify", "routes", "-vv", "-o", "json"]).exits(0);
    changed_ones_are_taken_up_and_told_as_changes(&lab);
    a_run_that_is_undone_tells_none(&lab);
    what_devices_say_of_them_is_not_repeated(&lab);
    nothing_is_left_on_devices(&lab);
    // The way back needs none of them.
    watched(&mut lab.command(&["teardown", "--yes", "-vv", "--lab", &lab.name])).exits(0).says("torn down");
    nothing_is_left_on_the_controller(lab.inventory.path());
}

/// A lab whose inventory has a password in a file and a token in the environment.
fn prepared(suite: &str) -> Lab {
    let lab = Lab::up("secrets", suite);
    let folder = lab.inventory.path();
    write_key(folder, PASSWORD);
    lab.edit("  mtu: 9216\n", "  mtu: 9216\n  vars: { bgp_password: { secret: { file: keys/bgp } } }\n");
    lab.edit(
        "address: 172.16.1.11, image: identify",
        "address: 172.16.1.11, image: identify, environment: { TOKEN: { secret: { env: WEB_TOKEN } } }",
    );
    template(folder, "password {{ node.vars.bgp_password }}");
    lab
}

fn write_key(folder: &Path, password: &str) {
    let path = folder.join("keys/bgp");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("{password}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The configuration of FRR, with one more setting for every neighbour; where that is a password, FRR's own doors get one.
fn template(folder: &Path, setting: &str) {
    let text = std::fs::read_to_string("templates/debian/etc/frr/frr.conf.j2").unwrap();
    let line = " neighbor {{ port.name }} timers connect 1\n";
    assert!(text.contains(line));
    let text = text.replace(line, &format!("{line} neighbor {{{{ port.name }}}} {setting}\n"));
    let service = "service integrated-vtysh-config\n";
    assert!(text.contains(service));
    let door = if setting.starts_with("password") { format!("{setting}\n") } else { String::new() };
    let text = text.replace(service, &format!("{door}{service}"));
    let path = folder.join("templates/debian/etc/frr/frr.conf.j2");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Runs a verb against the lab's devices with a token; nothing of any secret may come out.
fn run(lab: &Lab, token: &str, words: &[&str]) -> Ran {
    watched(lab.command(&[words, &["--lab", &lab.name]].concat()).env("WEB_TOKEN", token))
}

/// Runs a command while somebody looks at all processes.
#[track_caller]
fn watched(command: &mut Command) -> Ran {
    let spy = Spy::start();
    let ran = Ran::of(&command.output().unwrap());
    let seen = spy.stop();
    tells_none(&ran);
    println!("{}: {seen} were looked at", command.get_args().next().unwrap().display());
    ran
}

#[track_caller]
fn tells_none(ran: &Ran) {
    for secret in TELLING {
        for (name, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            assert!(!text.contains(secret), "{name} tells {secret}:\n{text}");
        }
    }
}

fn offline(lab: &Lab, words: &[&str]) -> Ran {
    let ran = Ran::of(&lab.command(words).env("WEB_TOKEN", TOKEN).output().unwrap());
    tells_none(&ran);
    ran
}

fn what_is_planned_tells_none(lab: &Lab) {
    for format in ["table", "json"] {
        offline(lab, &["inventory", "show", "-vv", "-o", format]).exits(0).says("<secret>");
        offline(lab, &["render", "-vv", "-o", format]).exits(0).says("swp51 password <secret>");
        run(lab, TOKEN, &["plan", "-vv", "-o", format]).exits(0).says("password <secret>");
        run(lab, TOKEN, &["deploy", "--dry-run", "-vv", "-o", format]).exits(0).says("password <secret>");
    }
    let written = lab.inventory.path().join("written");
    offline(lab, &["render", "--out", written.to_str().unwrap()]).exits(0);
    // For people there is no terminal to ask, so the plan is told and nothing is changed.
    run(lab, TOKEN, &["deploy", "-vv"]).exits(2);
}

fn they_do_their_work(lab: &Lab, password: &str, token: &str) {
    assert_eq!(lab.ssh("server01", "docker exec web11 sh -c 'echo \"$TOKEN\"'").trim_end(), token);
    let running = lab.ssh("leaf01", "vtysh -c 'show running-config'");
    assert!(running.contains(&format!(" neighbor swp51 password {password}\n")), "{running}");
    // The kernel signs what both say: one of them alone with another password is not heard.
    let state = || {
        let summary = lab.ssh("leaf01", "vtysh -c 'show bgp ipv4 unicast summary json'");
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        summary["peers"]["swp51"]["state"].as_str().unwrap_or_default().to_owned()
    };
    // After a run that was undone it may still be on its way.
    eventually("the session is up", || state() == "Established");
    let set = |password: &str| {
        lab.ssh("leaf01", &format!("printf 'router bgp 65011\\n neighbor swp51 password {password}\\n' >/root/set; vtysh -f /root/set; rm /root/set"));
    };
    set("another-one");
    eventually("a neighbour with another password is refused", || state() != "Established");
    set(password);
    eventually("one with the same is heard", || state() == "Established");
}

fn changed_ones_are_taken_up_and_told_as_changes(lab: &Lab) {
    let started = |container: &str| {
        lab.ssh("server01", &format!("docker inspect -f '{{{{.State.StartedAt}}}} {{{{.Id}}}}' {container}"))
    };
    let others = started("web12");
    write_key(lab.inventory.path(), NEXT_PASSWORD);
    for format in ["table", "json"] {
        run(lab, NEXT_TOKEN, &["plan", "-o", format])
            .exits(0)
            .says("- neighbor swp51 password <secret>")
            .says("+ neighbor swp51 password <secret, changed>")
            .says("a secret in its environment changes");
    }
    // Both ends of a session get another password one after the other: that can't but interrupt.
    run(lab, NEXT_TOKEN, &["deploy", "--yes", "-vv", "--all-at-once"]).exits(0).says("all 12 container /32s");
    they_do_their_work(lab, NEXT_PASSWORD, NEXT_TOKEN);
    assert_eq!(started("web12"), others, "nothing else is replaced");
    run(lab, NEXT_TOKEN, &["plan", "--exit-code"]).exits(0);
    // One that goes isn't told either, though the inventory doesn't know it any more.
    template(lab.inventory.path(), "timers 3 9");
    lab.edit("  vars: { bgp_password: { secret: { file: keys/bgp } } }\n", "");
    run(lab, NEXT_TOKEN, &["plan"]).exits(0).says("- neighbor swp51 password <secret>");
    run(lab, NEXT_TOKEN, &["deploy", "--yes", "-vv", "-o", "json", "--all-at-once"]).exits(0);
    assert!(!lab.ssh("leaf01", "vtysh -c 'show running-config'").contains("password"));
    lab.edit("  mtu: 9216\n", "  mtu: 9216\n  vars: { bgp_password: { secret: { file: keys/bgp } } }\n");
}

/// Passwords and a container's token change, then a step fails and all of it goes back.
fn a_run_that_is_undone_tells_none(lab: &Lab) {
    template(lab.inventory.path(), "password {{ node.vars.bgp_password }}");
    run(lab, NEXT_TOKEN, &["deploy", "--yes", "--all-at-once"]).exits(0).says("all 12 container /32s");
    write_key(lab.inventory.path(), PASSWORD);
    // Somebody else has the address that is asked for.
    let image = "$(docker inspect -f '{{.Config.Image}}' web12)";
    lab.ssh(
        "server01",
        &format!("docker run -d --name squatter --network containers --ip 172.16.1.15 {image}"),
    );
    lab.edit("172.16.1.13,", "172.16.1.15,");
    run(lab, TOKEN, &["deploy", "--yes", "-vv", "--all-at-once"])
        .exits(5)
        .says("run container web13")
        .says("rolled back: everything is as it was");
    they_do_their_work(lab, NEXT_PASSWORD, NEXT_TOKEN);
    lab.edit("172.16.1.15,", "172.16.1.13,");
    lab.ssh("server01", "docker rm -f squatter");
    write_key(lab.inventory.path(), NEXT_PASSWORD);
    run(lab, NEXT_TOKEN, &["plan", "--exit-code"]).exits(0);
    // Devices are compared with what was put there; who asks may know other secrets by now.
    lab.ssh("leaf02", "sed -i 's/ password .*/ password of-a-hand/' /etc/frr/frr.conf");
    for format in ["table", "json"] {
        let ran = run(lab, TOKEN, &["verify", "drift", "-o", format])
            .exits(1)
            .says("- neighbor swp51 password <secret>");
        assert!(!ran.stdout.contains("of-a-hand"), "{}", ran.stdout);
    }
    run(lab, NEXT_TOKEN, &["deploy", "--yes"]).exits(0);
    run(lab, NEXT_TOKEN, &["verify", "drift"]).exits(0);
}

fn what_devices_say_of_them_is_not_repeated(lab: &Lab) {
    template(lab.inventory.path(), "passw0rt {{ node.vars.bgp_password }}");
    for format in ["table", "json"] {
        run(lab, NEXT_TOKEN, &["deploy", "--yes", "-vv", "-o", format, "-l", "spine"])
            .exits(5)
            .says("neighbor swp1 passw0rt <secret>");
    }
    template(lab.inventory.path(), "password {{ node.vars.bgp_password }}");
    run(lab, NEXT_TOKEN, &["deploy", "--yes", "--all-at-once"]).exits(0).says("all 12 container /32s");
}

/// They stand where they must: in FRR's configuration, in what Docker keeps of a container, and in what is kept to put
/// both back and to compare them with. Nobody but root and FRR can read any of it.
fn nothing_is_left_on_devices(lab: &Lab) {
    for node in ["spine01", "leaf01", "server01"] {
        let patterns: Vec<String> =
            TELLING.iter().map(|text| format!("-e '{}'", text.replace('\'', "'\\''"))).collect();
        let places = "/tmp /run /root /home /var/log /var/lib/fabricctl /var/tmp /etc";
        let found = lab.ssh(
            node,
            &format!("grep -rlaF --devices=skip --exclude-dir=docker --exclude-dir=containerd {} {places} 2>/dev/null || true", patterns.join(" ")),
        );
        let elsewhere: Vec<&str> = found
            .lines()
            .filter(|path| *path != "/etc/frr/frr.conf")
            .filter(|path| {
                !["runs", "deployed"]
                    .iter()
                    .any(|kept| path.starts_with(&format!("/var/lib/fabricctl/{kept}/")))
            })
            .collect();
        assert_eq!(elsewhere, Vec::<&str>::new(), "{node}");
        assert_eq!(found.contains("/etc/frr/frr.conf"), node != "server01", "{found}");
        assert!(found.contains("/var/lib/fabricctl/runs/"), "{node} keeps what was there before: {found}");
        let read_by_all = format!(
            "setpriv --reuid 65534 --regid 65534 --clear-groups head -c 1 {}",
            found.replace('\n', " ")
        );
        let ran = lab.try_ssh(node, &read_by_all);
        assert!(
            ran.stdout.is_empty() && ran.stderr.contains("Permission denied"),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
        let modes = lab.ssh(node, "cd /var/lib/fabricctl && stat -c '%a %n' deployed runs runs/*");
        assert!(modes.lines().all(|line| line.starts_with("700 ")), "{modes}");
        let modes = lab.ssh(node, "cd /var/lib/fabricctl/runs && find . -name docker.json -printf '%m\\n' -o -path './*/routing/*' -printf '%m\\n'");
        assert!(modes.lines().all(|mode| mode == "600") && !modes.is_empty(), "{modes}");
    }
    assert_eq!(lab.ssh("leaf01", "stat -c '%a %U:%G' /etc/frr/frr.conf").trim(), "640 frr:frr");
    let labels = lab.ssh("server01", "docker inspect -f '{{json .Config.Labels}}' web11");
    assert!(!labels.contains(NEXT_TOKEN) && labels.contains("<secret>"), "{labels}");
    let recorded = lab.ssh("server01", "cat /var/lib/fabricctl/deployed/containers/web11");
    assert!(!recorded.contains(NEXT_TOKEN) && recorded.contains("<secret>"), "{recorded}");
}

fn nothing_is_left_on_the_controller(folder: &Path) {
    let mut looked_at = 0;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.ends_with("keys/bgp") {
                let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                looked_at += 1;
                for secret in TELLING {
                    assert!(!content.contains(secret), "{} tells {secret}", path.display());
                }
            }
        }
    }
    assert!(looked_at > 50, "{looked_at} files");
}

/// Looks at the arguments of every process again and again: those of the lab's nodes are processes of this machine.
struct Spy {
    done: Arc<AtomicBool>,
    watching: JoinHandle<Watch>,
}

/// What was seen, and how often somebody looked.
#[derive(Default)]
struct Watch {
    lines: BTreeSet<String>,
    telling: BTreeSet<String>,
    rounds: usize,
    /// Processes by when they were first seen. A process becomes another program soon after its birth or never.
    known: BTreeMap<u32, Instant>,
}

impl Spy {
    fn start() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&done);
        let watching = std::thread::spawn(move || {
            let mut watch = Watch::default();
            while !asked.load(Ordering::Relaxed) {
                watch.round();
                // Even a short command lives longer than this; the lab needs the processors too.
                std::thread::sleep(Duration::from_millis(3));
            }
            watch
        });
        Self { done, watching }
    }

    /// How many different command lines there were; none may tell a secret.
    fn stop(self) -> String {
        self.done.store(true, Ordering::Relaxed);
        let Watch { lines, telling, rounds, .. } = self.watching.join().unwrap();
        assert!(telling.is_empty(), "{telling:#?}");
        assert!(lines.len() > 10, "only {} command lines were seen", lines.len());
        format!("{} command lines in {rounds} rounds", lines.len())
    }
}

impl Watch {
    /// Looks at all young processes; every hundredth time at all.
    fn round(&mut self) {
        self.rounds += 1;
        let all = self.rounds % 100 == 1;
        let now = Instant::now();
        let mut alive = BTreeMap::new();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let born = self.known.get(&pid).copied().unwrap_or(now);
            alive.insert(pid, born);
            if all || now - born < Duration::from_secs(2) {
                self.look(&process.path());
            }
        }
        self.known = alive;
    }

    /// What a process shows of itself: its arguments, and its environment. The latter has a secret by its nature where it
    /// is the tool's own, which was given it there, and within the container.
    fn look(&mut self, process: &Path) {
        let read = |name: &str| {
            let octets = std::fs::read(process.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&octets).replace('\0', " ")
        };
        let line = read("cmdline");
        if line.is_empty() {
            return;
        }
        let mut environment = read("environ");
        let mut words = line.split(' ');
        // Also that of somebody else on this machine; but not where it is the way that ssh takes into a lab.
        let tool = words.next().is_some_and(|program| program.ends_with("/fabricctl"))
            && !words.next().is_some_and(|verb| verb.starts_with("lab-"));
        if tool || format!(" {environment}").contains(" HOSTNAME=web11 ") {
            environment.clear();
        }
        for secret in TELLING {
            if line.contains(secret) || environment.contains(secret) {
                self.telling.insert(format!("{line} [{environment}]"));
            }
        }
        self.lines.insert(line);
    }
}
