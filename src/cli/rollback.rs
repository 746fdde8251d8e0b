//! `fabricctl rollback`, as typed.

use super::{ChangeArgs, Confirm, OnFailure};
use clap::Args;
use std::time::Duration;

/// `fabricctl rollback`.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The run: its name, as much of its beginning as no other run has, or what stands after its dash
    /// [default: the last one that changed something]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,

    /// Where, and with whose consent.
    #[command(flatten)]
    pub change: ChangeArgs,

    /// When the changes are final
    #[arg(long, env = "FABRICCTL_CONFIRM", value_name = "WHEN", value_enum, default_value_t)]
    pub confirm: Confirm,

    /// How long a device waits to hear of this run before it puts back what was there (30s, 2m)
    #[arg(
        long,
        env = "FABRICCTL_CONFIRM_WITHIN",
        value_name = "DURATION",
        default_value = "2m",
        value_parser = super::deploy::guard_time
    )]
    pub confirm_within: Duration,

    /// What to do when a step fails, or at Ctrl-C
    #[arg(long, env = "FABRICCTL_ON_FAILURE", value_name = "WHAT", value_enum, default_value_t)]
    pub on_failure: OnFailure,
}
