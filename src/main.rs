//! `fabricctl`: the doorway.

use clap::Parser;
use fabricctl::cli::{Cli, Format};
use fabricctl::{commands, output};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(commands::refused(&error)),
    };
    let format = cli.global.output;
    if cli.global.no_color {
        output::no_colors();
    }
    match commands::run(&cli) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            let text = if format == Format::Json { failure.to_json() } else { failure.to_text() };
            output::note(text.trim_end());
            ExitCode::from(failure.exit.code())
        }
    }
}
