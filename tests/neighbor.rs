//! What holds for the neighbour machine whatever happens: random worlds of stations, spoofers, links and addresses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

use fabricctl::fabric::Mac;
use fabricctl::neighbor::{
    Effect, Event, HostRoute, HostView, IfIndex, Kind, Machine, Moment, Settings, SweepEvery,
};
use ipnet::IpNet;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// Something that happens to the world.
#[derive(Debug, Clone)]
enum Deed {
    /// A station with that address and MAC lives behind the interface, or dies.
    Station(Place, bool),
    /// Somebody, alive or not, sends ARP.
    Speak(Place, Kind),
    Hint(Place),
    Lost(Place),
    Link(u32, Carrier),
    Addresses(u32, usize),
    /// An earlier instance, or somebody else, put a route there.
    Found(Place),
    /// Somebody adds or deletes a route of ours, and the daemon compares.
    Meddle(Place),
    Wait(u64),
}

#[derive(Debug, Clone, Copy)]
enum Carrier {
    Up,
    Down,
    Gone,
}

/// Interface, address, MAC.
type Place = (u32, IpAddr, Mac);

const PREFIXES: [&[&str]; 5] =
    [&["172.16.1.1/28"], &[], &["10.1.1.1/28"], &["172.16.1.1/28", "10.1.1.1/28"], &["172.16.1.3/28"]];

/// Two hosts, the gateway, the broadcast address, a host of the other prefix, nobody.
const ADDRESSES: [[u8; 4]; 6] =
    [[172, 16, 1, 2], [172, 16, 1, 3], [172, 16, 1, 1], [172, 16, 1, 15], [10, 1, 1, 2], [0, 0, 0, 0]];

fn station(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 1, number])
}

fn gateway(interface: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, u8::try_from(interface).unwrap()])
}

fn prefixes(choice: usize) -> BTreeSet<IpNet> {
    PREFIXES[choice].iter().map(|prefix| prefix.parse().unwrap()).collect()
}

fn route_to((interface, address, _): Place) -> HostRoute {
    HostRoute { address, interface: IfIndex(interface), settled: false }
}

fn place() -> impl Strategy<Value = Place> {
    (1..=2_u32, 0..ADDRESSES.len(), 0..3_u8)
        .prop_map(|(interface, address, mac)| (interface, IpAddr::from(ADDRESSES[address]), station(mac)))
}

fn deed() -> impl Strategy<Value = Deed> {
    let kind = prop_oneof![Just(Kind::Request), Just(Kind::Reply), Just(Kind::Announcement)];
    let carrier = prop_oneof![4 => Just(Carrier::Up), 2 => Just(Carrier::Down), 1 => Just(Carrier::Gone)];
    let addresses = prop_oneof![4 => Just(0_usize), 1 => 1..PREFIXES.len()];
    prop_oneof![
        6 => (place(), any::<bool>()).prop_map(|(place, alive)| Deed::Station(place, alive)),
        6 => (place(), kind).prop_map(|(place, kind)| Deed::Speak(place, kind)),
        1 => place().prop_map(Deed::Hint),
        1 => place().prop_map(Deed::Lost),
        1 => (1..=2_u32, carrier).prop_map(|(interface, carrier)| Deed::Link(interface, carrier)),
        1 => (1..=2_u32, addresses).prop_map(|(interface, choice)| Deed::Addresses(interface, choice)),
        1 => place().prop_map(Deed::Found),
        1 => place().prop_map(Deed::Meddle),
        4 => (1..400_u64).prop_map(Deed::Wait),
        2 => (400..4000_u64).prop_map(Deed::Wait),
    ]
}

struct World {
    machine: Machine,
    now: Moment,
    stations: BTreeSet<Place>,
    up: BTreeSet<u32>,
    addresses: BTreeMap<u32, BTreeSet<IpNet>>,
    kernel: BTreeSet<HostRoute>,
    /// Answers on their way.
    answers: BTreeSet<(Moment, Place)>,
    /// By unicast.
    asked: BTreeSet<Place>,
    /// By broadcast.
    asked_all: BTreeSet<HostRoute>,
    found: BTreeSet<HostRoute>,
    answered: BTreeSet<Place>,
    heard: BTreeMap<Place, Moment>,
}

impl World {
    fn new() -> Self {
        let settings =
            Settings { sweep: SweepEvery::Interval(Duration::from_secs(10)), ..Settings::default() };
        let mut world = Self {
            machine: Machine::new(settings),
            now: Moment::default(),
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
            Deed::Found(place) => {
                let route = route_to(place);
                // The kernel has one such route to an address.
                if self.kernel.iter().all(|known| known.address != route.address) {
                    self.kernel.insert(route);
                    self.found.insert(route);
                    self.tell(&Event::RouteFound { route });
                }
            }
            Deed::Meddle(place) => {
                let route = route_to(place);
                if !self.kernel.remove(&route)
                    && self.kernel.iter().all(|known| known.address != route.address)
                {
                    self.kernel.insert(route);
                }
                self.tell(&Event::RoutesDumped { routes: self.kernel.clone() });
            }
            Deed::Wait(millis) => self.wait(Duration::from_millis(millis)),
        }
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
        // A route that is there already may be proven by a broadcast: nobody knows the MAC to ask.
        let found = self.found.contains(&route_to(place)) && self.asked_all.contains(&route_to(place));
        if kind == Kind::Reply && (self.asked.contains(&place) || found) {
            self.answered.insert(place);
        }
        self.heard.insert(place, self.now);
        self.tell(&Event::Heard { interface: IfIndex(interface), address, mac, kind });
    }

