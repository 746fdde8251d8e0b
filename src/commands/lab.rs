//! `fabricctl lab`: the fabric on this machine.

use super::{context, own_ssh};
use crate::cli::{
    Format, Global, LabArgs, LabConnectArgs, LabFaultArgs, LabHubArgs, LabName, LabNodeArgs, LabRestartArgs,
    LabSshArgs, LabSuite, LabUpArgs, LabVerb,
};
use crate::lab::{self, Lab, LabError, LabState, NodeState, Progress, Suite, Up, UpOptions};
use crate::output::{self, Exit, Failure, Problem};
use crate::process::{Interrupt, ProcessError};
use comfy_table::{Table, presets};
use etcetera::BaseStrategy as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs the verb.
///
/// # Errors
/// With what is wrong with the lab, the machine or the inventory.
pub fn run(global: &Global, args: &LabArgs) -> Result<Exit, Failure> {
    let state_root = &args.state_dir;
    match &args.verb {
        LabVerb::Up(up) => run_up(global, state_root, up),
        LabVerb::Down(down) => run_down(global, state_root, down),
        LabVerb::Restart(restart) => run_restart(global, state_root, restart),
        LabVerb::Fault(fault) => run_fault(global, state_root, fault),
        LabVerb::List => run_list(global, state_root),
        LabVerb::Ssh(ssh) => run_ssh(state_root, ssh),
    }
}

/// Is a node of a lab.
///
/// # Errors
/// When it can't be.
pub fn run_node(args: &LabNodeArgs) -> Result<Exit, Failure> {
    lab::run_node(&args.directory, &args.node).map(|()| Exit::Ok).map_err(|error| failure(&error))
}

/// Is the hub of a lab.
///
/// # Errors
/// When it can't be.
pub fn run_hub(args: &LabHubArgs) -> Result<Exit, Failure> {
    lab::run_hub(&args.directory).map(|()| Exit::Ok).map_err(|error| failure(&error))
}

/// Connects ssh to a node.
///
/// # Errors
/// When the node can't be reached.
pub fn run_connect(args: &LabConnectArgs) -> Result<Exit, Failure> {
    let target = SocketAddr::new(args.host, args.port);
    lab::connect(&args.directory, target, io::stdout().as_fd())
        .map(|()| Exit::Ok)
        .map_err(|error| failure(&error))
}

fn run_up(global: &Global, state_root: &Path, args: &LabUpArgs) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let interrupt = Interrupt::install().map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    let options = UpOptions {
        name: args.name.clone().unwrap_or_else(|| fabric.name.clone()),
        inventory: std::path::absolute(&global.inventory).unwrap_or_else(|_| global.inventory.clone()),
        suite: match args.suite {
            LabSuite::Bookworm => Suite::Bookworm,
            LabSuite::Trixie => Suite::Trixie,
        },
        state_root: state_root.to_owned(),
        cache: cache(args)?,
        executable: std::env::current_exe().map_err(|error| Failure::from_error(Exit::Bug, &error))?,
        owner: (args.owner_uid, args.owner_gid),
        interrupt,
    };
    let bar = bar(global);
    let up = lab::up(&fabric, &options, &|progress| show(global, &bar, &progress));
    bar.finish_and_clear();
    let up = up.map_err(|error| failure(&error))?;
    match global.output {
        Format::Json => output::json(&json!({
            "name": options.name,
            "ssh_config": up.ssh_config,
            "nodes": up.nodes,
            "started": up.started,
            "elapsed_ms": up.elapsed.as_millis(),
        }))?,
        _ => output::document(&describe(&options.name, &up)),
    }
    Ok(Exit::Ok)
}

fn describe(name: &str, up: &Up) -> String {
    let what = match up.started {
        0 => format!("lab {name} is already up, {} nodes", up.nodes),
        started if started == up.nodes => {
            format!("lab {name} is up, {started} nodes in {:.1} s", up.elapsed.as_secs_f32())
        }
        started => format!("lab {name} is up again, {started} of {} nodes were missing", up.nodes),
    };
    format!("{what}\nssh -F {} NODE", up.ssh_config.display())
}

fn cache(args: &LabUpArgs) -> Result<PathBuf, Failure> {
    if let Some(directory) = &args.cache_dir {
        return std::path::absolute(directory).map_err(|error| Failure::from_error(Exit::Usage, &error));
    }
    let base = etcetera::choose_base_strategy().map_err(|error| {
        Failure::one(Exit::Usage, Problem::from_error(&error).hint("name a directory with --cache-dir"))
    })?;
    Ok(base.cache_dir().join("fabricctl"))
}

