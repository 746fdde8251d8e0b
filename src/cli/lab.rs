//! `fabricctl lab …` as it was typed.

use crate::lab::{FAULTS, Fault};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use std::net::IpAddr;
use std::path::PathBuf;

/// Run the whole fabric on this machine, on namespaces
#[derive(Debug, Args)]
pub struct LabArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: LabVerb,

    /// Directory that holds all labs
    #[arg(
        long,
        global = true,
        env = "FABRICCTL_LAB_DIR",
        value_name = "DIR",
        default_value = crate::lab::STATE_ROOT
    )]
    pub state_dir: PathBuf,
}

/// The verbs of a lab.
#[derive(Debug, Subcommand)]
pub enum LabVerb {
    /// Bring the inventory's fabric up, or what is missing of it
    Up(LabUpArgs),
    /// End a lab and remove all of it
    Down(LabName),
    /// Take a node's power away and start it again
    Restart(LabRestartArgs),
    /// Break something in a node, or mend it
    Fault(LabFaultArgs),
    /// Show the labs and what runs of them
    List,
    /// Open a shell on a node, or run a command there
    Ssh(LabSshArgs),
}

/// Which lab.
#[derive(Debug, Args)]
pub struct LabName {
    /// The lab [default: the only one there is]
    #[arg(long, value_name = "LAB")]
    pub name: Option<String>,
}

/// `fabricctl lab up`.
#[derive(Debug, Args)]
pub struct LabUpArgs {
    /// The lab's name; labs of different names run side by side [default: the fabric's name]
    #[arg(long, value_name = "LAB")]
    pub name: Option<String>,

    /// Debian release that the nodes run
    #[arg(long, env = "FABRICCTL_LAB_SUITE", value_enum, default_value_t)]
    pub suite: LabSuite,

    /// Where root filesystems are kept between labs [default: fabricctl in your cache directory]
    #[arg(long, env = "FABRICCTL_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,

    /// User who may use the lab besides root: whoever ran sudo
    #[arg(long, hide = true, env = "SUDO_UID", default_value_t = 0)]
    pub owner_uid: u32,

    /// Group of that user
    #[arg(long, hide = true, env = "SUDO_GID", default_value_t = 0)]
    pub owner_gid: u32,
}

/// A Debian release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LabSuite {
    /// Debian 12: FRR 8.4, Docker 20.10
    #[default]
    Bookworm,
    /// Debian 13: FRR 10.3, Docker 26.1
    Trixie,
}

/// `fabricctl lab ssh`.
#[derive(Debug, Args)]
pub struct LabSshArgs {
    /// Which lab.
    #[command(flatten)]
    pub lab: LabName,

    /// The node, or USER@NODE
    pub node: String,

    /// Command to run there; a shell without one
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

/// `fabricctl lab restart`.
#[derive(Debug, Args)]
pub struct LabRestartArgs {
    /// Which lab.
    #[command(flatten)]
    pub lab: LabName,

    /// The node
    pub node: String,
}

/// Break something in a node, or mend it: to see what a deployment makes of it
#[derive(Debug, Args)]
pub struct LabFaultArgs {
    /// Which lab.
    #[command(flatten)]
    pub lab: LabName,

    /// The node
    pub node: String,

    /// What breaks
    #[arg(value_parser = fault())]
    pub fault: &'static Fault,

    /// Mend it
    #[arg(long)]
    pub undo: bool,
}

/// The faults by their names, each told with what it breaks.
fn fault() -> impl TypedValueParser<Value = &'static Fault> {
    let names = FAULTS.iter().map(|fault| PossibleValue::new(fault.name).help(fault.about));
    PossibleValuesParser::new(names)
        .try_map(|name| FAULTS.iter().find(|fault| fault.name == name).ok_or("there is no such fault"))
}

/// A node's PID 1, started by `lab up`.
#[derive(Debug, Args)]
pub struct LabNodeArgs {
    /// The lab's directory.
    pub directory: PathBuf,
    /// The node.
    pub node: String,
}

/// The hub of a lab, started by `lab up`.
#[derive(Debug, Args)]
pub struct LabHubArgs {
    /// The lab's directory.
    pub directory: PathBuf,
}

/// SSH's way into a lab, started by ssh.
#[derive(Debug, Args)]
pub struct LabConnectArgs {
    /// The lab's directory.
    pub directory: PathBuf,
    /// Address of the node.
    pub host: IpAddr,
    /// TCP port.
    pub port: u16,
}
