//! What is on a device, as far as this tool cares: one type for what is desired and what is found.

mod diff;
mod saved;
mod spec;
mod veil;

pub use diff::{Change, diff};
pub use saved::{Present, Saved, SavedContainer, SavedService};
pub use spec::{digest, spec_hash};
pub use veil::Veil;

use crate::action::{ContainerSpec, File, ImageSpec, NetworkSpec};
use crate::fabric::{IfName, Secret};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The state of one node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeState {
    /// Files by path.
    pub files: BTreeMap<String, FileState>,
    /// The paths among them that are this tool's.
    pub owned: BTreeSet<String>,
    /// Services by name: running or not.
    pub services: BTreeMap<String, bool>,
    /// Services as they were before this tool first touched them; only found, never desired.
    pub services_before: BTreeMap<String, bool>,
    /// Whether the device holds records of this tool; only found, never desired.
    pub recorded: bool,
    /// Ports and loopback.
    pub interfaces: BTreeMap<IfName, Interface>,
    /// FRR's configuration in effect, one line of it with its context each.
    pub routing: BTreeSet<String>,
    /// Kernel settings by key.
    pub sysctls: BTreeMap<String, String>,
    /// Docker networks by name.
    pub networks: BTreeMap<String, Marked>,
    /// Docker images by tag.
    pub images: BTreeMap<String, Marked>,
    /// Docker containers by name.
    pub containers: BTreeMap<String, Container>,
    /// The runs that made networks and containers, by name; only found, never desired.
    pub made_by: BTreeMap<String, String>,
}

/// A file, by what can be compared cheaply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// SHA-256 of the content, in hexadecimal.
    pub digest: String,
    /// Owner's name.
    pub owner: String,
    /// Group's name.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
    /// The content, where it is text short enough to be shown.
    pub text: Option<String>,
}

/// Content up to this many octets is fetched and shown; larger files are compared by hash.
pub const SHOWN_OCTETS: usize = 64 * 1024;

impl FileState {
    /// The state of a file with that content.
    pub fn new(content: &[u8], owner: &str, group: &str, mode: u32) -> Self {
        let text = (content.len() <= SHOWN_OCTETS)
            .then(|| std::str::from_utf8(content).ok().map(str::to_owned))
            .flatten();
        Self { digest: digest(content), owner: owner.to_owned(), group: group.to_owned(), mode, text }
    }

    /// The state a file brings about when it is written.
    pub fn of(file: &File) -> Self {
        Self::new(&file.content, &file.owner, &file.group, file.mode)
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Administratively up.
    pub up: bool,
    /// MTU in octets; 0 where none is asked for.
    pub mtu: u32,
    /// Its IPv4 addresses.
    pub addresses: BTreeSet<Ipv4Net>,
}

/// A Docker object known by its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// Hash of the specification it was made from; empty for an object that carries no such label.
    pub hash: String,
    /// The fabric whose label it carries; empty for a foreign object.
    pub fabric: String,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The marks it carries.
    pub mark: Marked,
    /// Whether it runs.
    pub running: bool,
    /// Its network.
    pub network: String,
    /// Its fixed address.
    pub address: Option<Ipv4Addr>,
    /// The tag of its image.
    pub image: String,
    /// Its environment variables that are secret; the hash in its mark tells nothing of these.
    pub secrets: BTreeMap<String, Secret>,
}

impl Container {
    /// The state a specification brings about.
    pub fn of(spec: &ContainerSpec, fabric: &str) -> Self {
        Self {
            mark: Marked { hash: spec_hash(spec), fabric: fabric.to_owned() },
            running: true,
            network: spec.network.clone(),
            address: Some(spec.address),
            image: spec.image.clone(),
            secrets: spec.secrets.clone(),
        }
    }
}

/// The specifications behind a desired state's Docker objects.
#[derive(Debug, Clone, Default)]
pub struct Specs {
    /// Networks by name.
    pub networks: BTreeMap<String, NetworkSpec>,
    /// Images by tag.
    pub images: BTreeMap<String, ImageSpec>,
    /// Containers by name.
    pub containers: BTreeMap<String, ContainerSpec>,
}
