//! `status` and `watch` on real devices: one screen, events as they happen, the full screen on a terminal.

mod pty;

use crate::support::{Lab, eventually};
use nix::sys::signal::Signal;
use pty::Pty;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// All of it; the lab must be healthy, and is again.
pub fn status_and_watch(lab: &Lab) {
    status_of_a_healthy_fabric(lab);
    events_are_told_as_they_happen(lab);
    the_full_screen(lab);
    nothing_is_left_on_devices(lab);
}

fn status_of_a_healthy_fabric(lab: &Lab) {
    let began = Instant::now();
    let ran = lab.on(&["status"]).exits(0);
    println!("status of the reference lab: {:.2} s", began.elapsed().as_secs_f64());
    let ran = ran.says("10 of 10 answer").says("72 of 72 container /32s right").says("12 of 12 running");
    let ran = ran.says("8 of 8 up").says("frr ✔ rdnbrd ✔ ssh ✔").says("deploy (lab ").says(": done");
    assert!(!ran.stdout.contains("open run"), "{}", ran.stdout);
    let document = lab.on(&["status", "-o", "json"]).exits(0).json();
    let schema: Value = lab.on(&["status", "--schema"]).exits(0).json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{document:#}");
    assert_eq!(document["last_run"]["verb"], "deploy");
    let part = lab.on(&["status", "-l", "leaf01", "-o", "json"]).exits(0).json();
    assert_eq!(part["devices"].as_array().unwrap().len(), 1);
    assert_eq!(part["summary"]["sessions"], serde_json::json!({ "ok": 2, "expected": 2 }));
}

fn status_of_a_broken_one(lab: &Lab) {
    let document = lab.on(&["status", "-o", "json"]).exits(1).json();
    assert_eq!(document["ok"], false);
    let failed: BTreeSet<String> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["check"] != "routes")
        .map(|one| format!("{} {}", one["node"].as_str().unwrap(), one["subject"].as_str().unwrap()))
        .collect();
    assert_eq!(failed, BTreeSet::from(["leaf02 swp2".to_owned(), "server01 web11".to_owned()]));
    lab.on(&["status"]).exits(1).says("web11: it doesn't run: exited").says("swp2: it is switched off");
}

/// `watch` with its lines, read as they come.
struct Watching {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Watching {
    fn start(lab: &Lab) -> Self {
        let mut command = lab.command(&["watch", "-o", "json", "--lab", &lab.name]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, events }
    }

    /// Waits for an event, and returns when it was seen.
    #[track_caller]
    fn wait_for(&self, topic: &str, state: &str, about: &str) -> SystemTime {
        let mut at = None;
        let what = format!("{topic} {state} {about}");
        eventually(&what, || {
            let events = self.events.lock().unwrap();
            let named = |event: &&Value| {
                event["topic"] == topic && event["state"] == state && event.to_string().contains(about)
            };
            at = events.iter().rev().find(named).map(|event| event["at"].as_str().unwrap().to_owned());
            at.is_some()
        });
        humantime::parse_rfc3339(&at.unwrap()).unwrap()
    }

    /// Waits until all routers have told the same of a route.
    #[track_caller]
    fn routes(&self, state: &str, subject: &str, routers: usize) {
        eventually(&format!("{subject} {state} on {routers}"), || {
            let events = self.events.lock().unwrap();
            let about = |event: &&Value| {
                event["topic"] == "route"
                    && event["state"] == state
                    && event["subjects"].to_string().contains(subject)
            };
            let nodes: BTreeSet<String> = events
                .iter()
                .filter(about)
                .flat_map(|event| event["nodes"].as_array().unwrap())
                .map(ToString::to_string)
                .collect();
            nodes.len() == routers
        });
    }

    fn forget(&self) {
        self.events.lock().unwrap().clear();
    }

