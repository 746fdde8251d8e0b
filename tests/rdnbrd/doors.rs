//! The doors by themselves: routes, packets and announcements of a real kernel, without the daemon.

use crate::rack::{Rack, open_port, wait_until};
use fabricctl::fabric::Mac;
use fabricctl::neighbor::Kind;
use fabricctl::netlink::{
    Heard, KernelRoute, Mailbag, PortSocket, Protocol, RouteChange, Socket, announce_removals, change_routes,
    heard, host_routes, interfaces,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(6);
const GATEWAY6: &str = "2001:db8:1::1";

fn route(address: IpAddr, index: u32, metric: u32) -> KernelRoute {
    KernelRoute { address, index, table: 254, protocol: 76, metric }
}

fn index_of(name: &str) -> u32 {
    let all = interfaces(&mut Socket::open().unwrap()).unwrap();
    all.iter().find(|interface| interface.name == name).unwrap().index
}

/// Routes of that many hosts, of both families in turn.
fn crowd(count: u32, index: u32) -> Vec<KernelRoute> {
    let host = |number: u32| match number % 2 {
        0 => IpAddr::V4(Ipv4Addr::from_bits(0xac14_0000 + number)),
        _ => IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8_0001_0000_0000_0000_0001_0000 + u128::from(number))),
    };
    (0..count).map(|number| route(host(number), index, 1)).collect()
}

#[test]
fn ten_thousand_routes_come_and_go_in_a_few_system_calls() {
    let rack = Rack::new("");
    rack.in_leaf(|| {
        let mut socket = Socket::open().unwrap();
        let routes = crowd(10_000, index_of("swp1"));
        for change in [RouteChange::Add, RouteChange::Delete] {
            let changes: Vec<_> = routes.iter().copied().map(change).collect();
            let start = Instant::now();
            let refused = change_routes(&mut socket, &changes).unwrap();
            eprintln!("{} changes in {:?}", changes.len(), start.elapsed());
            assert!(refused.is_empty(), "{:?}", refused.first());
            let expected: BTreeSet<_> = match changes[0] {
                RouteChange::Add(_) => routes.iter().copied().collect(),
                _ => BTreeSet::new(),
            };
            assert_eq!(host_routes(&mut socket, 76).unwrap().into_iter().collect::<BTreeSet<_>>(), expected);
        }
    });
}

#[test]
fn each_refusal_is_told_by_its_position_and_keeps_nothing_behind_it_from_being_done() {
    let rack = Rack::new("");
    rack.in_leaf(|| {
        let mut socket = Socket::open().unwrap();
        let index = index_of("swp1");
        let routes = crowd(600, index);
        // Every third is there twice, every fifth leaves by an interface that isn't there.
        let mut changes = Vec::new();
        let mut expected = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            changes.push(RouteChange::Add(*route));
            if number % 3 == 0 {
                expected.push((changes.len(), libc::EEXIST));
                changes.push(RouteChange::Add(*route));
            }
            if number % 5 == 0 {
                expected.push((changes.len(), libc::ENODEV));
                changes.push(RouteChange::Add(KernelRoute { index: 4711, metric: 9, ..*route }));
            }
        }
        let told = |refused: Vec<(usize, std::io::Error)>| -> Vec<(usize, i32)> {
            refused.into_iter().map(|(at, error)| (at, error.raw_os_error().unwrap())).collect()
        };
        assert_eq!(told(change_routes(&mut socket, &changes).unwrap()), expected);
        assert_eq!(host_routes(&mut socket, 76).unwrap().len(), routes.len());
        let all_refused: Vec<_> = routes.iter().copied().map(RouteChange::Add).collect();
        assert_eq!(change_routes(&mut socket, &all_refused).unwrap().len(), routes.len());
    });
}

