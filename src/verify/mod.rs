//! Judging what devices answered by what the fabric's model says. Nothing here asks a device:
//! expectations come from the model alone, the verdict from expectations and answers.
//! `drift` judges by something else: by what a device remembers of the last run.

mod agreement;
mod bgp;
mod checks;
pub mod diagnose;
pub mod drift;
mod facts;
mod finding;
mod forwarding;
mod links;
pub mod neighbors;
pub mod overview;
mod reachability;
mod report;
pub mod routes;
mod scope;
mod services;
mod workloads;

pub use checks::{judge, sections};
pub use facts::{Answer, Clock, Docker, Facts, Fault, OpenRun, Release, Section, Sections, Service, World};
pub use finding::{CheckName, Finding, Status};
pub use report::{Course, Report, Summary, Unreachable, Violation};
pub use scope::Scope;
