//! `fabricctl verify …`, as typed.

use super::Target;
use clap::{Args, Subcommand};
use std::time::Duration;

/// Ask the devices whether the fabric works
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// What to verify.
    #[command(subcommand)]
    pub what: VerifyWhat,
}

/// What can be verified.
#[derive(Debug, Subcommand)]
pub enum VerifyWhat {
    /// Every spine and leaf has every container's /32 and every loopback, by the right next hops
    #[command(after_long_help = super::help::VERIFY_ROUTES)]
    Routes(RoutesArgs),
    /// Nothing on the devices differs from what the last run put there
    ///
    /// Each device keeps a record of what runs put there. What is there now is compared with that, not with the inventory:
    /// one that was edited and not deployed yet is no drift. Compared are files (content, owner, mode), FRR's running
    /// configuration, interfaces, kernel settings, services, networks and containers. Nothing is changed.
    #[command(after_long_help = super::help::VERIFY_DRIFT)]
    Drift(DriftArgs),
}

/// Which devices.
#[derive(Debug, Clone, Args)]
pub struct DriftArgs {
    /// The devices.
    #[command(flatten)]
    pub target: Target,
}

/// Which devices, and how long to wait for the routes to become right.
#[derive(Debug, Clone, Args)]
pub struct RoutesArgs {
    /// The devices.
    #[command(flatten)]
    pub target: Target,

    /// Ask again until it is true, at most this long (30s, 500ms, 2m); without it, ask once
    #[arg(long, env = "FABRICCTL_WAIT", value_name = "DURATION", value_parser = duration, default_value = "0s")]
    pub wait: Duration,

    /// How long to rest between two questions
    #[arg(
        long,
        env = "FABRICCTL_INTERVAL",
        value_name = "DURATION",
        value_parser = interval,
        default_value = "250ms"
    )]
    pub interval: Duration,
}

/// Reads a duration such as `30s`, `500ms`, `2m` or `1m 30s`.
///
/// # Errors
/// With a sentence for the person who typed it.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim()).map_err(|error| format!("{error}; write 30s, 500ms or 2m"))
}

/// A duration that does not make devices answer without a pause.
fn interval(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(10);
    match duration(text)? {
        short if short < least => Err("at least 10ms are needed between two questions".to_owned()),
        interval => Ok(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        verify: VerifyArgs,
    }

    fn wait(arguments: &[&str]) -> Result<RoutesArgs, String> {
        let words = ["verify", "routes"].iter().chain(arguments);
        let typed = Typed::try_parse_from(words).map_err(|error| error.to_string())?;
        match typed.verify.what {
            VerifyWhat::Routes(wait) => Ok(wait),
            VerifyWhat::Drift(_) => Err("another one".to_owned()),
        }
    }

    #[test]
    fn durations_as_people_write_them() {
        for (text, ms) in
            [("30s", 30_000), ("500ms", 500), ("2m", 120_000), ("1m 30s", 90_000), (" 1s ", 1000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "-1s", "1.5.2s", "3 parsecs", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(
            duration("30").unwrap_err(),
            "time unit needed, for example 30sec or 30ms; write 30s, 500ms or 2m"
        );
    }

    #[test]
    fn without_wait_it_asks_once() {
        assert_eq!(wait(&[]).unwrap().wait, Duration::ZERO);
        let typed = wait(&["--wait", "30s", "--interval=1s"]).unwrap();
        assert_eq!((typed.wait, typed.interval), (Duration::from_secs(30), Duration::from_secs(1)));
    }

    #[test]
    fn a_wrong_duration_is_explained() {
        assert!(wait(&["--wait", "soon"]).unwrap_err().contains("write 30s, 500ms or 2m"));
        assert!(wait(&["--interval", "0s"]).unwrap_err().contains("at least 10ms"));
    }
}
