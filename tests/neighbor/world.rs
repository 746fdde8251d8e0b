//! Random worlds of stations, spoofers, links, addresses, routes and settings; every single effect is judged.

use crate::bucket::Bucket;
use fabricctl::fabric::Mac;
use fabricctl::neighbor::{
    Effect, Event, HostRoute, HostView, IfIndex, Kind, Machine, Moment, Settings, State, SweepEvery,
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
    /// Another leaf advertises the address.
    Elsewhere(usize),
    /// One of the hosts with routes turns up behind the interface with that MAC, and says so.
    Moves(usize, u32, u8),
    /// One of them goes to another leaf.
    Leaves(usize),
    /// Somebody speaks for an address where it was last.
    Haunt(Kind),
    Link(u32, Carrier),
    Addresses(u32, usize),
    /// An earlier instance, or somebody else, put a route there.
    Found(Place, bool),
    /// Somebody adds or deletes a route of ours, and the daemon compares.
    Meddle(Place, bool),
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

const PREFIXES: [&[&str]; 5] = [
    &["172.16.1.1/28", "2001:db8::1/64"],
    &[],
    &["10.1.1.1/28"],
    &["172.16.1.1/28", "10.1.1.1/28"],
    &["172.16.1.3/28", "2001:db8::3/64"],
];

/// Two hosts of each family, the gateway, the broadcast address, a host of the other prefix, one that is denied, nobody,
/// and one of the link only.
const ADDRESSES: [&str; 10] = [
    "172.16.1.2",
    "172.16.1.3",
    "2001:db8::2",
    "2001:db8::3",
    "172.16.1.1",
    "172.16.1.15",
    "10.1.1.2",
    "172.16.1.9",
    "0.0.0.0",
    "fe80::2",
];

fn address(choice: usize) -> IpAddr {
    ADDRESSES[choice].parse().unwrap()
}

/// What the daemon may be told by its configuration.
fn settings() -> impl Strategy<Value = Settings> {
    let settle = prop_oneof![Just(None), Just(Some(Duration::from_secs(3)))];
    let rate = prop_oneof![3 => Just(20_000_u32), 1 => Just(60_u32)];
    let limits = prop_oneof![3 => Just((100, 100)), 1 => Just((3, 2)), 1 => Just((2, 2))];
    let holdtime = prop_oneof![4 => Just(None), 1 => Just(Some(Duration::from_secs(3)))];
    (settle, rate, limits, holdtime, any::<bool>()).prop_map(
        |(settle, probe_rate, limits, holdtime, allow)| {
            let allow = if allow {
                vec!["172.16.1.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()]
            } else {
                vec![]
            };
            Settings {
                sweep: SweepEvery::Interval(Duration::from_secs(10)),
                settle,
                probe_rate,
                max_hosts: limits.0,
                max_hosts_per_port: limits.1,
                holdtime,
                allow,
                deny: vec!["172.16.1.9/32".parse().unwrap()],
                ..Settings::default()
            }
        },
    )
}

fn station(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 1, number])
}

fn gateway(interface: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, u8::try_from(interface).unwrap()])
}

fn prefixes(choice: usize) -> BTreeSet<IpNet> {
    PREFIXES[choice].iter().map(|prefix| prefix.parse().unwrap()).collect()
}

/// An address behind an interface.
type Spot = (u32, IpAddr);

fn spot(route: HostRoute) -> Spot {
    (route.interface.0, route.address)
}

fn route_to((interface, address, _): Place, settled: bool) -> HostRoute {
    HostRoute { address, interface: IfIndex(interface), settled }
}

fn place() -> impl Strategy<Value = Place> {
    (1..=2_u32, 0..ADDRESSES.len(), 0..3_u8)
        .prop_map(|(interface, choice, mac)| (interface, address(choice), station(mac)))
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Request), Just(Kind::Reply), Just(Kind::Announcement), Just(Kind::Claim)]
}

