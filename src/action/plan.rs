//! The plan: stages of steps, each with its reason.

use super::{ContainerSpec, File, ImageSpec, NetworkSpec};
use crate::fabric::{NodeName, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One thing done to one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Writes a file: temporary file beside it, owner and mode, check, rename.
    PutFile {
        /// The file.
        file: File,
        /// Whether another content stands there already.
        replaces: bool,
    },
    /// Puts back what stood at a path before this tool wrote there, or removes the file if nothing did.
    RestoreFile {
        /// The path.
        path: String,
    },
    /// Removes a file.
    RemoveFile {
        /// The path.
        path: String,
    },
    /// Gives kernel settings the values that they had.
    SetSettings {
        /// Values by path.
        settings: BTreeMap<String, String>,
    },
    /// Gives ports the state that they had.
    SetPorts {
        /// Names, and of each the lines that a snapshot holds.
        ports: BTreeMap<String, Vec<String>>,
    },
    /// Starts a service, and makes it start at boot where the platform can.
    StartService {
        /// Its name.
        service: String,
    },
    /// Stops a service, and keeps it from starting at boot where the platform can.
    StopService {
        /// Its name.
        service: String,
    },
    /// Has a service take up changed files without interruption.
    ReloadService {
        /// Its name.
        service: String,
        /// The file that it reads.
        path: String,
    },
    /// Stops and starts a service.
    RestartService {
        /// Its name.
        service: String,
    },
    /// Makes a service start at boot, or not; now it goes on as it is.
    SetBoot {
        /// Its name.
        service: String,
        /// Whether it is to start at boot.
        at_boot: bool,
    },
    /// Makes a Docker network.
    CreateNetwork {
        /// Its specification.
        network: NetworkSpec,
    },
    /// Removes a Docker network of this fabric.
    RemoveNetwork {
        /// Its name.
        name: String,
    },
    /// Builds, loads or pulls an image.
    ProvideImage {
        /// Its specification.
        image: ImageSpec,
    },
    /// Removes an image of this fabric.
    RemoveImage {
        /// Its tag.
        tag: String,
    },
    /// Makes and starts a container.
    RunContainer {
        /// Its specification.
        container: ContainerSpec,
    },
    /// Starts a container that exists and is as specified.
    StartContainer {
        /// Its name.
        name: String,
    },
    /// Stops a container that exists.
    StopContainer {
        /// Its name.
        name: String,
    },
    /// Stops and removes a container of this fabric.
    RemoveContainer {
        /// Its name.
        name: String,
    },
    /// Removes this tool's own records from the device.
    Forget,
    /// Puts this tool's own records on the device back to what they were.
    RestoreRecords {
        /// The list of what is this tool's; none where there was none.
        #[serde(skip)]
        manifest: Option<File>,
        /// What it keeps of files that stood where it writes.
        #[serde(skip)]
        originals: Vec<Original>,
    },
}

/// What is kept on a device of a file that stood where this tool writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Where it is kept.
    pub path: String,
    /// The file; none where it is kept no more.
    pub file: Option<File>,
}

impl Action {
    /// The container that it starts or takes away.
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::RunContainer { container } => Some(&container.name),
            Self::StartContainer { name } | Self::RemoveContainer { name } => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::PutFile { file, .. } => write!(f, "write {}", file.path),
            Action::RestoreFile { path } => write!(f, "restore {path}"),
            Action::StartService { service } => write!(f, "start {service}"),
            Action::StopService { service } => write!(f, "stop {service}"),
            Action::ReloadService { service, .. } => write!(f, "reload {service}"),
            Action::RestartService { service } => write!(f, "restart {service}"),
            Action::CreateNetwork { network } => {
                write!(f, "create network {} on {}", network.name, network.parent)
            }
            Action::RemoveNetwork { name } => write!(f, "remove network {name}"),
            Action::ProvideImage { image: ImageSpec::Build { tag, .. } } => write!(f, "build image {tag}"),
            Action::ProvideImage { image: ImageSpec::Archive { tag, .. } } => write!(f, "load image {tag}"),
            Action::ProvideImage { image: ImageSpec::Pull { tag } } => write!(f, "pull image {tag}"),
            Action::RemoveImage { tag } => write!(f, "remove image {tag}"),
            Action::RunContainer { container } => {
                write!(f, "run container {} ({})", container.name, container.address)
            }
            Action::StartContainer { name } => write!(f, "start container {name}"),
            Action::RemoveContainer { name } => write!(f, "remove container {name}"),
            Action::RemoveFile { path } => write!(f, "remove {path}"),
            Action::SetSettings { settings } => match settings.len() {
                1 => f.write_str("set a kernel setting"),
                some => write!(f, "set {some} kernel settings"),
            },
            Action::SetPorts { ports } => {
                let names: Vec<&str> = ports.keys().map(String::as_str).collect();
                write!(f, "set {}", names.join(", "))
            }
            Action::SetBoot { service, at_boot: true } => write!(f, "start {service} at boot"),
            Action::SetBoot { service, at_boot: false } => write!(f, "don't start {service} at boot"),
            Action::StopContainer { name } => write!(f, "stop container {name}"),
            Action::RestoreRecords { .. } => f.write_str("restore fabricctl's records"),
            Action::Forget => f.write_str("remove fabricctl's records"),
        }
    }
}

/// An action on a node, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The device.
    pub node: NodeName,
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
    /// Why, as a person reads it.
    pub reason: String,
    /// Unified diff of a file's content, where there is one to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl Step {
    /// A step that has no diff to show.
    pub fn new(node: &NodeName, action: Action, reason: impl Into<String>) -> Self {
        Self { node: node.clone(), action, reason: reason.into(), diff: None }
    }
}

/// The order in which devices are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wave {
    /// Spines first: they carry everyone.
    Spines,
    /// Then leafs.
    Leafs,
    /// Then servers.
    Servers,
    /// Then containers.
    Workloads,
}

impl Wave {
    /// Every wave, in order.
    pub const ALL: [Wave; 4] = [Wave::Spines, Wave::Leafs, Wave::Servers, Wave::Workloads];

    /// The wave that configures nodes of a role.
    pub fn of(role: Role) -> Self {
        match role {
            Role::Spine => Wave::Spines,
            Role::Leaf => Wave::Leafs,
            Role::Server => Wave::Servers,
        }
    }
}

impl fmt::Display for Wave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Wave::Spines => "spines",
            Wave::Leafs => "leafs",
            Wave::Servers => "servers",
            Wave::Workloads => "workloads",
        })
    }
}

/// Steps that may run at the same time on different nodes, in order on each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Which wave it is.
    pub wave: Wave,
    /// Its steps; those of one node stand in the order in which they run.
    pub steps: Vec<Step>,
}

/// All that is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Plan {
    /// Stages in order; none is empty.
    pub stages: Vec<Stage>,
}

impl Plan {
    /// Every step, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }
}
