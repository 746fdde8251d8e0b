//! Random worlds of stations, spoofers, links, addresses, routes and settings; every single effect is judged.

use crate::bucket::Bucket;
use crate::deeds::{
    Carrier, Deed, Place, Spot, address, deed, gateway, prefixes, route_to, settings, spot, station,
};
use fabricctl::fabric::Mac;
use fabricctl::neighbor::{
    Effect, Event, HostRoute, HostView, IfIndex, Kind, Machine, Moment, Settings, State,
};
use ipnet::IpNet;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

pub struct World {
    pub machine: Machine,
    pub settings: Settings,
    pub now: Moment,
    pub bucket: Bucket,
    pub stations: BTreeSet<Place>,
    pub up: BTreeSet<u32>,
    pub addresses: BTreeMap<u32, BTreeSet<IpNet>>,
    pub kernel: BTreeSet<HostRoute>,
    /// Answers on their way.
    pub answers: BTreeSet<(Moment, Place, bool)>,
    /// By unicast.
    pub asked: BTreeSet<Place>,
    /// By broadcast.
    pub asked_all: BTreeSet<Spot>,
    pub found: BTreeSet<Spot>,
    pub answered: BTreeSet<Place>,
    pub heard: BTreeMap<Place, Moment>,
    /// When each place was asked since it was last heard, by unicast or by broadcast.
    pub probes: BTreeMap<Place, Vec<Moment>>,
    /// When anybody spoke for the address there.
    pub spoken: BTreeMap<Spot, Moment>,
    /// When a route of that age came, settled or not.
    pub since: BTreeMap<HostRoute, Moment>,
    /// When a route to there was last deleted.
    pub left: BTreeMap<Spot, Moment>,
    pub elsewhere: BTreeMap<IpAddr, Moment>,
}

impl World {
    fn new(settings: Settings) -> Self {
        let mut world = Self {
            machine: Machine::new(settings.clone()),
            now: Moment::default(),
            bucket: Bucket::new(settings.probe_rate),
            settings,
            stations: BTreeSet::new(),
            up: BTreeSet::new(),
            addresses: BTreeMap::new(),
            kernel: BTreeSet::new(),
            answers: BTreeSet::new(),
            asked: BTreeSet::new(),
            asked_all: BTreeSet::new(),
            found: BTreeSet::new(),
            answered: BTreeSet::new(),
            heard: BTreeMap::new(),
            probes: BTreeMap::new(),
            spoken: BTreeMap::new(),
            since: BTreeMap::new(),
            left: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
        };
        for interface in [1, 2] {
            world.happen(&Deed::Link(interface, Carrier::Up));
            world.happen(&Deed::Addresses(interface, 0));
        }
        world
    }

    fn happen(&mut self, deed: &Deed) {
        match *deed {
            Deed::Station(place, true) => {
                self.stations.insert(place);
            }
            Deed::Station(place, false) => {
                self.stations.remove(&place);
            }
            Deed::Speak(place, kind) => self.arp(place, kind),
            Deed::Hint((interface, address, mac)) => {
                self.tell(&Event::NeighbourSeen { interface: IfIndex(interface), address, mac });
            }
            Deed::Lost((interface, address, _)) => {
                self.tell(&Event::NeighbourLost { interface: IfIndex(interface), address });
            }
            Deed::Link(interface, carrier) => self.link(interface, carrier),
            Deed::Addresses(interface, choice) => {
                self.addresses.insert(interface, prefixes(choice));
                let addresses = self.addresses.values().flatten().map(IpNet::addr).collect();
                self.tell(&Event::OwnAddresses { addresses });
                let prefixes = prefixes(choice);
                self.tell(&Event::AddressesChanged { interface: IfIndex(interface), prefixes });
            }
            Deed::Elsewhere(choice) => self.elsewhere(address(choice)),
            Deed::Moves(host, interface, mac) => {
                if let Some(address) = self.nth_host(host) {
                    self.stations.retain(|(_, known, _)| *known != address);
                    let place = (interface, address, station(mac));
                    self.stations.insert(place);
                    self.arp(place, Kind::Announcement);
                }
            }
            Deed::Leaves(host) => {
                if let Some(address) = self.nth_host(host) {
                    self.stations.retain(|(_, known, _)| *known != address);
                    self.elsewhere(address);
                }
            }
            Deed::Haunt(kind) => {
                let last = self.left.iter().max_by_key(|(_, at)| **at);
                if let Some((interface, address)) = last.map(|(spot, _)| *spot) {
                    self.arp((interface, address, station(2)), kind);
                }
            }
            Deed::Found(place, settled) => self.found(route_to(place, settled)),
            Deed::Meddle(place, settled) => self.meddle(route_to(place, settled)),
            Deed::Wait(millis) => self.wait(Duration::from_millis(millis)),
        }
    }

