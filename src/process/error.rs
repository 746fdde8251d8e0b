//! Why a local program gave no result.

use std::io;
use std::time::Duration;

/// Why a local program gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program isn't installed.
    #[error("{program} is not installed")]
    Missing {
        /// The program.
        program: String,
        /// The Debian package that has it, where it is known.
        package: Option<&'static str>,
    },
    /// The kernel didn't start it.
    #[error("starting {program}")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Reading from it, writing to it or waiting for it failed.
    #[error("talking to {program}")]
    Talk {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took longer than it may; it was ended.
    #[error("{program} did not end within {} s", limit.as_secs_f32())]
    TimedOut {
        /// The program.
        program: String,
        /// The time it had.
        limit: Duration,
    },
    /// It ended with an error of its own.
    #[error("{program} failed ({status}): {stderr}")]
    Failed {
        /// The program.
        program: String,
        /// `exit CODE` or `signal NUMBER`.
        status: String,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// The user asked for the end; the program was ended.
    #[error("interrupted")]
    Interrupted,
}

impl ProcessError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ProcessError::Missing { package: Some(package), .. } => {
                Some(format!("install it: sudo apt-get install {package}"))
            }
            _ => None,
        }
    }
}

/// The Debian package that holds a program.
pub(super) fn package(program: &str) -> Option<&'static str> {
    match program {
        "mmdebstrap" => Some("mmdebstrap"),
        "ssh" | "ssh-keygen" => Some("openssh-client"),
        _ => None,
    }
}
