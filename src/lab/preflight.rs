//! Whether this machine can hold a lab, found out by trying: what a kernel can load on demand is in no list.

use super::LabError;
use crate::netlink::{NetlinkError, Socket, VethEnd};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

/// Namespaces by their names in /proc, and the kernel options they come with.
const NAMESPACES: [(&str, &str, &str); 6] = [
    ("net", "network namespaces", "CONFIG_NET_NS"),
    ("mnt", "mount namespaces", "CONFIG_NAMESPACES"),
    ("uts", "UTS namespaces", "CONFIG_UTS_NS"),
    ("pid", "PID namespaces", "CONFIG_PID_NS"),
    ("ipc", "IPC namespaces", "CONFIG_IPC_NS"),
    ("cgroup", "control group namespaces", "CONFIG_CGROUPS"),
];

/// Tries in namespaces of a thread's own what nodes are made of; `scratch` is on the filesystem that labs live on.
pub(super) fn check(scratch: &Path) -> Result<(), LabError> {
    for (name, what, module) in NAMESPACES {
        if !Path::new("/proc/self/ns").join(name).exists() {
            return Err(LabError::Kernel { what, module, source: io::ErrorKind::Unsupported.into() });
        }
    }
    // Namespaces and all that was made in them end with the thread.
    std::thread::scope(|scope| scope.spawn(|| try_all(scratch)).join())
        .unwrap_or_else(|_| Err(LabError::system("trying the kernel", io::ErrorKind::Other)))
}

fn try_all(scratch: &Path) -> Result<(), LabError> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .map_err(|error| LabError::system("making namespaces (is this a container?)", error))?;
    try_links()?;
    try_overlay(scratch)
}

fn try_links() -> Result<(), LabError> {
    let mut netlink = Socket::open()?;
    let lacks = |what, module| move |error| lacking(what, module, error);
    netlink.create_bridge("probe").map_err(lacks("bridges", "bridge"))?;
    let path = "/proc/thread-self/ns/net";
    let here = File::open(path).map_err(LabError::file("opening", path))?;
    let end = VethEnd { name: "probe0", namespace: here.as_fd(), mtu: 1500, bridge: None, up: false };
    netlink.create_veth(end, VethEnd { name: "probe1", ..end }).map_err(lacks("veth pairs", "veth"))
}

fn lacking(what: &'static str, module: &'static str, error: NetlinkError) -> LabError {
    match error {
        NetlinkError::Refused { source, .. } if source.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            LabError::Kernel { what, module, source }
        }
        error => LabError::Network(error),
    }
}

fn try_overlay(scratch: &Path) -> Result<(), LabError> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .map_err(|error| LabError::system("making mounts private", error))?;
    let probe = tempfile::Builder::new()
        .prefix(".probe-")
        .tempdir_in(scratch)
        .map_err(LabError::file("making a directory in", scratch))?;
    let [lower, upper, work, root] = ["lower", "upper", "work", "root"].map(|name| probe.path().join(name));
    for directory in [&lower, &upper, &work, &root] {
        fs::create_dir(directory).map_err(LabError::file("making", directory))?;
    }
    let layers =
        format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    let what = "overlay mounts in the directory of the labs";
    mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(layers.as_str()))
        .map_err(|error| LabError::Kernel { what, module: "overlay", source: error.into() })?;
    nix::mount::umount(&root).map_err(|error| LabError::file("unmounting", &root)(error.into()))
}
