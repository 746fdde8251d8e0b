//! `lab restart`: one node loses its power and comes back.

use super::down::halt_node;
use super::lock::Lock;
use super::node::start_node;
use super::record::LabDir;
use super::wiring::{namespace, rewire};
use super::{LabError, list, processes, require_root};
use crate::process::Interrupt;
use std::fs;
use std::path::Path;

/// Restarts a node of a lab: every process in it dies at once, its files stay, and what is set to start at boot does so.
/// Its neighbours see their links go down and come back. Returns when SSH gets in.
///
/// # Errors
/// When the node doesn't run, or doesn't come back; `lab up` then makes it anew.
pub fn restart(state_root: &Path, lab: &str, node: &str, interrupt: Interrupt) -> Result<(), LabError> {
    require_root("restart")?;
    list::check_node(state_root, lab, node)?;
    let dir = LabDir::new(state_root, lab)?;
    let _lock = Lock::take(&dir, lab)?;
    let record = dir.load()?;
    let down = || LabError::NodeDown { lab: lab.to_owned(), node: node.to_owned() };
    let member = record.nodes.iter().find(|member| member.name.as_str() == node).ok_or_else(down)?;
    let running = processes::of_lab(&dir);
    let init = running.iter().find(|process| process.init && process.node.as_deref() == Some(node));
    // The namespace, and with it the links' ends, lives on as long as this does.
    let before = namespace(init.ok_or_else(down)?.pid)?;
    halt_node(&dir, &member.name)?;
    let mut starting = start_node(&dir, &record, member, interrupt)?;
    rewire(&before, &starting.namespace, member, &record.links)?;
    let key = dir.public_key();
    starting.wired(&fs::read_to_string(&key).map_err(LabError::file("reading", &key))?)?;
    starting.ready(interrupt)?;
    starting.keep()
}
