#![expect(
    clippy::disallowed_methods,
    reason = "the daemon is a process of its own: its configuration, its process id and its clock are the deed"
)]
//! `rdnbrd`: the neighbour machine between the kernel's sockets.
//!
//! Everything is decided in [`crate::neighbor`]; here is what it is told and what becomes of its wishes.

mod args;
mod kernel;
mod log;
mod pidfile;
mod run;
mod view;

pub use args::ArgsError;
pub use run::RunError;

use crate::neighbor::{Config, Level};
use args::{Args, Deed};
use kernel::Kernel;
use pidfile::PidFile;
use run::Daemon;
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
    let code = match Args::parse(typed) {
        Err(error) => complain(&error, WRONG),
        Ok(args) => match args.deed {
            Deed::Help => print(args::HELP),
            Deed::Version => print(concat!("rdnbrd ", env!("CARGO_PKG_VERSION"), "\n")),
            Deed::Check | Deed::Flush | Deed::Run => configured(&args),
        },
    };
    ExitCode::from(code)
}

/// What needs the configuration.
fn configured(args: &Args) -> u8 {
    let config = match read_config(&args.config, args.named) {
        Ok(config) => config,
        Err(faults) => {
            for fault in faults {
                let _ = writeln!(io::stderr(), "rdnbrd: {fault}");
            }
            return WRONG;
        }
    };
    match args.deed {
        Deed::Flush => match Kernel::open(&config).and_then(|mut kernel| kernel.flush()) {
            Ok(count) => print(&format!("{count} routes removed\n")),
            Err(error) => complain(&error, FAILED),
        },
        Deed::Run => run(args, config),
        _ => DONE,
    }
}

fn run(args: &Args, config: Config) -> u8 {
    let _pid_file = match PidFile::claim(&args.pid_file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let text = format!("rdnbrd: another one is running, see {}\n", args.pid_file.display());
            let _ = io::stderr().write_all(text.as_bytes());
            return FAILED;
        }
        Err(source) => return complain(&Unwritable { file: args.pid_file.clone(), source }, FAILED),
    };
    let log = log::Log::new(Level::Error);
    match Daemon::open(config, args.config.clone(), args.named).and_then(|mut daemon| daemon.run()) {
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
