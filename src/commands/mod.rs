//! The verbs: sequence only, one file each.
#![expect(clippy::disallowed_methods, reason = "verbs say how long they took and wait until a deadline")]

mod confirm;
mod connect;
pub mod context;
mod deeds;
mod deploy;
mod deployment;
mod diagnose;
mod drift;
mod exec;
mod exposed;
mod finish;
mod fleet;
mod health;
mod help;
mod history;
mod inventory;
mod journal;
mod lab;
mod locks;
mod own_ssh;
mod render;
mod report;
mod rollback;
mod rolled_back;
mod round;
mod runtime;
mod saved;
mod scope;
mod status;
mod teardown;
mod transaction;
mod troubles;
mod verification;
mod verify;
mod watch;
mod waves;
mod workbench;

use crate::cli::{Cli, Command, Format, StatusWhat};
use crate::output::{self, Exit, Failure};
use clap::Parser as _;

/// Reads the command line and runs what was typed; says on stderr everything that is wrong. Returns the exit code.
pub fn start() -> u8 {
    output::watch_panics();
    match Cli::try_parse() {
        Ok(cli) => run(&cli).code(),
        Err(error) => help::refused(&error),
    }
}

fn run(cli: &Cli) -> Exit {
    if cli.global.no_color {
        output::no_colors();
    }
    verb(cli).unwrap_or_else(|failure| {
        output::failed(&failure, cli.global.output == Format::Json);
        failure.exit
    })
}

fn verb(cli: &Cli) -> Result<Exit, Failure> {
    let global = &cli.global;
    let pictures = matches!(global.output, Format::Svg | Format::Dot | Format::Mermaid | Format::Html);
    let common = matches!(global.output, Format::Table | Format::Json);
    if !common && !pictures && !matches!(cli.command, Command::Verify(_)) {
        let hint = "only verify has that form; the others have table and json";
        return Err(Failure::say(Exit::Usage, "this command has no document of that form", hint));
    }
    match &cli.command {
        Command::Inventory(args) => inventory::run(global, args),
        Command::Render(args) => render::run(global, args),
        Command::Plan(args) => runtime::block_on(|_| deploy::plan(global, args)),
        Command::Deploy(args) => runtime::block_on(|interrupts| deploy::deploy(global, args, interrupts)),
        Command::Verify(args) => verify::run(global, args),
        Command::Diagnose(args) => runtime::block_on(|_| diagnose::diagnose(global, args)),
        Command::History(args) => history::run(global, args),
        Command::Rollback(args) => {
            runtime::block_on(|interrupts| rollback::rollback(global, args, interrupts))
        }
        Command::Status(args) => match &args.what {
            Some(StatusWhat::Neighbors(args)) => runtime::block_on(|_| status::neighbors(global, args)),
            None => status::run(global, args),
        },
        Command::Watch(args) => watch::run(global, args),
        Command::Report(args) => runtime::block_on(|_| report::report(global, args)),
        Command::Exec(args) => runtime::block_on(|interrupts| exec::exec(global, args, interrupts)),
        Command::Ssh(args) => connect::ssh(global, args),
        Command::Shell(args) => connect::shell(global, args),
        Command::Confirm(args) => runtime::block_on(|interrupts| confirm::confirm(global, args, interrupts)),
        Command::Teardown(args) => {
            runtime::block_on(|interrupts| teardown::teardown(global, args, interrupts))
        }
        Command::Lab(args) => lab::run(global, args),
        Command::Completions { shell } => Ok(help::completions(*shell)),
        Command::Man { command } => help::man(command),
        // These become long-lived or short-lived helpers of a lab: no runtime, no threads before them.
        Command::LabNode(args) => lab::run_node(args),
        Command::LabHub(args) => lab::run_hub(args),
        Command::LabConnect(args) => lab::run_connect(args),
    }
}
