//! Somebody invents addresses and MACs.

use crate::rack::{Rack, address, mac, settings};
use fabricctl::fabric::Mac;
use fabricctl::neighbor::{Kind, Moment};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Packets in each millisecond.
const FLOOD: u32 = 20;

/// An invented packet of port 1: each number another one.
fn invented(number: u32) -> (IpAddr, Mac, Kind) {
    let mixed = number.wrapping_mul(0x9E37_79B1);
    let [a, b, c, d] = mixed.to_be_bytes();
    let address = Ipv4Addr::from_bits(0x0a01_0000 | (mixed >> 16));
    let kind = [Kind::Request, Kind::Reply, Kind::Announcement, Kind::Claim][usize::from(d & 3)];
    (address.into(), Mac([2, 0xee, a, b, c, d]), kind)
}

/// A flood for that long; `each` is called every millisecond.
fn flood(rack: &mut Rack, span: Duration, mut each: impl FnMut(&mut Rack, u32)) {
    for millis in 0..u32::try_from(span.as_millis()).unwrap() {
        for packet in 0..FLOOD {
            let (address, mac, kind) = invented(millis * FLOOD + packet);
            rack.hear(1, address, mac, kind);
            if packet == millis % FLOOD {
                each(rack, millis);
            }
            rack.wait(Duration::from_millis(1) / FLOOD);
        }
    }
}

#[test]
fn a_flood_neither_evicts_nor_delays_proven_hosts_and_keeps_new_ones_out_for_moments() {
    let mut rack = Rack::new(settings());
    rack.settle_in(1, 0..300);
    rack.settle_in(2, 0..300);
    rack.announce(1);
    rack.announce(2);
    rack.wait(SECOND * 2);
    assert_eq!(rack.routes.len(), 600);
    rack.watch = true;
    let lines = rack.lines.len();
    let mut other_port: Option<Moment> = None;
    let (mut tries, mut same_port) = (0, None);
    flood(&mut rack, SECOND * 3, |rack, millis| {
        let routed = |rack: &Rack, address| rack.routes.iter().any(|route| route.address == address);
        if millis == 1000 {
            rack.settle_in(2, 5000..5001);
            rack.settle_in(1, 5000..5001);
            rack.hear(2, address(2, 5000), mac(5000), Kind::Request);
        }
        // On the port of the flood it speaks ten times a second.
        if millis >= 1000 && millis % 100 == 0 && !routed(rack, address(1, 5000)) {
            tries += 1;
            rack.hear(1, address(1, 5000), mac(5000), Kind::Request);
        }
        if other_port.is_none() && routed(rack, address(2, 5000)) {
            other_port = Some(rack.now);
        }
        if same_port.is_none() && routed(rack, address(1, 5000)) {
            same_port = Some(millis);
        }
    });
    let other_port = other_port.unwrap().since(Moment::millis(3000));
    eprintln!("other port: {other_port:?}, same port: after {} ms, {tries} tries", same_port.unwrap() - 1000);
    assert!(other_port <= Duration::from_millis(50), "{other_port:?}");
    assert_eq!((rack.deleted, rack.routes.len()), (0, 602));
    for port in [1, 2] {
        for number in 0..300 {
            let times = &rack.asked[&address(port, number)];
            let longest = times.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap();
            assert!(longest <= Duration::from_millis(1105), "asked after {longest:?}");
        }
    }
    assert!(rack.machine.hosts().count() <= 602 + 16_384, "{}", rack.machine.hosts().count());
    let lines = rack.lines.len() - lines;
    assert!(lines < 3 * 320, "{lines} lines in 3 seconds");
    rack.wait(SECOND * 4);
    assert_eq!(rack.machine.hosts().count(), 602, "and then it is over");
}

#[test]
fn a_flood_for_the_address_of_a_proven_host_makes_nobody_ask_it_more_often() {
    let mut rack = Rack::new(settings());
    rack.settle_in(1, 0..1);
    rack.announce(1);
    rack.wait(SECOND);
    rack.watch = true;
    for millis in 0..5_000_u32 {
        for packet in 0..2 {
            let (_, mac, kind) = invented(millis * 2 + packet);
            rack.hear(1 + packet, address(1, 0), mac, kind);
            rack.hear(1, address(1, 0), mac, kind);
        }
        rack.wait(Duration::from_millis(1));
    }
    let said = rack.lines.iter().filter(|line| !line.contains("candidate") && !line.contains("unproven"));
    assert_eq!((rack.routes.len(), rack.deleted), (1, 0), "{:?}", said.collect::<Vec<_>>());
    let counters = *rack.machine.counters();
    assert_eq!((counters.moves, counters.duplicates), (0, 0));
    // Its own slots, and once in a keepalive because of somebody's claim. The rest went to the inventions.
    let answers = rack.machine.hosts().find(|host| host.proven).unwrap();
    assert_eq!(answers.mac, Some(mac(0)));
    let to_it = rack.to_known;
    assert!((4..=12).contains(&to_it), "{to_it} in 5 seconds");
}

#[test]
fn memory_is_bounded_whatever_is_invented() {
    let mut rack = Rack::new(settings());
    for number in 0..60_000 {
        let (address, mac, _) = invented(number);
        rack.hear(1, address, mac, Kind::Announcement);
    }
    assert_eq!(rack.machine.hosts().count(), 16_384);
    assert_eq!(rack.machine.counters().heard, 60_000);
    rack.wait(SECOND * 6);
    assert_eq!((rack.machine.hosts().count(), rack.routes.len()), (0, 0));
    assert!(rack.machine.deadline().is_none(), "nothing is left to do");
}
