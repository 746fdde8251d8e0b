//! Control groups: one for each lab, in it one for each node, in every hierarchy that the machine has mounted.
//!
//! A node sees its own group as the root (a cgroup namespace), so that Docker works in it as on a machine of its own.
//! On version 1 every hierarchy is needed, the named one of systemd included: without it `docker exec` fails. On
//! version 2 a group that hands controllers down can't hold processes itself, so the node's init lives in a leaf.

use super::LabError;
use super::record::LabDir;
use nix::mount::MsFlags;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long ended processes may linger in a group.
const LINGER: Duration = Duration::from_secs(5);

/// A mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    mount_point: PathBuf,
    /// What has to be said to mount it again; `None` on version 2.
    v1_options: Option<String>,
}

/// The hierarchies that nodes get: all of version 1, or else the one of version 2.
pub(super) fn hierarchies() -> Result<Vec<Hierarchy>, LabError> {
    let read = |path: &'static str| fs::read_to_string(path).map_err(LabError::file("reading", path));
    Ok(read_hierarchies(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?))
}

/// `mountinfo` as proc(5), `membership` as cgroups(7) describes them.
fn read_hierarchies(mountinfo: &str, membership: &str) -> Vec<Hierarchy> {
    let known: Vec<&str> = membership
        .lines()
        .filter_map(|line| line.split(':').nth(1))
        .filter(|names| !names.is_empty())
        .collect();
    let mut v1: Vec<Hierarchy> = Vec::new();
    let mut v2 = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let Some(mount_point) = left.split(' ').nth(4) else { continue };
        let mut right = right.split(' ');
        let (kind, options) = (right.next().unwrap_or_default(), right.nth(1).unwrap_or_default());
        let options: Vec<&str> = options.split(',').collect();
        let mount_point = PathBuf::from(mount_point);
        if kind == "cgroup2" {
            v2.push(Hierarchy { mount_point, v1_options: None });
        } else if kind == "cgroup" {
            let names = known.iter().find(|names| names.split(',').all(|name| options.contains(&name)));
            let Some(names) = names else { continue };
            let unnumbered = names.starts_with("name=");
            let v1_options = Some(if unnumbered { format!("none,{names}") } else { (*names).to_owned() });
            if !v1.iter().any(|seen| seen.v1_options == v1_options) {
                v1.push(Hierarchy { mount_point, v1_options });
            }
        }
    }
    if v1.is_empty() { v2.into_iter().take(1).collect() } else { v1 }
}

/// The name of a lab's group: two labs of one name in two state directories don't meet.
fn group(dir: &LabDir) -> String {
    let hash = Sha256::digest(dir.path().as_os_str().as_bytes());
    let name = dir.path().file_name().unwrap_or_default().to_string_lossy();
    format!("fabricctl-{name}-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3])
}

/// Makes a lab's groups. That is `lab up`'s to do: of nodes that start side by side one would find a group half made.
pub(super) fn make(dir: &LabDir) -> Result<(), LabError> {
    for hierarchy in hierarchies()? {
        let lab = hierarchy.mount_point.join(group(dir));
        hierarchy
            .make(&hierarchy.mount_point, &lab)
            .map_err(LabError::file("making the control group", &lab))?;
    }
    Ok(())
}

/// Makes a node's groups and moves the calling process there; its new cgroup namespace then has them as its roots.
pub(super) fn enter(dir: &LabDir, node: &str) -> Result<(), LabError> {
    for hierarchy in hierarchies()? {
        let lab = hierarchy.mount_point.join(group(dir));
        let own = lab.join(node);
        hierarchy.make(&lab, &own).map_err(LabError::file("making the control group", &own))?;
        join(&own)?;
    }
    Ok(())
}

/// Moves the calling process to a leaf of its group where that must stay empty; call it after the unsharing.
pub(super) fn settle(dir: &LabDir, node: &str) -> Result<(), LabError> {
    for hierarchy in hierarchies()?.into_iter().filter(|hierarchy| hierarchy.v1_options.is_none()) {
        let own = hierarchy.mount_point.join(group(dir)).join(node);
        let leaf = own.join("init");
        fs::create_dir(&leaf).map_err(LabError::file("making the control group", &leaf))?;
        join(&leaf)?;
        hand_down(&own).map_err(LabError::file("handing down the controllers of", &own))?;
    }
    Ok(())
}

/// Moves the calling process to where a running node's processes are.
pub(super) fn join_node(dir: &LabDir, node: &str) -> Result<(), LabError> {
    for hierarchy in hierarchies()? {
        let own = hierarchy.mount_point.join(group(dir)).join(node);
        join(&if hierarchy.v1_options.is_none() { own.join("init") } else { own })?;
    }
    Ok(())
}

fn join(group: &Path) -> Result<(), LabError> {
    let processes = group.join("cgroup.procs");
    fs::write(&processes, "0").map_err(LabError::file("joining", &processes))
}

/// Lets the groups below use every controller that the group has (version 2).
fn hand_down(group: &Path) -> io::Result<()> {
    let controllers = fs::read_to_string(group.join("cgroup.controllers"))?;
    for controller in controllers.split_whitespace() {
        fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"))?;
    }
    Ok(())
}

impl Hierarchy {
    fn make(&self, above: &Path, path: &Path) -> io::Result<()> {
        fs::create_dir(path)?;
        if self.v1_options.is_none() {
            // The lab's own group has no processes; what the machine's root hands down is not changed.
            return if above == self.mount_point { hand_down(path) } else { Ok(()) };
        }
        // Without processors and memory nodes a cpuset takes no process.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if path.join(file).exists() {
                fs::write(path.join(file), fs::read(above.join(file))?)?;
            }
        }
        Ok(())
    }

    /// Mounts it under `sys_fs_cgroup`, as the calling process's namespace shows it.
    fn mount(&self, sys_fs_cgroup: &Path) -> Result<(), LabError> {
        let (target, kind) = match &self.v1_options {
            Some(_) => {
                let target = sys_fs_cgroup.join(self.mount_point.file_name().unwrap_or_default());
                fs::create_dir(&target).map_err(LabError::file("making", &target))?;
                (target, "cgroup")
            }
            None => (sys_fs_cgroup.to_owned(), "cgroup2"),
        };
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        nix::mount::mount(Some("cgroup"), &target, Some(kind), flags, self.v1_options.as_deref())
            .map_err(|error| LabError::file("mounting", &target)(error.into()))
    }
}

