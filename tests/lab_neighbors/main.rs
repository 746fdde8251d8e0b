//! The neighbour daemon and real FRR together: faults, restarts, moves and duplicates, on both Debian releases and in both
//! ways that a host route can take into FRR.
//!
//! What is asserted is the outcome, with generous deadlines; how long it took is measured and printed (`--nocapture`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails; tests start processes, look at the clock and print what they measured"
)]

mod bench;
mod clients;
mod duplicates;
mod faults;
mod moves;
mod observe;
mod restarts;
mod shell;
#[path = "../support/mod.rs"]
mod support;
mod truth;
mod watch;

use bench::{Bench, Mode};

/// Each has a lab of its own, and waits more than it works: as many as there are processors run at once.
fn on(suite: &'static str, mode: Mode, story: impl FnOnce(&mut Bench)) {
    let mut bench = Bench::up(suite, mode);
    story(&mut bench);
    bench.conclude();
}

/// A test for each of these releases and ways.
macro_rules! stories {
    ($($story:ident: $($name:ident = ($suite:literal, $mode:ident)),*;)*) => {$(
        mod $story {
            $(
                #[test]
                fn $name() {
                    super::on($suite, super::Mode::$mode, super::$story);
                }
            )*
        }
    )*};
}

// FRR's faults differ by release and way. The others don't: each release and each way is seen once.
stories! {
    every_fault_is_covered:
        on_bookworm_by_the_main_table = ("bookworm", Main),
        on_bookworm_by_table_ten = ("bookworm", Table),
        on_trixie_by_the_main_table = ("trixie", Main),
        on_trixie_by_table_ten = ("trixie", Table);
    a_restart_is_not_noticed:
        on_bookworm_by_the_main_table = ("bookworm", Main),
        on_trixie_by_table_ten = ("trixie", Table);
    a_host_moves_and_one_is_twice:
        on_bookworm_by_table_ten = ("bookworm", Table),
        on_trixie_by_the_main_table = ("trixie", Main);
}

fn every_fault_is_covered(bench: &mut Bench) {
    faults::of_the_port(bench);
    faults::of_routes(bench);
    faults::of_frr(bench);
    faults::a_deployment_restores(bench);
    faults::of_the_device(bench);
}

fn a_restart_is_not_noticed(bench: &mut Bench) {
    restarts::a_withdrawal_is_seen(bench);
    restarts::live_hosts_stay(bench);
    restarts::the_dead_go(bench);
}

fn a_host_moves_and_one_is_twice(bench: &mut Bench) {
    duplicates::nothing_flaps_and_the_other_takes_over(bench);
    moves::to_another_rack(bench, "the same MAC", ["02:00:00:00:00:77"; 2]);
    moves::to_another_rack(bench, "another MAC", ["02:00:00:00:00:77", "02:00:00:00:00:78"]);
}