    fn found(&mut self, route: HostRoute) {
        if self.kernel_takes(route) {
            self.kernel.insert(route);
            self.found.insert(spot(route));
            self.since.insert(route, self.now);
            self.tell(&Event::RouteFound { route });
        }
    }

    fn meddle(&mut self, route: HostRoute) {
        if !self.kernel.remove(&route) && self.kernel_takes(route) {
            self.kernel.insert(route);
        }
        self.tell(&Event::RoutesDumped { routes: self.kernel.clone() });
    }

    fn nth_host(&self, number: usize) -> Option<IpAddr> {
        self.known().nth(number).map(|(address, _)| address)
    }

    fn elsewhere(&mut self, address: IpAddr) {
        self.elsewhere.insert(address, self.now);
        self.tell(&Event::RouteElsewhere { address });
    }

    /// The kernel has one route to an address with each metric.
    fn kernel_takes(&self, route: HostRoute) -> bool {
        self.kernel.iter().all(|known| (known.address, known.settled) != (route.address, route.settled))
    }

    fn link(&mut self, interface: u32, carrier: Carrier) {
        let index = IfIndex(interface);
        match carrier {
            Carrier::Up => {
                self.up.insert(interface);
                let name = format!("swp{interface}");
                self.tell(&Event::LinkUp { interface: index, name, mac: gateway(interface) });
            }
            Carrier::Down => {
                self.up.remove(&interface);
                self.tell(&Event::LinkDown { interface: index });
            }
            Carrier::Gone => {
                self.up.remove(&interface);
                self.addresses.remove(&interface);
                self.tell(&Event::LinkGone { interface: index });
            }
        }
    }

    fn arp(&mut self, place: Place, kind: Kind) {
        let (interface, address, mac) = place;
        let spot = (interface, address);
        // A route that is there already may be proven by a broadcast: nobody knows the MAC to ask.
        let found = self.found.contains(&spot) && self.asked_all.contains(&spot);
        if kind == Kind::Reply && (self.asked.contains(&place) || found) {
            self.answered.insert(place);
        }
        if kind != Kind::Claim {
            self.heard.insert(place, self.now);
            self.probes.remove(&place);
        }
        self.spoken.insert(spot, self.now);
        self.tell(&Event::Heard { interface: IfIndex(interface), address, mac, kind });
    }

