//! Very many stations that answer, behind one machine.

use crate::bucket::Bucket;
use fabricctl::fabric::Mac;
use fabricctl::neighbor::{Effect, Event, HostRoute, IfIndex, Kind, Machine, Moment, Settings};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// There and back.
const ROUND_TRIP: Duration = Duration::from_micros(300);

pub struct Rack {
    pub machine: Machine,
    pub now: Moment,
    pub routes: BTreeSet<HostRoute>,
    /// How many routes were deleted so far.
    pub deleted: usize,
    pub added: usize,
    pub lines: Vec<String>,
    /// When each address was asked, where that is to be known.
    pub asked: HashMap<IpAddr, Vec<Moment>>,
    pub watch: bool,
    pub packets: usize,
    /// Unicast probes that reached the station they were for.
    pub to_known: usize,
    stations: HashMap<(u32, IpAddr), Mac>,
    answers: BinaryHeap<Reverse<(Moment, u32, IpAddr, Mac)>>,
    bucket: Bucket,
}

/// The address of a station, from 10.N.0.16 on.
pub fn address(port: u32, number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0010 + (port << 16) + number).into()
}

pub fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([2, 1, a, b, c, d])
}

/// Without a search and without settling, unless that is the point.
pub fn settings() -> Settings {
    Settings {
        sweep: fabricctl::neighbor::SweepEvery::Off,
        settle: None,
        max_hosts_per_port: 20_000,
        ..Settings::default()
    }
}

impl Rack {
    /// Two ports, with a /16 each.
    pub fn new(settings: Settings) -> Self {
        let bucket = Bucket::new(settings.probe_rate);
        let mut rack = Self {
            machine: Machine::new(settings),
            now: Moment::default(),
            routes: BTreeSet::new(),
            deleted: 0,
            added: 0,
            lines: Vec::new(),
            asked: HashMap::new(),
            watch: false,
            packets: 0,
            to_known: 0,
            stations: HashMap::new(),
            answers: BinaryHeap::new(),
            bucket,
        };
        for port in [1, 2] {
            let (interface, name) = (IfIndex(port), format!("swp{port}"));
            rack.tell(Event::LinkUp { interface, name, mac: Mac([2, 0, 0, 0, 0, 1]) });
            let prefixes = BTreeSet::from([format!("10.{port}.0.1/16").parse().unwrap()]);
            rack.tell(Event::AddressesChanged { interface, prefixes });
        }
        rack
    }

    /// Goes on with a new machine, as after a restart, and the routes of the one before.
    pub fn restart(&mut self, settings: Settings) {
        let old = std::mem::replace(self, Rack::new(settings));
        (self.stations, self.routes) = (old.stations, old.routes);
        for route in self.routes.clone() {
            self.tell(Event::RouteFound { route });
        }
    }

    pub fn settle_in(&mut self, port: u32, numbers: std::ops::Range<u32>) {
        self.stations.extend(numbers.map(|number| ((port, address(port, number)), mac(number))));
    }

    pub fn all_die(&mut self) {
        self.stations.clear();
        self.answers.clear();
    }

    pub fn hear(&mut self, port: u32, address: IpAddr, mac: Mac, kind: Kind) {
        self.tell(Event::Heard { interface: IfIndex(port), address, mac, kind });
    }

    /// All stations of the port announce themselves now.
    pub fn announce(&mut self, port: u32) {
        let mut all: Vec<_> = self.stations.iter().filter(|((at, _), _)| *at == port).collect();
        all.sort_unstable();
        let all: Vec<_> = all.into_iter().map(|((_, address), mac)| (*address, *mac)).collect();
        for (address, mac) in all {
            self.hear(port, address, mac, Kind::Announcement);
        }
    }

    pub fn tell(&mut self, event: Event) {
        for effect in self.machine.on(event, self.now) {
            match effect {
                Effect::SendProbe { interface, target, mac, .. } => self.probe(interface, target, mac),
                Effect::AskEverybody { .. } | Effect::Announce { .. } => self.packet(),
                Effect::AddRoute { route } => {
                    self.added += 1;
                    assert!(self.routes.insert(route), "{route:?} is there already");
                }
                Effect::DeleteRoute { route } => {
                    self.deleted += 1;
                    assert!(self.routes.remove(&route), "{route:?} is not there");
                }
                Effect::Log { text, .. } => self.lines.push(text),
            }
        }
    }

    fn packet(&mut self) {
        self.packets += 1;
        self.bucket.packet(self.now);
    }

    fn probe(&mut self, interface: IfIndex, target: IpAddr, to: Option<Mac>) {
        self.packet();
        if self.watch {
            self.asked.entry(target).or_default().push(self.now);
        }
        if let Some(mac) = self.stations.get(&(interface.0, target))
            && to.is_none_or(|to| to == *mac)
        {
            self.to_known += usize::from(to.is_some());
            self.answers.push(Reverse((self.now + ROUND_TRIP, interface.0, target, *mac)));
        }
    }

    /// Lets time pass; ticks come when they are wanted.
    pub fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let answer = self.answers.peek().map(|Reverse((at, ..))| *at);
            let deadline = self.machine.deadline();
            let Some(next) = answer.into_iter().chain(deadline).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if answer == Some(next) {
                self.read_answers();
            } else {
                self.tell(Event::Tick);
            }
        }
        self.now = end;
    }

    /// Reads all answers that came in by now.
    pub fn read_answers(&mut self) {
        while let Some(Reverse((at, port, address, mac))) = self.answers.peek().copied() {
            if at > self.now {
                break;
            }
            self.answers.pop();
            if self.stations.get(&(port, address)) == Some(&mac) {
                self.hear(port, address, mac, Kind::Reply);
            }
        }
    }

    /// Waits until the condition holds, and says how long that took.
    pub fn wait_until(&mut self, what: &str, most: Duration, holds: impl Fn(&Rack) -> bool) -> Duration {
        let began = self.now;
        while !holds(self) {
            assert!(
                self.now.since(began) < most,
                "{what}: not within {most:?}, {} routes",
                self.routes.len()
            );
            self.wait(Duration::from_millis(10));
        }
        let took = self.now.since(began);
        eprintln!("{what}: {took:?}");
        took
    }
}
