//! One fault at one boundary: what becomes of the devices, and whether the tool says so.

use super::claim::{self, Claim};
use super::rig::{CHANGED, Fingerprints, GUARD, NODES, Rig, Running, difference};
use super::support::Ran;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What a run may take whose device doesn't answer any more, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(150);
/// What devices may take beyond the guard's time, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// kill -9 of the controller.
    Controller,
    /// The node loses its power and comes back.
    Restart,
    /// One of `fabricctl lab fault`.
    Lab(&'static str),
}

impl Fault {
    pub const ALL: [Self; 9] = [
        Self::Controller,
        Self::Lab("management-cut"),
        Self::Lab("sshd-kill"),
        Self::Restart,
        Self::Lab("disk-full"),
        Self::Lab("vtysh-fail"),
        Self::Lab("reload-half"),
        Self::Lab("docker-stop"),
        Self::Lab("lock-kill"),
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Controller => "controller-kill",
            Self::Restart => "restart",
            Self::Lab(name) => name,
        }
    }

    /// Whether the device has what breaks.
    pub fn concerns(self, node: &str) -> bool {
        match self.name() {
            "vtysh-fail" | "reload-half" => node != "server01",
            "docker-stop" => node == "server01",
            _ => true,
        }
    }

    /// Whether a device can't be whole, or can't be seen to be, as long as it lasts.
    fn hides(self) -> bool {
        matches!(self.name(), "vtysh-fail" | "docker-stop")
    }
}

/// One fault at one boundary of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub fault: Fault,
    pub node: &'static str,
    /// Counted from 1.
    pub boundary: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// `old` or `new`, of each device that the run was to change.
    pub states: BTreeMap<&'static str, &'static str>,
    /// From the last that the device can have heard of the run to when its run was closed.
    pub closed: Duration,
    /// What is not as it must be.
    pub wrong: String,
    pub elapsed: Duration,
}

pub fn run(rig: &mut Rig, cell: &Cell) -> Found {
    let began = Instant::now();
    let mut found = Found::default();
    let (from, to) = (rig.state, 1 - rig.state);
    rig.write(to);
    for name in CHANGED {
        rig.node(name).prepare(if name == cell.node { cell.boundary } else { 0 });
    }
    let said = {
        let mut running = rig.start(&["--wait", "5s"]);
        if wait_for_boundary(rig, cell, &mut running) {
            let (ended, ran) = break_it(rig, cell, running, &mut found);
            // What no device can put back without, the guard finds mended when its time is over.
            if cell.fault.hides() {
                mend(rig, cell);
            }
            wait_for_guards(rig, ended, &mut found);
            judge(rig, cell, (from, to), ran.as_ref(), &mut found);
            ran.map(|ran| ran.stdout + &ran.stderr).unwrap_or_default()
        } else {
            let ran = running.wait(LIMIT);
            found.wrong.push_str("the run ended before it came there\n");
            ran.map(|ran| ran.stdout + &ran.stderr).unwrap_or_default()
        }
    };
    afterwards(rig, to, &mut found);
    if !found.wrong.is_empty() {
        let _ = writeln!(found.wrong, "the run said:\n{said}");
    }
    found.elapsed = began.elapsed();
    found
}

