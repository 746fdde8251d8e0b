//! `fabricctl`: the doorway.

use clap::Parser;
use fabricctl::{cli::Cli, commands, output};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(commands::refused(&error)),
    };
    if cli.global.no_color {
        output::no_colors();
    }
    let exit = commands::run(&cli).unwrap_or_else(|failure| commands::failed(&cli, &failure));
    ExitCode::from(exit.code())
}
