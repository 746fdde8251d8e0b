//! What can be wrong with a lab.

use super::control::ControlError;
use crate::fabric::{NameError, NodeName};
use crate::netlink::NetlinkError;
use crate::process::ProcessError;
use std::io;
use std::path::PathBuf;

/// What can be wrong with a lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Namespaces and mounts belong to root.
    #[error("lab {verb} needs root")]
    NotRoot {
        /// The verb.
        verb: &'static str,
    },
    /// The name can't be a lab's.
    #[error("a lab can't have that name")]
    Name(#[from] NameError),
    /// The path of the lab's socket is longer than the kernel allows.
    #[error("the path {} is too long for a socket", path.display())]
    LongPath {
        /// The path.
        path: PathBuf,
    },
    /// The kernel lacks something that a lab is made of.
    #[error("this kernel can't do what a lab needs: {what}")]
    Kernel {
        /// What it can't do.
        what: &'static str,
        /// The module that would bring it.
        module: &'static str,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A local program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The root filesystem of the nodes couldn't be built.
    #[error("building the root filesystem for {suite}")]
    Rootfs {
        /// The Debian suite.
        suite: &'static str,
        /// Why not.
        #[source]
        source: ProcessError,
    },
    /// A file couldn't be read, written, made or removed.
    #[error("{what} {}", path.display())]
    File {
        /// What was tried, as in `writing`.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A system call failed.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The kernel refused a change of a lab's network.
    #[error(transparent)]
    Network(#[from] NetlinkError),
    /// The record of a lab can't be read.
    #[error("the record {} can't be read", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// Nodes didn't come up.
    #[error("{} of the lab's nodes did not come up: {}", failed.len(), describe(failed))]
    Nodes {
        /// Each with why.
        failed: Vec<(String, String)>,
    },
    /// The hub or a node said something else than expected, or nothing.
    #[error("{who}")]
    Control {
        /// Who.
        who: String,
        /// What was wrong.
        #[source]
        source: ControlError,
    },
    /// There is no lab of that name.
    #[error("there is no lab {name}")]
    NoSuchLab {
        /// The name.
        name: String,
        /// The labs there are.
        existing: Vec<String>,
    },
    /// There is no lab at all.
    #[error("there is no lab")]
    NoLab,
    /// There are several labs and none was named.
    #[error("there are several labs: {}", existing.join(", "))]
    Ambiguous {
        /// The labs there are.
        existing: Vec<String>,
    },
    /// The lab has no node of that name.
    #[error("lab {lab} has no node {node}")]
    NoSuchNode {
        /// The lab.
        lab: String,
        /// The name.
        node: String,
        /// The nodes it has.
        nodes: Vec<NodeName>,
    },
    /// The node is to be restarted and doesn't run.
    #[error("node {node} of lab {lab} doesn't run")]
    NodeDown {
        /// The lab.
        lab: String,
        /// The node.
        node: String,
    },
    /// A lab of that name runs with other nodes or links.
    #[error("lab {name} is up, but with {difference}")]
    OtherTopology {
        /// The lab.
        name: String,
        /// What is different.
        difference: String,
    },
    /// Another run works on the lab.
    #[error("another fabricctl works on lab {name}")]
    Busy {
        /// The lab.
        name: String,
    },
    /// No prefix was found from which nodes without a management address could get one.
    #[error("no prefix is left for a management network")]
    NoManagementPrefix,
    /// Something of a lab could not be removed.
    #[error("of lab {name} remains: {}", what.join(", "))]
    Remains {
        /// The lab.
        name: String,
        /// What remains.
        what: Vec<String>,
    },
    /// The user asked for the end.
    #[error("interrupted")]
    Interrupted,
}

fn describe(failed: &[(String, String)]) -> String {
    failed.iter().map(|(node, why)| format!("{node}: {why}")).collect::<Vec<_>>().join("; ")
}

impl LabError {
    /// A failed system call.
    pub(super) fn system(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::System { what: what.into(), source: source.into() }
    }

    /// A failed deed on a file; made for `map_err`.
    pub(super) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let list = |existing: &[String]| format!("the labs are: {}", existing.join(", "));
        match self {
            LabError::NotRoot { verb } => Some(format!("run it as root: sudo fabricctl lab {verb}")),
            LabError::Name(_) => Some("give it another one with --name".to_owned()),
            LabError::LongPath { .. } => Some("choose a shorter --state-dir or --name".to_owned()),
            LabError::Kernel { module, .. } => {
                Some(format!("load the module (sudo modprobe {module}) or use a kernel that has it"))
            }
            LabError::Process(error) => error.hint(),
            LabError::Rootfs { source, .. } => source.hint().or_else(|| {
                Some(
                    "it needs a Debian mirror (apt-get update must work) and the debian-archive-keyring"
                        .to_owned(),
                )
            }),
            LabError::NoSuchLab { existing, .. } if !existing.is_empty() => Some(list(existing)),
            LabError::NoSuchLab { .. } | LabError::NoLab => {
                Some("start one: sudo fabricctl lab up".to_owned())
            }
            LabError::Ambiguous { .. } => Some("name one with --name".to_owned()),
            LabError::NoSuchNode { nodes, .. } => {
                let nodes: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
                Some(format!("its nodes are: {}", nodes.join(", ")))
            }
            LabError::NodeDown { lab, .. } => Some(format!("start it: sudo fabricctl lab up --name {lab}")),
            LabError::OtherTopology { name, .. } => Some(format!(
                "end it first: sudo fabricctl lab down --name {name}; or give the new one another --name"
            )),
            LabError::Busy { .. } => Some("wait for it, or end it".to_owned()),
            LabError::Record { .. } | LabError::Remains { .. } => {
                Some("run sudo fabricctl lab down again".to_owned())
            }
            LabError::NoManagementPrefix => Some("give each node a management address".to_owned()),
            _ => None,
        }
    }
}
