//! `/etc/rdnbrd.conf`: the format of Cumulus Linux's daemon of the same name, and more keys.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `keepalive` | 1 | seconds between two probes of a host that answers |
//! | `retry_interval` | 0.2 | seconds a probe has for its answer |
//! | `retries` | 3 | probes that follow a missed one, the last by broadcast; then the host is withdrawn |
//! | `holdtime` | – | seconds of silence until a host is withdrawn; instead of `retries`, at least 3 × keepalive |
//! | `unicast_arp_requests` | True | ask known hosts by unicast |
//! | `sweep` | slow | `off`, `slow` (60 s), `fast` (10 s) or seconds between searches for silent hosts |
//! | `max_hosts` | 16384 | addresses tracked at most |
//! | `interfaces` | `swp*` | names and patterns of the interfaces with hosts |
//! | `route_table` | 254 | table of the routes: 254 is main; Cumulus Linux uses 10 and imports it into FRR |
//! | `protocol` | 76 | protocol number that marks the routes as ours |
//! | `on_exit` | keep | `keep` or `flush` the routes when stopped |
//! | `loglevel` | INFO | CRITICAL, ERROR, WARNING, INFO, DEBUG |
//! | `debug_arp` | – | interfaces whose ARP packets are logged |
//!
//! With the defaults a dead host is withdrawn within 1.1 + 4 × 0.2 = 1.9 s. A file of Cumulus Linux with
//! `keepalive = 1` and `holdtime = 3` gives its 3 s: probes go on every `retry_interval` until then.

use super::pattern::Pattern;
use super::{Level, Settings, SweepEvery};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What the daemon is told by its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// For the machine.
    pub settings: Settings,
    /// Which interfaces have hosts.
    pub interfaces: Vec<Pattern>,
    /// The kernel's routing table.
    pub route_table: u32,
    /// The kernel's protocol number (`rtm_protocol`).
    pub protocol: u8,
    /// What becomes of the routes when the daemon is told to end.
    pub on_exit: OnExit,
    /// The least important lines that are logged.
    pub loglevel: Level,
    /// Interfaces whose ARP packets are logged.
    pub debug_arp: Vec<Pattern>,
}

/// What becomes of the routes when the daemon is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExit {
    /// They stay, for the next instance to adopt: a restart is no flap.
    Keep,
    /// They go.
    Flush,
}

/// One fault of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {fault}")]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither a comment nor a section nor `key = value`.
    #[error("not of the form key = value: {0:?}")]
    Syntax(String),
    /// A section that means nothing here.
    #[error("unknown section [{}], only [main] is allowed, or none", .0.escape_debug())]
    Section(String),
    /// A key that means nothing here.
    #[error("unknown key {key:?}{}", suggestion(*.nearest))]
    UnknownKey {
        /// As written.
        key: String,
        /// The known key that is most like it.
        nearest: Option<&'static str>,
    },
    /// A key given before.
    #[error("{key} is given again, first in line {first}")]
    Again {
        /// The key.
        key: &'static str,
        /// The line where it was given first.
        first: usize,
    },
    /// A value the key can't have.
    #[error("{key} is {value:?}, allowed: {allowed}")]
    Value {
        /// The key.
        key: &'static str,
        /// As written.
        value: String,
        /// What may stand there.
        allowed: String,
    },
    /// Two keys that say the same thing.
    #[error(
        "holdtime and retries both say when a host is given up, keep one of them (retries is in line {0})"
    )]
    HoldtimeAndRetries(usize),
}

fn suggestion(nearest: Option<&'static str>) -> String {
    nearest.map(|key| format!(", did you mean {key}?")).unwrap_or_default()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            interfaces: Pattern::new("swp*").into_iter().collect(),
            route_table: 254,
            protocol: 76,
            on_exit: OnExit::Keep,
            loglevel: Level::Info,
            debug_arp: Vec::new(),
        }
    }
}

/// Takes a value into the configuration, or says what is allowed.
type Take = fn(&mut Config, &str) -> Result<(), String>;

const KEYS: [(&str, Take); 13] = [
    ("keepalive", |config, value| {
        config.settings.keepalive = seconds(value, 0.1, 3600.0)?;
        Ok(())
    }),
    ("holdtime", |config, value| {
        config.settings.holdtime = Some(seconds(value, 0.3, 36_000.0)?);
        Ok(())
    }),
    ("retry_interval", |config, value| {
        config.settings.retry_interval = seconds(value, 0.01, 60.0)?;
        Ok(())
    }),
    ("retries", |config, value| {
        config.settings.retries = number(value, 1, 100)?;
        Ok(())
    }),
    ("unicast_arp_requests", |config, value| {
        config.settings.unicast = boolean(value)?;
        Ok(())
    }),
    ("sweep", |config, value| {
        config.settings.sweep = sweep(value)?;
        Ok(())
    }),
    ("max_hosts", |config, value| {
        config.settings.max_hosts = number::<usize>(value, 1, 1_000_000)?;
        Ok(())
    }),
    ("interfaces", |config, value| {
        config.interfaces = patterns(value)?;
        if config.interfaces.is_empty() { Err(INTERFACES.to_owned()) } else { Ok(()) }
    }),
    ("route_table", |config, value| {
        config.route_table = table(value)?;
        Ok(())
    }),
    ("protocol", |config, value| {
        config.protocol = protocol(value)?;
        Ok(())
    }),
    ("on_exit", |config, value| {
        config.on_exit = one_of(value, &[("keep", OnExit::Keep), ("flush", OnExit::Flush)])?;
        Ok(())
    }),
    ("loglevel", |config, value| {
        config.loglevel = one_of(&value.to_ascii_uppercase(), &LEVELS)?;
        Ok(())
    }),
    ("debug_arp", |config, value| {
        config.debug_arp = patterns(value)?;
        Ok(())
    }),
];

