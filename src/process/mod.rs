//! The door to local programs: a command as data in, what became of it out.

#![expect(clippy::disallowed_methods, reason = "this module is the one place that starts local programs")]

mod command;
mod error;
mod interrupt;

pub use command::{Command, Output};
pub use error::ProcessError;
pub use interrupt::Interrupt;
