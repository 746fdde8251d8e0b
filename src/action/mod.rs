//! What can be done to a device, and a plan of it: ordered data, printed and applied alike.

mod container;
mod file;
mod plan;

pub use container::{
    ContainerSpec, FABRIC_LABEL, IMAGE_FABRIC_LABEL, IMAGE_SPEC_LABEL, ImageSpec, NetworkSpec, SPEC_LABEL,
};
pub use file::{Activation, File, How};
pub use plan::{Action, Plan, Stage, Step, Wave};
