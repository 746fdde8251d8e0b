//! What was typed: the command line as data. Nothing here acts.

mod deploy;
mod diagnose;
mod help;
mod history;
mod inventory;
mod lab;
mod reach;
mod render;
mod report;
mod rollback;
mod status;
mod target;
mod verify;
mod watch;
mod waves;

pub use deploy::{
    ChangeArgs, Confirm, ConfirmArgs, DaemonArgs, DeployArgs, EndArgs, OnFailure, PlanArgs, TeardownArgs,
};
pub use diagnose::DiagnoseArgs;
pub use history::{HistoryArgs, HistoryVerb};
pub use inventory::{GraphArgs, InventoryArgs, InventoryVerb};
pub use lab::{
    LabArgs, LabConnectArgs, LabFaultArgs, LabHubArgs, LabName, LabNodeArgs, LabRestartArgs, LabSshArgs,
    LabSuite, LabUpArgs, LabVerb,
};
pub use reach::{ExecArgs, ShellArgs, SshArgs};
pub use render::RenderArgs;
pub use report::ReportArgs;
pub use rollback::RollbackArgs;
pub use status::{NeighborsArgs, StatusArgs, StatusWhat};
pub use target::Target;
pub use verify::{VerifyArgs, VerifyWhat, duration};
pub use watch::WatchArgs;
pub use waves::WaveArgs;

use crate::store::journal::KEPT_RUNS;
use clap::builder::{FalseyValueParser, RangedU64ValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A day, in seconds.
const MAX_TIMEOUT: u64 = 86_400;

/// Take a leaf/spine/server fabric from an inventory to a working, proven state, and back.
#[derive(Debug, Parser)]
#[command(
    name = "fabricctl",
    version,
    max_term_width = 110,
    arg_required_else_help = true,
    after_long_help = help::OVERVIEW
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Inventory: a folder with fabric.yml, or such a file; - is standard input
    #[arg(
        short,
        long,
        global = true,
        env = "FABRICCTL_INVENTORY",
        value_name = "PATH",
        default_value = "inventory/reference"
    )]
    pub inventory: PathBuf,

    /// Only these nodes: names, roles, * and ! as in 'leaf*:!leaf03'
    #[arg(short, long, global = true, env = "FABRICCTL_LIMIT", value_name = "PATTERN")]
    pub limit: Option<String>,

    /// Form of the document on stdout
    #[arg(short, long, global = true, env = "FABRICCTL_OUTPUT", value_enum, default_value_t)]
    pub output: Format,

    /// How many devices are worked on at the same time
    #[arg(
        long,
        global = true,
        env = "FABRICCTL_PARALLEL",
        value_name = "N",
        default_value_t = 32,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..)
    )]
    pub parallel: usize,

    /// Longest time that one command on a device may take, in seconds
    #[arg(
        long,
        global = true,
        env = "FABRICCTL_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 120,
        value_parser = RangedU64ValueParser::<u64>::new().range(1..=MAX_TIMEOUT)
    )]
    pub timeout: u64,

    /// OpenSSH configuration to use instead of your own (a lab brings its own)
    #[arg(long, global = true, env = "FABRICCTL_SSH_CONFIG", value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,

    /// Where runs are recorded [default: .fabricctl beside the inventory]
    #[arg(long, global = true, env = "FABRICCTL_JOURNAL", value_name = "DIR")]
    pub journal: Option<PathBuf>,

    /// How many runs are kept
    #[arg(
        long,
        global = true,
        env = "FABRICCTL_JOURNAL_KEEP",
        value_name = "N",
        default_value_t = KEPT_RUNS,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..),
        hide = true
    )]
    pub journal_keep: usize,

    /// Say more on stderr: every step and how long it took
    #[arg(short, long, global = true, env = "FABRICCTL_VERBOSE", value_name = "N", action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, env = "FABRICCTL_QUIET", value_parser = FalseyValueParser::new())]
    pub quiet: bool,

    /// No colours
    #[arg(
        long,
        global = true,
        env = "FABRICCTL_NO_COLOR",
        value_parser = FalseyValueParser::new(),
        help = "No colours (NO_COLOR does the same)"
    )]
    pub no_color: bool,
}