#[test]
fn a_route_is_deleted_with_its_own_metric_only() {
    let rack = Rack::new("");
    rack.in_leaf(|| {
        let mut socket = Socket::open().unwrap();
        let index = index_of("swp1");
        for (address, new) in [("172.16.1.11", 0), ("2001:db8:1::11", 1)] {
            let address: IpAddr = address.parse().unwrap();
            let (new, settled) = (route(address, index, new), route(address, index, 10));
            let mut change = |changes: &[RouteChange]| change_routes(&mut socket, changes).unwrap().len();
            assert_eq!(change(&[RouteChange::Add(new), RouteChange::Add(settled)]), 0);
            assert_eq!(change(&[RouteChange::Delete(new)]), 0);
            assert_eq!(host_routes(&mut socket, 76).unwrap(), [settled]);
            let mut change = |changes: &[RouteChange]| change_routes(&mut socket, changes).unwrap();
            assert_eq!(change(&[RouteChange::Delete(route(address, index, 11))]).len(), 1);
            assert!(change(&[RouteChange::Add(new), RouteChange::Delete(settled)]).is_empty());
            assert_eq!(host_routes(&mut socket, 76).unwrap(), [new]);
            assert!(change_routes(&mut socket, &[RouteChange::Delete(new)]).unwrap().is_empty());
        }
    });
}

#[test]
fn a_removal_that_the_kernel_kept_to_itself_is_announced() {
    let rack = Rack::new("");
    let heard = rack.monitor();
    let routes = ["172.16.1.11", "2001:db8:1::11"]
        .map(|address| rack.in_leaf(|| route(address.parse().unwrap(), index_of("swp1"), 1)));
    rack.in_leaf(|| {
        let changes = routes.map(RouteChange::Add);
        assert!(change_routes(&mut Socket::open().unwrap(), &changes).unwrap().is_empty());
    });
    rack.set_link(["leaf", "swp1", "down"]);
    let left = rack.in_leaf(|| host_routes(&mut Socket::open().unwrap(), 76).unwrap());
    assert_eq!(left, [], "the kernel removes routes of a port that is set down");
    // Of IPv6 it has said so.
    assert_eq!(heard.deleted(), ["2001:db8:1::11"]);
    rack.in_leaf(|| announce_removals(&mut Socket::open().unwrap(), &routes).unwrap());
    assert_eq!(heard.deleted(), ["2001:db8:1::11", "172.16.1.11"]);
}

