//! `lab down`: ends a lab and removes all of it, whatever state it is in.

use super::lock::Lock;
use super::processes::{LabProcess, has_ended, of_lab};
use super::record::LabDir;
use super::{LabError, cgroup, require_root};
use crate::fabric::NodeName;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long killed processes may take to end: a machine under load frees a lot of memory slowly.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a wait looks.
const TICK: Duration = Duration::from_millis(2);

/// Ends a lab. False when there was none: the second time is not an error.
///
/// # Errors
/// When something of it can't be removed; the rest is.
pub fn down(state_root: &Path, name: &str) -> Result<bool, LabError> {
    require_root("down")?;
    let dir = LabDir::new(state_root, name)?;
    if !dir.path().exists() && of_lab(&dir).is_empty() && !state_root.exists() {
        return Ok(false);
    }
    let lock = Lock::take(&dir, name)?;
    let existed = clean(&dir, name)?;
    lock.remove();
    Ok(existed)
}

/// Removes everything of a lab, which must be locked; true when there was something.
pub(super) fn clean(dir: &LabDir, name: &str) -> Result<bool, LabError> {
    let existed = dir.path().exists();
    let mut remains = Vec::new();
    let killed = end(|| of_lab(dir), &mut remains);
    remains.extend(cgroup::remove(dir, None)?);
    remains.extend(unmount(dir.path())?);
    remains.extend(remove(dir.path()));
    if remains.is_empty() {
        return Ok(existed || killed);
    }
    Err(LabError::Remains { name: name.to_owned(), what: remains })
}

/// Removes everything of one node of a lab.
pub(super) fn clean_node(dir: &LabDir, node: &NodeName) -> Result<(), LabError> {
    let mut remains = halt(dir, node)?;
    remains.extend(remove(dir.node(node).path()));
    all_gone(node, remains)
}

/// Ends one node of a lab as a loss of power does: its files stay.
pub(super) fn halt_node(dir: &LabDir, node: &NodeName) -> Result<(), LabError> {
    all_gone(node, halt(dir, node)?)
}

fn halt(dir: &LabDir, node: &NodeName) -> Result<Vec<String>, LabError> {
    let mut remains = Vec::new();
    let own = || of_lab(dir).into_iter().filter(|process| process.node.as_deref() == Some(node.as_str()));
    end(|| own().collect(), &mut remains);
    remains.extend(cgroup::remove(dir, Some(node.as_str()))?);
    Ok(remains)
}

fn all_gone(node: &NodeName, remains: Vec<String>) -> Result<(), LabError> {
    if remains.is_empty() {
        return Ok(());
    }
    Err(LabError::Remains { name: node.to_string(), what: remains })
}

/// Kills processes until there are none: one that is just starting another one shows up the next time.
fn end(find: impl Fn() -> Vec<LabProcess>, remains: &mut Vec<String>) -> bool {
    let started = Instant::now();
    let mut killed = false;
    loop {
        let found = find();
        if found.is_empty() {
            return killed;
        }
        if started.elapsed() > PATIENCE {
            remains.extend(found.iter().map(|process| format!("process {}", process.pid)));
            return killed;
        }
        for process in &found {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            killed = true;
        }
        // The first process of a PID namespace ends after all others of it.
        while found.iter().any(|process| !has_ended(process.pid)) && started.elapsed() < PATIENCE {
            std::thread::sleep(TICK);
        }
    }
}

/// Unmounts what is mounted below a directory in this mount namespace. A lab itself mounts nothing here.
fn unmount(directory: &Path) -> Result<Vec<String>, LabError> {
    let path = "/proc/self/mountinfo";
    let mounts = fs::read_to_string(path).map_err(LabError::file("reading", path))?;
    let below: Vec<PathBuf> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .filter(|mount_point| mount_point.starts_with(directory))
        .collect();
    Ok(below
        .into_iter()
        .rev()
        .filter(|mount_point| umount2(mount_point, MntFlags::MNT_DETACH).is_err())
        .map(|mount_point| format!("mount {}", mount_point.display()))
        .collect())
}

/// Removes a directory with all in it.
fn remove(directory: &Path) -> Option<String> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Some(format!("{} ({error})", directory.display()))
        }
        _ => None,
    }
}