    /// Lets time pass: answers arrive, and the machine gets its ticks exactly when it wants them.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let answer = self.answers.first().copied().filter(|(at, _)| *at <= end);
            let deadline = self.machine.deadline().filter(|deadline| *deadline <= end);
            match (answer, deadline) {
                (Some((at, place)), deadline) if deadline.is_none_or(|deadline| at <= deadline) => {
                    self.answers.remove(&(at, place));
                    self.now = self.now.max(at);
                    self.arp(place, Kind::Reply);
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
        let before: BTreeMap<IpAddr, HostView> =
            self.machine.hosts().map(|host| (host.address, host)).collect();
        let effects = self.machine.on(event.clone(), self.now);
        let added: BTreeSet<IpAddr> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::AddRoute { route } => Some(route.address),
                _ => None,
            })
            .collect();
        for effect in effects {
            match effect {
                Effect::SendProbe { interface, target, mac, .. } => self.probe(interface, target, mac),
                Effect::AddRoute { route } => self.add(route),
                Effect::DeleteRoute { route } => {
                    assert!(self.kernel.remove(&route), "deletes what is not there: {route:?} at {event:?}");
                    let moved = added.contains(&route.address);
                    self.judge_withdrawal(event, route, before.get(&route.address), moved);
                }
                Effect::Log { .. } | Effect::AskEverybody { .. } | Effect::Announce { .. } => {}
            }
        }
        self.judge_routes(event);
    }

    fn probe(&mut self, interface: IfIndex, target: IpAddr, mac: Option<Mac>) {
        match mac {
            Some(mac) => self.asked.insert((interface.0, target, mac)),
            None => self.asked_all.insert(HostRoute { address: target, interface, settled: false }),
        };
        let answers = self.stations.iter().filter(|(at, address, own)| {
            *at == interface.0 && *address == target && mac.is_none_or(|mac| mac == *own)
        });
        self.answers.extend(answers.map(|place| (self.now + Duration::from_millis(1), *place)));
    }

    fn add(&mut self, route: HostRoute) {
        let twice = self.kernel.iter().find(|known| known.address == route.address);
        assert_eq!(twice, None, "a second route: {route:?}");
        let proven = self.answered.iter().any(|place| route_to(*place) == route);
        assert!(proven, "advertised without an answer: {route:?}");
        self.kernel.insert(route);
    }

    /// As long as its link and address are there, nothing proven is withdrawn that spoke within the detection time.
    fn judge_withdrawal(&self, event: &Event, route: HostRoute, host: Option<&HostView>, moved: bool) {
        match event {
            Event::Tick => {}
            Event::Heard { .. } | Event::NeighbourSeen { .. } | Event::NeighbourLost { .. } => {
                panic!("{route:?} withdrawn by {event:?}")
            }
            _ => return,
        }
        let Some(mac) = host.filter(|host| host.proven).and_then(|host| host.mac) else { return };
        let heard = self.heard.get(&(route.interface.0, route.address, mac));
        let silent = heard.map(|heard| self.now.since(*heard));
        let least = Duration::from_millis(800);
        assert!(
            silent.is_none_or(|silent| silent >= least),
            "{route:?} spoke {silent:?} ago, moved: {moved}"
        );
    }

    fn judge_routes(&self, event: &Event) {
        let routes: BTreeSet<HostRoute> = self.machine.routes().collect();
        assert_eq!(routes, self.kernel, "after {event:?}");
        let own: BTreeSet<IpAddr> = self.addresses.values().flatten().map(IpNet::addr).collect();
        for HostRoute { address, interface, .. } in routes {
            let prefixes = self.addresses.get(&interface.0).cloned().unwrap_or_default();
            let fits = |prefix: &IpNet| prefix.hosts().any(|host| host == address);
            // Between the two events of an address change only the first was told.
            let told = !matches!(event, Event::OwnAddresses { .. });
            assert!(!told || prefixes.iter().any(fits), "{address} is not of {interface:?}");
            assert!(!own.contains(&address) && self.up.contains(&interface.0), "{address} on {interface:?}");
        }
    }

    /// What the machine must know in the end: stations with an address that a host can have, one of each.
    fn settle(&mut self) -> BTreeSet<HostRoute> {
        for interface in [1, 2] {
            self.happen(&Deed::Link(interface, Carrier::Up));
            self.happen(&Deed::Addresses(interface, 0));
        }
        let mut seen = BTreeSet::new();
        self.stations.retain(|(_, address, _)| seen.insert(*address));
        let hosts: [IpAddr; 2] = [ADDRESSES[0].into(), ADDRESSES[1].into()];
        let real = self.stations.iter().filter(|(_, address, _)| hosts.contains(address));
        real.map(|place| route_to(*place)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The judgements are made after every single event, see `World::tell`.
    #[test]
    fn whatever_happens_the_routes_are_those_of_proven_hosts(deeds in prop::collection::vec(deed(), 1..60)) {
        let mut world = World::new();
        for deed in &deeds {
            world.happen(deed);
        }
        let expected = world.settle();
        world.wait(Duration::from_secs(25));
        prop_assert_eq!(&world.kernel, &expected, "all the living, after two sweeps");
        world.wait(Duration::from_secs(30));
        prop_assert_eq!(&world.kernel, &expected, "and they stay");
        world.stations.clear();
        world.answers.clear();
        world.wait(Duration::from_millis(1_900));
        prop_assert!(world.kernel.is_empty(), "the dead are gone within the detection time: {:?}", world.kernel);
    }
}
