//! What can be done to a device, and a plan of it: ordered data, printed and applied alike.

mod container;
mod file;
mod plan;
mod run;

pub use container::{
    ASIDE_IMAGE, ASIDE_MARK, ContainerSpec, DEFINITION_LABEL, FABRIC_LABEL, IMAGE_FABRIC_LABEL,
    IMAGE_SPEC_LABEL, ImageSpec, NetworkSpec, RUN_LABEL, SPEC_LABEL,
};
pub use file::{Activation, File, How};
pub use plan::{Action, Original, Plan, Stage, Step, Wave};
pub use run::{RunId, RunIdError};
