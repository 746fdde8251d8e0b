//! The verbs: sequence only, one file each.

mod context;
mod lab;

use crate::cli::{Cli, Command};
use crate::output::{Exit, Failure};

/// Runs what was typed.
///
/// # Errors
/// With everything that is wrong, and the exit code it means.
pub fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Lab(args) => lab::run(&cli.global, args),
        // These become long-lived or short-lived helpers of a lab: no runtime, no threads before them.
        Command::LabNode(args) => lab::run_node(args),
        Command::LabHub(args) => lab::run_hub(args),
        Command::LabConnect(args) => lab::run_connect(args),
    }
}
