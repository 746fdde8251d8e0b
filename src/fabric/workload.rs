//! Workloads: containers on macvlan networks.

use super::{IfName, NodeName, Text};
use ipnet::Ipv4Net;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A workload network: one prefix, in every rack that has a server on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Its name, also the name of the Docker network on each server.
    pub name: String,
    /// The prefix.
    pub subnet: Ipv4Net,
    /// The address that every leaf holds on its server ports.
    pub gateway: Ipv4Addr,
    /// The servers' interface, where the inventory names one; else each server's port to its leaf.
    pub parent: Option<IfName>,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum ImageSource {
    /// Built on the server from the rendered Dockerfile; needs no registry.
    Build,
    /// Loaded from an archive made by `docker save`; a path on the controller, already resolved.
    Archive {
        /// The archive.
        path: std::path::PathBuf,
    },
    /// Pulled from a registry by the server.
    Pull {
        /// The reference, e.g. `nginx:1.27`.
        reference: String,
    },
}

/// An image that workloads run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The name that workloads use.
    pub name: String,
    /// Where it comes from.
    pub source: ImageSource,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workload {
    /// Its name, also the container's.
    pub name: String,
    /// The server that runs it.
    pub server: NodeName,
    /// The network it is on.
    pub network: String,
    /// Its address; the /32 that every spine must see.
    pub address: Ipv4Addr,
    /// The image, by its name in the inventory.
    pub image: String,
    /// The command, where it isn't the image's own.
    pub command: Option<Vec<String>>,
    /// Environment variables.
    pub environment: BTreeMap<String, Text>,
}
