//! Two racks have the same address at once: which is right is not for a leaf to decide, but nothing may flap.

use super::bench::Bench;
use super::clients::{Clients, Place};
use super::moves::{Outcome, create, remove};
use super::truth::{Host, LEAF, SERVER, Truth};
use super::watch::Watch;
use std::time::{Duration, Instant};

const TWICE: Host = 78;
/// Both leafs, with the servers behind them.
const RACKS: [(&str, &str); 2] = [(LEAF, SERVER), ("leaf03", "server03")];
/// Longer than anything that a leaf does some time after it learned a host, and many keepalives.
const QUIET: Duration = Duration::from_secs(15);
/// How long news may travel before it is quiet.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn nothing_flaps_and_the_other_takes_over(bench: &mut Bench) {
    let mut watches = [LEAF, "leaf03", "spine01", "spine02"].map(|node| Watch::open(bench, node));
    for ((leaf, server), mac) in RACKS.into_iter().zip(["02:00:00:00:01:78", "02:00:00:00:03:78"]) {
        create(bench, server, TWICE, mac);
        bench.run(server, "docker start by-hand");
        let route = format!("ip route show table {} proto 76 | grep -q 172.16.1.{TWICE}", bench.mode.table());
        super::support::eventually("the leaf learned it", || bench.succeeds(leaf, &route));
    }
    let clients = Clients::ask(bench, TWICE);
    let began = wait_until_quiet(&mut watches);
    super::support::eventually(
        "the clients elsewhere have answers, though the address is there twice",
        || clients.answered(Place::Elsewhere, began).is_some(),
    );
    bench.row(&format!("duplicate: no change for {} s", QUIET.as_secs()), "");
    logs_are_calm(bench);
    let left = Instant::now();
    bench.run(SERVER, "docker kill by-hand");
    bench.wait_for(&Truth::all().with(TWICE, 3));
    Outcome::wait(&clients, left).tell(bench, "duplicate killed", left);
    drop(clients);
    remove(bench);
}

/// Since when no router has changed its route to the host.
fn wait_until_quiet(watches: &mut [Watch]) -> Instant {
    let began = Instant::now();
    loop {
        let quiet = Instant::now();
        for watch in watches.iter_mut() {
            watch.forget();
        }
        let changes = || watches.iter().flat_map(|watch| watch.changes_of(TWICE));
        while changes().next().is_none() {
            if quiet.elapsed() > QUIET {
                return quiet;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let changes: Vec<_> = changes().collect();
        assert!(began.elapsed() < DEADLINE, "it flaps: {changes:#?}");
    }
}

/// Each daemon learned it once and said nothing else of it but, perhaps, that it is there twice.
fn logs_are_calm(bench: &mut Bench) {
    for (leaf, _) in RACKS {
        let log = bench.run(leaf, &format!("grep -F 'host=172.16.1.{TWICE} ' /var/log/rdnbrd.log"));
        println!("{leaf}:\n{log}");
        let count =
            |event: &str| log.lines().filter(|line| line.contains(&format!("event={event} "))).count();
        assert_eq!((count("learned"), count("withdrawn"), count("moved")), (1, 0, 0), "{leaf}: {log}");
        assert!(count("duplicate") <= 1, "{leaf}: {log}");
    }
}
