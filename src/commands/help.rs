//! `completions` and `man`: made from the command line's own description.

use crate::cli::Cli;
use crate::output::{self, Exit, Failure};
use clap::CommandFactory as _;

/// Prints a shell's completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fabricctl", &mut script);
    output::document(&String::from_utf8_lossy(&script));
    Exit::Ok
}

/// Prints the manual page.
pub(super) fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    output::document(&String::from_utf8_lossy(&page));
    Ok(Exit::Ok)
}
