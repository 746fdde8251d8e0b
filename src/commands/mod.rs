//! The verbs: sequence only, one file each.
#![expect(clippy::disallowed_methods, reason = "verbs say how long they took and wait until a deadline")]

pub mod context;
mod deploy;
mod finish;
mod fleet;
mod help;
mod inventory;
mod lab;
mod render;
mod runtime;
mod teardown;
mod verify;
mod workbench;

use crate::cli::{Cli, Command, VerifyWhat};
use crate::output::{Exit, Failure};

/// Tells what is wrong with what was typed, or shows the help or version that was asked for; returns the exit code.
pub fn refused(error: &clap::Error) -> u8 {
    help::refused(error)
}

/// Runs what was typed.
///
/// # Errors
/// With everything that is wrong, and the exit code it means.
pub fn run(cli: &Cli) -> Result<Exit, Failure> {
    let global = &cli.global;
    match &cli.command {
        Command::Inventory(args) => inventory::run(global, args),
        Command::Render(args) => render::run(global, args),
        Command::Plan(args) => runtime::block_on(deploy::plan(global, args)),
        Command::Deploy(args) => runtime::block_on(deploy::deploy(global, args)),
        Command::Verify(args) => match &args.what {
            VerifyWhat::Routes(args) => runtime::block_on(verify::routes(global, args)),
        },
        Command::Teardown(args) => runtime::block_on(teardown::teardown(global, args)),
        Command::Lab(args) => lab::run(global, args),
        Command::Completions { shell } => Ok(help::completions(*shell)),
        Command::Man { command } => help::man(command),
        // These become long-lived or short-lived helpers of a lab: no runtime, no threads before them.
        Command::LabNode(args) => lab::run_node(args),
        Command::LabHub(args) => lab::run_hub(args),
        Command::LabConnect(args) => lab::run_connect(args),
    }
}
