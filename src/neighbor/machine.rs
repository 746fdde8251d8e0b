//! The state of everything, and what each event does to it.

use super::counters::Counters;
use super::event::{Effect, Event, HostRoute, IfIndex, Level, Moment};
use super::host::{Host, Place, State};
use super::port::Port;
use super::settings::Settings;
use crate::fabric::Mac;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// Between two warnings that no more hosts fit.
const FULL_WARNING_EVERY: Duration = Duration::from_secs(60);

/// All that the daemon knows. Its routes are those of hosts that are live or being probed, and no others.
#[derive(Debug)]
pub struct Machine {
    pub(super) settings: Settings,
    pub(super) ports: BTreeMap<IfIndex, Port>,
    pub(super) own: BTreeSet<IpAddr>,
    pub(super) hosts: BTreeMap<IpAddr, Host>,
    /// Hosts by the time at which something must be done for them: one entry for each host.
    queue: BTreeSet<(Moment, IpAddr)>,
    pub(super) effects: Vec<Effect>,
    full: Option<Moment>,
    pub(super) counters: Counters,
}

/// One host, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostView {
    /// Its address.
    pub address: IpAddr,
    /// The interface it was heard on.
    pub interface: IfIndex,
    /// Its hardware address, unknown for a route left by an earlier instance until the first answer.
    pub mac: Option<Mac>,
    /// How far the proof is.
    pub state: State,
    /// Whether it ever answered; a route left by an earlier instance has yet to be proven.
    pub proven: bool,
    /// When it last spoke.
    pub heard: Moment,
}

