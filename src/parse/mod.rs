//! Reading what devices print: text in, words out. Nothing here asks a device.
//!
//! Versions differ in what they print, so every field that is not the point of an answer is optional and
//! unknown ones are ignored. What cannot be read is an error that names it, never a panic or a guess.
//! Real answers of the versions in use are kept in `tests/answers`.

mod arriving;
mod bgp;
mod bgp_neighbors;
mod bgp_paths;
mod config;
mod docker;
mod docker_objects;
mod inside;
mod interfaces;
mod ip;
mod kernel_neighbors;
mod kernel_routes;
mod neighbors;
mod probe;
mod rib;
mod sysctl;
mod version;

pub use bgp::{BgpPeer, BgpSummary, frr_bgp_summary};
pub use bgp_neighbors::{BgpNeighbor, frr_bgp_neighbors};
pub use bgp_paths::{BgpPath, BgpPrefix, frr_bgp_paths};
pub use config::{ConfigDifference, compare, context, frr_running_config};
pub use docker::{
    Attachment, Container, DockerImage, DockerNetwork, docker_containers, docker_images, docker_networks,
};
pub use docker_objects::{DockerObjects, docker_objects};
pub use inside::{Inside, insides};
pub use interfaces::{AskedInterface, FailedAttribute, ifquery_check, interfaces_file};
pub use ip::{Interface, ip_addresses};
pub use kernel_neighbors::{KernelNeighbor, LldpNeighbor, ip_neighbors, lldp_neighbors};
pub use kernel_routes::{KernelNextHop, KernelRoute, KernelRoutesReader, ip_routes};
pub use neighbors::{HostState, Neighbor, NeighborPort, NeighborStatus, Rival, neighbor_status};
pub use probe::{Probe, ProbeEnd, Probes, Seen, probes};
pub use rib::{NextHop, Rib, RibReader, RouteEntry, frr_routes};
pub use sysctl::{sysctl_file, sysctl_values};
pub use version::{docker_version, frr_version, os_pretty_name};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// Why an answer cannot be read. `what` is the command that was asked.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The answer is not JSON, or JSON of another shape.
    #[error("the answer to `{what}` can't be read")]
    Json {
        /// The command.
        what: &'static str,
        /// Where and why, in the answer's own lines and columns.
        source: serde_json::Error,
    },
    /// One member of a long answer is of another shape.
    #[error("the answer to `{what}` can't be read at {place}")]
    Member {
        /// The command.
        what: &'static str,
        /// Its key, or which one it is.
        place: String,
        /// Where and why, counted from the member's beginning.
        source: serde_json::Error,
    },
    /// The answer ends before it is whole.
    #[error("the answer to `{what}` is cut off")]
    Short {
        /// The command.
        what: &'static str,
    },
    /// The device said something else than an answer, such as FRR's `% Unknown command`.
    #[error("`{what}` was answered by {answer:?}")]
    Refused {
        /// The command.
        what: &'static str,
        /// Its first line.
        answer: String,
    },
    /// One value in the answer is not what its place asks for.
    #[error("the answer to `{what}` has {found:?} where {wanted} is expected")]
    Value {
        /// The command.
        what: &'static str,
        /// What should stand there.
        wanted: &'static str,
        /// What does.
        found: String,
    },
}

/// Reads JSON, and tells an error message of the device from JSON that is broken.
fn json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, ParseError> {
    let text = text.trim();
    if text.starts_with(['{', '[']) {
        return serde_json::from_str(text).map_err(|source| ParseError::Json { what, source });
    }
    Err(ParseError::Refused { what, answer: first_line(text) })
}

/// The start of a text, for an error message.
fn first_line(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().chars().take(120).collect()
}

/// A field that may be absent or `null`, which then has its type's empty value.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}
