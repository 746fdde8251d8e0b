//! A container stops in one rack and starts in another with the same address.

use super::bench::Bench;
use super::clients::{Clients, Place};
use super::truth::{Host, LEAF, SERVER, Truth};
use super::watch::{Change, Watch};
use std::time::{Duration, Instant};

/// How long clients may be cut off; for noisy machines, not a promise.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// How long they are watched, so that what takes a little too long is measured too.
const PATIENCE: Duration = Duration::from_secs(30);

const MOVER: Host = 77;
const NEW_LEAF: &str = "leaf03";
const NEW_SERVER: &str = "server03";

/// Makes a container with that address, by hand.
pub(crate) fn create(bench: &mut Bench, server: &'static str, host: Host, mac: &str) {
    let image = bench.run(
        server,
        "docker inspect -f '{{.Config.Image}}' $(docker ps -q --filter label=fabricctl.fabric | head -n 1)",
    );
    let image = image.trim();
    let by_hand = format!(
        "docker create --name by-hand --network containers --ip 172.16.1.{host} --mac-address {mac} {image}"
    );
    bench.run(server, &by_hand);
}

/// Removes what [`create`] made.
pub(crate) fn remove(bench: &mut Bench) {
    for server in [SERVER, NEW_SERVER] {
        bench.run(server, "docker rm -f by-hand");
    }
    bench.wait_for(&Truth::all());
}

pub(crate) fn to_another_rack(bench: &mut Bench, how: &str, macs: [&str; 2]) {
    create(bench, SERVER, MOVER, macs[0]);
    create(bench, NEW_SERVER, MOVER, macs[1]);
    bench.on_server("docker start by-hand", &Truth::all().with(MOVER, 1));
    // One that has just come is treated as new, and looks like one that has moved.
    bench.wait_until_settled();
    let mut watches = [LEAF, NEW_LEAF, "spine01", "spine02"].map(|node| Watch::open(bench, node));
    let clients = Clients::ask(bench, MOVER);
    for watch in &mut watches {
        watch.forget();
    }
    let left = Instant::now();
    bench.run(SERVER, "docker kill by-hand");
    bench.run(NEW_SERVER, "docker start by-hand");
    let outcome = Outcome::wait(&clients, left);
    bench.wait_for(&Truth::all().with(MOVER, 3));
    paths_end_in_the_new_rack(bench);
    let [old, new, spines @ ..] = &watches;
    let learned = new.changes_of(MOVER).into_iter().find(|change| !change.gone && is_own(change));
    let learned = learned.unwrap_or_else(|| panic!("the new leaf never learned it")).at;
    let withdrew = old.changes_of(MOVER).into_iter().rfind(|change| change.gone && is_own(change));
    let withdrew = withdrew.unwrap_or_else(|| panic!("the old leaf never withdrew it")).at;
    bench.since(learned, &format!("move, {how}: old leaf withdrew"), withdrew);
    for spine in spines {
        let name = format!("move, {how}: {} points to the new rack", spine.node);
        bench.since(learned, &name, points_to_the_new_rack(spine));
    }
    outcome.tell(bench, &format!("move, {how}"), learned);
    drop(clients);
    remove(bench);
}

/// When the clients of each place were answered for good.
pub(crate) struct Outcome(Vec<(Place, Option<Instant>)>);

impl Outcome {
    /// Waits until all are.
    pub(crate) fn wait(clients: &Clients, left: Instant) -> Self {
        loop {
            // Before the host was gone for a while, its old answers could be taken for the new ones.
            std::thread::sleep(Duration::from_secs(1));
            let all = Place::ALL.map(|place| (place, clients.answered(place, left)));
            if all.iter().all(|(_, at)| at.is_some()) || left.elapsed() > PATIENCE {
                return Self(all.into());
            }
        }
    }

    /// Prints them, counted from an event; who waited for too long is a failure.
    pub(crate) fn tell(&self, bench: &mut Bench, what: &str, since: Instant) {
        for (place, at) in &self.0 {
            let name = format!("{what}: answers {}", place.name());
            match at {
                Some(at) => bench.since(since, &name, *at),
                None => bench.row(&name, &format!("  never, for {} s", PATIENCE.as_secs())),
            }
            if at.is_none_or(|at| at.saturating_duration_since(since) > DEADLINE) {
                bench.fails(format!("{name}: not within {} s", DEADLINE.as_secs()));
            }
        }
    }
}

/// Routes that the leaf's daemon made.
fn is_own(change: &Change) -> bool {
    change.text.contains("proto 76")
}

/// Since when a spine has no other way to the host.
fn points_to_the_new_rack(spine: &Watch) -> Instant {
    let changes = spine.changes_of(MOVER);
    let there = |change: &&Change| {
        !change.gone && change.text.contains("dev swp3 ") && !change.text.contains("dev swp1 ")
    };
    let first = changes.iter().rev().take_while(there).last();
    first.unwrap_or_else(|| panic!("{}: {changes:#?}", spine.node)).at
}

/// The leafs that the host was never behind know by BGP where it is now.
fn paths_end_in_the_new_rack(bench: &mut Bench) {
    for leaf in ["leaf02", "leaf04"] {
        let answer = bench.run(leaf, &format!("vtysh -c 'show bgp ipv4 unicast 172.16.1.{MOVER}/32 json'"));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let paths = answer["paths"].as_array().unwrap();
        assert!(!paths.is_empty());
        for path in paths {
            assert_eq!(path["aspath"]["string"], "65020 65013", "{leaf}: {path}");
        }
    }
}
