//! The root filesystem under every node: Debian with what the fabric's devices run, built once and kept in a cache.

use super::{LabError, Progress};
use crate::process::{Command, Interrupt, ProcessError};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What every node can do. FRR's `frr-reload` is Python, `busybox-static` makes images without a registry.
const PACKAGES: [&str; 15] = [
    "busybox-static",
    "docker.io",
    "frr",
    "frr-pythontools",
    "ifupdown2",
    "init-system-helpers",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "netbase",
    "openssh-server",
    "procps",
    "sudo",
    "tcpdump",
    "util-linux",
];
/// Nobody reads these in a lab.
const EXCLUDED: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];
/// The stages that mmdebstrap announces, in order.
const STAGES: [&str; 6] = [
    "running apt-get update",
    "downloading packages",
    "extracting archives",
    "installing essential packages",
    "installing remaining packages",
    "cleaning package lists",
];
/// How often a run looks whether another one has finished building.
const TICK: Duration = Duration::from_millis(100);

const SSHD: &str = include_str!("shims/sshd.conf");
const DOCKER: &str = include_str!("shims/docker.init");
const FRR: &str = include_str!("shims/frr.init");
const SUDOERS: &str = "admin ALL=(ALL) NOPASSWD: ALL\n";
/// A user who may do everything through sudo, as on devices where nobody logs in as root.
/// `*` in the shadow file is no password that one could type, yet doesn't lock the account.
const ACCOUNTS: [(&str, &str); 3] = [
    ("etc/passwd", "admin:x:1000:1000:Administrator:/home/admin:/bin/bash\n"),
    ("etc/group", "admin:x:1000:\n"),
    ("etc/shadow", "admin:*:19000:0:99999:7:::\n"),
];

/// A Debian release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Suite {
    /// Debian 12: FRR 8.4, Docker 20.10.
    #[default]
    Bookworm,
    /// Debian 13: FRR 10.3, Docker 26.1.
    Trixie,
}

impl Suite {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Suite::Bookworm => "bookworm",
            Suite::Trixie => "trixie",
        }
    }

    fn packages(self) -> String {
        let mut packages = PACKAGES.to_vec();
        if self == Suite::Trixie {
            // Docker's client is a package of its own there.
            packages.push("docker-cli");
        }
        packages.join(",")
    }

    /// What the suite's sshd understands beyond the common settings.
    fn sshd(self) -> String {
        match self {
            Suite::Bookworm => SSHD.to_owned(),
            // Since OpenSSH 9.8 failed logins shut the door to the address they came from, here the hub's.
            Suite::Trixie => format!("{SSHD}PerSourcePenalties no\n"),
        }
    }
}

/// The path of a suite's root filesystem, which changes with anything that goes into it.
pub(super) fn path(suite: Suite, cache: &Path) -> PathBuf {
    let mut hash = Sha256::new();
    let accounts = ACCOUNTS.iter().map(|(_, line)| (*line).to_owned());
    let excluded = EXCLUDED.iter().map(|pattern| (*pattern).to_owned());
    let parts = [suite.packages(), suite.sshd(), DOCKER.to_owned(), FRR.to_owned(), SUDOERS.to_owned()];
    for part in parts.into_iter().chain(accounts).chain(excluded) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    let hash = hash.iter().take(6).fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
    cache.join("rootfs").join(format!("{}-{hash:012x}", suite.as_str()))
}

/// The root filesystem, built if it isn't in the cache; of two runs that need it one builds and the other waits.
pub(super) fn ensure(
    suite: Suite,
    cache: &Path,
    interrupt: Interrupt,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<PathBuf, LabError> {
    let path = path(suite, cache);
    if path.is_dir() {
        return Ok(path);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(LabError::file("finding", &path)(io::ErrorKind::InvalidInput.into()));
    };
    fs::create_dir_all(parent).map_err(LabError::file("making", parent))?;
    let lock = parent.join(format!(".{name}.lock"));
    let file =
        File::options().create(true).append(true).open(&lock).map_err(LabError::file("opening", &lock))?;
    wait_for(&file, &lock, interrupt, progress)?;
    if path.is_dir() {
        return Ok(path);
    }
    let partial = parent.join(format!(".partial-{name}"));
    remove(&partial)?;
    let built = build(suite, &partial, interrupt, progress)
        .and_then(|()| fs::rename(&partial, &path).map_err(LabError::file("naming", &path)));
    if let Err(error) = built {
        remove(&partial)?;
        return Err(error);
    }
    Ok(path)
}

fn wait_for(
    file: &File,
    path: &Path,
    interrupt: Interrupt,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), LabError> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if interrupt.raised() => return Err(LabError::Interrupted),
            Err(TryLockError::WouldBlock) => {
                progress(Progress::Rootfs {
                    stage: "another run builds it".to_owned(),
                    done: 0,
                    of: STAGES.len(),
                });
                std::thread::sleep(TICK);
            }
            Err(TryLockError::Error(error)) => return Err(LabError::file("locking", path)(error)),
        }
    }
}

