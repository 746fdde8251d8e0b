//! `deploy` and `teardown`.

use super::Target;
use clap::Args;
use clap::builder::FalseyValueParser;
use std::path::PathBuf;

/// Where the neighbour daemon for leafs comes from.
#[derive(Debug, Clone, Args)]
pub struct DaemonArgs {
    /// The rdnbrd to put on leafs [default: the one beside fabricctl]
    #[arg(long, env = "FABRICCTL_RDNBRD", value_name = "FILE")]
    pub rdnbrd: Option<PathBuf>,
}

/// Options of every verb that changes devices.
#[derive(Debug, Clone, Args)]
pub struct ChangeArgs {
    /// The devices
    #[command(flatten)]
    pub target: Target,

    /// Show the plan and stop: nothing is changed
    #[arg(long)]
    pub dry_run: bool,

    /// Don't ask before changing anything
    #[arg(short, long, env = "FABRICCTL_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,
}

/// Bring the fabric to its desired state: connect, observe, show the plan, apply it, verify.
///
/// A second run finds nothing to change and restarts nothing. Files are checked on the device before they
/// replace the old ones, and reloaded rather than restarted where that is enough.
#[derive(Debug, Clone, Args)]
pub struct DeployArgs {
    /// A plan that plan --out saved: exactly that is done, or nothing if anything has changed since
    #[arg(value_name = "FILE")]
    pub plan: Option<PathBuf>,

    /// Where, and with whose consent.
    #[command(flatten)]
    pub change: ChangeArgs,

    /// The daemon.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Don't wait for the routes
    #[arg(long)]
    pub no_verify: bool,

    /// Longest time for the routes to become right (30s, 500ms, 2m)
    #[arg(
        long,
        env = "FABRICCTL_WAIT",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = super::duration
    )]
    pub wait: std::time::Duration,
}

/// `fabricctl plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The devices
    #[command(flatten)]
    pub target: Target,

    /// The daemon.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Exit with 3 when there is something to change
    #[arg(long)]
    pub exit_code: bool,

    /// Save the plan in this file, for deploy FILE; it holds digests only, no content of any file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Show the commands that each step runs on its device, and the files that travel with them
    #[arg(long)]
    pub detail: bool,
}

/// `fabricctl teardown`.
#[derive(Debug, Clone, Args)]
pub struct TeardownArgs {
    /// Where, and with whose consent.
    #[command(flatten)]
    pub change: ChangeArgs,

    /// Remove containers, networks and images, but leave files and daemons
    #[arg(long)]
    pub keep_config: bool,
}
