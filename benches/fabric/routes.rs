//! What happens to one address in the routers' kernels, and when.
//!
//! Each router runs `ip monitor`, which stamps what the kernel says with the time at which it said so. All nodes of
//! a lab have one clock, so these times can be compared with those of the servers.

use crate::Result;
use crate::lab::Lab;
use crate::time::TimeOfDay;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Whether a router's kernel has a route to the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has.
    Present,
    /// It hasn't.
    Absent,
}

/// A change in one router.
struct Change {
    router: String,
    at: TimeOfDay,
    state: State,
}

/// Watches the routes to one address.
pub struct Watch {
    monitors: Vec<Child>,
    changes: Receiver<Change>,
    states: BTreeMap<String, (State, TimeOfDay)>,
}

/// Says when it listens, and ends with its input.
const MONITOR: &str = "TZ=UTC ip -4 -o -ts monitor route & monitor=$!
while ! awk -v pid=$monitor '$2 == 0 && $3 == pid && $4 !~ /^0+$/ { found = 1 } END { exit !found }' /proc/net/netlink; do
    kill -0 $monitor || exit 1
done
echo listening; read -r _; kill $monitor";

/// A route that comes or goes within this time has not come or gone for good.
const CALM: Duration = Duration::from_millis(500);
/// The longest time to wait for a change.
const PATIENCE: Duration = Duration::from_secs(60);

impl Watch {
    /// Starts watching; all routers listen when this returns.
    pub fn begin(lab: &Lab, routers: &[&str], address: &str) -> Result<Self> {
        let (sender, changes) = channel();
        let mut watch = Self { monitors: Vec::new(), changes, states: BTreeMap::new() };
        for router in routers {
            let mut ssh = lab.ssh(router, MONITOR);
            let mut monitor = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let output = monitor.stdout.take();
            watch.monitors.push(monitor);
            let mut lines = BufReader::new(output.ok_or("ssh has no output")?);
            let mut first = String::new();
            lines.read_line(&mut first)?;
            if first.trim() != "listening" {
                return Err(format!("{router}: ip monitor says {first:?}").into());
            }
            let (router, address, sender) = ((*router).to_owned(), address.to_owned(), sender.clone());
            thread::spawn(move || follow(&router, &address, lines, &sender));
        }
        Ok(watch)
    }

    /// Waits until all these routers are in a state and stay in it; the time at which the last one came into it.
    pub fn until(&mut self, routers: &[&str], wanted: State) -> Result<TimeOfDay> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let known: Vec<_> = routers.iter().filter_map(|router| self.states.get(*router)).collect();
            let there = known.len() == routers.len() && known.iter().all(|(state, _)| *state == wanted);
            let last =
                known.iter().map(|(_, at)| *at).reduce(|one, other| if other > one { other } else { one });
            let limit = if there { CALM } else { deadline.saturating_duration_since(Instant::now()) };
            match (self.changes.recv_timeout(limit), last) {
                (Ok(change), _) => self.note(change),
                (Err(_), Some(last)) if there => return Ok(last),
                (Err(_), _) => {
                    return Err(format!("never {wanted:?} on all of {}", routers.join(", ")).into());
                }
            }
        }
    }

    /// A route that is replaced by another one was there before.
    fn note(&mut self, change: Change) {
        if self.states.get(&change.router).is_none_or(|(state, _)| *state != change.state) {
            self.states.insert(change.router, (change.state, change.at));
        }
    }

    /// Ends the monitors.
    pub fn end(self) -> Result<()> {
        for mut monitor in self.monitors {
            drop(monitor.stdin.take());
            monitor.wait()?;
        }
        Ok(())
    }
}

/// Reads a monitor's lines until it ends.
fn follow(router: &str, address: &str, lines: BufReader<ChildStdout>, changes: &Sender<Change>) {
    for line in lines.lines().map_while(std::result::Result::ok) {
        let Some((at, state)) = change(&line, address) else { continue };
        // Nobody listens any more: the watch has ended.
        let _ = changes.send(Change { router: router.to_owned(), at, state });
    }
}

/// Reads a line such as `[2026-01-31T23:59:59.123456] Deleted 172.16.1.11 dev swp1 proto 76 scope link`.
fn change(line: &str, address: &str) -> Option<(TimeOfDay, State)> {
    let (stamp, route) = line.strip_prefix('[')?.split_once("] ")?;
    let (gone, route) = match route.strip_prefix("Deleted ") {
        Some(rest) => (true, rest),
        None => (false, route),
    };
    if route.split(' ').next() != Some(address) {
        return None;
    }
    let at = stamp.split_once('T')?.1.parse().ok()?;
    Some((at, if gone { State::Absent } else { State::Present }))
}
