//! `rdnbrd`: the doorway.

use std::process::ExitCode;

fn main() -> ExitCode {
    fabricctl::daemon::main(std::env::args_os().skip(1))
}
