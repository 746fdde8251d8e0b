//! `fabricctl diagnose …`, as typed.

use super::Target;
use clap::Args;

/// What is looked into, on which devices.
#[derive(Debug, Clone, Args)]
pub struct DiagnoseArgs {
    /// A container, a node, or an IPv4 address; without one, every failing check is explained
    #[arg(value_name = "ADDRESS|CONTAINER|NODE")]
    pub subject: Option<String>,

    /// Print the JSON Schema of the documents that -o json prints; asks no device
    #[arg(long, conflicts_with = "subject")]
    pub schema: bool,

    /// The devices.
    #[command(flatten)]
    pub target: Target,
}
