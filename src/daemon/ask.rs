//! Asking the daemon that runs: `rdnbrd status` and `rdnbrd metrics`.

use crate::neighbor::Config;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The configuration has no socket.
    #[error("the configuration says socket = off: the daemon answers nowhere")]
    Off,
    /// Nobody is there.
    #[error("no daemon answers at {path}")]
    Nobody {
        /// Where it was looked for.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// What came is no answer.
    #[error("what answers at {path} is not understood")]
    Unreadable {
        /// Where it came from.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// What the daemon says of itself, as far as it is shown. What an older or newer one doesn't say is missing.
#[derive(Debug, Deserialize)]
struct Status {
    version: String,
    pid: u32,
    uptime_s: f64,
    degraded: bool,
    table: u32,
    protocol: u8,
    ports: Vec<Port>,
    hosts: Vec<Host>,
    counters: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Port {
    name: String,
    up: bool,
    prefixes: Vec<String>,
    hosts: usize,
}

#[derive(Debug, Deserialize)]
struct Host {
    address: String,
    port: String,
    mac: Option<String>,
    state: String,
    age_s: Option<f64>,
    last_answer_s: Option<f64>,
    #[serde(default)]
    moves: u64,
    rival: Option<Rival>,
}

#[derive(Debug, Deserialize)]
struct Rival {
    port: String,
    mac: Option<String>,
}

/// The daemon's state: as it says it, or as tables.
pub(super) fn status(socket: Option<&Path>, config: &Config, json: bool) -> Result<String, AskError> {
    let (path, answer) = ask(socket, config, "status\n")?;
    if json {
        return Ok(answer);
    }
    let status = serde_json::from_str(&answer).map_err(|source| AskError::Unreadable { path, source })?;
    Ok(tables(&status))
}

/// The daemon's figures.
pub(super) fn metrics(socket: Option<&Path>, config: &Config) -> Result<String, AskError> {
    ask(socket, config, "metrics\n").map(|(_, answer)| answer)
}

fn ask(socket: Option<&Path>, config: &Config, question: &str) -> Result<(PathBuf, String), AskError> {
    let configured = || config.socket.as_ref().map(PathBuf::from);
    let path = socket.map(Path::to_path_buf).or_else(configured).ok_or(AskError::Off)?;
    let exchange = || -> io::Result<String> {
        let mut stream = UnixStream::connect(&path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(question.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
    };
    match exchange() {
        Ok(answer) => Ok((path, answer)),
        Err(source) => Err(AskError::Nobody { path, source }),
    }
}

fn tables(status: &Status) -> String {
    let Status { version, pid, protocol, .. } = status;
    let table = if status.table == 254 { "main".to_owned() } else { status.table.to_string() };
    let uptime = age(status.uptime_s);
    let routes = status.hosts.iter().filter(|host| host.state != "candidate").count();
    let mut text = format!(
        "rdnbrd {version}, process {pid}, up {uptime}: {} in table {table} with protocol {protocol}{}\n",
        counted(routes, "route"),
        if status.degraded { "; DEGRADED, see the log" } else { "" }
    );
    let ports = status.ports.iter().map(|port| {
        let state = if port.up { "up" } else { "down" };
        vec![port.name.clone(), state.to_owned(), port.hosts.to_string(), port.prefixes.join(" ")]
    });
    text.push_str(&columns(&["PORT", "STATE", "HOSTS", "PREFIXES"], &ports.collect::<Vec<_>>()));
    let hosts = status.hosts.iter().map(|host| {
        let span = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), age);
        let mut notes = Vec::new();
        if host.moves > 0 {
            notes.push(counted(usize::try_from(host.moves).unwrap_or(usize::MAX), "move"));
        }
        if let Some(rival) = &host.rival {
            notes.push(format!("also {} on {}", rival.mac.as_deref().unwrap_or("somebody"), rival.port));
        }
        vec![
            host.address.clone(),
            host.port.clone(),
            host.mac.clone().unwrap_or_else(|| "-".to_owned()),
            host.state.clone(),
            span(host.age_s),
            span(host.last_answer_s),
            notes.join(", "),
        ]
    });
    text.push_str(&columns(
        &["HOST", "PORT", "MAC", "STATE", "AGE", "ANSWERED", ""],
        &hosts.collect::<Vec<_>>(),
    ));
    let counted = status.counters.iter().filter(|(_, count)| **count > 0);
    let counted = counted.map(|(name, count)| vec![name.replace('_', " "), count.to_string()]);
    text.push_str(&columns(&["COUNTER", "SINCE START"], &counted.collect::<Vec<_>>()));
    text
}

/// A table below an empty line, none without rows; columns are as wide as their widest cell.
fn columns(titles: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let titles: Vec<String> = titles.iter().map(ToString::to_string).collect();
    let mut widths = vec![0; titles.len()];
    for row in rows.iter().chain([&titles]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = "\n".to_owned();
    for row in [titles].iter().chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A span of time with its two largest units.
fn age(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60) {
        (0, 0, 0, s) if s < 10 => format!("{seconds:.1}s"),
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m{s:02}s"),
        (0, h, m, _) => format!("{h}h{m:02}m"),
        (d, h, _, _) => format!("{d}d{h:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_by_their_two_largest_units() {
        let ages = [0.04, 9.96, 10.0, 59.9, 61.0, 3_599.0, 3_600.0, 90_061.0].map(age);
        assert_eq!(ages, ["0.0s", "10.0s", "10s", "59s", "1m01s", "59m59s", "1h00m", "1d01h"]);
    }

    #[test]
    fn tables_have_a_line_for_each_host_and_no_empty_counter() {
        let text = r#"{"schema":1,"version":"9","pid":7,"uptime_s":75.2,"degraded":false,"table":254,"protocol":76,
            "ports":[{"name":"swp1","index":3,"up":true,"prefixes":["172.16.1.1/24","2001:db8::1/64"],"hosts":2}],
            "hosts":[{"address":"172.16.1.11","port":"swp1","mac":"02:42:ac:10:01:0b","state":"live",
                      "age_s":61.0,"last_answer_s":0.44,"moves":1,"rival":{"port":"swp2","mac":"02:00:00:00:00:01"}},
                     {"address":"172.16.1.12","port":"swp1","mac":null,"state":"candidate","last_answer_s":null}],
            "counters":{"learned":1,"moves":0},"later":true}"#;
        let shown = tables(&serde_json::from_str(text).unwrap());
        assert_eq!(
            shown,
            "rdnbrd 9, process 7, up 1m15s: 1 route in table main with protocol 76\n\
             \n\
             PORT  STATE  HOSTS  PREFIXES\n\
             swp1  up     2      172.16.1.1/24 2001:db8::1/64\n\
             \n\
             HOST         PORT  MAC                STATE      AGE    ANSWERED\n\
             172.16.1.11  swp1  02:42:ac:10:01:0b  live       1m01s  0.4s      1 move, also 02:00:00:00:00:01 on swp2\n\
             172.16.1.12  swp1  -                  candidate  -      -\n\
             \n\
             COUNTER  SINCE START\n\
             learned  1\n"
        );
    }
}
