//! What can happen to a random world, and with which settings.

use fabricctl::fabric::Mac;
use fabricctl::neighbor::{HostRoute, IfIndex, Kind, Settings, SweepEvery};
use ipnet::IpNet;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// Something that happens to the world.
#[derive(Debug, Clone)]
pub enum Deed {
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
pub enum Carrier {
    Up,
    Down,
    Gone,
}

/// Interface, address, MAC.
pub type Place = (u32, IpAddr, Mac);

pub const PREFIXES: [&[&str]; 5] = [
    &["172.16.1.1/28", "2001:db8::1/64"],
    &[],
    &["10.1.1.1/28"],
    &["172.16.1.1/28", "10.1.1.1/28"],
    &["172.16.1.3/28", "2001:db8::3/64"],
];

/// Two hosts of each family, the gateway, the broadcast address, a host of the other prefix, one that is denied, nobody,
/// and one of the link only.
pub const ADDRESSES: [&str; 10] = [
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

pub fn address(choice: usize) -> IpAddr {
    ADDRESSES[choice].parse().unwrap()
}

/// What the daemon may be told by its configuration.
pub fn settings() -> impl Strategy<Value = Settings> {
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

pub fn station(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 1, number])
}

pub fn gateway(interface: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, u8::try_from(interface).unwrap()])
}

pub fn prefixes(choice: usize) -> BTreeSet<IpNet> {
    PREFIXES[choice].iter().map(|prefix| prefix.parse().unwrap()).collect()
}

/// An address behind an interface.
pub type Spot = (u32, IpAddr);

pub fn spot(route: HostRoute) -> Spot {
    (route.interface.0, route.address)
}

pub fn route_to((interface, address, _): Place, settled: bool) -> HostRoute {
    HostRoute { address, interface: IfIndex(interface), settled }
}

pub fn place() -> impl Strategy<Value = Place> {
    (1..=2_u32, 0..ADDRESSES.len(), 0..3_u8)
        .prop_map(|(interface, choice, mac)| (interface, address(choice), station(mac)))
}

pub fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Request), Just(Kind::Reply), Just(Kind::Announcement), Just(Kind::Claim)]
}

pub fn deed() -> impl Strategy<Value = Deed> {
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
