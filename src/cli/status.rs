//! `fabricctl status …`, as typed.

use super::Target;
use clap::{Args, Subcommand};

/// Show the fabric on one screen
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// What to ask for instead of everything.
    #[command(subcommand)]
    pub what: Option<StatusWhat>,

    /// The devices.
    #[command(flatten)]
    pub target: Target,

    /// Print the JSON Schema of the document that -o json prints; asks no device
    #[arg(long)]
    pub schema: bool,
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
