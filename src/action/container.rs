//! Docker objects, with the labels by which they are found again.

use crate::fabric::Secret;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Label that names the fabric an object belongs to.
pub const FABRIC_LABEL: &str = "fabricctl.fabric";
/// Label with the hash of the specification an object was made from.
pub const SPEC_LABEL: &str = "fabricctl.spec";

/// The same on images, under names of their own: containers inherit their image's labels, and a container that a
/// person runs from one of our images is not ours.
pub const IMAGE_FABRIC_LABEL: &str = "fabricctl.image.fabric";
/// Label with the hash of what an image was made from.
pub const IMAGE_SPEC_LABEL: &str = "fabricctl.image.spec";

/// Label with the run that made a container or network: by it they are found when the run is undone.
pub const RUN_LABEL: &str = "fabricctl.run";
/// Label with the specification itself, as JSON: by it a container or network can be made again.
pub const DEFINITION_LABEL: &str = "fabricctl.definition";
/// What stands between the name of a container that a run put aside and the run's own name.
pub const ASIDE_MARK: &str = ".fabricctl-";
/// The repository of the tags that images get which a run put aside.
pub const ASIDE_IMAGE: &str = "fabricctl-aside";

/// A macvlan network of a server's Docker Engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// The prefix.
    pub subnet: Ipv4Net,
    /// The gateway that containers get.
    pub gateway: Ipv4Addr,
    /// The parent interface.
    pub parent: String,
}

/// An image that must be on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum ImageSpec {
    /// Built from a directory on the device that holds a Dockerfile.
    Build {
        /// The tag to give it.
        tag: String,
        /// The directory with the Dockerfile.
        directory: String,
        /// Hash of every file that goes into it; part of the tag's label.
        inputs: String,
    },
    /// Loaded from an archive that the controller sends.
    Archive {
        /// The tag to give it.
        tag: String,
        /// Hash of the archive.
        inputs: String,
        /// The archive's octets.
        #[serde(skip)]
        content: Vec<u8>,
    },
    /// Pulled by the device from a registry.
    Pull {
        /// The reference to pull.
        tag: String,
    },
}

impl ImageSpec {
    /// The tag (or reference) under which containers use it.
    pub fn tag(&self) -> &str {
        match self {
            ImageSpec::Build { tag, .. } | ImageSpec::Archive { tag, .. } | ImageSpec::Pull { tag } => tag,
        }
    }

    /// The hash of what it is made from; the reference itself for one that is pulled.
    pub fn inputs(&self) -> &str {
        match self {
            ImageSpec::Build { inputs, .. } | ImageSpec::Archive { inputs, .. } => inputs,
            ImageSpec::Pull { tag } => tag,
        }
    }
}

/// A workload's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// The network it is on.
    pub network: String,
    /// Its fixed address.
    pub address: Ipv4Addr,
    /// The image's tag; for an image that is built or loaded it holds the hash of its content.
    pub image: String,
    /// The command, where it isn't the image's own.
    pub command: Vec<String>,
    /// Environment variables that anybody may see.
    pub environment: BTreeMap<String, String>,
    /// The others. Their texts are no part of the specification's hash, which stands in a label: one that changed shows
    /// in what the engine says of the container. They are never read back from what was written.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", skip_deserializing)]
    pub secrets: BTreeMap<String, Secret>,
}
