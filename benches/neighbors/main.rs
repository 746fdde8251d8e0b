//! What rdnbrd reaches, measured from outside: `make bench-neighbors`.
//!
//! The real daemon runs in network namespaces made here. It is known by its command line and its configuration file,
//! and judged by what the kernel announces of its routes and by what the kernel counts of its process.
//! Figures are compared with their targets, but only a failure to measure is a failure. Needs root.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark starts programs, looks at the clock, and prints what it found"
)]

mod crowd;
mod daemon;
mod figures;
mod frames;
mod machine;
mod netns;
mod rack;
mod scale;
mod size;
mod watch;

use clap::{Parser, ValueEnum};
use daemon::Program;
use figures::Figures;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What every step of a benchmark ends with.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What takes longer than this doesn't happen at all.
const LIMIT: Duration = Duration::from_secs(60);

/// Measures rdnbrd in network namespaces of its own.
#[derive(Debug, Parser)]
struct Arguments {
    /// The daemon
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_rdnbrd"))]
    binary: PathBuf,
    /// Fewer rounds, and one minute instead of five
    #[arg(long)]
    quick: bool,
    /// How long 10,000 hosts are watched, twice
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Only this; may be given again
    #[arg(long, value_name = "NAME")]
    only: Vec<Name>,
    /// Cargo says so to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured by itself, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Size of the binary
    Size,
    /// First frame of a container to its route
    Start,
    /// Silent hosts, found when the daemon starts
    Sweep,
    /// End of a container to that of its route
    Kill,
    /// A container whose process is stopped
    Pause,
    /// Processor and memory for 1,000 hosts
    Thousand,
    /// 10,000 hosts at once
    Burst,
    /// Restart over 10,000 hosts
    Restart,
    /// Processor, memory and losses of 10,000 hosts
    TenThousand,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let program = match Program::new(&arguments.binary) {
        Ok(program) => program,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{} on {}", program.binary().display(), machine::description());
    let mut figures = Figures::default();
    let mut failures = 0;
    for name in Name::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(name) {
            continue;
        }
        if let Err(error) = measure(*name, &arguments, &program, &mut figures) {
            failures += 1;
            eprintln!("error: {name:?}: {error}\nthe daemon's last lines:\n{}", program.last_words());
        }
    }
    println!("{}, {failures} not measured, {}", figures.sum(), machine::load());
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(name: Name, arguments: &Arguments, program: &Program, figures: &mut Figures) -> Result<()> {
    let minutes = arguments.minutes.unwrap_or(if arguments.quick { 1 } else { 5 });
    let rounds = if arguments.quick { 1 } else { 3 };
    match name {
        Name::Size => size::size(program, figures),
        Name::Start => rack::start(program, figures),
        Name::Sweep => rack::sweep(program, figures, rounds * 3),
        Name::Kill => rack::death(program, figures),
        Name::Pause => rack::pause(program, figures),
        Name::Thousand => scale::thousand(program, figures),
        Name::Burst => scale::burst(program, figures, rounds),
        Name::Restart => scale::restart(program, figures, rounds),
        Name::TenThousand => scale::ten_thousand(program, figures, minutes),
    }
}

/// The measurement makes no sense unless that is so.
fn expect(so: bool, otherwise: &str) -> Result<()> {
    if so { Ok(()) } else { Err(otherwise.into()) }
}
