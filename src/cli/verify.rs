//! `fabricctl verify …`, as typed.

use super::Target;
use crate::verify::CheckName;
use clap::{Args, ValueEnum};
use std::collections::BTreeSet;
use std::time::Duration;

/// Ask the devices whether the fabric works
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// What to verify; all of it when nothing is named
    #[arg(value_name = "CHECK", value_enum, hide_possible_values = true)]
    pub checks: Vec<VerifyWhat>,

    /// Leave this check out; may be repeated
    #[arg(
        long,
        env = "FABRICCTL_SKIP",
        value_name = "CHECK",
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    pub skip: Vec<VerifyWhat>,

    /// Show the checks; asks no device
    #[arg(long)]
    pub list: bool,

    /// Print the JSON Schema of the document that -o json prints; asks no device
    #[arg(long, conflicts_with = "list")]
    pub schema: bool,

    /// The devices.
    #[command(flatten)]
    pub target: Target,

    /// Ask again until it is true, at most this long (30s, 500ms, 2m); without it, ask once
    #[arg(long, env = "FABRICCTL_WAIT", value_name = "DURATION", value_parser = duration, default_value = "0s")]
    pub wait: Duration,

    /// When --wait is over, look on for so long to tell how much longer it would have taken
    #[arg(long, env = "FABRICCTL_GRACE", value_name = "DURATION", value_parser = duration, default_value = "10s")]
    pub grace: Duration,

    /// It must stay true for so long; tells when it wasn't, and for how long
    #[arg(long = "for", env = "FABRICCTL_FOR", value_name = "DURATION", value_parser = duration)]
    pub watch: Option<Duration>,

    /// How long to rest between two questions [default: 250ms; with --for, 1s]
    #[arg(long, env = "FABRICCTL_INTERVAL", value_name = "DURATION", value_parser = interval)]
    pub interval: Option<Duration>,
}

/// What can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyWhat {
    /// Everything.
    All,
    /// Services run and start with their device.
    Services,
    /// Clocks agree.
    Time,
    /// Ports, MTUs and cables.
    Links,
    /// BGP sessions.
    Bgp,
    /// Containers.
    Workloads,
    /// rdnbrd and the kernel agree.
    Neighbors,
    /// Routes.
    Routes,
    /// Containers reach each other.
    Reachability,
    /// Devices against what the last run put there; alone, with all that differs.
    Drift,
}

impl VerifyWhat {
    /// The check; `None` for all of them.
    pub fn check(self) -> Option<CheckName> {
        match self {
            VerifyWhat::All => None,
            VerifyWhat::Services => Some(CheckName::Services),
            VerifyWhat::Time => Some(CheckName::Time),
            VerifyWhat::Links => Some(CheckName::Links),
            VerifyWhat::Bgp => Some(CheckName::Bgp),
            VerifyWhat::Workloads => Some(CheckName::Workloads),
            VerifyWhat::Neighbors => Some(CheckName::Neighbors),
            VerifyWhat::Routes => Some(CheckName::Routes),
            VerifyWhat::Reachability => Some(CheckName::Reachability),
            VerifyWhat::Drift => Some(CheckName::Drift),
        }
    }
}

impl VerifyArgs {
    /// The checks that are meant.
    pub fn chosen(&self) -> BTreeSet<CheckName> {
        let all = self.checks.is_empty() || self.checks.contains(&VerifyWhat::All);
        let named = |check: &CheckName| self.checks.iter().any(|what| what.check() == Some(*check));
        let skipped = |check: &CheckName| self.skip.iter().any(|what| what.check() == Some(*check));
        CheckName::all().filter(|check| (all || named(check)) && !skipped(check)).collect()
    }
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

    fn wait(arguments: &[&str]) -> Result<VerifyArgs, String> {
        let words = ["verify", "routes"].iter().chain(arguments);
        let typed = Typed::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(typed.verify)
    }

    #[test]
    fn checks_are_chosen_and_left_out() {
        let chosen = |words: &[&str]| -> Vec<&str> {
            let typed = Typed::try_parse_from(["verify"].iter().chain(words)).unwrap();
            typed.verify.chosen().into_iter().map(CheckName::as_str).collect()
        };
        assert_eq!(chosen(&[]).len(), CheckName::all().count());
        assert_eq!(chosen(&["all"]), chosen(&[]));
        assert_eq!(chosen(&["bgp", "links"]), ["links", "bgp"]);
        assert_eq!(chosen(&["bgp", "links", "--skip", "bgp"]), ["links"]);
        assert_eq!(chosen(&["--skip", "bgp,time"]).len(), CheckName::all().count() - 2);
        assert!(Typed::try_parse_from(["verify", "weather"]).is_err());
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
        assert_eq!((typed.wait, typed.interval), (Duration::from_secs(30), Some(Duration::from_secs(1))));
    }

    #[test]
    fn a_wrong_duration_is_explained() {
        assert!(wait(&["--wait", "soon"]).unwrap_err().contains("write 30s, 500ms or 2m"));
        assert!(wait(&["--interval", "0s"]).unwrap_err().contains("at least 10ms"));
    }
}
