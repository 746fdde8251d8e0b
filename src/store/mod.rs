//! Local files.
#![expect(clippy::disallowed_methods, reason = "this is the door to local files")]

mod tree;

pub use tree::{TreeError, TreeFile, write_tree};
