//! A node, from the inside: the process that becomes PID 1 of its namespaces.

mod files;
mod mounts;
mod services;

use super::LabError;
use super::cgroup;
use super::control::{Control, ControlError, Order, Report};
use super::detach;
use super::record::{LabDir, NodeRecord, Record};
use crate::netlink::Socket;
use crate::process::{Command, Interrupt};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, sethostname};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Where the path of programs is on a Debian system.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Made at a node's first start, and so the sign that it was there before.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
/// A node's sshd is up in a few hundredths of a second.
const SSHD_LIMIT: Duration = Duration::from_secs(20);

/// Is the node `name` of the lab in that directory; standard input is the socket to `lab up`.
///
/// Must be called before the process has threads. Returns in the process that was started, which is done
/// once the node is born; the node itself runs until it is killed, or until `lab up` ends before the lab is complete.
///
/// # Errors
/// When the node can't be made; `lab up` has been told.
pub fn run_node(directory: &Path, name: &str) -> Result<(), LabError> {
    let mut control = detach()?;
    let result = begin(&LabDir::given(directory), name, &mut control);
    if let Err(error) = &result {
        let _ = control.send(&Report::Failed { error: crate::lab::said(error) });
    }
    result
}

fn begin(dir: &LabDir, name: &str, control: &mut Control) -> Result<(), LabError> {
    let record = dir.load()?;
    let Some(node) = record.nodes.iter().find(|node| node.name.as_str() == name) else {
        let nodes = record.nodes.iter().map(|node| node.name.clone()).collect();
        return Err(LabError::NoSuchNode { lab: record.name.clone(), node: name.to_owned(), nodes });
    };
    let hierarchies = cgroup::hierarchies()?;
    cgroup::enter(dir, name)?;
    let namespaces = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWCGROUP;
    unshare(namespaces).map_err(|error| LabError::system("making the node's namespaces", error))?;
    cgroup::settle(dir, name)?;
    // SAFETY: this process has one thread, so the child may do whatever the parent could.
    match unsafe { fork() }.map_err(|error| LabError::system("starting the node's init", error))? {
        ForkResult::Parent { child } => control
            .send(&Report::Born { pid: child.as_raw() })
            .map_err(|source| LabError::Control { who: "lab up".to_owned(), source }),
        ForkResult::Child => {
            mounts::enter(dir, &record, node, &hierarchies)?;
            boot(&record, node, control)?;
            reap()
        }
    }
}

/// Sets the node up, step by step with `lab up`.
fn boot(record: &Record, node: &NodeRecord, control: &mut Control) -> Result<(), LabError> {
    sethostname(node.name.as_str()).map_err(|error| LabError::system("setting the host name", error))?;
    // A node that was there before keeps its files, its key and what it was told to start.
    let again = Path::new(HOST_KEY).exists();
    if !again {
        files::write(record, node)?;
        services::disable()?;
        make_host_key()?;
    }
    let host_key = host_key()?;
    match listen(control)? {
        Order::Wired { authorized_key } => files::authorize(&authorized_key)?,
        other @ Order::Keep => return Err(unexpected(&other)),
    }
    set_up_interfaces(node)?;
    start_sshd(node)?;
    control.send(&Report::Ready { host_key }).map_err(garbled)?;
    match listen(control)? {
        Order::Keep if again => services::start(),
        Order::Keep => Ok(()),
        other @ Order::Wired { .. } => Err(unexpected(&other)),
    }
}

fn listen(control: &mut Control) -> Result<Order, LabError> {
    control.receive(None, Interrupt::never()).map_err(garbled)
}

fn garbled(source: ControlError) -> LabError {
    LabError::Control { who: "lab up".to_owned(), source }
}

fn unexpected(order: &Order) -> LabError {
    garbled(ControlError::Garbled(format!("{order:?}")))
}

fn make_host_key() -> Result<(), LabError> {
    Command::new("/usr/bin/ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", HOST_KEY])
        .limit(SSHD_LIMIT)
        .run_ok()?;
    Ok(())
}

fn host_key() -> Result<String, LabError> {
    let public = format!("{HOST_KEY}.pub");
    let text = fs::read_to_string(&public).map_err(LabError::file("reading", &public))?;
    Ok(text.trim().to_owned())
}

/// The loopback and the management port; all other ports are left down and without addresses for the deployment.
fn set_up_interfaces(node: &NodeRecord) -> Result<(), LabError> {
    let mut socket = Socket::open()?;
    let lo = socket.link_index("lo")?;
    socket.set_up(lo, true)?;
    let management = socket.link_index(node.management.interface.as_str())?;
    socket.add_address(management, node.management.address)?;
    Ok(socket.set_up(management, true)?)
}

/// Starts sshd, which goes to the background once it listens.
fn start_sshd(node: &NodeRecord) -> Result<(), LabError> {
    Command::new("/usr/sbin/sshd")
        .args(node.sshd_arguments())
        .env("PATH", PATH)
        .limit(SSHD_LIMIT)
        .run_ok()?;
    Ok(())
}

/// What PID 1 is for: waits for the end of every process that nobody else waits for, until it is killed.
fn reap() -> Result<(), LabError> {
    super::close_standard_streams()?;
    let mut ended = SigSet::empty();
    ended.add(Signal::SIGCHLD);
    ended.thread_block().map_err(|error| LabError::system("blocking SIGCHLD", error))?;
    loop {
        if waitpid(None, None) == Err(nix::errno::Errno::ECHILD) {
            let _ = ended.wait();
        }
    }
}
