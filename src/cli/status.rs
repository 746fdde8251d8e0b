//! `fabricctl status …`, as typed.

use super::Target;
use clap::{Args, Subcommand};

/// Ask the devices what they know right now
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// What to ask for.
    #[command(subcommand)]
    pub what: StatusWhat,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum StatusWhat {
    /// The hosts behind every leaf's ports, as its rdnbrd knows them
    #[command(after_long_help = super::help::STATUS_NEIGHBORS)]
    Neighbors(NeighborsArgs),
}

/// Which devices.
#[derive(Debug, Clone, Args)]
pub struct NeighborsArgs {
    /// The devices.
    #[command(flatten)]
    pub target: Target,
}
