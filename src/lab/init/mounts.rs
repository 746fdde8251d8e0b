//! What a node sees as its file tree.

use super::super::LabError;
use super::super::cgroup::{self, Hierarchy};
use super::super::record::{LabDir, NodeRecord, Record};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, makedev, mknod, umask};
use nix::unistd::{chdir, pivot_root};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::Path;

/// Device nodes with their numbers (`Documentation/admin-guide/devices.txt` of the kernel).
const DEVICES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
/// Where the device for tunnels is, on the machine and in the node.
const TUN: &str = "/dev/net/tun";
/// What of /proc/sys belongs to the whole machine: a node may read it but not change it.
const GLOBAL: [&str; 5] = ["sys/kernel", "sys/vm", "sys/fs", "sys/dev", "sysrq-trigger"];
/// Privileges over the whole machine that nothing in a node needs: `CAP_SYS_MODULE`, `CAP_SYS_RAWIO`, `CAP_SYS_TIME`.
const DROPPED: [libc::c_ulong; 3] = [16, 17, 25];

/// Makes the node's tree and goes there. The calling process must be the first of its PID namespace and
/// in namespaces of its own for mounts and network: /proc and /sys show those of whoever mounts them.
pub(super) fn enter(
    dir: &LabDir,
    record: &Record,
    node: &NodeRecord,
    hierarchies: &[Hierarchy],
) -> Result<(), LabError> {
    let node = dir.node(&node.name);
    let root = node.root();
    umask(Mode::empty());
    attach(None, Path::new("/"), None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None)?;
    let layers = format!(
        "lowerdir={},upperdir={},workdir={}",
        escape(&record.rootfs),
        escape(&node.upper()),
        escape(&node.work())
    );
    attach(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(&layers))?;
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    attach(Some("proc"), &root.join("proc"), Some("proc"), plain | MsFlags::MS_NOEXEC, None)?;
    for path in GLOBAL {
        protect(&root.join("proc").join(path))?;
    }
    attach(Some("sysfs"), &root.join("sys"), Some("sysfs"), plain | MsFlags::MS_NOEXEC, None)?;
    cgroup::mount(hierarchies, &root)?;
    devices(&root.join("dev"))?;
    attach(Some("tmpfs"), &root.join("run"), Some("tmpfs"), plain, Some("mode=755"))?;
    attach(Some("tmpfs"), &root.join("tmp"), Some("tmpfs"), plain, Some("mode=1777"))?;
    runtime_directories(&root)?;
    let docker = root.join("var/lib/docker");
    fs::create_dir_all(&docker).map_err(LabError::file("making", &docker))?;
    attach(Some(path_text(&node.docker())), &docker, None, MsFlags::MS_BIND, None)?;
    change_root(&root)?;
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    drop_privileges()
}

fn attach(
    source: Option<&str>,
    target: &Path,
    kind: Option<&str>,
    flags: MsFlags,
    data: Option<&str>,
) -> Result<(), LabError> {
    mount(source, target, kind, flags, data).map_err(|error| LabError::file("mounting", target)(error.into()))
}

/// A path as text for mount(2); what is not UTF-8 can't be in a lab's record either.
fn path_text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// A path as an option of overlayfs, which reads `,` `:` and `\` as its own.
fn escape(path: &Path) -> String {
    path_text(path).chars().fold(String::new(), |mut text, c| {
        if matches!(c, ',' | ':' | '\\') {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

/// Makes a part of /proc read-only.
fn protect(path: &Path) -> Result<(), LabError> {
    if !path.exists() {
        return Ok(());
    }
    attach(Some(path_text(path)), path, None, MsFlags::MS_BIND, None)?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    attach(None, path, None, flags | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC, None)
}

fn devices(dev: &Path) -> Result<(), LabError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    attach(Some("tmpfs"), dev, Some("tmpfs"), flags, Some("mode=755"))?;
    let all = Mode::from_bits_truncate(0o666);
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        mknod(&path, SFlag::S_IFCHR, all, makedev(major, minor))
            .map_err(|error| LabError::file("making", &path)(error.into()))?;
    }
    let make = || -> io::Result<()> {
        for directory in ["pts", "shm", "net", "mqueue"] {
            fs::create_dir(dev.join(directory))?;
        }
        if let Ok(tun) = fs::metadata(TUN) {
            mknod(&dev.join("net/tun"), SFlag::S_IFCHR, all, tun.rdev())?;
        }
        symlink("pts/ptmx", dev.join("ptmx"))?;
        symlink("/proc/self/fd", dev.join("fd"))?;
        for (number, name) in ["stdin", "stdout", "stderr"].into_iter().enumerate() {
            symlink(format!("/proc/self/fd/{number}"), dev.join(name))?;
        }
        Ok(())
    };
    make().map_err(LabError::file("filling", dev))?;
    // Group 5 is tty on every Debian.
    let terminals = Some("newinstance,ptmxmode=0666,mode=0620,gid=5");
    attach(Some("devpts"), &dev.join("pts"), Some("devpts"), flags, terminals)?;
    attach(Some("tmpfs"), &dev.join("shm"), Some("tmpfs"), flags | MsFlags::MS_NODEV, Some("mode=1777"))?;
    attach(Some("mqueue"), &dev.join("mqueue"), Some("mqueue"), flags | MsFlags::MS_NODEV, None)
}

/// Directories that a boot would make: without them sshd, ifupdown2 and FRR don't start.
fn runtime_directories(root: &Path) -> Result<(), LabError> {
    let run = root.join("run");
    let make = || -> io::Result<()> {
        for (name, mode) in [("sshd", 0o755), ("network", 0o755), ("frr", 0o755), ("lock", 0o1777)] {
            fs::create_dir(run.join(name))?;
            fs::set_permissions(run.join(name), PermissionsExt::from_mode(mode))?;
        }
        if let Some((user, group)) = account(root, "frr")? {
            std::os::unix::fs::chown(run.join("frr"), Some(user), Some(group))?;
        }
        Ok(())
    };
    make().map_err(LabError::file("filling", &run))
}

/// User and group number of an account of the node.
fn account(root: &Path, name: &str) -> io::Result<Option<(u32, u32)>> {
    let accounts = fs::read_to_string(root.join("etc/passwd"))?;
    Ok(accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.first() == Some(&name))
            .then(|| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))?
    }))
}

/// Makes the new tree the root and lets go of the machine's.
fn change_root(root: &Path) -> Result<(), LabError> {
    let swap = || -> nix::Result<()> {
        chdir(root)?;
        // The old root comes to lie on top of the new one, and is taken off from there.
        pivot_root(".", ".")?;
        umount2(".", MntFlags::MNT_DETACH)?;
        chdir("/")
    };
    swap().map_err(|error| LabError::file("changing the root to", root)(error.into()))
}

fn drop_privileges() -> Result<(), LabError> {
    for capability in DROPPED {
        // SAFETY: this prctl takes plain numbers and changes nothing but the bounding set.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            return Err(LabError::system("dropping privileges", io::Error::last_os_error()));
        }
    }
    Ok(())
}
