//! What was typed: the command line as data. Nothing here acts.

mod deploy;
mod inventory;
mod lab;
mod render;
mod target;
mod verify;

pub use deploy::{DaemonArgs, DeployArgs, PlanArgs, TeardownArgs};
pub use inventory::{InventoryArgs, InventoryVerb};
pub use lab::{
    LabArgs, LabConnectArgs, LabHubArgs, LabName, LabNodeArgs, LabSshArgs, LabSuite, LabUpArgs, LabVerb,
};
pub use render::RenderArgs;
pub use target::Target;
pub use verify::{RoutesArgs, VerifyArgs, VerifyWhat, duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Take a leaf/spine/server fabric from an inventory to a working, proven state, and back.
#[derive(Debug, Parser)]
#[command(name = "fabricctl", version, max_term_width = 110, arg_required_else_help = true)]
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
    /// Inventory: a folder with fabric.yml, or a file
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
    #[arg(long, global = true, env = "FABRICCTL_PARALLEL", value_name = "N", default_value_t = 32)]
    pub parallel: usize,

    /// Longest time that one command on a device may take, in seconds
    #[arg(long, global = true, env = "FABRICCTL_TIMEOUT", value_name = "SECONDS", default_value_t = 120)]
    pub timeout: u64,

    /// OpenSSH configuration to use instead of your own
    #[arg(long, global = true, env = "FABRICCTL_SSH_CONFIG", value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,

    /// Say more on stderr: every step and how long it took
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, env = "FABRICCTL_QUIET")]
    pub quiet: bool,

    /// No colours (`NO_COLOR` does the same)
    #[arg(long, global = true, env = "FABRICCTL_NO_COLOR")]
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
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at the inventory; works offline
    Inventory(InventoryArgs),
    /// Render every node's files, offline
    Render(RenderArgs),
    /// Show what deploy would change; nothing is changed
    Plan(PlanArgs),
    /// Bring the fabric to its desired state and prove it
    Deploy(DeployArgs),
    /// Ask the devices whether the fabric works
    Verify(VerifyArgs),
    /// Remove what fabricctl made and put back what was there before
    Teardown(TeardownArgs),
    /// Run the whole fabric on this machine, on namespaces
    Lab(LabArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
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
