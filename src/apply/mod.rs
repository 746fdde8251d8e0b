//! The one executor: runs a plan on the devices, stage by stage, one exec a device and stage.

#![expect(clippy::disallowed_methods, reason = "steps are timed here")]

mod compile;
mod detail;
mod run;
pub mod transaction;

pub use detail::{Command, Detail, detail};
pub use run::{Event, FailureCause, OnFailure, Outcome, Place, Run, StepFailure, Stop};
