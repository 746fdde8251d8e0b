//! Judging what devices answered by what the fabric's model says. Nothing here asks a device:
//! expectations come from the model alone, the verdict from expectations and answers.

mod facts;
mod finding;
pub mod neighbors;
pub mod routes;

pub use facts::{Answer, Clock, Docker, Facts, Fault, Section, Sections, Service, World};
pub use finding::{CheckName, Finding, Status};