/// The form of the document on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs; stable.
    Json,
    /// A picture; of `inventory graph` only, as those below.
    #[value(skip)]
    Svg,
    /// For Graphviz.
    #[value(skip)]
    Dot,
    /// For documents in Markdown.
    #[value(skip)]
    Mermaid,
    /// A page for browsers.
    #[value(skip)]
    Html,
    /// What CI systems read of tests (verify only).
    Junit,
    /// For the summary of a CI job (verify only).
    Markdown,
    /// The Test Anything Protocol, version 14 (verify only).
    Tap,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at the inventory; works offline
    Inventory(InventoryArgs),
    /// Render every node's files, offline
    #[command(after_long_help = help::RENDER)]
    Render(RenderArgs),
    /// Show what deploy would change; nothing is changed
    #[command(after_long_help = help::PLAN)]
    Plan(PlanArgs),
    /// Bring the fabric to its desired state and prove it
    ///
    /// Connects to all devices, compares them with the inventory, shows the plan, asks, applies it (spines, leafs,
    /// servers, workloads) and waits until every route is right. A second run finds nothing to change and restarts
    /// nothing. Files are checked on the device before they replace the old ones, and reloaded rather than restarted
    /// where that is enough. When a device can't be reached or lacks something, nothing is changed on any.
    ///
    /// What is replaced is saved on the devices first. When a step or the verification fails, and at Ctrl-C, all of it
    /// comes back (exit code 5, or 130); when a device hears nothing of the run any more, it does that by itself.
    ///
    /// Two spines, or two leafs with a server in common, are never changed at the same time while they carry traffic, and
    /// the next nodes begin when every route that was there before is back.
    #[command(after_long_help = help::DEPLOY)]
    Deploy(DeployArgs),
    /// Make the changes of a deployment final that waits for it (deploy --confirm manual)
    ///
    /// Until then each device puts back by itself what was there before, when its time is over. This connects anew to
    /// every device and tells those that wait for it to keep what they have.
    #[command(after_long_help = help::CONFIRM)]
    Confirm(ConfirmArgs),
    /// Ask the devices whether the fabric works
    ///
    /// Expectations come from the inventory alone. All devices are asked at the same time, each once a round, whatever
    /// the number of checks; then the answers are judged. A device that can't be reached is told, the others are judged.
    #[command(after_long_help = help::VERIFY)]
    Verify(VerifyArgs),
    /// Find the first place that is broken, and what to do about it
    ///
    /// Walks the way of a container from its process over its leaf and the spines to every other leaf and back, or
    /// what a node consists of, or who has an address. Each hop comes with what the device said. Without an argument,
    /// every failing check is explained, those with a common cause together. Nothing is changed.
    #[command(after_long_help = help::DIAGNOSE)]
    Diagnose(DiagnoseArgs),
    /// Show what runs have changed, the newest first
    ///
    /// Every deploy, rollback and teardown is recorded on this machine: who ran it, its plan, every step with its outcome, and how
    /// it ended. A run that was killed is shown as interrupted, with the steps that were under way.
    #[command(after_long_help = help::HISTORY, args_conflicts_with_subcommands = true)]
    History(HistoryArgs),
    /// Bring devices back to the state before a run
    ///
    /// The devices of the run, or those of --limit, get back what the run and all later ones changed on them: files,
    /// kernel settings, ports, services, containers. It comes from the snapshots that the devices keep of their last
    /// ten runs, so that neither templates nor older inventories are needed. The plan is shown first; the rollback is a
    /// run of its own, with lock, snapshot, guard and journal, and can itself be rolled back.
    ///
    /// Devices that can't be reached, or don't remember the run any more, are left as they are and told at the end; the
    /// others are done. The same command finishes the rest later. What a run left open that was killed, or that waits
    /// to be confirmed, is put back at once.
    ///
    /// In the end each device must be as it was, as far as any of these runs touched it. Whether the fabric then works
    /// as the inventory of now says is another matter: verify tells.
    #[command(after_long_help = help::ROLLBACK)]
    Rollback(RollbackArgs),
    /// Show the fabric on one screen: devices, links, sessions, routes, containers, the last run
    ///
    /// Every device is asked once, all at the same time. What isn't as desired is told as verify tells it; verify looks
    /// further, and diagnose finds the cause.
    #[command(after_long_help = help::STATUS, args_conflicts_with_subcommands = true)]
    Status(StatusArgs),
    /// Watch the fabric live: topology, routes and events on a full screen, or events as lines
    ///
    /// Each device keeps one connection, asks itself again and again, and tells only what has changed: links, sessions,
    /// routes, services, containers. Nothing is changed. A device that is lost is looked for until it is back.
    #[command(after_long_help = help::WATCH)]
    Watch(WatchArgs),
    /// Ask the devices, and write one page about the fabric: its picture coloured by state, routes, hosts, the last run
    ///
    /// The page is a single file that needs nothing else: it can be sent, kept, and opened without a network. It is written
    /// whatever the devices say. Exits with 0 when all is as desired, 1 when not, 4 when a device can't be reached.
    #[command(after_long_help = help::REPORT)]
    Report(ReportArgs),
    /// Run a command on devices, all at the same time
    ///
    /// It runs as root, without input, and at most --timeout. Devices that answered the same are shown together. Exits with
    /// 0 when the command did so everywhere, 1 when not, 4 when a device can't be reached.
    #[command(after_long_help = help::EXEC)]
    Exec(ExecArgs),
    /// Open a shell on a device, or run a command there
    ///
    /// As ssh itself: the exit code is that of the command, or 255 when there is no connection.
    #[command(after_long_help = help::SSH)]
    Ssh(SshArgs),
    /// Open a shell in a container, or run a command in it, wherever it runs
    ///
    /// The exit code is that of the command; 255 when there is no connection to its server.
    #[command(after_long_help = help::SHELL)]
    Shell(ShellArgs),
    /// Remove what fabricctl made and put back what was there before
    ///
    /// Containers, networks, images, files and daemons of the fabric go; files that stood there before the first
    /// deployment return. What fabricctl didn't make is never touched. Devices that can't be reached are left as they
    /// are and told at the end; the others are done.
    #[command(after_long_help = help::TEARDOWN)]
    Teardown(TeardownArgs),
    /// Run the whole fabric on this machine, on namespaces
    #[command(after_long_help = help::LAB)]
    Lab(LabArgs),
    /// Print a completion script for a shell
    #[command(after_long_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of a command if one is named
    #[command(after_long_help = help::MAN)]
    Man {
        /// The command, as in: man lab up
        command: Vec<String>,
    },
    /// A node's PID 1, started by `lab up`.
    #[command(hide = true)]
    LabNode(LabNodeArgs),
    /// The hub of a lab, started by `lab up`.
    #[command(hide = true)]
    LabHub(LabHubArgs),
    /// SSH's way into a lab, started by ssh.
    #[command(hide = true)]
    LabConnect(LabConnectArgs),
}
