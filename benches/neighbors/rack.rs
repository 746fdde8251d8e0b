//! One rack: a leaf with two ports in one prefix, a server behind each, containers on macvlan.

use crate::daemon::{Daemon, Program};
use crate::figures::{Figures, Target};
use crate::netns::{Container, Netns};
use crate::watch::Watch;
use crate::{LIMIT, Result, expect, machine};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

const PREFIX_LENGTH: u8 = 24;
const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 1);
/// Every host address of the prefix but the gateway's.
const HOSTS: std::ops::RangeInclusive<u8> = 2..=254;

/// Containers that start and are killed.
const CONTAINERS: u8 = 100;
/// Between two starts or kills: no fraction of anything the daemon does, so that every phase of it is met.
const GAP: Duration = Duration::from_millis(53);
/// Long enough for every host to be probed, and for the kernel to have done with what was made.
const REST: Duration = Duration::from_secs(2);
/// Silent containers among the hosts of the prefix that is swept.
const SILENT: [u8; 12] = [3, 20, 41, 62, 83, 104, 125, 146, 167, 188, 230, 254];
/// How long a container's process is stopped.
const PAUSE: Duration = Duration::from_secs(6);

struct Rack {
    leaf: Netns,
    servers: [Netns; 2],
}

impl Rack {
    fn new() -> Result<Self> {
        let rack = Self { leaf: Netns::new()?, servers: [Netns::new()?, Netns::new()?] };
        for (number, server) in (1..).zip(&rack.servers) {
            let pid = server.holder();
            rack.leaf.ip(&[
                format!("link add swp{number} type veth peer name eth1 netns {pid}"),
                format!("address add {GATEWAY}/{PREFIX_LENGTH} dev swp{number}"),
                format!("link set swp{number} up"),
            ])?;
            server.ip(&["link set eth1 up"])?;
        }
        Ok(rack)
    }

    /// Containers with the first addresses, by turns on both servers.
    fn containers(&self, count: u8) -> Result<Vec<Container>> {
        let on = |(number, server)| Container::new(server, number, host(number + 1), PREFIX_LENGTH);
        (1..=count).zip(self.servers.iter().cycle()).map(on).collect()
    }

    /// The same, each known to the daemon because it spoke.
    fn known(&self, program: &Program, count: u8) -> Result<(Vec<Container>, Watch, Daemon)> {
        let containers = self.containers(count)?;
        let watch = Watch::begin(&self.leaf)?;
        let daemon = program.start_and_settle(&self.leaf, "")?;
        for container in &containers {
            container.speak(GATEWAY)?;
        }
        let known = watch.until(LIMIT, |seen| seen.live.len() == containers.len())?;
        expect(known, "not every container got a route")?;
        sleep(REST);
        Ok((containers, watch, daemon))
    }
}

/// From a container's first frame to its route.
pub fn start(program: &Program, figures: &mut Figures) -> Result<()> {
    let rack = Rack::new()?;
    let containers = rack.containers(CONTAINERS)?;
    let watch = Watch::begin(&rack.leaf)?;
    // A sweep would find them before they speak.
    let _daemon = program.start_and_settle(&rack.leaf, "sweep = off")?;
    sleep(REST);
    let mut spoke = BTreeMap::new();
    for container in &containers {
        spoke.insert(container.address, container.speak(GATEWAY)?);
        sleep(GAP);
    }
    let known = watch.until(LIMIT, |seen| seen.live.len() == containers.len())?;
    expect(known, &format!("only {} of {CONTAINERS} containers got routes", watch.seen().live.len()))?;
    let times = delays(&watch, 0, true, &spoke);
    let target = Target { of: "p99", most: 50.0, unit: "ms" };
    figures.times("start of a speaking container → /32 in the kernel", &times, target, &machine::load());
    Ok(())
}

