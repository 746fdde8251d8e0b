//! `fabricctl history …`, as typed.

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};

/// `fabricctl history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// What to show; the list without one.
    #[command(subcommand)]
    pub verb: Option<HistoryVerb>,

    /// How many runs to list
    #[arg(
        short = 'n',
        long,
        value_name = "N",
        default_value_t = 20,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..)
    )]
    pub limit_runs: usize,
}

/// The verbs of the history.
#[derive(Debug, Subcommand)]
pub enum HistoryVerb {
    /// Show a run: its plan with the differences of files, each step's outcome and duration, and how it ended
    #[command(after_long_help = super::help::HISTORY_SHOW)]
    Show {
        /// The run: its name, as much of its beginning as no other run has, or what stands after its dash
        run: String,
    },
}
