//! Finding a lab's processes by their command lines, whatever happened to whoever started them.

use super::record::LabDir;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

/// The hidden command that is a node.
pub const NODE_COMMAND: &str = "lab-node";
/// The hidden command that is a lab's hub.
pub const HUB_COMMAND: &str = "lab-hub";

/// A process of a lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabProcess {
    /// Its number here.
    pub(super) pid: i32,
    /// The node it is of; the hub if none.
    pub(super) node: Option<String>,
    /// It is the first process of a PID namespace: what a node is once it runs.
    pub(super) init: bool,
}

/// The processes of a lab that are alive: its hub, its nodes' inits, and those about to become one.
pub(super) fn of_lab(dir: &LabDir) -> Vec<LabProcess> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| process(dir, pid))
        .collect()
}

fn process(dir: &LabDir, pid: i32) -> Option<LabProcess> {
    // Of a process that has ended but isn't reaped, this is empty.
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = line.split(|octet| *octet == 0).skip(1);
    let (command, directory) = (words.next()?, words.next()?);
    if directory != dir.path().as_os_str().as_bytes() {
        return None;
    }
    let node = match command {
        _ if command == HUB_COMMAND.as_bytes() => None,
        _ if command == NODE_COMMAND.as_bytes() => Some(String::from_utf8_lossy(words.next()?).into_owned()),
        _ => return None,
    };
    Some(LabProcess { pid, node, init: is_init(pid) })
}

fn is_init(pid: i32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    numbers.len() > 1 && numbers.last() == Some(&"1")
}

/// Whether the process has ended, reaped or not.
pub(super) fn has_ended(pid: i32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state follows the name, which stands in parentheses and may hold anything.
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}