/// From a container's end to that of its route.
pub fn death(program: &Program, figures: &mut Figures) -> Result<()> {
    let rack = Rack::new()?;
    let (mut containers, watch, _daemon) = rack.known(program, CONTAINERS)?;
    let mark = watch.mark();
    let mut killed = BTreeMap::new();
    for container in &mut containers {
        killed.insert(container.address, container.kill()?);
        sleep(GAP);
    }
    let gone = watch.until(LIMIT, |seen| seen.live.is_empty())?;
    expect(gone, &format!("{} of {CONTAINERS} dead containers kept their routes", watch.seen().live.len()))?;
    let times = delays(&watch, mark, false, &killed);
    let target = Target { of: "p99", most: 2.0, unit: "s" };
    figures.times("kill of a container → /32 withdrawn", &times, target, &machine::load());
    Ok(())
}

/// A container whose process is stopped stays: the kernel goes on to answer for it.
pub fn pause(program: &Program, figures: &mut Figures) -> Result<()> {
    let rack = Rack::new()?;
    let (containers, watch, _daemon) = rack.known(program, 4)?;
    let container = containers.first().ok_or("there are no containers")?;
    let process = Pid::from_raw(container.process().try_into()?);
    let mark = watch.mark();
    kill(process, Signal::SIGSTOP)?;
    sleep(PAUSE);
    kill(process, Signal::SIGCONT)?;
    let withdrawn = watch.since(mark).iter().filter(|change| !change.added).count();
    let what = format!("container's process stopped for {} s: withdrawals", PAUSE.as_secs());
    figures.count(&what, withdrawn, "");
    Ok(())
}

/// A whole prefix of silent hosts, found by the sweep when the daemon starts.
pub fn sweep(program: &Program, figures: &mut Figures, rounds: usize) -> Result<()> {
    let rack = Rack::new()?;
    let [first, second] = &rack.servers;
    let make = |(number, last)| Container::new(first, number, host(last), PREFIX_LENGTH);
    let containers = (1..).zip(SILENT).map(make).collect::<Result<Vec<_>>>()?;
    // The other server's kernel answers for the rest.
    let mut lines = vec![format!("address add {}/{PREFIX_LENGTH} dev eth1", host(2))];
    let rest = HOSTS.filter(|last| *last != 2 && !SILENT.contains(last)).map(host);
    lines.extend(rest.map(|address| format!("route add local {address} dev lo")));
    second.ip(&lines)?;

    let watch = Watch::begin(&rack.leaf)?;
    let (mut whole, mut silent) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        sleep(REST);
        let mark = watch.mark();
        let daemon = program.start(&rack.leaf, "")?;
        let found = watch.until(LIMIT, |seen| seen.live.len() == HOSTS.len())?;
        let count = watch.seen().live.len();
        expect(found, &format!("the sweep found {count} of {} hosts", HOSTS.len()))?;
        let started = |address| (address, daemon.started);
        silent.extend(delays(
            &watch,
            mark,
            true,
            &containers.iter().map(|one| started(one.address)).collect(),
        ));
        whole.extend(delays(&watch, mark, true, &HOSTS.map(host).map(started).collect()).into_iter().max());
        daemon.end(Signal::SIGTERM)?;
        rack.leaf.ip(&["route flush table all proto 76"])?;
        expect(watch.until(LIMIT, |seen| seen.live.is_empty())?, "flushed routes are still there")?;
    }
    let target = Target { of: "max", most: 2.0, unit: "s" };
    figures.times(
        "silent container → found by the sweep at start",
        &silent,
        target,
        "since the daemon's start",
    );
    figures.times("a /24 of silent hosts on two ports → covered", &whole, target, "its last host");
    Ok(())
}

/// From each moment to the first such change of that address after the mark.
fn delays(watch: &Watch, mark: usize, added: bool, since: &BTreeMap<Ipv4Addr, Instant>) -> Vec<Duration> {
    let mut first = BTreeMap::new();
    for change in watch.since(mark).iter().filter(|change| change.added == added) {
        first.entry(change.address).or_insert(change.at);
    }
    let delay = |(address, moment): (&Ipv4Addr, &Instant)| {
        first.get(address).map(|at| at.saturating_duration_since(*moment))
    };
    since.iter().filter_map(delay).collect()
}

fn host(last: u8) -> Ipv4Addr {
    let [a, b, c, _] = GATEWAY.octets();
    Ipv4Addr::new(a, b, c, last)
}
