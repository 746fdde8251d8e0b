//! Starting a node or the hub, seen from `lab up`.

use super::control::{Control, ControlError, Order, Report};
use super::processes::{HUB_COMMAND, NODE_COMMAND};
use super::record::{LabDir, NodeRecord, Record};
use super::{LabError, wiring};
use crate::process::{Command, Interrupt};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a node does in a few hundredths of a second may take that long on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node or hub that is starting.
pub(super) struct Starting {
    who: String,
    control: Control,
    log: PathBuf,
    /// Its network namespace.
    pub(super) namespace: File,
}

/// Starts the hub; its namespace and bridge exist when this returns.
pub(super) fn start_hub(dir: &LabDir, record: &Record, interrupt: Interrupt) -> Result<Starting, LabError> {
    let words = [HUB_COMMAND.into(), dir.path().into()];
    start("the hub".to_owned(), record, &words, &dir.hub_log(), interrupt).map(|(starting, _)| starting)
}

/// Starts a node; its namespaces exist when this returns.
pub(super) fn start_node(
    dir: &LabDir,
    record: &Record,
    node: &NodeRecord,
    interrupt: Interrupt,
) -> Result<Starting, LabError> {
    let own = dir.node(&node.name);
    own.make()?;
    let words = [NODE_COMMAND.into(), dir.path().into(), node.name.as_str().into()];
    let (starting, mut launcher) = start(node.name.to_string(), record, &words, &own.log(), interrupt)?;
    // What was started has become the node's init's parent and is done.
    launcher.wait().map_err(|error| LabError::system("waiting for a process", error))?;
    Ok(starting)
}

fn start(
    who: String,
    record: &Record,
    words: &[PathBuf],
    log: &Path,
    interrupt: Interrupt,
) -> Result<(Starting, std::process::Child), LabError> {
    let (ours, theirs) =
        UnixStream::pair().map_err(|error| LabError::system("making a socket pair", error))?;
    let errors = File::create(log).map_err(LabError::file("writing", log))?;
    let child = Command::new(&record.executable).args(words).start(OwnedFd::from(theirs), errors)?;
    let mut control = Control::new(ours);
    match hear(&mut control, &who, log, interrupt)? {
        Report::Born { pid } => {
            let namespace = wiring::namespace(pid)?;
            Ok((Starting { who, control, log: log.to_owned(), namespace }, child))
        }
        other => Err(unexpected(who, &other)),
    }
}

impl Starting {
    /// Tells a node that its interfaces are there, and whose key opens it.
    pub(super) fn wired(&mut self, authorized_key: &str) -> Result<(), LabError> {
        self.tell(&Order::Wired { authorized_key: authorized_key.to_owned() })
    }

    /// Tells it to run on when this process ends.
    pub(super) fn keep(&mut self) -> Result<(), LabError> {
        self.tell(&Order::Keep)
    }

    fn tell(&mut self, order: &Order) -> Result<(), LabError> {
        self.control.send(order).map_err(|source| LabError::Control { who: self.who.clone(), source })
    }

    /// Waits until SSH gets in, and returns the public host key.
    pub(super) fn ready(&mut self, interrupt: Interrupt) -> Result<String, LabError> {
        match hear(&mut self.control, &self.who, &self.log, interrupt)? {
            Report::Ready { host_key } => Ok(host_key),
            other => Err(unexpected(self.who.clone(), &other)),
        }
    }
}

/// The next report, unless it is one of failure.
fn hear(control: &mut Control, who: &str, log: &Path, interrupt: Interrupt) -> Result<Report, LabError> {
    match control.receive(Some(PATIENCE), interrupt) {
        Ok(Report::Failed { error }) => Err(LabError::Nodes { failed: vec![(who.to_owned(), error)] }),
        Ok(report) => Ok(report),
        Err(ControlError::Interrupted) => Err(LabError::Interrupted),
        Err(ControlError::Closed) => {
            let words = fs::read_to_string(log).unwrap_or_default();
            let words = if words.trim().is_empty() { "it ended without a word" } else { words.trim() };
            Err(LabError::Nodes { failed: vec![(who.to_owned(), words.to_owned())] })
        }
        Err(source) => Err(LabError::Control { who: who.to_owned(), source }),
    }
}

fn unexpected(who: String, report: &Report) -> LabError {
    LabError::Control { who, source: ControlError::Garbled(format!("{report:?}")) }
}
