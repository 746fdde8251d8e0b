//! The memory of a whole lab.

use crate::Result;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Gigabytes of a lab: the proportional set sizes of its hub and of all processes below its nodes' inits, which are
/// all in their PID namespaces and in those of the containers. A page that several processes share counts once,
/// each of them with its part; the kernel's own memory and the page cache don't count.
pub fn of(lab: &Path) -> Result<f64> {
    let processes = processes()?;
    let mut own: BTreeSet<u32> =
        processes.iter().map(|(pid, _)| *pid).filter(|pid| belongs(*pid, lab)).collect();
    loop {
        let children = processes.iter().filter(|(_, parent)| own.contains(parent)).map(|(pid, _)| *pid);
        let all: BTreeSet<u32> = own.iter().copied().chain(children).collect();
        if all.len() == own.len() {
            break;
        }
        own = all;
    }
    let kilobytes: f64 = own.into_iter().filter_map(proportional_set_size).sum();
    Ok(kilobytes * 1024.0 / 1e9)
}

/// Every process with its parent.
fn processes() -> Result<Vec<(u32, u32)>> {
    let pids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(|pid| Some((pid, parent(pid)?))).collect())
}

/// The parent of a process that still runs.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; the state and the parent follow.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Whether it is the hub of the lab, or the init of one of its nodes: both have its directory as second argument.
fn belongs(pid: u32, lab: &Path) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|octet| *octet == 0).nth(2) == Some(lab.as_os_str().as_encoded_bytes())
}

/// In kilobytes; none when the process has ended.
fn proportional_set_size(pid: u32) -> Option<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
