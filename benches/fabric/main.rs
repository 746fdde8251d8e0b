//! What the lab and the main job cost, in seconds and memory: `make bench`.
//!
//! Every round brings the reference fabric up from nothing and takes it down again, by the release binary, as a user
//! would. Figures are printed and never judged: it fails only when a step of the fabric fails.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark starts programs, looks at the clock, and prints what it found"
)]

mod figures;
mod lab;
mod memory;
mod routes;
mod time;

use clap::Parser;
use figures::{Figures, What};
use lab::{Lab, fabricctl, timed};
use routes::{State, Watch};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

/// What every step of a benchmark ends with.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures the lab and the main job on the reference fabric.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often everything is done
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// What the nodes run
    #[arg(long, default_value = "bookworm")]
    suite: String,
    /// Cargo says so to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Containers that are killed and started, one a rack.
const VICTIMS: [(&str, &str, &str); 4] = [
    ("server01", "web11", "172.16.1.11"),
    ("server02", "web22", "172.16.1.22"),
    ("server03", "web33", "172.16.1.33"),
    ("server04", "web42", "172.16.1.42"),
];
const SPINES: [&str; 2] = ["spine01", "spine02"];
const ROUTERS: [&str; 6] = ["spine01", "spine02", "leaf01", "leaf02", "leaf03", "leaf04"];

/// What `verify routes` asks each of them.
const ASKED: &str = "vtysh -c 'show ip route json'; ip -j -4 route show table all";

/// Short steps are repeated in a round.
const REPEATS: usize = 3;
/// Starts of a program are so short that only many of them tell something.
const STARTS: usize = 20;
/// Between a container's end and its start: a restart within a moment would be another question.
const REST: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut figures = Figures::default();
    for number in 1..=arguments.rounds {
        eprintln!("round {number} of {}, {}", arguments.rounds, figures::load());
        if let Err(error) = round(&arguments.suite, &mut figures) {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    println!("{}", figures.table(&arguments.suite, arguments.rounds));
    ExitCode::SUCCESS
}

fn round(suite: &str, figures: &mut Figures) -> Result<()> {
    for _ in 0..STARTS {
        figures.add(What::Version, timed(|| fabricctl(&["--version"]))?);
    }
    // The first `lab up` ever builds the root filesystem, and is none to measure.
    drop(Lab::up(suite)?);
    let (lab, elapsed) = Lab::up(suite)?;
    figures.add(What::Up, elapsed);
    figures.add(What::Deploy, timed(|| lab.on(&["deploy", "--yes"]))?);
    for _ in 0..REPEATS {
        figures.add(What::Redeploy, timed(|| lab.on(&["deploy"]))?);
        let bare = timed(|| lab.ask(&ROUTERS, ASKED))?;
        let verify = timed(|| lab.on(&["verify", "routes"]))?;
        figures.add(What::Bare, bare);
        figures.add(What::Verify, verify);
        figures.add(What::Ratio, verify / bare);
        figures.add(What::Reachability, timed(|| lab.on(&["verify", "reachability"]))?);
    }
    figures.add(What::Memory, memory::of(lab.directory())?);
    for victim in VICTIMS {
        kill_and_start(&lab, victim, figures)?;
    }
    figures.add(What::Rollback, timed(|| lab.on(&["rollback", "--yes"]))?);
    // Once more, and everything is there again.
    lab.on(&["rollback", "--yes"])?;
    let teardown = timed(|| lab.on(&["teardown", "--yes"]))?;
    figures.add(What::Down, teardown + timed(|| lab.down())?);
    Ok(())
}

/// A container dies, and comes back, under the eyes of every router.
fn kill_and_start(lab: &Lab, victim: (&str, &str, &str), figures: &mut Figures) -> Result<()> {
    let (server, container, address) = victim;
    let mut watch = Watch::begin(lab, &ROUTERS, address)?;
    let killed = lab.docker(server, "kill", container)?;
    figures.add(What::Withdrawal, watch.until(&ROUTERS, State::Absent)?.since(killed));
    std::thread::sleep(REST);
    let started = lab.docker(server, "start", container)?;
    figures.add(What::Arrival, watch.until(&SPINES, State::Present)?.since(started));
    watch.until(&ROUTERS, State::Present)?;
    watch.end()
}
