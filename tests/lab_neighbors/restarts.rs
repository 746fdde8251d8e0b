//! The daemon ends and is started again: live hosts are not withdrawn, not for a moment, and dead ones go.

use super::bench::Bench;
use super::support::eventually;
use super::truth::{LEAF, SERVER, Truth};
use super::watch::Watch;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long after a restart the daemon may still change its mind: it verifies what it found within seconds.
const AFTERMATH: Duration = Duration::from_secs(8);

const SPINE: &str = "spine01";

/// What a spine counts: BGP messages with news from the leaf, and changes of its own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counters {
    updates: u64,
    version: u64,
}

fn counters(bench: &mut Bench) -> Counters {
    let mut ask = |question: &str| -> Value {
        serde_json::from_str(&bench.run(SPINE, &format!("vtysh -c '{question}'"))).unwrap()
    };
    let neighbor = ask("show bgp neighbors swp1 json");
    let table = ask("show bgp ipv4 unicast json");
    Counters {
        updates: neighbor["swp1"]["messageStats"]["updatesRecv"].as_u64().unwrap(),
        version: table["tableVersion"].as_u64().unwrap(),
    }
}

/// The means of the next tests can fail: a real withdrawal shows in all of them.
pub(crate) fn a_withdrawal_is_seen(bench: &mut Bench) {
    bench.wait_until_settled();
    let (spine, leaf) = (Watch::open(bench, SPINE), Watch::open(bench, LEAF));
    let before = counters(bench);
    bench.on_server("docker kill web13", &Truth::all().without(13));
    let seen = |watch: &Watch, gone: bool| watch.changes_of(13).iter().any(|change| change.gone == gone);
    eventually("the spine's listener saw the withdrawal", || seen(&spine, true) && seen(&leaf, true));
    let after = counters(bench);
    assert!(after.updates > before.updates && after.version > before.version, "{before:?} {after:?}");
    bench.on_server("docker start web13", &Truth::all());
    eventually("the spine's listener saw it return", || seen(&spine, false) && seen(&leaf, false));
}

/// The daemon itself, whatever else may be called like it.
const PROCESS: &str = "cat /run/rdnbrd.pid";

/// Nothing says whether somebody starts it again by himself: then the start by hand does nothing.
const RESTARTS: [(&str, &str); 3] = [
    (
        "daemon ended by SIGTERM and started",
        "pid=$(cat /run/rdnbrd.pid); kill -TERM $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done; \
         sleep 1; service rdnbrd start",
    ),
    ("daemon killed and started", "kill -KILL $(cat /run/rdnbrd.pid); sleep 1; service rdnbrd start"),
    ("daemon restarted by its init script", "service rdnbrd restart"),
];

pub(crate) fn live_hosts_stay(bench: &mut Bench) {
    bench.wait_until_settled();
    let (mut spine, mut leaf) = (Watch::open(bench, SPINE), Watch::open(bench, LEAF));
    for (name, command) in RESTARTS {
        spine.forget();
        leaf.forget();
        let before = counters(bench);
        let old = bench.run(LEAF, PROCESS);
        bench.run(LEAF, command);
        assert_ne!(old, bench.run(LEAF, PROCESS), "{name}: it was never restarted");
        std::thread::sleep(AFTERMATH);
        let changes: Vec<_> = [&spine, &leaf].into_iter().flat_map(Watch::changes).collect();
        assert!(changes.is_empty(), "{name}: {changes:#?}");
        assert_eq!(before, counters(bench), "{name}: news reached the spine");
        bench.row(name, "no change, no BGP update");
    }
    bench.wait_for(&Truth::all());
}

/// A host that died while nobody watched is withdrawn soon after the start, and no other.
pub(crate) fn the_dead_go(bench: &mut Bench) {
    let spine = Watch::open(bench, SPINE);
    // In this order: the daemon may be back before the container is gone.
    bench.run(SERVER, "docker kill web13");
    bench.run(LEAF, "kill -KILL $(cat /run/rdnbrd.pid); sleep 1");
    let started = Instant::now();
    bench.run(LEAF, "service rdnbrd start");
    bench.wait_for(&Truth::all().without(13));
    std::thread::sleep(AFTERMATH);
    let changes = spine.changes();
    let [change] = &changes[..] else { panic!("not one change: {changes:#?}") };
    assert!(change.gone && change.host == 13, "{change:?}");
    bench.since(started, "a ghost left by a killed daemon is gone from a spine", change.at);
    bench.on_server("docker start web13", &Truth::all());
}
