//! `lab list`: which labs there are, and what runs of them.

use super::LabError;
use super::lock::Lock;
use super::processes::of_lab;
use super::record::{LabDir, Record};
use crate::fabric::{NodeName, Role};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A lab as `lab list` shows it; its JSON is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lab {
    /// Its name.
    pub name: String,
    /// What runs of it.
    pub state: LabState,
    /// The inventory that it was made from.
    pub inventory: PathBuf,
    /// The configuration for `ssh -F`.
    pub ssh_config: PathBuf,
    /// Its nodes.
    pub nodes: Vec<LabNode>,
}

/// A node of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabNode {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Whether it runs.
    pub state: NodeState,
}

/// What runs of a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LabState {
    /// All of it.
    Up,
    /// Some of it: it is being made, or parts have ended.
    Partly,
    /// Nothing: files were left behind.
    Stale,
}

/// Whether a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// It runs.
    Up,
    /// It doesn't.
    Down,
}

/// All labs, in order of their names.
///
/// # Errors
/// When the directory of all labs can't be read; none is no error.
pub fn list(state_root: &Path) -> Result<Vec<Lab>, LabError> {
    names_or_error(state_root)?.iter().map(|name| describe(state_root, name)).collect()
}

/// The names of all labs; none where they can't be read.
pub(super) fn names(state_root: &Path) -> Vec<String> {
    names_or_error(state_root).unwrap_or_default()
}

fn names_or_error(state_root: &Path) -> Result<Vec<String>, LabError> {
    let entries = match fs::read_dir(state_root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LabError::file("reading", state_root)(error)),
    };
    let names: BTreeSet<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        // A lock without a directory is a lab that is about to be made, or whose making was cut short.
        .map(|name| match name.strip_prefix('.').and_then(|name| name.strip_suffix(".lock")) {
            Some(locked) => locked.to_owned(),
            None => name,
        })
        .filter(|name| NodeName::new(name.as_str()).is_ok())
        .collect();
    Ok(names.into_iter().collect())
}

fn describe(state_root: &Path, name: &str) -> Result<Lab, LabError> {
    let dir = LabDir::new(state_root, name)?;
    let running = of_lab(&dir);
    let record = dir.load().ok();
    let nodes: Vec<LabNode> = record
        .iter()
        .flat_map(|record| &record.nodes)
        .map(|node| {
            let name = node.name.to_string();
            let up = running.iter().any(|process| process.init && process.node.as_ref() == Some(&name));
            LabNode { name, role: node.role, state: if up { NodeState::Up } else { NodeState::Down } }
        })
        .collect();
    let hub = running.iter().any(|process| process.node.is_none());
    let complete = record.as_ref().is_some_and(|record| record.complete);
    let state = if complete && hub && nodes.iter().all(|node| node.state == NodeState::Up) {
        LabState::Up
    } else if running.is_empty() && !Lock::is_held(&dir, name) {
        LabState::Stale
    } else {
        LabState::Partly
    };
    let inventory = record.map(|Record { inventory, .. }| inventory).unwrap_or_default();
    Ok(Lab { name: name.to_owned(), state, inventory, ssh_config: dir.ssh_config(), nodes })
}

/// The lab that is meant: the one that is named, else the only one there is.
///
/// # Errors
/// When there is none of that name, none at all, or more than one to choose from.
pub fn choose(state_root: &Path, name: Option<&str>) -> Result<String, LabError> {
    let mut existing = names_or_error(state_root)?;
    match name {
        Some(name) if existing.iter().any(|other| other == name) => Ok(name.to_owned()),
        Some(name) => Err(LabError::NoSuchLab { name: name.to_owned(), existing }),
        None if existing.len() > 1 => Err(LabError::Ambiguous { existing }),
        None => existing.pop().ok_or(LabError::NoLab),
    }
}

/// Checks that a lab has a node.
///
/// # Errors
/// When it has no node of that name, with those it has.
pub fn check_node(state_root: &Path, lab: &str, node: &str) -> Result<(), LabError> {
    let record = LabDir::new(state_root, lab)?.load()?;
    if record.nodes.iter().any(|known| known.name.as_str() == node) {
        return Ok(());
    }
    let nodes = record.nodes.into_iter().map(|known| known.name).collect();
    Err(LabError::NoSuchNode { lab: lab.to_owned(), node: node.to_owned(), nodes })
}
