//! Events between two rounds.

use crate::common::{name, reference};
use crate::world::{container, facts, forget, link, session, well};
use fabricctl::fabric::Fabric;
use fabricctl::output::watch::{Event, Watch};
use fabricctl::verify::{Facts, World};
use std::time::{Duration, SystemTime};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_350_000 + seconds)
}

/// Somebody who watches, told of whole worlds.
struct Watcher {
    watch: Watch,
    round: u64,
}

impl Watcher {
    fn new(fabric: &Fabric) -> Self {
        let nodes = fabric.nodes.keys().cloned().collect();
        Self { watch: Watch::new(fabric.clone(), nodes, None, at(0)), round: 0 }
    }

    fn told(&mut self, world: &World) -> Vec<String> {
        self.events(world).iter().map(|event| format!("{} {}", event.mark(), event.text())).collect()
    }

    fn events(&mut self, world: &World) -> Vec<Event> {
        self.round += 1;
        for (node, answer) in world {
            match answer {
                Ok(facts) => drop(self.watch.heard(node.clone(), facts.clone(), at(self.round))),
                Err(why) => self.watch.lost(node.clone(), why.clone()),
            }
        }
        self.watch.judge(at(self.round))
    }
}

#[test]
fn a_healthy_fabric_is_one_event_and_then_none() {
    let fabric = reference();
    let mut watcher = Watcher::new(&fabric);
    assert_eq!(watcher.told(&well(&fabric)), ["✔ all is as desired"]);
    assert!(watcher.told(&well(&fabric)).is_empty());
    // A device that has nothing new to say says nothing.
    assert!(!watcher.watch.heard(name("leaf01"), Facts::default(), at(9)));
    assert!(watcher.watch.judge(at(9)).is_empty());
}

#[test]
fn what_is_wrong_at_the_beginning_is_told_once() {
    let fabric = reference();
    let mut world = well(&fabric);
    container(&mut world, "server02", "web21").status = "paused".into();
    let mut watcher = Watcher::new(&fabric);
    assert_eq!(watcher.told(&world), ["✖ container web21 on server02: it is paused", "✖ 1 check failed"]);
    assert!(watcher.told(&world).is_empty());
}

#[test]
fn a_container_that_ends_takes_its_routes_along() {
    let fabric = reference();
    let mut watcher = Watcher::new(&fabric);
    watcher.told(&well(&fabric));
    let mut world = well(&fabric);
    let dead = container(&mut world, "server01", "web11");
    (dead.status, dead.running, dead.exit_code) = ("exited".into(), false, Some(137));
    assert_eq!(
        watcher.told(&world),
        ["✖ container web11 on server01: it doesn't run: exited with status 137", "✖ 1 check failed"]
    );
    for node in ["leaf01", "spine01", "spine02"] {
        forget(&mut world, node, "172.16.1.11");
    }
    assert_eq!(watcher.told(&world), ["✖ route web11 172.16.1.11 on leaf01, spine01 and spine02: absent"]);
    assert_eq!(
        watcher.told(&well(&fabric)),
        [
            "✔ container web11 on server01: running",
            "✔ route web11 172.16.1.11 on leaf01, spine01 and spine02: as desired again",
            "✔ all is as desired",
        ]
    );
}

#[test]
fn a_link_and_its_session_are_told_once_for_both_ends() {
    let fabric = reference();
    let mut watcher = Watcher::new(&fabric);
    watcher.told(&well(&fabric));
    let mut world = well(&fabric);
    link(&mut world, "leaf03", "swp51").admin_up = false;
    link(&mut world, "spine01", "swp3").carrier = false;
    for (node, port) in [("leaf03", "swp51"), ("spine01", "swp3")] {
        session(&mut world, node, port).state = "Idle".into();
    }
    assert_eq!(
        watcher.told(&world),
        [
            "✖ link leaf03:swp51 – spine01:swp3: leaf03 swp51 is switched off",
            "✖ session leaf03:swp51 – spine01:swp3: leaf03 swp51 is switched off",
            "✖ 2 checks failed",
        ]
    );
    // A session that is down goes from state to state.
    session(&mut world, "leaf03", "swp51").state = "Active".into();
    assert!(watcher.told(&world).is_empty());
}

