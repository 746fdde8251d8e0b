//! `fabricctl inventory …`, as typed.

use crate::fabric::NodeName;
use clap::{Args, Subcommand};

/// Look at the inventory; works offline
#[derive(Debug, Args)]
pub struct InventoryArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub verb: InventoryVerb,
}

/// What can be done with an inventory.
#[derive(Debug, Subcommand)]
pub enum InventoryVerb {
    /// Check it and report everything that is wrong, with file, line and column
    Validate,
    /// Show it with every setting resolved and everything derived
    Show {
        /// Only this node, with its ports and workloads
        node: Option<NodeName>,
    },
    /// List nodes and workloads
    List,
}
