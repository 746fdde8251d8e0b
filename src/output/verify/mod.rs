//! The verdict of a verification, in every form. For programs the report itself is the document ([`super::json`]),
//! and [`VERIFY_SCHEMA`] describes it.

pub(super) mod groups;
mod junit;
mod markdown;
mod table;
mod tap;

pub(in crate::output) use groups::{Group, groups, last_line};
pub use junit::verify_junit;
pub use markdown::verify_markdown;
pub use table::{checks_table, verify_table};
pub use tap::verify_tap;

/// The JSON Schema (draft 2020-12) of the report.
pub const VERIFY_SCHEMA: &str = include_str!("schema.json");
