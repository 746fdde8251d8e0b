//! `fabricctl`: the doorway.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(fabricctl::commands::start())
}