    /// Lets time pass: answers arrive, and the machine gets its ticks exactly when it wants them.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let answer = self.answers.first().copied().filter(|(at, ..)| *at <= end);
            let deadline = self.machine.deadline().filter(|deadline| *deadline <= end);
            match (answer, deadline) {
                (Some((at, place, solicited)), deadline)
                    if deadline.is_none_or(|deadline| at <= deadline) =>
                {
                    self.answers.remove(&(at, place, solicited));
                    self.now = self.now.max(at);
                    self.arp(place, if solicited { Kind::Reply } else { Kind::Announcement });
                }
                (_, Some(deadline)) => {
                    self.now = self.now.max(deadline);
                    self.tell(&Event::Tick);
                    assert!(
                        self.machine.deadline().is_none_or(|next| next > self.now),
                        "a tick that did nothing"
                    );
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn tell(&mut self, event: &Event) {
        let before: BTreeMap<IpAddr, HostView> = self.known().collect();
        let effects = self.machine.on(event.clone(), self.now);
        let added: BTreeSet<IpAddr> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::AddRoute { route } => Some(route.address),
                _ => None,
            })
            .collect();
        let deleted: BTreeSet<HostRoute> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::DeleteRoute { route } => Some(*route),
                _ => None,
            })
            .collect();
        for effect in effects {
            match effect {
                Effect::SendProbe { interface, source, target, mac } => {
                    let own = self.addresses[&interface.0].iter().any(|prefix| prefix.addr() == source);
                    assert!(own && source.is_ipv4() == target.is_ipv4(), "{source} asks for {target}");
                    self.probe(interface, target, mac);
                }
                Effect::AskEverybody { interface, source } => self.ask_everybody(interface, source.into()),
                Effect::AddRoute { route } => self.add(route, event, &deleted),
                Effect::DeleteRoute { route } => {
                    assert!(self.kernel.remove(&route), "deletes what is not there: {route:?} at {event:?}");
                    let moved = added.contains(&route.address);
                    self.judge_withdrawal(event, route, before.get(&route.address), moved);
                    self.left.insert(spot(route), self.now);
                }
                Effect::Announce { interface, address } => self.judge_announcement(interface, address),
                Effect::Log { .. } => {}
            }
        }
        self.judge_routes(event);
    }

    /// The hosts with routes.
    pub fn known(&self) -> impl Iterator<Item = (IpAddr, HostView)> {
        let known = self.machine.hosts().filter(|host| !matches!(host.state, State::Candidate { .. }));
        known.map(|host| (host.address, host))
    }

    fn probe(&mut self, interface: IfIndex, target: IpAddr, to: Option<Mac>) {
        self.bucket.packet(self.now);
        match to {
            Some(mac) => {
                self.asked.insert((interface.0, target, mac));
            }
            None => {
                self.asked_all.insert((interface.0, target));
            }
        }
        for number in 0..3 {
            if to.is_none_or(|to| to == station(number)) {
                self.probes.entry((interface.0, target, station(number))).or_default().push(self.now);
            }
        }
        let answers = self.stations.iter().filter(|(at, address, own)| {
            *at == interface.0 && *address == target && to.is_none_or(|to| to == *own)
        });
        self.answers.extend(answers.map(|place| (self.now + Duration::from_millis(1), *place, true)));
    }

    fn ask_everybody(&mut self, interface: IfIndex, source: IpAddr) {
        self.bucket.packet(self.now);
        let prefix = self.addresses[&interface.0].iter().find(|prefix| prefix.addr() == source).unwrap();
        let answers =
            self.stations.iter().filter(|(at, address, _)| *at == interface.0 && prefix.contains(address));
        self.answers.extend(answers.map(|place| (self.now + Duration::from_millis(1), *place, false)));
    }

    fn add(&mut self, route: HostRoute, event: &Event, deleted: &BTreeSet<HostRoute>) {
        assert!(self.kernel_takes(route), "a second route with the same metric: {route:?}");
        let twins: Vec<_> = self.kernel.iter().filter(|known| known.address == route.address).collect();
        assert!(twins.iter().all(|twin| deleted.contains(twin)), "{route:?} stays beside {twins:?}");
        let proven = self.answered.iter().any(|place| spot(route_to(*place, false)) == spot(route));
        let reconciled = matches!(event, Event::RoutesDumped { .. }) && self.found.contains(&spot(route));
        assert!(proven || reconciled, "advertised without an answer: {route:?}");
        if route.settled && !matches!(event, Event::RoutesDumped { .. }) {
            let began = self.since[&HostRoute { settled: false, ..route }];
            let age = self.now.since(began);
            assert!(
                self.settings.settle.is_some_and(|least| age >= least),
                "{route:?} settled after {age:?}"
            );
        }
        // What is put right is as old as it was.
        if !matches!(event, Event::RoutesDumped { .. }) {
            self.since.insert(route, self.now);
        }
        self.kernel.insert(route);
    }

    /// What the machine must know in the end: stations with an address that a host can have, one of each.
    fn settle(&mut self) -> BTreeSet<Spot> {
        for interface in [1, 2] {
            self.happen(&Deed::Link(interface, Carrier::Up));
            self.happen(&Deed::Addresses(interface, 0));
        }
        let mut seen = BTreeSet::new();
        self.stations.retain(|(_, address, _)| seen.insert(*address));
        let hosts: Vec<IpAddr> = (0..4).map(address).collect();
        let real = self.stations.iter().filter(|(_, address, _)| hosts.contains(address));
        real.map(|(interface, address, _)| (*interface, *address)).collect()
    }

    fn spots(&self) -> BTreeSet<Spot> {
        self.kernel.iter().map(|route| spot(*route)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The judgements are made after every single event, see `World::tell`.
    #[test]
    fn whatever_happens_the_routes_are_those_of_proven_hosts(
        settings in settings(),
        deeds in prop::collection::vec(deed(), 1..60),
    ) {
        let mut world = World::new(settings.clone());
        for deed in &deeds {
            world.happen(deed);
        }
        let expected = world.settle();
        world.wait(Duration::from_secs(25));
        if expected.len() <= settings.max_hosts_per_port {
            prop_assert_eq!(&world.spots(), &expected, "all the living, after two sweeps");
        }
        let before = world.spots();
        world.wait(Duration::from_secs(30));
        prop_assert_eq!(&world.spots(), &before, "and they stay");
        let settled = world.kernel.iter().all(|route| route.settled || settings.settle.is_none());
        prop_assert!(settled, "and are settled: {:?}", world.kernel);
        world.stations.clear();
        world.answers.clear();
        // Few packets take their time.
        let patience = if settings.probe_rate < 100 { Duration::from_secs(3) } else { Duration::ZERO };
        world.wait(settings.detection_time() + Duration::from_millis(200) + patience);
        prop_assert!(world.kernel.is_empty(), "the dead are gone within the detection time: {:?}", world.kernel);
    }
}