/// All that comes in until something does that is meant.
fn hear_until(socket: &PortSocket, meant: impl Fn(&Heard) -> bool) -> Heard {
    let mut mailbag = Mailbag::default();
    let mut found = None;
    wait_until("it is heard", SOON, || {
        socket.receive(&mut mailbag).unwrap();
        found = mailbag.frames().filter_map(heard).find(|heard| meant(heard));
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn hosts_with_ipv6_answer_when_everybody_is_asked_and_when_they_are_asked_alone() {
    let mut rack = Rack::new("");
    rack.leaf_ip(&format!("address add {GATEWAY6}/64 dev swp1 nodad"));
    let webs = [rack.container(1, "172.16.1.11"), rack.container(1, "172.16.1.12")];
    for (web, address) in webs.iter().zip(["2001:db8:1::11", "2001:db8:1::12"]) {
        web.give(&format!("{address}/64"));
    }
    rack.in_leaf(|| {
        let mut socket = open_port("swp1", Protocol::Discovery);
        let gateway: Ipv6Addr = GATEWAY6.parse().unwrap();
        socket.ask_everybody(gateway);
        assert_eq!(socket.flush(), 0);
        let (mut found, mut mailbag) = (BTreeSet::new(), Mailbag::default());
        wait_until("both answer", SOON, || {
            socket.receive(&mut mailbag).unwrap();
            let answers = mailbag.frames().filter_map(heard).filter(|heard| heard.kind == Kind::Announcement);
            found.extend(answers.map(|heard| (heard.address.to_string(), heard.mac)));
            found.len() == 2
        });
        let mac = |last| Mac([2, 0x42, 0, 0, 0, last]);
        assert_eq!(
            found,
            BTreeSet::from([("2001:db8:1::11".to_owned(), mac(1)), ("2001:db8:1::12".to_owned(), mac(2)),])
        );
        for station in [None, Some(mac(2))] {
            let target = "2001:db8:1::12".parse().unwrap();
            socket.ask(gateway.into(), target, station);
            assert_eq!(socket.flush(), 0);
            let heard = hear_until(&socket, |heard| heard.kind == Kind::Reply);
            assert_eq!((heard.address, heard.mac), (target, mac(2)));
        }
    });
}

#[test]
fn who_is_about_to_take_an_address_is_heard_in_both_families() {
    let mut rack = Rack::new("");
    let web = rack.container(1, "172.16.1.11");
    let [arp, discovery] =
        [Protocol::Arp, Protocol::Discovery].map(|protocol| rack.in_leaf(|| open_port("swp1", protocol)));
    // Duplicate address detection by the kernel.
    web.ip("address add 2001:db8:1::11/64 dev eth0");
    let claim = hear_until(&discovery, |heard| heard.address == "2001:db8:1::11".parse::<IpAddr>().unwrap());
    assert_eq!((claim.kind, claim.mac), (Kind::Claim, Mac([2, 0x42, 0, 0, 0, 1])));
    // The same for ARP (RFC 5227).
    web.speak_as("0.0.0.0", "172.16.1.12");
    let claim = hear_until(&arp, |heard| heard.address == "172.16.1.12".parse::<IpAddr>().unwrap());
    assert_eq!((claim.kind, claim.mac), (Kind::Claim, Mac([2, 0x42, 0, 0, 0, 1])));
}

#[test]
fn neighbours_believe_an_announcement() {
    let mut rack = Rack::new("");
    rack.leaf_ip(&format!("address add {GATEWAY6}/64 dev swp1 nodad"));
    let web = rack.container(1, "172.16.1.11");
    web.give("2001:db8:1::11/64");
    let gone = [("172.16.1.66", Protocol::Arp), ("2001:db8:1::66", Protocol::Discovery)];
    for (address, _) in gone {
        web.ip(&format!("neigh add {address} lladdr 02:00:00:00:00:66 nud stale dev eth0"));
    }
    let port = rack.in_leaf(|| open_port("swp1", Protocol::Arp).mac());
    for (address, protocol) in gone {
        rack.in_leaf(|| {
            let mut socket = open_port("swp1", protocol);
            socket.announce(address.parse().unwrap());
            assert_eq!(socket.flush(), 0);
        });
        let told = format!("lladdr {port}");
        wait_until("the neighbour has the port's address", SOON, || {
            web.ip(&format!("neigh show {address} dev eth0")).contains(&told)
        });
    }
}

#[test]
fn a_socket_hears_neither_itself_nor_the_other_protocol_and_counts_what_it_loses() {
    let mut rack = Rack::new("");
    rack.leaf_ip(&format!("address add {GATEWAY6}/64 dev swp1 nodad"));
    let web = rack.container(1, "172.16.1.11");
    let mut arp = rack.in_leaf(|| open_port("swp1", Protocol::Arp));
    let any: IpAddr = "172.16.1.200".parse().unwrap();
    arp.ask("172.16.1.1".parse().unwrap(), any, None);
    assert_eq!(arp.flush(), 0);
    web.send_datagram("172.16.1.11", "172.16.1.1");
    let first = hear_until(&arp, |_| true);
    assert_eq!(first.address, "172.16.1.11".parse::<IpAddr>().unwrap());
    assert_eq!(arp.drops(), 0);
    // More than fits, while nobody reads.
    rack.in_server(1, || {
        let mut flood = open_port("eth1", Protocol::Arp);
        let source: IpAddr = "172.16.1.11".parse().unwrap();
        for _ in 0..60 {
            (0..1000).for_each(|_| flood.ask(source, any, None));
            flood.flush();
        }
    });
    let dropped = arp.drops();
    let mut mailbag = Mailbag::default();
    let mut taken = 0;
    while arp.receive(&mut mailbag).unwrap() {
        taken += mailbag.frames().count();
    }
    taken += mailbag.frames().count();
    eprintln!("{taken} taken, {dropped} dropped of 60000");
    assert!(taken > 5_000, "room for half a second at 10,000 a second");
    assert!(dropped > 0, "more than there is room for");
    assert_eq!(taken + dropped as usize, 60_000);
    assert_eq!(arp.drops(), 0, "each is counted once");
}