    fn signal(&self, signal: Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// It and the connections it holds: time on processors, in seconds.
    fn processor_time(&self) -> f64 {
        let children = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().flatten();
        let children = children
            .map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default())
            .flat_map(|ids| ids.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let all = children.chain([self.child.id().to_string()]);
        let ticks = all.map(|id| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
            let field = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
            field(11) + field(12)
        });
        ticks.sum::<f64>() / 100.0
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn after(what: &str, began: SystemTime, seen: SystemTime) {
    let ms = seen.duration_since(began).map_or(0, |time| time.as_millis());
    println!("watch: {what} is told {ms} ms after the device knows");
}

fn events_are_told_as_they_happen(lab: &Lab) {
    let mut watching = Watching::start(lab);
    watching.wait_for("fabric", "ok", "all is as desired");
    let (began, before) = (Instant::now(), watching.processor_time());
    std::thread::sleep(Duration::from_secs(10));
    let share = (watching.processor_time() - before) / began.elapsed().as_secs_f64() * 100.0;
    println!("watch of 10 devices each second: {share:.2} % of a core, ssh included");
    assert!(share < 15.0, "{share}");
    assert_eq!(watching.events.lock().unwrap().len(), 1, "nothing has changed");

    lab.ssh("server01", "docker stop -t 0 web11");
    let known = SystemTime::now();
    after("a stopped container", known, watching.wait_for("container", "failed", "web11"));
    watching.routes("failed", "web11", 6);
    lab.ssh("leaf02", "ip link set swp2 down");
    let known = SystemTime::now();
    after("a port that is down", known, watching.wait_for("link", "failed", "leaf02 swp2 is switched off"));
    watching.routes("failed", "web21", 6);
    status_of_a_broken_one(lab);

    watching.forget();
    lab.ssh("leaf02", "ip link set swp2 up");
    lab.ssh("server01", "docker start web11");
    watching.wait_for("link", "ok", "leaf02:swp2");
    watching.wait_for("container", "ok", "web11");
    watching.routes("ok", "web11", 6);
    watching.wait_for("fabric", "ok", "all is as desired");

    // A service that stops, and one that hears nothing of it.
    watching.forget();
    lab.ssh("leaf03", "service rdnbrd stop");
    let known = SystemTime::now();
    after("a stopped service", known, watching.wait_for("service", "failed", "rdnbrd"));
    lab.ssh("leaf03", "service rdnbrd start");
    watching.wait_for("service", "ok", "rdnbrd");
    watching.wait_for("fabric", "ok", "all is as desired");

    // A device that is lost is looked for until it is back.
    watching.forget();
    lab.fabricctl(&["lab", "fault", "--name", &lab.name, "leaf04", "management-cut"]).exits(0);
    watching.wait_for("device", "failed", "leaf04");
    lab.fabricctl(&["lab", "fault", "--name", &lab.name, "leaf04", "management-cut", "--undo"]).exits(0);
    watching.wait_for("device", "ok", "leaf04");
    watching.wait_for("fabric", "ok", "all is as desired");
    watching.signal(Signal::SIGINT);
    assert_eq!(watching.child.wait().unwrap().code(), Some(130));

    // One that is killed leaves nothing either.
    let killed = Watching::start(lab);
    killed.wait_for("fabric", "ok", "all is as desired");
    killed.signal(Signal::SIGKILL);
}

fn the_full_screen(lab: &Lab) {
    let mut screen = Pty::run(lab.command(&["watch", "--lab", &lab.name]));
    screen.wait_for("10/10 dev  12/12 links  8/8 bgp  72/72 routes  12/12 cont");
    screen.wait_for("✔ all is as desired");
    assert!(screen.is_full_screen());
    lab.ssh("server04", "docker pause web42");
    screen.wait_for("✖ container web42 on server04: it is paused");
    // To the routes, down to web42, and into it.
    screen.press("\t");
    screen.press(&"j".repeat(10));
    screen.press("\r");
    screen.wait_for("docker unpause web42");
    screen.wait_for("identify on server04");
    lab.ssh("server04", "docker unpause web42");
    screen.wait_for("✔ running");
    screen.press("\x1b");
    screen.wait_for(" topology ");
    // Below the spines comes leaf01.
    screen.press("\t\t\x1b[B\r");
    screen.wait_for("leaf, AS 65011");
    screen.wait_for("session up for");
    screen.press("?");
    screen.wait_for(" help ");
    screen.press("?");
    screen.resize(40, 120);
    screen.wait_for("10/10 devices  12/12 links  8/8 sessions");
    screen.resize(5, 20);
    screen.wait_for("too small");
    screen.resize(24, 80);
    screen.wait_for("leaf, AS 65011");
    // Asleep, and awake again.
    screen.press("\x1a");
    eventually("the shell's screen", || !screen.is_full_screen());
    screen.signal(Signal::SIGCONT);
    screen.wait_for("leaf, AS 65011");
    assert!(screen.is_full_screen());
    screen.press("q");
    screen.ends(0);

    // Lines, where the terminal can do no more.
    let mut dumb = lab.command(&["watch", "--lab", &lab.name]);
    dumb.env("TERM", "dumb");
    let mut screen = Pty::run(dumb);
    screen.wait_for("all is as desired");
    assert!(!screen.is_full_screen());
    screen.press("\x03");
    screen.ends(130);

    let mut screen = Pty::run(lab.command(&["watch", "--lab", &lab.name]));
    screen.wait_for(" topology ");
    screen.press("\x03");
    screen.ends(130);
    let mut screen = Pty::run(lab.command(&["watch", "--lab", &lab.name]));
    screen.wait_for("✔ all is as desired");
    screen.signal(Signal::SIGTERM);
    screen.ends(130);
}

/// Whoever goes, in whatever way: what it had run on a device ends.
fn nothing_is_left_on_devices(lab: &Lab) {
    for node in ["spine01", "leaf04", "server01"] {
        let left = || {
            lab.ssh(node, "ls -d /tmp/fabricctl.* 2>/dev/null; grep -laE 'ip.[m]onitor|docker.[e]vents' /proc/[0-9]*/cmdline; true")
        };
        eventually(&format!("nothing is left on {node}"), || left().is_empty());
    }
}
