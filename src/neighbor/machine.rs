//! The state of everything, and what each event does to it.

use super::candidates::Candidates;
use super::counters::Counters;
use super::elsewhere::Departures;
use super::event::{Effect, Event, HostRoute, IfIndex, Level, Moment};
use super::host::{Host, HostView, Place, State};
use super::limit::{Limits, Topic};
use super::pace::{Pace, Share};
use super::port::Port;
use super::settings::Settings;
use crate::fabric::Mac;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// All that the daemon knows. Its routes are those of `hosts`, and no others.
#[derive(Debug)]
pub struct Machine {
    pub(super) settings: Settings,
    pub(super) ports: BTreeMap<IfIndex, Port>,
    pub(super) own: BTreeSet<IpAddr>,
    /// Addresses with a route, whether they ever answered or were adopted a moment ago.
    pub(super) hosts: super::Map<IpAddr, Host>,
    /// Hosts by the time at which something must be done for them: one entry for each host.
    pub(super) queue: BTreeSet<(Moment, IpAddr)>,
    pub(super) candidates: Candidates,
    pub(super) departures: Departures,
    pub(super) pace: Pace,
    /// When the daemon last slept through what was due.
    pub(super) stalled: Option<Moment>,
    /// Whether the shortage of packets was told.
    pub(super) degraded: bool,
    /// When the next host may settle.
    pub(super) settling: Moment,
    /// When the next adopted route may be asked about.
    pub(super) adopting: Moment,
    pub(super) limits: Limits,
    pub(super) counters: Counters,
    pub(super) effects: Vec<Effect>,
}

