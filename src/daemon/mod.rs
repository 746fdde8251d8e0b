#![expect(
    clippy::disallowed_methods,
    reason = "the daemon is a process of its own: its configuration, its process id and its clock are the deed"
)]
//! `rdnbrd`: the neighbour machine between the kernel's sockets.
//!
//! Everything is decided in [`crate::neighbor`]; here is what it is told and what becomes of its wishes.

mod act;
mod args;
mod ask;
mod control;
mod guard;
mod hear;
mod kernel;
mod log;
mod notify;
mod orphans;
mod pidfile;
mod ports;
mod privileges;
mod report;
mod run;
mod starts;
mod view;
mod wait;

pub use args::ArgsError;
pub use ask::AskError;
pub use run::RunError;

use crate::neighbor::{Config, Level};
use args::{Args, Deed};
use kernel::Kernel;
use pidfile::PidFile;
use run::Daemon;
use starts::Starts;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Ended as told.
const DONE: u8 = 0;
/// Something failed.
const FAILED: u8 = 1;
/// Usage or configuration wrong.
const WRONG: u8 = 2;

/// The whole program, from the arguments after its name to its exit code.
pub fn main(typed: impl IntoIterator<Item = OsString>) -> ExitCode {
    let typed: Vec<OsString> = typed.into_iter().collect();
    let code = match Args::parse(typed.iter().cloned()) {
        Err(error) => complain(&error, WRONG),
        Ok(args) => match args.deed {
            Deed::Help => print(args::HELP),
            Deed::Version => print(concat!("rdnbrd ", env!("CARGO_PKG_VERSION"), "\n")),
            _ => configured(&args, typed),
        },
    };
    ExitCode::from(code)
}

/// What needs the configuration.
fn configured(args: &Args, mut typed: Vec<OsString>) -> u8 {
    let config = match read_config(&args.config, args.named) {
        // Where the socket is named, it doesn't matter what the file says.
        Err(_) if args.socket.is_some() => Config::default(),
        Err(faults) => {
            for fault in faults {
                let _ = writeln!(io::stderr(), "rdnbrd: {fault}");
            }
            return WRONG;
        }
        Ok(config) => config,
    };
    match args.deed {
        Deed::Flush => flush(&config),
        Deed::FlushAfter(time) => {
            std::thread::sleep(time);
            match PidFile::is_held(&args.pid_file) {
                Ok(true) => print("a daemon runs: its routes stay\n"),
                Ok(false) => flush(&config),
                Err(source) => complain(&Unwritable { file: args.pid_file.clone(), source }, FAILED),
            }
        }
        Deed::Run if args.guard => {
            typed.retain(|word| word != args::GUARD);
            match guard::run(&typed, &args.pid_file, &config) {
                Ok(code) => code,
                Err(error) => complain(&error, FAILED),
            }
        }
        Deed::Run => run(args, config),
        Deed::Status { json } => answered(ask::status(args.socket.as_deref(), &config, json)),
        Deed::Metrics => answered(ask::metrics(args.socket.as_deref(), &config)),
        Deed::Check | Deed::Version | Deed::Help => DONE,
    }
}

fn flush(config: &Config) -> u8 {
    match Kernel::open(config).and_then(|mut kernel| kernel.flush()) {
        Ok(count) => print(&format!("{count} routes removed\n")),
        Err(error) => complain(&error, FAILED),
    }
}

fn answered(answer: Result<String, AskError>) -> u8 {
    match answer {
        Ok(text) => print(&text),
        Err(error) => complain(&error, FAILED),
    }
}

fn run(args: &Args, config: Config) -> u8 {
    let mut pid_file = match PidFile::claim(&args.pid_file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let text = format!("rdnbrd: another one is running, see {}\n", args.pid_file.display());
            let _ = io::stderr().write_all(text.as_bytes());
            return FAILED;
        }
        Err(source) => return complain(&Unwritable { file: args.pid_file.clone(), source }, FAILED),
    };
    let log = log::Log::new(Level::Error);
    let starts = Starts::count(&args.pid_file);
    if let Err(error) = &starts {
        log.say(Level::Error, &format!("event=failed what=count-starts reason={:?}", error.to_string()));
    }
    let source = (args.config.clone(), args.named);
    let ended = Daemon::open(config, source, starts.ok()).and_then(|mut daemon| daemon.run());
    pid_file.release();
    match ended {
        Ok(()) => DONE,
        Err(error) => {
            log.say(Level::Error, &format!("event=failed reason={:?}", with_causes(&error)));
            FAILED
        }
    }
}

/// The process id can't be written.
#[derive(Debug, thiserror::Error)]
#[error("writing {file}")]
struct Unwritable {
    file: std::path::PathBuf,
    source: io::Error,
}

/// Reads the configuration; a file that nobody named may be absent. Faults come as text, all of them.
fn read_config(path: &Path, named: bool) -> Result<Config, Vec<String>> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            Config::parse(&name, &text).map_err(|faults| faults.iter().map(ToString::to_string).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Ok(Config::default()),
        Err(error) => Err(vec![format!("reading {name}: {error}")]),
    }
}

fn print(text: &str) -> u8 {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => DONE,
        Err(_) => FAILED,
    }
}

fn complain(error: &dyn Error, code: u8) -> u8 {
    let _ = writeln!(io::stderr(), "rdnbrd: {}", with_causes(error));
    code
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