fn remove(path: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LabError::file("removing", path)(error)),
        _ => Ok(()),
    }
}

fn build(
    suite: Suite,
    target: &Path,
    interrupt: Interrupt,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), LabError> {
    progress(Progress::Rootfs { stage: "starting mmdebstrap".to_owned(), done: 0, of: STAGES.len() });
    let options = EXCLUDED.iter().map(|pattern| format!("--dpkgopt=path-exclude={pattern}"));
    Command::new("mmdebstrap")
        .args(["--variant=minbase", "--format=directory", "--aptopt=Acquire::Languages \"none\""])
        .arg(format!("--include={}", suite.packages()))
        .args(options)
        .arg(suite.as_str())
        .arg(target)
        .interrupted_by(interrupt)
        .run_watched_ok(&mut |line| {
            let done = STAGES.iter().position(|stage| line.contains(stage));
            if let Some(done) = done {
                progress(Progress::Rootfs { stage: STAGES[done].to_owned(), done, of: STAGES.len() });
            }
        })
        .map_err(|source| match source {
            ProcessError::Interrupted => LabError::Interrupted,
            source @ ProcessError::Missing { .. } => LabError::Process(source),
            source => LabError::Rootfs { suite: suite.as_str(), source },
        })?;
    finish(suite, target)?;
    progress(Progress::Rootfs { stage: "ready".to_owned(), done: STAGES.len(), of: STAGES.len() });
    Ok(())
}

/// Makes a plain Debian into a lab's node.
fn finish(suite: Suite, root: &Path) -> Result<(), LabError> {
    put(root, "etc/ssh/sshd_config.d/lab.conf", &suite.sshd(), 0o644)?;
    put(root, "etc/init.d/docker", DOCKER, 0o755)?;
    if !root.join("etc/init.d/frr").exists() {
        put(root, "etc/init.d/frr", FRR, 0o755)?;
    }
    put(root, "etc/sudoers.d/admin", SUDOERS, 0o440)?;
    for (file, line) in ACCOUNTS {
        let path = root.join(file);
        let text = fs::read_to_string(&path).map_err(LabError::file("reading", &path))?;
        fs::write(&path, text + line).map_err(LabError::file("writing", &path))?;
    }
    let home = root.join("home/admin");
    fs::create_dir_all(&home)
        .and_then(|()| std::os::unix::fs::chown(&home, Some(1000), Some(1000)))
        .map_err(LabError::file("making", &home))?;
    // Every node makes its own.
    let ssh = root.join("etc/ssh");
    for entry in fs::read_dir(&ssh).map_err(LabError::file("reading", &ssh))?.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with("ssh_host_") {
            fs::remove_file(entry.path()).map_err(LabError::file("removing", entry.path()))?;
        }
    }
    Ok(())
}

fn put(root: &Path, path: &str, text: &str, mode: u32) -> Result<(), LabError> {
    let path = root.join(path);
    let write = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text)?;
        fs::set_permissions(&path, PermissionsExt::from_mode(mode))
    };
    write().map_err(LabError::file("writing", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_suite_has_a_path_of_its_own() {
        let [one, two] = [Suite::Bookworm, Suite::Trixie].map(|suite| path(suite, Path::new("/cache")));
        assert!(one.starts_with("/cache/rootfs") && two.starts_with("/cache/rootfs"));
        assert_ne!(one, two);
        assert_eq!(one, path(Suite::Bookworm, Path::new("/cache")));
    }
}