#[test]
fn what_came_and_went_between_two_rounds_is_told() {
    let fabric = reference();
    let mut watcher = Watcher::new(&fabric);
    watcher.told(&well(&fabric));
    let mut world = well(&fabric);
    session(&mut world, "leaf01", "swp52").drops = 2;
    container(&mut world, "server04", "web42").restarts = 1;
    assert_eq!(
        watcher.told(&world),
        [
            "✔ session leaf01:swp52 – spine02:swp1: was down in between, 2 times by now",
            "✔ container web42 on server04: was started again, 1 times by now",
        ]
    );
}

#[test]
fn a_lost_device_is_one_event_and_what_was_known_of_it_stays() {
    let fabric = reference();
    let mut watcher = Watcher::new(&fabric);
    watcher.told(&well(&fabric));
    let mut world = well(&fabric);
    world.insert(name("server03"), Err("the connection has ended".into()));
    assert_eq!(
        watcher.told(&world),
        ["✖ server03: no answer: the connection has ended", "✖ no answer from 1 device"]
    );
    // Back again, and one container less.
    let mut world = well(&fabric);
    facts(&mut world, "server03").docker.as_mut().unwrap().as_mut().unwrap().containers.remove("web31");
    assert_eq!(
        watcher.told(&world),
        ["✔ server03: answers", "✖ container web31 on server03: there is no such container",]
    );
}

#[test]
fn a_lost_router_takes_no_route_back() {
    let fabric = reference();
    let mut watcher = Watcher::new(&fabric);
    let mut world = well(&fabric);
    forget(&mut world, "spine01", "172.16.1.11");
    watcher.told(&world);
    world.insert(name("spine01"), Err("it is off".into()));
    assert_eq!(watcher.told(&world), ["✖ spine01: no answer: it is off"]);
    assert_eq!(
        watcher.told(&well(&fabric)),
        [
            "✔ spine01: answers",
            "✔ route web11 172.16.1.11 on spine01: as desired again",
            "✔ all is as desired",
        ]
    );
}

#[test]
fn strangers_and_stopped_daemons_are_told() {
    let fabric = reference();
    let mut watcher = Watcher::new(&fabric);
    watcher.told(&well(&fabric));
    let mut world = well(&fabric);
    let stranger = fabricctl::parse::Container {
        name: "guest".into(),
        ..container(&mut world, "server01", "web11").clone()
    };
    let docker = facts(&mut world, "server01").docker.as_mut().unwrap().as_mut().unwrap();
    docker.containers.insert("guest".into(), stranger);
    let services = facts(&mut world, "leaf02").services.as_mut().unwrap().as_mut().unwrap();
    services.get_mut("frr").unwrap().dead = vec!["bgpd".into()];
    let told = watcher.told(&world);
    assert_eq!(
        told,
        [
            "✖ service frr on leaf02: of its daemons bgpd doesn't run",
            "✖ finding workloads guest on server01: it runs with 172.16.1.11 and is no workload of this server",
            "✖ 2 checks failed",
        ]
    );
    let told = watcher.told(&well(&fabric));
    assert_eq!(told[1], "✔ finding workloads guest on server01: as desired again", "{told:?}");
}

#[test]
fn nothing_is_judged_before_all_have_spoken_or_time_is_over() {
    let fabric = reference();
    let nodes = fabric.nodes.keys().cloned().collect();
    let mut watch = Watch::new(fabric.clone(), nodes, None, at(0));
    let mut world = well(&fabric);
    let last = world.remove(&name("leaf04")).unwrap();
    for (node, facts) in world {
        watch.heard(node, facts.unwrap(), at(1));
    }
    assert!(watch.judge(at(1)).is_empty());
    assert!(watch.is_fresh(), "it will be judged yet");
    let late: Vec<String> = watch.judge(at(6)).iter().map(Event::text).collect();
    assert_eq!(late, ["no answer from 1 device"]);
    watch.heard(name("leaf04"), last.unwrap(), at(7));
    let late: Vec<String> = watch.judge(at(7)).iter().map(Event::text).collect();
    assert_eq!(late, ["leaf04: answers", "all is as desired"]);
}