fn deed() -> impl Strategy<Value = Deed> {
    let carrier = prop_oneof![4 => Just(Carrier::Up), 2 => Just(Carrier::Down), 1 => Just(Carrier::Gone)];
    let addresses = prop_oneof![4 => Just(0_usize), 1 => 1..PREFIXES.len()];
    prop_oneof![
        6 => (place(), any::<bool>()).prop_map(|(place, alive)| Deed::Station(place, alive)),
        6 => (place(), kind()).prop_map(|(place, kind)| Deed::Speak(place, kind)),
        1 => place().prop_map(Deed::Hint),
        1 => place().prop_map(Deed::Lost),
        1 => (1..=2_u32, carrier).prop_map(|(interface, carrier)| Deed::Link(interface, carrier)),
        1 => (1..=2_u32, addresses).prop_map(|(interface, choice)| Deed::Addresses(interface, choice)),
        1 => (0..ADDRESSES.len()).prop_map(Deed::Elsewhere),
        2 => (0..4_usize, 1..=2_u32, 0..3_u8).prop_map(|(host, port, mac)| Deed::Moves(host, port, mac)),
        1 => (0..4_usize).prop_map(Deed::Leaves),
        2 => kind().prop_map(Deed::Haunt),
        1 => (place(), any::<bool>()).prop_map(|(place, settled)| Deed::Found(place, settled)),
        1 => (place(), any::<bool>()).prop_map(|(place, settled)| Deed::Meddle(place, settled)),
        4 => (1..400_u64).prop_map(Deed::Wait),
        2 => (400..4000_u64).prop_map(Deed::Wait),
    ]
}

