//! What was typed. A handful of options doesn't need a parser with a library behind it, and the binary stays small.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

/// Where the configuration is when nobody says otherwise.
const CONFIG: &str = "/etc/rdnbrd.conf";
/// Where the process id is when nobody says otherwise.
const PID_FILE: &str = "/run/rdnbrd.pid";

/// The option that one process takes and its child must not.
pub(super) const GUARD: &str = "--guard";

/// What `--help` prints.
pub(super) const HELP: &str = "\
rdnbrd: redistribute neighbor. Learns the hosts behind its interfaces by ARP and neighbour discovery, proves them
alive, and keeps a kernel route for each (/32, /128), for a routing daemon to advertise.

Usage: rdnbrd [--config FILE] [--pid-file FILE] [--foreground] [--guard]
       rdnbrd status [-o text|json] [--socket PATH | --config FILE]
       rdnbrd metrics [--socket PATH | --config FILE]
       rdnbrd --check-config [FILE]
       rdnbrd --flush [--config FILE]
       rdnbrd --flush-after SECONDS [--config FILE] [--pid-file FILE]

Questions to the daemon that runs:
  status                     its ports, hosts and counters
  metrics                    its counters in the text format of Prometheus; its socket also answers GET /metrics

Options:
      --config FILE          configuration [default: /etc/rdnbrd.conf; it may be absent]
      --pid-file FILE        where the process id goes [default: /run/rdnbrd.pid]
      --foreground           stay in the foreground; it always does
      --guard                start it again when it dies, and remove its routes when that doesn't help: for systems
                             without a service manager that does
      --check-config [FILE]  read the configuration, say what is wrong with it, and exit with 0 or 2
      --flush                remove every route with our protocol number, and exit
      --flush-after SECONDS  wait, and then do so unless a daemon runs: for when it has died and stays dead
  -o, --output FORMAT        text or json [default: text]
      --socket PATH          where the daemon answers [default: what the configuration says]
      --version              print the version
      --help                 print this

Signals: TERM and INT end it (the routes stay unless on_exit = flush), HUP reads the configuration again.
Exit codes: 0 done, 1 failed or no daemon answers, 2 usage or configuration wrong.
";

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Be the daemon.
    Run,
    /// Check the configuration.
    Check,
    /// Remove our routes.
    Flush,
    /// Wait, and remove our routes unless a daemon runs.
    FlushAfter(Duration),
    /// Ask the daemon for everything.
    Status {
        /// As the daemon says it, not as a table.
        json: bool,
    },
    /// Ask the daemon for its figures.
    Metrics,
    /// Print the version.
    Version,
    /// Print the help.
    Help,
}

/// What was typed, complete with defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Args {
    pub(super) deed: Deed,
    pub(super) config: PathBuf,
    /// Whether the configuration was named, and so must exist.
    pub(super) named: bool,
    pub(super) pid_file: PathBuf,
    /// Whether the daemon is started again when it dies.
    pub(super) guard: bool,
    /// Where the daemon answers, if it was said.
    pub(super) socket: Option<PathBuf>,
}

/// Why the arguments make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// An option or argument that means nothing here.
    #[error("unknown argument {0:?}, see rdnbrd --help")]
    Unknown(OsString),
    /// An option without the file it needs.
    #[error("{0} needs a file")]
    NoFile(&'static str),
    /// An option without the word it needs, or with another one.
    #[error("{option} needs {allowed}")]
    Value {
        /// The option.
        option: &'static str,
        /// What may follow it.
        allowed: &'static str,
    },
}