impl Machine {
    /// A machine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ports: BTreeMap::new(),
            own: BTreeSet::new(),
            hosts: BTreeMap::new(),
            queue: BTreeSet::new(),
            effects: Vec::new(),
            full: None,
            counters: Counters::default(),
        }
    }

    /// Takes note of one event, and says what is to be done, in that order.
    pub fn on(&mut self, event: Event, now: Moment) -> Vec<Effect> {
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
            Event::RouteElsewhere { address: _ } => {}
            Event::NeighbourLost { interface, address } => self.doubt(interface, address, now),
            Event::RouteFound { route } => self.route_found(route, now),
            Event::RoutesDumped { routes } => self.reconcile(&routes),
            Event::Tick => self.tick(now),
        }
        std::mem::take(&mut self.effects)
    }

    /// When the next [`Event::Tick`] is wanted, none as long as nothing waits for time to pass.
    pub fn deadline(&self) -> Option<Moment> {
        let hosts = self.queue.first().map(|(due, _)| *due);
        self.ports.values().filter_map(Port::sweep_due).chain(hosts).min()
    }

    /// Takes new settings; what is under way ends by the old ones.
    pub fn configure(&mut self, settings: Settings, now: Moment) {
        let sweep_changed = self.settings.sweep != settings.sweep;
        self.settings = settings;
        if sweep_changed {
            for port in self.ports.values_mut() {
                port.start_sweep(&self.settings, now);
            }
        }
    }

    /// The routes that must be in the kernel.
    pub fn routes(&self) -> impl Iterator<Item = HostRoute> + '_ {
        let routed = self.hosts.iter().filter(|(_, host)| host.has_route());
        routed.map(|(address, host)| HostRoute {
            address: *address,
            interface: host.place.interface,
            settled: false,
        })
    }

    /// Whether the route must be in the kernel.
    pub fn has_route(&self, route: HostRoute) -> bool {
        self.hosts
            .get(&route.address)
            .is_some_and(|host| host.has_route() && host.place.interface == route.interface)
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Every host, proven or not.
    pub fn hosts(&self) -> impl Iterator<Item = HostView> + '_ {
        self.hosts.iter().map(|(address, host)| HostView {
            address: *address,
            interface: host.place.interface,
            mac: host.place.mac,
            state: host.state,
            proven: host.proven,
            heard: host.heard,
        })
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
        let text = format!("event=link-up port={}", port.name);
        self.log(Level::Info, text);
    }

    fn link_down(&mut self, interface: IfIndex, now: Moment) {
        let Some(port) = self.ports.get_mut(&interface) else { return };
        port.stop_sweep();
        if std::mem::take(&mut port.up) {
            let text = format!("event=link-down port={}", port.name);
            self.log(Level::Info, text);
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
    fn withdraw_inadmissible(&mut self, reason: &str, now: Moment) {
        let places: Vec<_> = self.hosts.iter().map(|(address, host)| (*address, host.place)).collect();
        for (address, place) in places {
            if !self.admits(place.interface, address) {
                self.lost(address, reason, now);
            }
        }
    }

    /// Whether a host with that address may be behind that interface.
    pub(super) fn admits(&self, interface: IfIndex, address: IpAddr) -> bool {
        !self.own.contains(&address) && self.ports.get(&interface).is_some_and(|port| port.admits(address))
    }

    fn route_found(&mut self, route: HostRoute, now: Moment) {
        let HostRoute { address, interface, .. } = route;
        if self.has_route(route) {
            return;
        }
        let known = self.hosts.get(&address).is_some_and(Host::has_route);
        if known || !self.admits(interface, address) || self.is_full(now) {
            self.effects.push(Effect::DeleteRoute { route });
            let text = format!("event=dropped host={address} port={} reason=not-ours", self.name(interface));
            return self.log(Level::Info, text);
        }
        self.remove(address);
        let place = Place { interface, mac: None };
        let left = self.settings.retries_of_adopted();
        self.insert(address, Host::new(place, State::Probing { left }, now));
        self.probe(address, place, now);
        let text = format!("event=adopted host={address} port={}", self.name(interface));
        self.log(Level::Info, text);
    }

    fn reconcile(&mut self, found: &BTreeSet<HostRoute>) {
        let wanted: BTreeSet<HostRoute> = self.routes().collect();
        for route in found.difference(&wanted) {
            self.effects.push(Effect::DeleteRoute { route: *route });
            let (address, port) = (route.address, self.name(route.interface));
            self.log(Level::Warning, format!("event=reconciled host={address} port={port} was=unknown"));
        }
        for route in wanted.difference(found) {
            let (address, port) = (route.address, self.name(route.interface));
            self.log(Level::Warning, format!("event=reconciled host={address} port={port} was=missing"));
            if self.hosts.get(&address).is_some_and(|host| host.proven) {
                self.effects.push(Effect::AddRoute { route: *route });
            } else {
                // Adopted, never proven, and gone: nothing speaks for it.
                self.remove(address);
            }
        }
    }

    fn tick(&mut self, now: Moment) {
        while let Some((due, address)) = self.queue.first().copied() {
            if due > now {
                break;
            }
            self.step(address, now);
        }
        let mut requests = Vec::new();
        for (interface, port) in &mut self.ports {
            let prefixes = port.prefixes.clone();
            let known = |address: IpAddr| {
                self.hosts.contains_key(&address)
                    || self.own.contains(&address)
                    || !prefixes.iter().any(|prefix| super::port::can_be_host(*prefix, address))
            };
            let asked = port.sweep(&self.settings, now, known);
            requests.extend(asked.into_iter().map(|address| (*interface, address)));
        }
        for (interface, address) in requests {
            self.ask(address, Place { interface, mac: None });
        }
    }

    /// Asks the place for the address; does nothing where the port is gone.
    pub(super) fn ask(&mut self, target: IpAddr, place: Place) {
        let Place { interface, mac } = place;
        let source = self.ports.get(&interface).and_then(|port| port.source_for(target));
        if let Some(source) = source {
            self.effects.push(Effect::SendProbe { interface, source, target, mac });
        }
    }

    /// Asks, and comes back for the answer after the retry interval.
    pub(super) fn probe(&mut self, address: IpAddr, place: Place, now: Moment) {
        self.ask(address, place);
        self.wake(address, now + self.settings.retry_interval);
    }

    pub(super) fn insert(&mut self, address: IpAddr, host: Host) {
        self.queue.insert((host.due, address));
        self.hosts.insert(address, host);
    }

    pub(super) fn remove(&mut self, address: IpAddr) -> Option<Host> {
        let host = self.hosts.remove(&address)?;
        self.queue.remove(&(host.due, address));
        Some(host)
    }

    /// Sets when something is to be done for the host.
    pub(super) fn wake(&mut self, address: IpAddr, due: Moment) {
        if let Some(host) = self.hosts.get_mut(&address) {
            self.queue.remove(&(host.due, address));
            host.due = due;
            self.queue.insert((due, address));
        }
    }

    /// Whether no more hosts fit; says so once in a while.
    pub(super) fn is_full(&mut self, now: Moment) -> bool {
        let full = self.hosts.len() >= self.settings.max_hosts;
        if full && self.full.is_none_or(|said| now.since(said) >= FULL_WARNING_EVERY) {
            self.full = Some(now);
            let text = format!("event=full max_hosts={} effect=new-hosts-ignored", self.settings.max_hosts);
            self.log(Level::Warning, text);
        }
        full
    }

    pub(super) fn name(&self, interface: IfIndex) -> String {
        match self.ports.get(&interface) {
            Some(port) if !port.name.is_empty() => port.name.clone(),
            _ => format!("if{interface}"),
        }
    }

    pub(super) fn log(&mut self, level: Level, text: String) {
        self.effects.push(Effect::Log { level, text });
    }
}