struct World {
    machine: Machine,
    settings: Settings,
    now: Moment,
    bucket: Bucket,
    stations: BTreeSet<Place>,
    up: BTreeSet<u32>,
    addresses: BTreeMap<u32, BTreeSet<IpNet>>,
    kernel: BTreeSet<HostRoute>,
    /// Answers on their way.
    answers: BTreeSet<(Moment, Place, bool)>,
    /// By unicast.
    asked: BTreeSet<Place>,
    /// By broadcast.
    asked_all: BTreeSet<Spot>,
    found: BTreeSet<Spot>,
    answered: BTreeSet<Place>,
    heard: BTreeMap<Place, Moment>,
    /// When each place was asked since it was last heard, by unicast or by broadcast.
    probes: BTreeMap<Place, Vec<Moment>>,
    /// When anybody spoke for the address there.
    spoken: BTreeMap<Spot, Moment>,
    /// When a route of that age came, settled or not.
    since: BTreeMap<HostRoute, Moment>,
    /// When a route to there was last deleted.
    left: BTreeMap<Spot, Moment>,
    elsewhere: BTreeMap<IpAddr, Moment>,
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
            Deed::Found(place, settled) => {
                let route = route_to(place, settled);
                if self.kernel_takes(route) {
                    self.kernel.insert(route);
                    self.found.insert(spot(route));
                    self.since.insert(route, self.now);
                    self.tell(&Event::RouteFound { route });
                }
            }
            Deed::Meddle(place, settled) => {
                let route = route_to(place, settled);
                if !self.kernel.remove(&route) && self.kernel_takes(route) {
                    self.kernel.insert(route);
                }
                self.tell(&Event::RoutesDumped { routes: self.kernel.clone() });
            }
            Deed::Wait(millis) => self.wait(Duration::from_millis(millis)),
        }
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
    fn known(&self) -> impl Iterator<Item = (IpAddr, HostView)> {
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

    /// As long as its link and address are there, no proven host is withdrawn that wasn't asked several times in
    /// vain, and silent for the time that the answers had.
    fn judge_withdrawal(&self, event: &Event, route: HostRoute, host: Option<&HostView>, moved: bool) {
        match event {
            Event::Tick => {}
            Event::Heard { .. }
            | Event::NeighbourSeen { .. }
            | Event::NeighbourLost { .. }
            | Event::RouteElsewhere { .. } => {
                panic!("{route:?} withdrawn by {event:?}")
            }
            _ => return,
        }
        if self.machine.has_route(HostRoute { settled: true, ..route }) {
            return;
        }
        let Some(mac) = host.filter(|host| host.proven).and_then(|host| host.mac) else { return };
        let place = (route.interface.0, route.address, mac);
        let silent = self.now.since(self.heard[&place]);
        let (probes, least) = match (moved, self.settings.holdtime) {
            (true, _) => (4, Duration::from_millis(200)),
            (false, None) => (4, Duration::from_millis(800)),
            (false, Some(holdtime)) => (10, holdtime),
        };
        let asked = self.probes.get(&place).map_or(0, Vec::len);
        assert!(silent >= least, "{route:?} spoke {silent:?} ago, moved: {moved}");
        assert!(asked >= probes, "{route:?} was asked {asked} times, moved: {moved}");
    }

    /// Nobody is announced who is there, or who didn't live there lately, or who isn't elsewhere now.
    fn judge_announcement(&mut self, interface: IfIndex, address: IpAddr) {
        self.bucket.packet(self.now);
        let spot = (interface.0, address);
        let lately =
            |at: Option<&Moment>| at.is_some_and(|at| self.now.since(*at) <= Duration::from_secs(61));
        let here = self.known().find(|(known, _)| *known == address).map(|(_, host)| host.interface);
        assert_ne!(here, Some(interface), "{address} is there");
        let silent = self.spoken.get(&spot).map(|at| self.now.since(*at));
        assert!(
            silent.is_none_or(|silent| silent >= self.settings.retry_interval),
            "{address} spoke {silent:?} ago"
        );
        assert!(lately(self.left.get(&spot)), "{address} wasn't behind {interface}");
        assert!(here.is_some() || lately(self.elsewhere.get(&address)), "{address} is nowhere");
        assert!(self.settings_permit(address), "{address}");
    }

    fn settings_permit(&self, address: IpAddr) -> bool {
        let within = |prefixes: &[IpNet]| prefixes.iter().any(|prefix| prefix.contains(&address));
        !within(&self.settings.deny) && (self.settings.allow.is_empty() || within(&self.settings.allow))
    }

    fn judge_routes(&self, event: &Event) {
        let routes: BTreeSet<HostRoute> = self.machine.routes().collect();
        assert_eq!(routes, self.kernel, "after {event:?}");
        let addresses: BTreeSet<IpAddr> = routes.iter().map(|route| route.address).collect();
        assert_eq!(addresses.len(), routes.len(), "an address on two interfaces: {routes:?}");
        let own: BTreeSet<IpAddr> = self.addresses.values().flatten().map(IpNet::addr).collect();
        let mut here = BTreeMap::new();
        for HostRoute { address, interface, .. } in &routes {
            *here.entry(*interface).or_insert(0) += 1;
            let prefixes = self.addresses.get(&interface.0).cloned().unwrap_or_default();
            let fits = |prefix: &IpNet| {
                let end = address.is_ipv4() && *address == prefix.broadcast();
                prefix.contains(address) && *address != prefix.network() && !end
            };
            // Between the two events of an address change only the first was told.
            let told = !matches!(event, Event::OwnAddresses { .. });
            assert!(!told || prefixes.iter().any(fits), "{address} is not of {interface:?}");
            assert!(!own.contains(address) && self.up.contains(&interface.0), "{address} on {interface:?}");
            assert!(self.settings_permit(*address) && address.to_string() != "fe80::2", "{address}");
        }
        assert!(routes.len() <= self.settings.max_hosts, "{routes:?}");
        assert!(here.values().all(|count| *count <= self.settings.max_hosts_per_port), "{routes:?}");
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