impl Args {
    /// Reads the arguments that follow the program's name.
    pub(super) fn parse(typed: impl IntoIterator<Item = OsString>) -> Result<Self, ArgsError> {
        let mut args = Self {
            deed: Deed::Run,
            config: CONFIG.into(),
            named: false,
            pid_file: PID_FILE.into(),
            socket: None,
            guard: false,
        };
        let mut json = None;
        let mut typed = typed.into_iter().flat_map(split_at_equals).peekable();
        while let Some(word) = typed.next() {
            let mut file = |option| typed.next().map(PathBuf::from).ok_or(ArgsError::NoFile(option));
            match word.to_str() {
                Some("--config") => {
                    args.config = file("--config")?;
                    args.named = true;
                }
                Some("--pid-file") => args.pid_file = file("--pid-file")?,
                Some("--socket") => args.socket = Some(file("--socket")?),
                Some("status") => args.deed = Deed::Status { json: false },
                Some("metrics") => args.deed = Deed::Metrics,
                Some("--output" | "-o") => json = Some(is_json(typed.next().as_deref())?),
                Some("--flush-after") => args.deed = Deed::FlushAfter(span(typed.next().as_deref())?),
                Some("--check-config") => {
                    args.deed = Deed::Check;
                    let is_file = |next: &OsString| !next.as_encoded_bytes().starts_with(b"--");
                    if let Some(file) = typed.next_if(is_file) {
                        args.config = file.into();
                    }
                    args.named = true;
                }
                Some("--flush") => args.deed = Deed::Flush,
                Some("--foreground") => {}
                Some(GUARD) => args.guard = true,
                Some("--version" | "-V") => args.deed = Deed::Version,
                Some("--help" | "-h") => args.deed = Deed::Help,
                _ => return Err(ArgsError::Unknown(word)),
            }
        }
        match (&mut args.deed, json) {
            (Deed::Status { json: wanted }, Some(json)) => *wanted = json,
            (_, None) => {}
            (_, Some(_)) => return Err(ArgsError::Unknown("--output".into())),
        }
        Ok(args)
    }
}

fn is_json(word: Option<&OsStr>) -> Result<bool, ArgsError> {
    match word.and_then(OsStr::to_str) {
        Some("json") => Ok(true),
        Some("text") => Ok(false),
        _ => Err(ArgsError::Value { option: "--output", allowed: "text or json" }),
    }
}

fn span(word: Option<&OsStr>) -> Result<Duration, ArgsError> {
    let seconds = word.and_then(OsStr::to_str).and_then(|text| text.parse().ok());
    let span = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    span.ok_or(ArgsError::Value { option: "--flush-after", allowed: "seconds" })
}

/// `--config=FILE` is `--config FILE`.
fn split_at_equals(word: OsString) -> Vec<OsString> {
    match word.to_str().and_then(|text| text.split_once('=')) {
        Some((option, value)) if option.starts_with("--") => vec![option.into(), value.into()],
        _ => vec![word],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(typed: &[&str]) -> Result<Args, ArgsError> {
        Args::parse(typed.iter().map(OsString::from))
    }

    #[test]
    fn without_arguments_it_is_the_daemon_with_the_usual_files() {
        let args = parse(&[]).unwrap();
        assert_eq!((args.deed, args.named), (Deed::Run, false));
        assert_eq!(args.config, PathBuf::from(CONFIG));
    }

    #[test]
    fn files_follow_their_options_with_a_space_or_an_equals_sign() {
        let args = parse(&["--config", "a", "--pid-file=b", "--flush"]).unwrap();
        assert_eq!((args.deed, args.config, args.pid_file), (Deed::Flush, "a".into(), "b".into()));
        let args = parse(&["--check-config", "c"]).unwrap();
        assert_eq!((args.deed, args.config, args.named), (Deed::Check, "c".into(), true));
        assert_eq!(parse(&["--check-config", "--config", "d"]).unwrap().config, PathBuf::from("d"));
    }

    #[test]
    fn questions_are_words() {
        let args = parse(&["status", "-o", "json", "--socket", "/s"]).unwrap();
        assert_eq!((args.deed, args.socket), (Deed::Status { json: true }, Some("/s".into())));
        assert_eq!(parse(&["--output=text", "status"]).unwrap().deed, Deed::Status { json: false });
        assert_eq!(parse(&["metrics"]).unwrap().deed, Deed::Metrics);
        let half = Duration::from_millis(500);
        assert_eq!(parse(&["--flush-after", "0.5"]).unwrap().deed, Deed::FlushAfter(half));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(parse(&["--config"]), Err(ArgsError::NoFile("--config")));
        assert_eq!(parse(&["--confg"]), Err(ArgsError::Unknown("--confg".into())));
        assert_eq!(parse(&["x"]), Err(ArgsError::Unknown("x".into())));
        for wrong in
            [&["-o", "json"][..], &["status", "-o"], &["status", "-o", "yaml"], &["--flush-after", "soon"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
