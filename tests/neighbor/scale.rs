//! Ten thousand hosts. The times are those of the machine's own clock, so they don't depend on who runs the test.

use crate::rack::{Rack, address, settings};
use fabricctl::neighbor::{Event, HostRoute, IfIndex, Moment, Settings, State};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn learned(hosts: u32, settings: Settings) -> Rack {
    let mut rack = Rack::new(settings);
    rack.settle_in(1, 0..hosts);
    rack.announce(1);
    let all = usize::try_from(hosts).unwrap();
    rack.wait_until("learned", SECOND * 3, |rack| rack.routes.len() == all);
    rack
}

#[test]
fn ten_thousand_are_learned_in_three_seconds_and_withdrawn_in_four() {
    let mut rack = learned(10_000, settings());
    rack.wait(SECOND);
    assert_eq!((rack.deleted, rack.machine.hosts().count()), (0, 10_000));
    rack.all_die();
    let took = rack.wait_until("withdrawn", SECOND * 4, |rack| rack.routes.is_empty());
    assert!(took > Duration::from_millis(800));
    let counters = rack.machine.counters();
    assert_eq!((counters.learned, counters.withdrawn_silent), (10_000, 10_000));
}

#[test]
fn after_a_restart_all_are_asked_within_a_second_and_no_route_changes() {
    let mut rack = learned(10_000, settings());
    rack.wait(SECOND * 2);
    rack.restart(settings());
    let at = |rack: &Rack| rack.packets;
    let (mut before, mut most) = (0, 0);
    for _ in 0..100 {
        rack.wait(Duration::from_millis(10));
        most = most.max(at(&rack) - before);
        before = at(&rack);
    }
    // What the bound lets go at once: 20 ms of its 20,000 a second.
    assert!(most <= 400, "{most} packets in 10 ms");
    assert!(rack.machine.hosts().all(|host| host.proven && host.state != State::Candidate { left: 0 }));
    assert_eq!((rack.added, rack.deleted, rack.machine.counters().adopted), (0, 0, 10_000));
}

#[test]
fn no_ghost_outlives_the_detection_time_of_one_start() {
    // Of ten thousand routes one tenth is right.
    let mut rack = learned(1000, settings());
    for number in 1000..10_000 {
        let route =
            HostRoute { address: address(1, number), interface: IfIndex(1), settled: number % 2 == 0 };
        rack.routes.insert(route);
    }
    rack.restart(settings());
    rack.wait_until("ghosts gone", SECOND * 3, |rack| rack.routes.len() == 1000);
    assert_eq!((rack.added, rack.deleted), (0, 9000), "and the living never noticed");
    // Where the bound on packets is no matter, the detection time is all that it takes, however often it is killed
    // before that.
    for number in 1000..1020 {
        rack.routes.insert(HostRoute { address: address(1, number), interface: IfIndex(1), settled: true });
    }
    for _ in 0..3 {
        rack.restart(settings());
        rack.wait(SECOND);
        assert_eq!(rack.routes.len(), 1020);
    }
    rack.restart(settings());
    rack.wait(settings().detection_time());
    assert_eq!(rack.routes.len(), 1000);
}

#[test]
fn routes_settle_five_hundred_a_second_and_all_of_them() {
    let mut rack = learned(2000, Settings { settle: Some(SECOND * 10), ..settings() });
    rack.wait(Duration::from_millis(9500));
    let settled = |rack: &Rack| rack.routes.iter().filter(|route| route.settled).count();
    let mut before = settled(&rack);
    for _ in 0..10 {
        rack.wait(Duration::from_millis(500));
        let now = settled(&rack);
        assert!(now - before <= 260, "{} in half a second", now - before);
        before = now;
    }
    assert_eq!((before, rack.routes.len(), rack.added), (2000, 2000, 4000));
}

#[test]
fn with_too_few_packets_all_are_asked_less_often_and_nobody_is_lost() {
    let few = Settings { probe_rate: 200, ..settings() };
    let mut rack = Rack::new(few);
    rack.settle_in(1, 0..600);
    rack.announce(1);
    rack.wait_until("learned", SECOND * 30, |rack| rack.routes.len() == 600);
    rack.watch = true;
    let from = rack.now;
    rack.wait(SECOND * 60);
    assert_eq!(rack.routes.iter().filter(|route| route.interface == IfIndex(1)).count(), 600);
    assert!(rack.machine.is_degraded() && rack.machine.counters().deferred > 1000);
    assert_eq!(rack.machine.counters().withdrawn_silent, 0);
    // 600 hosts at 150 to 200 packets a second: once in 3 to 4 seconds.
    let mut pauses: Vec<Duration> = Vec::new();
    for (address, times) in &rack.asked {
        assert!((13..=22).contains(&times.len()), "{address} was asked {} times", times.len());
        let all = [&[from], times.as_slice(), &[rack.now]].concat();
        pauses.extend(all.windows(2).map(|pair| pair[1].since(pair[0])));
    }
    assert_eq!(rack.asked.len(), 600);
    let longest = pauses.iter().max().unwrap();
    assert!(*longest < SECOND * 6, "{longest:?}");
    // A new one is learned all the same, and when there are fewer hosts it is as it was.
    rack.settle_in(2, 0..1);
    rack.announce(2);
    rack.wait_until("one more is learned", SECOND, |rack| rack.routes.len() == 601);
    let down = Event::LinkDown { interface: IfIndex(1) };
    rack.tell(down);
    rack.wait(SECOND * 2);
    assert!(!rack.machine.is_degraded() && rack.routes.len() == 1);
}

#[test]
fn a_daemon_that_slept_withdraws_nobody_whose_answers_it_has_yet_to_read() {
    let mut rack = learned(1000, settings());
    rack.wait(SECOND * 3);
    for sleep in [150, 900, 10_000, 300, 2500] {
        rack.now = Moment(rack.now.0 + Duration::from_millis(sleep));
        // The worst order: time first, then what came in meanwhile.
        rack.tell(Event::Tick);
        rack.read_answers();
        rack.wait(SECOND);
        assert_eq!(rack.deleted, 0, "after {sleep} ms of sleep");
    }
    rack.all_die();
    rack.wait(SECOND * 2);
    assert!(rack.routes.is_empty());
}
