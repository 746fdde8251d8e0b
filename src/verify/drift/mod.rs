//! What on a device differs from what the last run put there. The measure is the device's own record of that run, never
//! the inventory: one that was edited and not deployed is no drift, and a hand on a device is.

mod docker;
mod files;
mod findings;
mod running;

pub(super) use findings::findings;

use crate::action::{ContainerSpec, NetworkSpec};
use crate::fabric::{NodeName, Secrets};
use crate::parse::{Container, DockerNetwork, FailedAttribute, Interface};
use crate::state::{FileState, Veil};
use serde::{Deserialize, Serialize};
use similar::TextDiff;
use std::collections::{BTreeMap, BTreeSet};

/// What a device says of itself and of the last run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Whether this tool has written anything there at all.
    pub known: bool,
    /// What was put there; none where no run wrote that down.
    pub record: Option<Record>,
    /// What is there.
    pub found: Found,
}

/// What was put on a device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The last run that changed it.
    pub run: Option<LastRun>,
    /// Files by path.
    pub files: BTreeMap<String, FileState>,
    /// Services that are to run.
    pub services: BTreeSet<String>,
    /// Containers by name.
    pub containers: BTreeMap<String, RecordedContainer>,
    /// Networks by name.
    pub networks: BTreeMap<String, NetworkSpec>,
}

/// A run that changed a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// Its name.
    pub run: String,
    /// `user@host` of the machine that it ran on.
    pub who: String,
    /// When it began, RFC 3339 in UTC.
    pub began: String,
    /// How it ended: `confirmed` or `kept`; none while it may still be undone.
    #[serde(default)]
    pub outcome: Option<String>,
}

/// A container that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedContainer {
    /// The engine's name for it.
    pub id: String,
    /// What it was made from.
    pub spec: ContainerSpec,
}

/// What is on a device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Those of the recorded files that exist.
    pub files: BTreeMap<String, FileState>,
    /// Files that were removed, and exist again.
    pub back: BTreeSet<String>,
    /// Those of the recorded services that run.
    pub services: BTreeSet<String>,
    /// Kernel settings by path.
    pub settings: BTreeMap<String, String>,
    /// Interfaces by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// What ifupdown2 found wrong with them.
    pub failed: Vec<FailedAttribute>,
    /// FRR's running configuration; none where it doesn't answer.
    pub routing: Option<String>,
    /// Whether the engine answers.
    pub engine: bool,
    /// All containers.
    pub containers: Vec<Container>,
    /// All networks.
    pub networks: Vec<DockerNetwork>,
}

/// The kind of thing that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file.
    File,
    /// What FRR runs.
    Routing,
    /// An interface of the kernel.
    Interface,
    /// A setting of the kernel.
    Setting,
    /// A service.
    Service,
    /// A Docker network.
    Network,
    /// A container.
    Container,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::File => "file",
            Kind::Routing => "routing",
            Kind::Interface => "interface",
            Kind::Setting => "setting",
            Kind::Service => "service",
            Kind::Network => "network",
            Kind::Container => "container",
        })
    }
}

/// One thing that is not as it was put there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The kind of thing.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What is with it.
    pub message: String,
    /// Unified diff from what was put there to what was found, without secrets.
    pub diff: Option<String>,
}

/// How a node stands to what was put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing differs.
    AsDeployed,
    /// Something does.
    Drifted,
    /// Nothing was ever put there.
    NeverDeployed,
    /// Something was, by a version that didn't write down what.
    Unrecorded,
    /// The node gave no answer.
    Unknown,
}

/// The verdict on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeDrift {
    /// The node.
    pub node: NodeName,
    /// How it stands.
    pub standing: Standing,
    /// The run that put there what is compared with.
    pub run: Option<LastRun>,
    /// All that differs.
    pub differences: Vec<Difference>,
}

/// The verdict on all nodes that were asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// Every node answered, and nothing differs on any.
    pub ok: bool,
    /// One a node, by name.
    pub nodes: Vec<NodeDrift>,
}

/// Judges all nodes; those without an answer are unknown.
pub fn report(answers: &BTreeMap<NodeName, Option<Evidence>>, secrets: &Secrets) -> DriftReport {
    let nodes: Vec<NodeDrift> = answers
        .iter()
        .map(|(node, answer)| match answer {
            Some(evidence) => judge(node, evidence, secrets),
            None => NodeDrift {
                node: node.clone(),
                standing: Standing::Unknown,
                run: None,
                differences: Vec::new(),
            },
        })
        .collect();
    let fine = |node: &NodeDrift| !matches!(node.standing, Standing::Drifted | Standing::Unknown);
    DriftReport { ok: nodes.iter().all(fine), nodes }
}

fn judge(node: &NodeName, evidence: &Evidence, secrets: &Secrets) -> NodeDrift {
    let Evidence { known, record, found } = evidence;
    let Some(record) = record else {
        let standing = if *known { Standing::Unrecorded } else { Standing::NeverDeployed };
        return NodeDrift { node: node.clone(), standing, run: None, differences: Vec::new() };
    };
    let texts = record.files.values().filter_map(|file| file.text.as_deref());
    let judge = Judge { record, found, veil: Veil::new(secrets, texts.flat_map(str::lines)) };
    let mut differences = [
        judge.files(),
        judge.routing(),
        judge.interfaces(),
        judge.settings(),
        judge.services(),
        judge.networks(),
        judge.containers(),
    ]
    .concat();
    for difference in &mut differences {
        difference.diff = difference.diff.take().map(|diff| judge.veil.found_diff(&diff));
    }
    let standing = if differences.is_empty() { Standing::AsDeployed } else { Standing::Drifted };
    NodeDrift { node: node.clone(), standing, run: record.run.clone(), differences }
}

/// A device's two sides.
struct Judge<'a> {
    record: &'a Record,
    found: &'a Found,
    veil: Veil<'a>,
}

fn difference(kind: Kind, name: &str, message: impl Into<String>, diff: Option<String>) -> Difference {
    Difference { kind, name: name.to_owned(), message: message.into(), diff }
}

/// The unified diff of two texts.
fn unified(name: &str, before: &str, after: &str) -> String {
    let (from, to) = (format!("{name} (put there)"), format!("{name} (found)"));
    TextDiff::from_lines(before, after).unified_diff().header(&from, &to).to_string()
}

/// The same of lines.
fn unified_lines(name: &str, before: &[String], after: &[String]) -> Option<String> {
    let text = |lines: &[String]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
    (before != after).then(|| unified(name, &text(before), &text(after)))
}

#[cfg(test)]
mod tests;
