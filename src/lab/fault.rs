//! `lab fault`: something in a node breaks, and is mended again.

use super::lock::Lock;
use super::record::{LabDir, NodeRecord};
use super::wiring::{hub_port, namespace, plug};
use super::{LabError, cgroup, list, processes, require_root};
use crate::process::Command;
use std::path::Path;
use std::time::Duration;

/// A fault is there, or gone, within a few seconds; an engine takes its time to stop.
const LIMIT: Duration = Duration::from_secs(60);
/// What all scripts begin with.
const COMMON: &str = include_str!("faults/common.sh");

/// What can be made to break in a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Its name.
    pub name: &'static str,
    /// What breaks.
    pub about: &'static str,
    how: How,
}

/// Where it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// At the hub's end of the node's management link: the node itself finds its port as it was, without a carrier.
    Management,
    /// In the node, by a script that has the functions `inject` and `undo`.
    Script(&'static str),
}

/// All there are.
pub const FAULTS: [Fault; 7] = [
    Fault {
        name: "management-cut",
        about: "The cable of its management port is pulled",
        how: How::Management,
    },
    Fault {
        name: "sshd-kill",
        about: "sshd is killed, with all its sessions",
        how: How::Script(include_str!("faults/sshd-kill.sh")),
    },
    Fault {
        name: "disk-full",
        about: "/etc, /usr/local, /var/lib/fabricctl and /tmp have no room left",
        how: How::Script(include_str!("faults/disk-full.sh")),
    },
    Fault {
        name: "vtysh-fail",
        about: "vtysh finds no daemon, whatever it is asked",
        how: How::Script(include_str!("faults/vtysh-fail.sh")),
    },
    Fault {
        name: "reload-half",
        about: "FRR's next reload takes half of what changes, and fails",
        how: How::Script(include_str!("faults/reload-half.sh")),
    },
    Fault {
        name: "docker-stop",
        about: "Docker Engine is stopped; its containers run on",
        how: How::Script(include_str!("faults/docker-stop.sh")),
    },
    Fault {
        name: "lock-kill",
        about: "The process that holds the device's lock for a run is killed",
        how: How::Script(include_str!("faults/lock-kill.sh")),
    },
];

/// Breaks something in a node of a lab, or mends it; both are done at once when nothing is left to do.
///
/// # Errors
/// When the node doesn't run, or has nothing that could break so.
pub fn fault(state_root: &Path, lab: &str, node: &str, fault: &Fault, undo: bool) -> Result<(), LabError> {
    require_root("fault")?;
    list::check_node(state_root, lab, node)?;
    let dir = LabDir::new(state_root, lab)?;
    let _lock = Lock::take(&dir, lab)?;
    let record = dir.load()?;
    let down = || LabError::NodeDown { lab: lab.to_owned(), node: node.to_owned() };
    let mut members = record.nodes.iter().enumerate();
    let (number, member) = members.find(|(_, member)| member.name.as_str() == node).ok_or_else(down)?;
    let running = processes::of_lab(&dir);
    let init = running.iter().find(|process| process.init && process.node.as_deref() == Some(node));
    let init = init.ok_or_else(down)?.pid;
    match fault.how {
        How::Management => {
            let hub = running.iter().find(|process| process.node.is_none()).ok_or_else(down)?;
            plug(&namespace(hub.pid)?, &hub_port(number), undo)
        }
        How::Script(script) => {
            // Services that a script starts belong where the node's are.
            cgroup::join_node(&dir, node)?;
            in_node(init, script, undo, member)
        }
    }
}

fn in_node(init: i32, script: &str, undo: bool, node: &NodeRecord) -> Result<(), LabError> {
    let text = format!("{COMMON}{script}\"$@\"\n");
    Command::new("nsenter")
        .args(["--target".to_owned(), init.to_string()])
        .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--"])
        .args(["env", "-i", "sh", "-c", &text, "fault", if undo { "undo" } else { "inject" }])
        .args(node.sshd_arguments())
        .limit(LIMIT)
        .run_ok()?;
    Ok(())
}
