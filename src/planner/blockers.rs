//! What stands in the way of a deployment: found before anything is touched.

use super::Desired;
use crate::action::ImageSpec;
use crate::fabric::{Fabric, Facts, Node, Role, Tool};
use crate::state::NodeState;
use std::collections::BTreeSet;

/// Where ifupdown2 reads its configuration.
const INTERFACES: &str = "/etc/network/interfaces";

/// Why a node can't be brought to its desired state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocker {
    /// Something that the node needs isn't installed on it.
    #[error("{what} isn't installed")]
    Missing {
        /// What.
        what: &'static str,
        /// The Debian packages that bring it.
        packages: &'static str,
    },
    /// A Docker object has the name of one of ours and isn't ours.
    #[error("there is a {kind} named {name} that fabricctl didn't make")]
    Foreign {
        /// Network or container.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The file of interfaces that would be replaced configures one that the new file doesn't know: very likely the
    /// way in.
    #[error("{INTERFACES} on the device configures {0}, which the inventory doesn't know")]
    Interface(String),
    /// An image is to be built and no template makes its Dockerfile.
    #[error("there is no template for {0}/Dockerfile, from which its image is to be built")]
    Dockerfile(String),
    /// A port of the inventory doesn't exist on the device.
    #[error("port {0} doesn't exist on the device")]
    Port(String),
}

impl Blocker {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Blocker::Missing { packages, .. } => {
                format!("install it on the device: apt-get install {packages}")
            }
            Blocker::Foreign { kind, name } => {
                format!(
                    "rename the {} in the inventory, or remove it on the server: docker {} {name}",
                    if *kind == "network" { "network" } else { "workload" },
                    if *kind == "network" { "network rm" } else { "rm -f" }
                )
            }
            Blocker::Interface(name) => format!(
                "give the node its management: address (interface {name}) in the inventory, or move {name} to a file in \
                 /etc/network/interfaces.d on the device"
            ),
            Blocker::Dockerfile(directory) => {
                format!(
                    "add templates/debian{directory}/Dockerfile.j2 beside the inventory, or pull the image"
                )
            }
            Blocker::Port(port) => {
                format!("check the cabling of {port} in links:, or the name that the device gives the port")
            }
        }
    }
}

/// What stands in the way of a deployment to this node; all of it.
pub fn blockers(
    node: &Node,
    facts: &Facts,
    current: &NodeState,
    wanted: &Desired,
    fabric: &Fabric,
) -> Vec<Blocker> {
    let mut found = Vec::new();
    if node.role.routes() && facts.frr.is_none() {
        found.push(Blocker::Missing { what: "FRR", packages: "frr frr-pythontools" });
    }
    if node.role.routes() && facts.frr.is_some() && !facts.tools.contains(&Tool::RouterReload) {
        found.push(Blocker::Missing { what: "FRR's reload script", packages: "frr-pythontools" });
    }
    let builds = wanted.specs.images.values().any(|image| matches!(image, ImageSpec::Build { .. }));
    if builds && !facts.tools.contains(&Tool::Busybox) {
        found.push(Blocker::Missing {
            what: "BusyBox, of which images are built,",
            packages: "busybox-static",
        });
    }
    if node.role == Role::Server && facts.docker.is_none() && !wanted.specs.containers.is_empty() {
        found.push(Blocker::Missing { what: "Docker Engine", packages: "docker.io" });
    }
    if !facts.ifupdown2 {
        found.push(Blocker::Missing { what: "ifupdown2", packages: "ifupdown2" });
    }
    for port in &node.ports {
        if !current.interfaces.contains_key(&port.name) {
            found.push(Blocker::Port(port.name.to_string()));
        }
    }
    found.extend(forgotten_interfaces(current, wanted).into_iter().map(Blocker::Interface));
    for image in wanted.specs.images.values() {
        if let ImageSpec::Build { directory, .. } = image
            && !wanted.files.contains_key(&format!("{directory}/Dockerfile"))
        {
            found.push(Blocker::Dockerfile(directory.clone()));
        }
    }
    for name in wanted.state.networks.keys() {
        if current.networks.get(name).is_some_and(|mark| mark.fabric != fabric.name) {
            found.push(Blocker::Foreign { kind: "network", name: name.clone() });
        }
    }
    for name in wanted.state.containers.keys() {
        if current.containers.get(name).is_some_and(|container| container.mark.fabric != fabric.name) {
            found.push(Blocker::Foreign { kind: "container", name: name.clone() });
        }
    }
    found
}

/// Interfaces that a file of somebody else configures and ours would not any more.
fn forgotten_interfaces(current: &NodeState, wanted: &Desired) -> Vec<String> {
    let stanzas = |state: &NodeState| -> BTreeSet<String> {
        let text = state.files.get(INTERFACES).and_then(|file| file.text.as_deref()).unwrap_or_default();
        let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        words
            .filter(|words| words.first() == Some(&"iface"))
            .filter_map(|words| words.get(1).map(ToString::to_string))
            .collect()
    };
    if current.owned.contains(INTERFACES) || !wanted.state.files.contains_key(INTERFACES) {
        return Vec::new();
    }
    stanzas(current).difference(&stanzas(&wanted.state)).cloned().collect()
}
