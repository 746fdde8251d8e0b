//! `fabricctl rollback`, as typed.

use super::{ChangeArgs, EndArgs};
use clap::Args;

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

    /// How it ends.
    #[command(flatten)]
    pub end: EndArgs,
}
