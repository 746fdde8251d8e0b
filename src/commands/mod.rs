//! The verbs: sequence only, one file each.

use crate::cli::Cli;
use crate::output::{Exit, Failure};

/// Runs what was typed.
///
/// # Errors
/// With everything that is wrong, and the exit code it means.
pub fn run(cli: &Cli) -> Result<Exit, Failure> {
    match cli.command {}
}
