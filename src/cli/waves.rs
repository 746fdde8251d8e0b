//! How the devices of a run follow one another, as typed.

use crate::fabric::NodeName;
use crate::planner::Share;
use clap::Args;
use clap::builder::FalseyValueParser;

/// How the devices of a run follow one another.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Order and stop rules")]
pub struct WaveArgs {
    /// At most so many nodes of a wave at the same time: a number, or a part of the wave such as 25%
    #[arg(long, env = "FABRICCTL_SERIAL", value_name = "N|P%", value_parser = serial)]
    pub serial: Option<Share>,

    /// The node that goes first in its wave, alone; if it fails, the run stops whatever --max-fail says
    #[arg(long, env = "FABRICCTL_CANARY", value_name = "NODE")]
    pub canary: Option<NodeName>,

    /// How many nodes may fail before the run stops: a number, or a part of the nodes to change such as 10% [default: 0]
    #[arg(long, env = "FABRICCTL_MAX_FAIL", value_name = "N|P%")]
    pub max_fail: Option<Share>,

    /// Don't spare what is in service: redundant nodes go together, and nothing waits for lost routes
    #[arg(long, env = "FABRICCTL_ALL_AT_ONCE", value_parser = FalseyValueParser::new())]
    pub all_at_once: bool,
}

/// A share of a wave that lets it get ahead.
fn serial(text: &str) -> Result<Share, String> {
    match text.parse().map_err(|error: crate::planner::ShareError| error.to_string())? {
        Share::Count(0) | Share::Percent(0) => {
            Err("with none at a time there is no end; 1 is one after the other".to_owned())
        }
        share => Ok(share),
    }
}