fn wait_for_boundary(rig: &Rig, cell: &Cell, running: &mut Running<'_>) -> bool {
    let node = rig.node(cell.node);
    let began = Instant::now();
    while !node.is_at_boundary() {
        if running.has_ended() || began.elapsed() > LIMIT {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Injects the fault and lets the run go on; returns when the run was over, and what it said unless it was killed.
fn break_it(rig: &Rig, cell: &Cell, mut running: Running<'_>, found: &mut Found) -> (Instant, Option<Ran>) {
    let node = rig.node(cell.node);
    let name = &rig.lab.name;
    match cell.fault {
        Fault::Controller => {
            running.child.kill().unwrap();
            running.child.wait().unwrap();
        }
        Fault::Restart => drop(rig.lab.fabricctl(&["lab", "restart", "--name", name, cell.node]).exits(0)),
        Fault::Lab(fault) => {
            drop(rig.lab.fabricctl(&["lab", "fault", "--name", name, cell.node, fault]).exits(0));
        }
    }
    let _going = node.let_go();
    if cell.fault == Fault::Controller {
        return (Instant::now(), None);
    }
    let ran = running.wait(LIMIT);
    if ran.is_none() {
        found.wrong.push_str("the controller doesn't end\n");
    }
    (Instant::now(), ran)
}

/// Waits until no device has an open run any more.
fn wait_for_guards(rig: &Rig, since: Instant, found: &mut Found) {
    loop {
        found.closed = since.elapsed();
        let open: Vec<&str> = CHANGED.into_iter().filter(|name| rig.node(name).has_open_run()).collect();
        if open.is_empty() {
            return;
        }
        if found.closed > GUARD + PATIENCE {
            let _ = writeln!(found.wrong, "the run stays open on {}", open.join(", "));
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn judge(rig: &Rig, cell: &Cell, (from, to): (usize, usize), ran: Option<&Ran>, found: &mut Found) {
    let began = Instant::now();
    let (mut now, mut broken);
    loop {
        now = rig.fingerprints();
        broken = states(rig, (from, to), &now, found);
        // What a restart of a service, or of the node, brings back comes a moment after the service itself.
        if broken.is_empty() || began.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    found.wrong.push_str(&broken);
    if let Some(ran) = ran {
        let claims = claim::read(ran, &CHANGED);
        for (node, state) in &found.states {
            let good = match claims[node] {
                Some(Claim::Old | Claim::OldSoon) => *state == "old",
                Some(Claim::New) => *state == "new",
                Some(Claim::Open) => true,
                None => false,
            };
            if !good {
                let said = claims[node];
                let _ = writeln!(
                    found.wrong,
                    "{node} is {state}, and the tool says {said:?} (exit {})",
                    ran.code
                );
            }
        }
    }
    mend(rig, cell);
}

/// Writes down which device is old and which is new; returns how those differ that are neither.
fn states(rig: &Rig, (from, to): (usize, usize), now: &Fingerprints, found: &mut Found) -> String {
    let mut wrong = String::new();
    for name in NODES {
        let is = &now[name];
        let (old, new) = (difference(&rig.now[name], is), rig.differs(to, name, is));
        if !CHANGED.contains(&name) {
            if !old.is_empty() {
                let _ = writeln!(wrong, "{name}, which the run doesn't touch:\n{old}");
            }
            continue;
        }
        let state = match (old.is_empty(), new.is_empty()) {
            (true, _) => "old",
            (_, true) => "new",
            _ => "neither",
        };
        found.states.insert(name, state);
        if state == "neither" {
            let normal = rig.differs(from, name, is);
            let _ = writeln!(wrong, "{name} is neither; from old ({normal}):\n{old}from new:\n{new}");
        }
    }
    wrong
}

fn mend(rig: &Rig, cell: &Cell) {
    if let Fault::Lab(fault) = cell.fault {
        rig.lab.fabricctl(&["lab", "fault", "--name", &rig.lab.name, cell.node, fault, "--undo"]).exits(0);
    }
}

/// Once all is mended the same deployment succeeds, and nothing of the broken run is left.
fn afterwards(rig: &mut Rig, to: usize, found: &mut Found) {
    for name in CHANGED {
        rig.node(name).tidy();
    }
    let began = Instant::now();
    // A connection that was cut ends at its far end when that has heard nothing of it for half a minute. What a holder
    // that was killed has written is no lock.
    let held = || {
        let alive = "read -r pid </run/fabricctl/lock && [ -d \"/proc/$pid\" ] && echo held";
        NODES.iter().any(|name| !rig.node(name).run(alive).stdout.is_empty())
    };
    while held() && began.elapsed() < Duration::from_secs(90) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let ran = rig.deploy(&["--wait", "60s"]);
    if ran.code != 0 {
        let _ =
            writeln!(found.wrong, "the next deploy ended with {}:\n{}{}", ran.code, ran.stdout, ran.stderr);
    }
    for name in NODES {
        let left = rig.node(name).remains();
        if !left.is_empty() {
            let _ = writeln!(found.wrong, "on {name} is left: {left}");
        }
    }
    // A process that was killed takes a moment to end.
    let (ended, mut left) = (Instant::now(), rig.remains());
    while !left.is_empty() && ended.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(100));
        left = rig.remains();
    }
    if !left.is_empty() {
        let _ = writeln!(found.wrong, "here is left: {left:?}");
    }
    rig.now = rig.fingerprints();
    // Where that didn't work the next cell goes back to where this one came from.
    if ran.code == 0 {
        rig.state = to;
    } else {
        return;
    }
    for (name, is) in &rig.now {
        let differs = rig.differs(to, name, is);
        if !differs.is_empty() {
            let _ = writeln!(found.wrong, "after the next deploy {name} differs:\n{differs}");
        }
    }
}
