//! `deploy` and `teardown`.

use super::{Target, WaveArgs};
use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

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

    /// End another run that is working on a device, and take the device over
    #[arg(long)]
    pub break_lock: bool,
}

/// When a run is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Confirm {
    /// When the devices are as desired, answer on new connections, and the routes are right
    #[default]
    Auto,
    /// When you say so: fabricctl confirm
    Manual,
}

/// What becomes of a run that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OnFailure {
    /// What was there before it comes back, on every device
    #[default]
    Rollback,
    /// What was done stays; the next deploy goes on from there
    Keep,
}

/// How a run ends whose devices have a guard.
#[derive(Debug, Clone, Args)]
pub struct EndArgs {
    /// When the changes are final
    #[arg(long, env = "FABRICCTL_CONFIRM", value_name = "WHEN", value_enum, default_value_t)]
    pub confirm: Confirm,

    /// How long a device waits to hear of this run before it puts back what was there (30s, 2m)
    #[arg(
        long,
        env = "FABRICCTL_CONFIRM_WITHIN",
        value_name = "DURATION",
        default_value = "2m",
        value_parser = guard_time
    )]
    pub confirm_within: Duration,

    /// What to do when a step or the verification fails, or at Ctrl-C
    #[arg(long, env = "FABRICCTL_ON_FAILURE", value_name = "WHAT", value_enum, default_value_t)]
    pub on_failure: OnFailure,
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

    /// Don't look at the routes at the end (on the way those that were there before are waited for all the same)
    #[arg(long)]
    pub no_verify: bool,

    /// Longest time for the routes to become right: at the end, and before the next nodes begin (30s, 500ms, 2m)
    #[arg(
        long,
        env = "FABRICCTL_WAIT",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = super::duration
    )]
    pub wait: Duration,

    /// How it ends.
    #[command(flatten)]
    pub end: EndArgs,

    /// Order and stop rules.
    #[command(flatten)]
    pub waves: WaveArgs,
}

/// `fabricctl confirm`.
#[derive(Debug, Clone, Args)]
pub struct ConfirmArgs {
    /// The devices
    #[command(flatten)]
    pub target: Target,
}

/// A duration that a guard can keep: it counts whole seconds, and hears of its run every five.
fn guard_time(text: &str) -> Result<Duration, String> {
    let least = Duration::from_secs(10);
    match super::duration(text)? {
        short if short < least => Err("a device needs at least 10s to hear that the run lives".to_owned()),
        long if long > Duration::from_secs(86_400) => Err("a day is the most".to_owned()),
        time => Ok(time),
    }
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