fn bar(global: &Global) -> ProgressBar {
    if global.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{spinner} {msg:40} {bar:30} {pos}/{len} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn show(global: &Global, bar: &ProgressBar, progress: &Progress) {
    let (text, done, of) = match progress {
        Progress::Rootfs { stage, done, of } => (format!("root filesystem: {stage}"), *done, *of),
        Progress::Nodes { ready, of } => ("nodes".to_owned(), *ready, *of),
    };
    // Without a terminal there is no bar, and a build of a minute must not look like a standstill.
    if bar.is_hidden()
        && !global.quiet
        && matches!(progress, Progress::Rootfs { .. })
        && bar.message() != text
    {
        output::note(&text);
    }
    bar.set_length(of as u64);
    bar.set_position(done as u64);
    bar.set_message(text);
}

fn run_down(global: &Global, state_root: &Path, args: &LabName) -> Result<Exit, Failure> {
    let name = match (&args.name, lab::choose(state_root, None)) {
        (Some(name), _) => name.clone(),
        (None, Ok(name)) => name,
        (None, Err(LabError::NoLab)) => {
            return say_down(global, None, false);
        }
        (None, Err(error)) => return Err(failure(&error)),
    };
    let existed = lab::down(state_root, &name).map_err(|error| failure(&error))?;
    say_down(global, Some(&name), existed)
}

fn run_restart(global: &Global, state_root: &Path, args: &LabRestartArgs) -> Result<Exit, Failure> {
    let interrupt = Interrupt::install().map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    let began = std::time::Instant::now();
    let name = lab::choose(state_root, args.lab.name.as_deref()).map_err(|error| failure(&error))?;
    lab::restart(state_root, &name, &args.node, interrupt).map_err(|error| failure(&error))?;
    let elapsed = began.elapsed();
    if global.output == Format::Json {
        let elapsed_ms = elapsed.as_millis();
        output::json(&json!({ "name": name, "node": args.node, "elapsed_ms": elapsed_ms }))?;
    } else {
        let seconds = elapsed.as_secs_f32();
        output::document(&format!("{} of lab {name} is back after {seconds:.1} s", args.node));
    }
    Ok(Exit::Ok)
}

fn run_fault(global: &Global, state_root: &Path, args: &LabFaultArgs) -> Result<Exit, Failure> {
    let LabFaultArgs { node, fault, undo, .. } = args;
    let name = lab::choose(state_root, args.lab.name.as_deref()).map_err(|error| failure(&error))?;
    lab::fault(state_root, &name, node, fault, *undo).map_err(|error| failure(&error))?;
    let fault = fault.name;
    if global.output == Format::Json {
        output::json(&json!({ "name": name, "node": node, "fault": fault, "undone": undo }))?;
    } else if *undo {
        output::document(&format!("{node} of lab {name}: {fault} is undone"));
    } else {
        let undo = format!("fabricctl lab fault --name {name} {node} {fault} --undo");
        output::document(&format!("{node} of lab {name}: {fault}; undo it with: {undo}"));
    }
    Ok(Exit::Ok)
}

fn say_down(global: &Global, name: Option<&str>, existed: bool) -> Result<Exit, Failure> {
    match global.output {
        Format::Json => output::json(&json!({ "name": name, "existed": existed }))?,
        _ => output::document(&match name {
            Some(name) if existed => format!("lab {name} is gone"),
            Some(name) => format!("there is no lab {name}: nothing to do"),
            None => "there is no lab: nothing to do".to_owned(),
        }),
    }
    Ok(Exit::Ok)
}

fn run_list(global: &Global, state_root: &Path) -> Result<Exit, Failure> {
    let labs = lab::list(state_root).map_err(|error| failure(&error))?;
    match global.output {
        Format::Json => output::json(&labs)?,
        _ if labs.is_empty() => output::document("no labs"),
        _ => labs.iter().for_each(|lab| output::document(&table(lab))),
    }
    Ok(Exit::Ok)
}

fn table(lab: &Lab) -> String {
    let state = match lab.state {
        LabState::Up => "up",
        LabState::Partly => "partly up",
        LabState::Stale => "stale: sudo fabricctl lab down removes what is left of it",
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["NODE", "ROLE", "STATE"]);
    for node in &lab.nodes {
        let state = match node.state {
            NodeState::Up => "up",
            NodeState::Down => "down",
        };
        table.add_row([node.name.as_str(), node.role.as_str(), state]);
    }
    format!(
        "{}: {state}\n  inventory   {}\n  ssh -F      {}\n\n{}",
        lab.name,
        lab.inventory.display(),
        lab.ssh_config.display(),
        table.trim_fmt()
    )
}

fn run_ssh(state_root: &Path, args: &LabSshArgs) -> Result<Exit, Failure> {
    let find = || {
        let name = lab::choose(state_root, args.lab.name.as_deref())?;
        let node = args.node.rsplit_once('@').map_or(args.node.as_str(), |(_, node)| node);
        lab::check_node(state_root, &name, node)?;
        lab::ssh_config(state_root, &name)
    };
    let config = find().map_err(|error| failure(&error))?;
    Err(own_ssh::become_ssh(own_ssh::Way::by(config, &args.node), own_ssh::line(&args.command).as_deref()))
}

/// What is wrong with a lab, with what to do.
pub(super) fn failure(error: &LabError) -> Failure {
    let exit = match error {
        LabError::Interrupted | LabError::Process(ProcessError::Interrupted) => Exit::Interrupted,
        LabError::NotRoot { .. }
        | LabError::Name(_)
        | LabError::LongPath { .. }
        | LabError::Kernel { .. }
        | LabError::NoSuchLab { .. }
        | LabError::NoLab
        | LabError::Ambiguous { .. }
        | LabError::NoSuchNode { .. }
        | LabError::NodeDown { .. }
        | LabError::OtherTopology { .. }
        | LabError::NoManagementPrefix
        | LabError::Process(ProcessError::Missing { .. }) => Exit::Usage,
        _ => Exit::NotAsDesired,
    };
    if let LabError::Nodes { failed } = error {
        let problem =
            |(node, why): &(String, String)| Problem { message: why.clone(), ..Problem::default() }.on(node);
        return Failure { exit, problems: failed.iter().map(problem).collect() };
    }
    let mut problem = Problem::from_error(error);
    problem.hint = error.hint();
    Failure::one(exit, problem)
}
