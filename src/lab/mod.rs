//! The lab: a whole fabric on one Linux machine, from namespaces.
//!
//! A node is a set of namespaces (network, mount, UTS, PID, IPC, control group) over an overlay of a cached Debian root
//! filesystem, with this program as its PID 1. Links are veth pairs. The management network is a bridge in a network
//! namespace of its own, held by the lab's hub, which is also SSH's way in. The machine's own network namespace is
//! never touched, nor anything else that belongs to the whole machine.
//!
//! What a lab is made of stands in its `lab.json` before any of it exists, and its processes carry the lab's directory
//! in their command lines: so [`down`] finds all of it, however [`up`] ended.

#![expect(
    clippy::disallowed_methods,
    reason = "a lab is made of processes, files and system calls; no other module knows of them"
)]

mod cgroup;
mod control;
mod down;
mod error;
mod fault;
mod hub;
mod init;
mod list;
mod lock;
mod management;
mod node;
mod preflight;
mod processes;
mod record;
mod restart;
mod rootfs;
mod ssh;
mod up;
mod wiring;

pub use control::ControlError;
pub use down::down;
pub use error::LabError;
pub use fault::{FAULTS, Fault, fault};
pub use hub::{connect, run_hub};
pub use init::run_node;
pub use list::{Lab, LabNode, LabState, NodeState, check_node, choose, list};
pub use processes::{HUB_COMMAND, NODE_COMMAND};
pub use restart::restart;
pub use rootfs::Suite;
pub use ssh::{CONNECT_COMMAND, ssh_config};
pub use up::{Progress, Up, UpOptions, up};

use control::Control;
use list::names;
use std::error::Error;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

/// Where labs live unless the user says otherwise.
pub const STATE_ROOT: &str = "/var/lib/fabricctl/labs";

fn require_root(verb: &'static str) -> Result<(), LabError> {
    if nix::unistd::geteuid().is_root() { Ok(()) } else { Err(LabError::NotRoot { verb }) }
}

/// An error and its causes on one line, for the other end of a control socket.
fn said(error: &LabError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Makes the calling process one that lives by itself: no terminal, no descriptors of whoever started it,
/// no working directory that could be in the way. Its standard input is the control socket.
fn detach() -> Result<Control, LabError> {
    // SAFETY: nothing in this process uses a descriptor above the standard ones: it has just started.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } != 0 {
        return Err(LabError::system("closing descriptors", io::Error::last_os_error()));
    }
    nix::unistd::setsid().map_err(|error| LabError::system("starting a session", error))?;
    nix::unistd::chdir("/").map_err(|error| LabError::system("changing to /", error))?;
    let socket = io::stdin().as_fd().try_clone_to_owned();
    let socket = socket.map_err(|error| LabError::system("copying a descriptor", error))?;
    Ok(Control::new(UnixStream::from(socket)))
}

/// Lets go of standard input, output and error: from here on nobody listens.
fn close_standard_streams() -> Result<(), LabError> {
    let failed = |error| LabError::system("opening /dev/null", error);
    let null = std::fs::File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(failed)?;
    nix::unistd::dup2_stdin(&null)
        .and_then(|()| nix::unistd::dup2_stdout(&null))
        .and_then(|()| nix::unistd::dup2_stderr(&null))
        .map_err(|error| failed(error.into()))
}