const INTERFACES: &str = "interface names or patterns such as swp1 or swp*, with spaces or commas between";

const LEVELS: [(&str, Level); 5] = [
    ("CRITICAL", Level::Error),
    ("ERROR", Level::Error),
    ("WARNING", Level::Warning),
    ("INFO", Level::Info),
    ("DEBUG", Level::Debug),
];

impl Config {
    /// Reads the text of a configuration file; `file` is its name for the errors.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<ConfigError>> {
        let mut config = Config::default();
        let mut given = BTreeMap::new();
        let mut faults = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if let Err(fault) = config.take(line, number, &mut given) {
                faults.push((number, fault));
            }
        }
        config.judge_together(&given, &mut faults);
        faults.sort_by_key(|(line, _)| *line);
        let error = |(line, fault)| ConfigError { file: file.to_owned(), line, fault };
        if faults.is_empty() { Ok(config) } else { Err(faults.into_iter().map(error).collect()) }
    }

    fn take(
        &mut self,
        line: &str,
        number: usize,
        given: &mut BTreeMap<&'static str, usize>,
    ) -> Result<(), Fault> {
        let line = without_comment(line);
        if line.is_empty() {
            return Ok(());
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let known = matches!(section.trim(), "main" | "rdnbrd");
            return if known { Ok(()) } else { Err(Fault::Section(section.to_owned())) };
        }
        let (key, value) = line.split_once('=').ok_or_else(|| Fault::Syntax(line.to_owned()))?;
        let (written, value) = (key.trim(), value.trim());
        let Some((key, take)) = KEYS.iter().find(|(key, _)| *key == written) else {
            return Err(Fault::UnknownKey { key: written.to_owned(), nearest: nearest(written) });
        };
        if let Some(first) = given.insert(key, number) {
            return Err(Fault::Again { key, first });
        }
        take(self, value).map_err(|allowed| Fault::Value { key, value: value.to_owned(), allowed })
    }

    /// What only shows when all lines are read.
    fn judge_together(&self, given: &BTreeMap<&'static str, usize>, faults: &mut Vec<(usize, Fault)>) {
        let Some(line) = given.get("holdtime").copied() else { return };
        if let Some(retries) = given.get("retries") {
            faults.push((line, Fault::HoldtimeAndRetries(*retries)));
        }
        let least = self.settings.keepalive * 3;
        if let Some(holdtime) = self.settings.holdtime.filter(|holdtime| *holdtime < least) {
            let value = holdtime.as_secs_f64().to_string();
            let allowed = format!("at least 3 × keepalive, here {}", least.as_secs_f64());
            faults.push((line, Fault::Value { key: "holdtime", value, allowed }));
        }
    }

    /// Whether hosts live behind the interface of that name.
    pub fn manages(&self, interface: &str) -> bool {
        interface != "lo" && self.interfaces.iter().any(|pattern| pattern.matches(interface))
    }
}

impl fmt::Display for OnExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OnExit::Keep => "keep",
            OnExit::Flush => "flush",
        })
    }
}

/// The line without white space around it and without what follows a `#` or `;` at its start or after white space.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if matches!(c, '#' | ';') && before.is_whitespace() {
            return line[..at].trim();
        }
        before = c;
    }
    line.trim()
}

fn nearest(written: &str) -> Option<&'static str> {
    let likeness = |key: &str| strsim::jaro_winkler(key, &written.to_ascii_lowercase());
    let best = KEYS.iter().map(|(key, _)| *key).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.8).then_some(best)
}

fn seconds(value: &str, least: f64, most: f64) -> Result<Duration, String> {
    let seconds = value.parse::<f64>().ok().filter(|seconds| (least..=most).contains(seconds));
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("seconds from {least} to {most}"))
}

fn number<T>(value: &str, least: T, most: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + fmt::Display + Copy,
{
    let number = value.parse::<T>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("a whole number from {least} to {most}"))
}

fn boolean(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("True or False".to_owned()),
    }
}

fn sweep(value: &str) -> Result<SweepEvery, String> {
    match value {
        "off" => Ok(SweepEvery::Off),
        "slow" => Ok(SweepEvery::Interval(Duration::from_secs(60))),
        "fast" => Ok(SweepEvery::Interval(Duration::from_secs(10))),
        _ => seconds(value, 1.0, 86_400.0)
            .map(SweepEvery::Interval)
            .map_err(|allowed| format!("off, slow, fast, or {allowed}")),
    }
}

fn table(value: &str) -> Result<u32, String> {
    if value == "main" {
        return Ok(254);
    }
    let usable = number(value, 1, 254).ok().filter(|table| *table != 253);
    usable.ok_or_else(|| "1 to 252 (FRR imports no other), or 254 for the main table".to_owned())
}

/// FRR takes routes of its own numbers for its own and removes them; the others are of the kernel and of other
/// routing daemons (`/etc/iproute2/rt_protos`).
fn protocol(value: &str) -> Result<u8, String> {
    let free = |number: &u8| !matches!(number, 0..=18 | 42 | 84 | 99 | 186..=199);
    value.parse::<u8>().ok().filter(free).ok_or_else(|| {
        "a number up to 255 that no routing daemon has: not 0-18, 42, 84, 99, 186-199".to_owned()
    })
}

fn patterns(value: &str) -> Result<Vec<Pattern>, String> {
    let names = value.split([' ', '\t', ',']).filter(|name| !name.is_empty());
    let patterns: Option<Vec<Pattern>> = names.map(Pattern::new).collect();
    patterns.ok_or_else(|| INTERFACES.to_owned())
}

fn one_of<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let choice = choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice);
    choice.ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
