//! `fabricctl`: the doorway.

use clap::Parser;
use fabricctl::{cli::Cli, commands};
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(commands::run(&Cli::parse()).code())
}
