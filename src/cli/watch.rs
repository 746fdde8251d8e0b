//! `fabricctl watch`, as typed.

use super::Target;
use clap::Args;
use std::time::Duration;

/// What is watched, and how.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// The devices.
    #[command(flatten)]
    pub target: Target,

    /// Print what changes as lines instead, one an event; so it does where stdout is no terminal that can draw
    #[arg(long, env = "FABRICCTL_PLAIN", value_parser = clap::builder::FalseyValueParser::new())]
    pub plain: bool,

    /// How long devices rest between two questions; what they hear of by themselves they tell sooner
    #[arg(long, env = "FABRICCTL_INTERVAL", value_name = "DURATION", value_parser = interval, default_value = "1s")]
    pub interval: Duration,
}

/// A duration that leaves devices time for other things.
fn interval(text: &str) -> Result<Duration, String> {
    let (least, most) = (Duration::from_millis(200), Duration::from_secs(3600));
    match super::duration(text)? {
        short if short < least => Err("at least 200ms are needed between two questions".to_owned()),
        long if long > most => Err("at most 1h".to_owned()),
        interval => Ok(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_left_in_peace() {
        assert_eq!(interval("1s"), Ok(Duration::from_secs(1)));
        assert!(interval("10ms").unwrap_err().contains("200ms"));
        assert!(interval("2h").unwrap_err().contains("1h"));
        assert!(interval("1").unwrap_err().contains("write 30s"));
    }
}
