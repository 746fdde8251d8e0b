//! `fabricctl report`, as typed.

use super::Target;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Ask the devices, and write one page about the fabric
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The devices.
    #[command(flatten)]
    pub target: Target,

    /// Write the page to this file; without it, to stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Ask again until all is as desired, at most this long (30s, 500ms, 2m); without it, ask once
    #[arg(long, env = "FABRICCTL_WAIT", value_name = "DURATION", value_parser = super::duration, default_value = "0s")]
    pub wait: Duration,
}
