//! Hosts that left: when one turns up elsewhere, the stations on its old port still have its old MAC and would send
//! into the void for the better part of a minute. A gratuitous ARP in its name makes them ask, and the leaf answer.

use super::event::{Effect, IfIndex, Level, Moment};
use super::host::{Host, Place};
use super::limit::Topic;
use super::machine::Machine;
use super::pace::{Share, round_up};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// How long a host that left is remembered, and how long it is remembered of a host that another leaf advertised it.
const MEMORY: Duration = Duration::from_secs(60);
/// How many are remembered; the oldest are forgotten first.
const MOST: usize = 4096;
/// Between the two announcements.
const ANNOUNCE_PAUSE: Duration = Duration::from_millis(100);

/// What was done for a host that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing yet: it may be nowhere.
    Remembered,
    /// It is elsewhere; the old port is to be asked once more.
    Wanted,
    /// It was asked.
    Asked,
    /// It was announced once.
    Announced,
    /// All of it.
    Done,
}

#[derive(Debug, Clone, Copy)]
struct Departure {
    interface: IfIndex,
    at: Moment,
    step: Step,
    due: Moment,
}

/// The hosts that left lately.
#[derive(Debug, Default)]
pub(super) struct Departures {
    known: super::Map<IpAddr, Departure>,
    /// In the order in which they left; some came back and left again.
    order: VecDeque<(Moment, IpAddr)>,
    queue: BTreeSet<(Moment, IpAddr)>,
}

impl Departures {
    fn remember(&mut self, address: IpAddr, interface: IfIndex, now: Moment) {
        self.forget(address);
        let past = |at: Moment| now.since(at) > MEMORY;
        while self.order.front().is_some_and(|(at, _)| past(*at)) || self.order.len() >= MOST {
            let Some((at, oldest)) = self.order.pop_front() else { break };
            if self.known.get(&oldest).is_some_and(|departure| departure.at == at) {
                self.forget(oldest);
            }
        }
        self.order.push_back((now, address));
        self.known.insert(address, Departure { interface, at: now, step: Step::Remembered, due: now });
    }

    fn forget(&mut self, address: IpAddr) {
        if let Some(departure) = self.known.remove(&address) {
            self.queue.remove(&(departure.due, address));
        }
    }

    /// Goes on to that step; what is to be done then is done at `due`.
    fn set(&mut self, address: IpAddr, step: Step, due: Moment) {
        let Some(departure) = self.known.get_mut(&address) else { return };
        self.queue.remove(&(departure.due, address));
        (departure.step, departure.due) = (step, due);
        if !matches!(step, Step::Remembered | Step::Done) {
            self.queue.insert((due, address));
        }
    }

    /// The host is elsewhere now: the old port is to be told, if it is one that left lately.
    fn gone_elsewhere(&mut self, address: IpAddr, now: Moment) {
        let lately =
            |departure: &Departure| departure.step == Step::Remembered && now.since(departure.at) <= MEMORY;
        if self.known.get(&address).is_some_and(lately) {
            self.set(address, Step::Wanted, now);
        }
    }

    /// The host has a route by that interface: where it left from there, it is back.
    pub(super) fn came_back(&mut self, address: IpAddr, interface: IfIndex) {
        if self.known.get(&address).is_some_and(|departure| departure.interface == interface) {
            self.forget(address);
        }
    }

    /// It answered on that interface: so it is elsewhere for the port that it left, if that is another one.
    pub(super) fn arrived(&mut self, address: IpAddr, interface: IfIndex, now: Moment) {
        self.came_back(address, interface);
        self.gone_elsewhere(address, now);
    }

    /// Somebody speaks for the address on that interface, so nothing is said in its name there.
    pub(super) fn spoke(&mut self, address: IpAddr, interface: IfIndex) {
        let known = self.known.get(&address);
        if let Some(departure) = known.filter(|departure| departure.interface == interface) {
            let due = departure.due;
            self.set(address, Step::Remembered, due);
        }
    }

    pub(super) fn due(&self) -> Option<Moment> {
        self.queue.first().map(|(due, _)| *due)
    }
}

impl Machine {
    /// Another leaf advertises the host.
    pub(super) fn route_elsewhere(&mut self, address: IpAddr, now: Moment) {
        match self.hosts.get_mut(&address) {
            Some(host) => {
                host.elsewhere = Some(now);
                self.ask_out_of_turn(address, self.settings.retry_interval, now);
            }
            None => self.departures.gone_elsewhere(address, now),
        }
    }

    /// Remembers a host that left, unless two places answered for it: then nobody knows who it was that left.
    pub(super) fn depart(&mut self, address: IpAddr, host: &Host, now: Moment) {
        if host.is_duplicate() {
            return self.departures.forget(address);
        }
        self.departures.remember(address, host.place.interface, now);
        if host.elsewhere.is_some_and(|seen| now.since(seen) <= MEMORY) {
            self.departures.gone_elsewhere(address, now);
        }
    }

    pub(super) fn tick_departures(&mut self, now: Moment) {
        while let Some((due, address)) = self.departures.queue.first().copied() {
            let departure = self.departures.known.get(&address).copied();
            let Some(departure) = departure.filter(|_| due <= now) else { break };
            if !self.admits(departure.interface, address) {
                self.departures.forget(address);
                continue;
            }
            if !self.pace.grants(Share::Proven, 1, now) {
                break;
            }
            self.tell_old_port(address, departure, now);
        }
    }

    fn tell_old_port(&mut self, address: IpAddr, departure: Departure, now: Moment) {
        let interface = departure.interface;
        match departure.step {
            Step::Wanted => {
                self.ask(address, Place { interface, mac: None }, Share::Proven);
                let due = round_up(now + self.settings.retry_interval);
                return self.departures.set(address, Step::Asked, due);
            }
            Step::Asked => {
                let due = round_up(now + ANNOUNCE_PAUSE);
                self.departures.set(address, Step::Announced, due);
                self.log(Topic::Announced, Level::Info, now, |machine| {
                    format!(
                        "event=announced host={address} port={} reason=elsewhere",
                        machine.name(interface)
                    )
                });
            }
            Step::Announced => self.departures.set(address, Step::Done, now),
            Step::Remembered | Step::Done => return self.departures.set(address, departure.step, now),
        }
        self.pace.spend(Share::Proven);
        self.counters.announcements += 1;
        self.effects.push(Effect::Announce { interface, address });
    }
}
