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
//! | `settle` | 10 | seconds until a host's route gets its settled metric, or `off`; always off where `route_table` isn't main |
//! | `allow` | – | prefixes and addresses that may be hosts; none means all of the interface's prefixes |
//! | `deny` | – | prefixes and addresses that may not |
//! | `max_hosts` | 16384 | hosts with routes at most |
//! | `max_hosts_per_port` | 4096 | hosts with routes behind one interface at most |
//! | `probe_rate` | 20000 | packets sent in a second at most, of all kinds; when that is too few, keepalives stretch evenly |
//! | `interfaces` | `swp*` | names and patterns of the interfaces with hosts |
//! | `route_table` | 254 | table of the routes: 254 is main; Cumulus Linux uses 10 and imports it into FRR |
//! | `protocol` | 76 | protocol number that marks the routes as ours |
//! | `on_exit` | keep | `keep` or `flush` the routes when stopped |
//! | `socket` | /run/rdnbrd/rdnbrd.sock | where `rdnbrd status` asks; `off` for none |
//! | `user` | rdnbrd | whom it becomes after it opened its sockets, where that user exists; `root` stays root |
//! | `loglevel` | INFO | CRITICAL, ERROR, WARNING, INFO, DEBUG |
//! | `debug_arp` | – | interfaces whose ARP and ND packets are logged |
//!
//! With the defaults a dead host is withdrawn within 1.1 + 4 × 0.2 = 1.9 s. A file of Cumulus Linux with
//! `keepalive = 1` and `holdtime = 3` gives its 3 s: probes go on every `retry_interval` until then.

use super::keys::{KEYS, Key};
use super::pattern::Pattern;
use super::{Level, Settings};
use std::collections::BTreeMap;
use std::fmt;

/// The kernel's number of the main table.
const MAIN_TABLE: u32 = 254;

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
    /// Where it answers questions, if it does.
    pub socket: Option<String>,
    /// Whom it becomes.
    pub user: String,
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
    /// A second route to a host where none may be.
    #[error("settle works in the main table only, here route_table is {0}; leave it out, or set it to off")]
    SettleOutsideMain(u32),
}

fn suggestion(nearest: Option<&'static str>) -> String {
    nearest.map(|key| format!(", did you mean {key}?")).unwrap_or_default()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            interfaces: Pattern::new("swp*").into_iter().collect(),
            route_table: MAIN_TABLE,
            protocol: 76,
            on_exit: OnExit::Keep,
            socket: Some("/run/rdnbrd/rdnbrd.sock".to_owned()),
            user: "rdnbrd".to_owned(),
            loglevel: Level::Info,
            debug_arp: Vec::new(),
        }
    }
}

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
        let Some(Key { name: key, take, .. }) = KEYS.iter().find(|key| key.name == written) else {
            return Err(Fault::UnknownKey { key: written.to_owned(), nearest: nearest(written) });
        };
        if let Some(first) = given.insert(key, number) {
            return Err(Fault::Again { key, first });
        }
        take(self, value).map_err(|allowed| Fault::Value { key, value: value.to_owned(), allowed })
    }

    /// What only shows when all lines are read.
    fn judge_together(&mut self, given: &BTreeMap<&'static str, usize>, faults: &mut Vec<(usize, Fault)>) {
        if self.route_table != MAIN_TABLE {
            match (given.get("settle"), self.settings.settle) {
                (Some(line), Some(_)) => faults.push((*line, Fault::SettleOutsideMain(self.route_table))),
                // FRR 8.4 loses an imported route that has two entries, and a change of metric makes two of it.
                _ => self.settings.settle = None,
            }
        }
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

    /// Every key that the file may have.
    pub fn keys() -> &'static [Key] {
        &KEYS
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
    let best = KEYS.iter().map(|key| key.name).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.8).then_some(best)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
