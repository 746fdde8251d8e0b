//! The verbs: sequence only, one file each.

mod render;

use crate::cli::{Cli, Command};
use crate::output::{Exit, Failure};

/// Runs what was typed.
///
/// # Errors
/// With everything that is wrong, and the exit code it means.
pub fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Render(args) => render::run(&cli.global, args),
    }
}
