//! Decides what is desired of a node, and which steps lead there. Pure: everything it needs is handed in.

mod activations;
mod batches;
mod blockers;
mod desired;
mod fingerprint;
mod parts;
mod rollback;
mod steps;
mod teardown;
mod workloads;

pub use batches::{Pace, Share, ShareError, batches};
pub use blockers::Blocker;
pub use desired::{Desired, daemon_of, desired, services};
pub use fingerprint::{
    Difference, Digests, Drift, Fingerprint, StepPrint, inputs_since, observed_prints, step_prints,
};
pub use parts::{Part, coming, parts};
pub use rollback::{Back, ENGINE, Lost, WayBack, stages};
pub use steps::{NodePlan, assemble, node_steps};
pub use teardown::{ORDER as TEARDOWN_ORDER, Scope, teardown_steps};

/// Where the neighbour daemon goes on a device that has none of its own.
pub const RDNBRD_PATH: &str = "/usr/local/sbin/rdnbrd";
/// Below this directory on a device lie the inputs of images, one directory an image.
pub const IMAGES_DIRECTORY: &str = "/var/lib/fabricctl/images";

#[cfg(test)]
mod tests;