/// Mounts the hierarchies for a node whose root is being set up; `/sys` must be there.
pub(super) fn mount(hierarchies: &[Hierarchy], root: &Path) -> Result<(), LabError> {
    let target = root.join("sys/fs/cgroup");
    if hierarchies.iter().any(|hierarchy| hierarchy.v1_options.is_some()) {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        nix::mount::mount(Some("tmpfs"), &target, Some("tmpfs"), flags, Some("mode=755"))
            .map_err(|error| LabError::file("mounting", &target)(error.into()))?;
    }
    hierarchies.iter().try_for_each(|hierarchy| hierarchy.mount(&target))
}

/// Removes the groups of a lab (of one of its nodes) with whatever is still in them; says what remains.
pub(super) fn remove(dir: &LabDir, node: Option<&str>) -> Result<Vec<String>, LabError> {
    let started = Instant::now();
    let mut groups: Vec<PathBuf> = hierarchies()?
        .into_iter()
        .map(|hierarchy| hierarchy.mount_point.join(group(dir)))
        .map(|path| node.map_or(path.clone(), |node| path.join(node)))
        .collect();
    loop {
        groups.retain(|group| !remove_tree(group));
        if groups.is_empty() || started.elapsed() > LINGER {
            return Ok(groups.iter().map(|group| format!("control group {}", group.display())).collect());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ends what is in a group and removes it with all below; true when it is gone.
fn remove_tree(group: &Path) -> bool {
    let Ok(entries) = fs::read_dir(group) else { return !group.exists() };
    let below =
        entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    for entry in below {
        remove_tree(&entry.path());
    }
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    fs::remove_dir(group).is_ok() || !group.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_hosts_give_version_1() {
        let mountinfo = "\
31 30 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:28 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
34 31 0:28 / /elsewhere rw,relatime - cgroup cgroup rw,xattr,name=systemd
40 31 0:35 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
        let membership = "3:cpu,cpuacct:/\n2:name=systemd:/user.slice\n1:pids:/\n0::/user.slice\n";
        let found: Vec<(String, Option<String>)> = read_hierarchies(mountinfo, membership)
            .into_iter()
            .map(|hierarchy| (hierarchy.mount_point.display().to_string(), hierarchy.v1_options))
            .collect();
        assert_eq!(
            found,
            [
                ("/sys/fs/cgroup/cpu,cpuacct".to_owned(), Some("cpu,cpuacct".to_owned())),
                ("/sys/fs/cgroup/systemd".to_owned(), Some("none,name=systemd".to_owned())),
            ]
        );
    }

    #[test]
    fn unified_hosts_give_version_2() {
        let mountinfo = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = read_hierarchies(mountinfo, "0::/user.slice/session-1.scope\n");
        assert_eq!(found, [Hierarchy { mount_point: "/sys/fs/cgroup".into(), v1_options: None }]);
    }
}