impl Machine {
    /// A machine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            pace: Pace::new(settings.probe_rate),
            settings,
            ports: BTreeMap::new(),
            own: BTreeSet::new(),
            hosts: super::Map::default(),
            queue: BTreeSet::new(),
            candidates: Candidates::default(),
            departures: Departures::default(),
            stalled: None,
            degraded: false,
            settling: Moment::default(),
            adopting: Moment::default(),
            limits: Limits::default(),
            counters: Counters::default(),
            effects: Vec::new(),
        }
    }

    /// Takes note of one event, and says what is to be done, in that order.
    pub fn on(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        self.pace.fill(now);
        match event {
            Event::LinkUp { interface, name, mac } => self.link_up(interface, name, mac, now),
            Event::LinkDown { interface } => self.link_down(interface, now),
            Event::LinkGone { interface } => {
                self.link_down(interface, now);
                self.ports.remove(&interface);
            }
            Event::AddressesChanged { interface, prefixes } => self.addresses(interface, prefixes, now),
            Event::OwnAddresses { addresses } => {
                self.own = addresses;
                self.withdraw_inadmissible("own-address", now);
            }
            Event::Heard { interface, address, mac, kind } => {
                self.heard(interface, address, mac, Some(kind), now);
            }
            Event::NeighbourSeen { interface, address, mac } => {
                self.heard(interface, address, mac, None, now);
            }
            Event::NeighbourLost { interface, address } => self.doubt(interface, address, now),
            Event::RouteElsewhere { address } => self.route_elsewhere(address, now),
            Event::RouteFound { route } => self.route_found(route, now),
            Event::RoutesDumped { routes } => self.reconcile(&routes, now),
            Event::Tick => self.tick(now),
        }
        std::mem::take(&mut self.effects)
    }

    /// When the next [`Event::Tick`] is wanted, none as long as nothing waits for time to pass.
    pub fn deadline(&self) -> Option<Moment> {
        let not_before = |due: Option<Moment>, share| due.max(due.and(self.pace.blocked_until(share)));
        let hosts = not_before(self.queue.first().map(|(due, _)| *due), Share::Proven);
        let departures = not_before(self.departures.due(), Share::Proven);
        let sweeps = self.ports.values().filter_map(Port::sweep_due).min();
        let sweeps = not_before(sweeps, Share::Unproven);
        let candidates = not_before(self.candidates.due(), Share::Unproven);
        let pending = (!self.effects.is_empty()).then(Moment::default);
        [pending, hosts, departures, sweeps, candidates, self.limits.due()].into_iter().flatten().min()
    }

    /// Takes new settings; what is under way ends by the old ones. Hosts that they don't allow are withdrawn by the
    /// effects of the next event; the deadline is then at once.
    pub fn configure(&mut self, settings: Settings, now: Moment) {
        let sweep_changed = self.settings.sweep != settings.sweep;
        self.pace.change(settings.probe_rate);
        self.settings = settings;
        if sweep_changed {
            for port in self.ports.values_mut() {
                port.start_sweep(&self.settings, now);
            }
        }
        self.withdraw_inadmissible("configuration", now);
    }

    /// The routes that must be in the kernel.
    pub fn routes(&self) -> impl Iterator<Item = HostRoute> + '_ {
        self.hosts.iter().map(|(address, host)| host.route(*address))
    }

    /// Whether the route must be in the kernel.
    pub fn has_route(&self, route: HostRoute) -> bool {
        self.hosts.get(&route.address).is_some_and(|host| host.route(route.address) == route)
    }

    /// Whether there must be a route to that address, whichever it is.
    pub fn has_host(&self, address: IpAddr) -> bool {
        self.hosts.contains_key(&address)
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether the bound on packets makes hosts wait longer than the keepalive for their probes.
    pub fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// Every host and every candidate, in the order of their addresses.
    pub fn hosts(&self) -> impl Iterator<Item = HostView> + '_ {
        let hosts = self.hosts.iter().map(|(address, host)| host.view(*address));
        let candidates = self.candidates.iter().map(|(address, place, candidate)| HostView {
            address,
            interface: place.interface,
            mac: place.mac,
            state: State::Candidate { left: candidate.left },
            proven: false,
            heard: candidate.since,
            since: candidate.since,
            settled: false,
            rival: None,
            moves: 0,
        });
        let mut all: Vec<HostView> = hosts.chain(candidates).collect();
        all.sort_unstable_by_key(|host| (host.address, host.interface, host.mac));
        all.into_iter()
    }

    fn link_up(&mut self, interface: IfIndex, name: String, mac: Mac, now: Moment) {
        let port = self.ports.entry(interface).or_insert_with(|| Port::new(String::new()));
        port.name = name;
        port.mac = Some(mac);
        if port.up {
            return;
        }
        port.up = true;
        port.start_sweep(&self.settings, now);
        self.log(Topic::Link, Level::Info, now, |machine| {
            format!("event=link-up port={}", machine.name(interface))
        });
    }

    fn link_down(&mut self, interface: IfIndex, now: Moment) {
        let Some(port) = self.ports.get_mut(&interface) else { return };
        port.stop_sweep();
        if std::mem::take(&mut port.up) {
            self.log(Topic::Link, Level::Info, now, |machine| {
                format!("event=link-down port={}", machine.name(interface))
            });
        }
        self.withdraw_inadmissible("link-down", now);
    }

    fn addresses(&mut self, interface: IfIndex, prefixes: BTreeSet<IpNet>, now: Moment) {
        let port = self.ports.entry(interface).or_insert_with(|| Port::new(format!("if{interface}")));
        if port.prefixes == prefixes {
            return;
        }
        port.prefixes = prefixes;
        port.start_sweep(&self.settings, now);
        self.withdraw_inadmissible("address-removed", now);
    }

    /// Withdraws at once what can't be where it is any more.
    fn withdraw_inadmissible(&mut self, reason: &'static str, now: Moment) {
        let (ports, own, settings) = (&self.ports, &self.own, &self.settings);
        let admits = |interface, address| admits(ports, own, settings, interface, address);
        self.candidates.retain(admits);
        let gone = self.hosts.iter().filter(|(address, host)| !admits(host.place.interface, **address));
        let mut gone: Vec<IpAddr> = gone.map(|(address, _)| *address).collect();
        gone.sort_unstable();
        for address in gone {
            self.lost(address, reason, now);
        }
    }

    /// Whether a host with that address may be behind that interface.
    pub(super) fn admits(&self, interface: IfIndex, address: IpAddr) -> bool {
        admits(&self.ports, &self.own, &self.settings, interface, address)
    }

    /// Whether no more hosts fit behind that interface; says so once in a while.
    pub(super) fn is_full(&mut self, interface: IfIndex, now: Moment) -> bool {
        let (most, most_here) = (self.settings.max_hosts, self.settings.max_hosts_per_port);
        let full = self.hosts.len() >= most;
        let full_here = self.ports.get(&interface).is_some_and(|port| port.hosts >= most_here);
        if full || full_here {
            self.log(Topic::Full, Level::Warning, now, |machine| {
                let limit = if full { "max_hosts" } else { "max_hosts_per_port" };
                let most = if full { most } else { most_here };
                let port = machine.name(interface);
                format!("event=full port={port} {limit}={most} effect=new-hosts-ignored")
            });
        }
        full || full_here
    }

    /// Puts a host there, to be looked after at its `due`.
    pub(super) fn insert(&mut self, address: IpAddr, host: Host) {
        self.remove(address);
        if let Some(port) = self.ports.get_mut(&host.place.interface) {
            port.hosts += 1;
        }
        self.queue.insert((host.due, address));
        self.hosts.insert(address, host);
    }

    pub(super) fn remove(&mut self, address: IpAddr) -> Option<Host> {
        let host = self.hosts.remove(&address)?;
        self.queue.remove(&(host.due, address));
        if let Some(port) = self.ports.get_mut(&host.place.interface) {
            port.hosts = port.hosts.saturating_sub(1);
        }
        Some(host)
    }

    /// Sets when something is to be done for the host.
    pub(super) fn wake(&mut self, address: IpAddr, due: Moment) {
        if let Some(host) = self.hosts.get_mut(&address)
            && host.due != due
        {
            self.queue.remove(&(host.due, address));
            host.due = due;
            self.queue.insert((due, address));
        }
    }

    /// Asks the place for the address, at the cost of that share; does nothing where the port is gone.
    pub(super) fn ask(&mut self, target: IpAddr, place: Place, share: Share) {
        let Place { interface, mac } = place;
        let source = self.ports.get(&interface).and_then(|port| port.source_for(target));
        if let Some(source) = source {
            self.pace.spend(share);
            self.counters.probes += 1;
            self.effects.push(Effect::SendProbe { interface, source, target, mac });
        }
    }

    pub(super) fn name(&self, interface: IfIndex) -> String {
        match self.ports.get(&interface) {
            Some(port) if !port.name.is_empty() => port.name.clone(),
            _ => format!("if{interface}"),
        }
    }

    /// `host=… port=… mac=…`
    pub(super) fn describe(&self, address: IpAddr, place: Place) -> String {
        let port = self.name(place.interface);
        match place.mac {
            Some(mac) => format!("host={address} port={port} mac={mac}"),
            None => format!("host={address} port={port}"),
        }
    }

    /// Writes a line, unless there were too many of the kind lately.
    pub(super) fn log(
        &mut self,
        topic: Topic,
        level: Level,
        now: Moment,
        text: impl FnOnce(&Machine) -> String,
    ) {
        if self.limits.admits(topic, now) {
            let text = text(self);
            self.effects.push(Effect::Log { level, text });
        }
    }
}

fn admits(
    ports: &BTreeMap<IfIndex, Port>,
    own: &BTreeSet<IpAddr>,
    settings: &Settings,
    interface: IfIndex,
    address: IpAddr,
) -> bool {
    let port_admits = ports.get(&interface).is_some_and(|port| port.admits(address));
    port_admits && !own.contains(&address) && settings.permits(address)
}
