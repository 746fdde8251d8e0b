//! What a run's file holds: one record a line, as JSON. Words only, no file is touched here.

use super::Who;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the format. A reader refuses a newer one; new kinds of records don't make a new version.
pub const SCHEMA: u32 = 1;

/// One line of a run's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, in milliseconds since the run's first record.
    pub after_ms: u64,
    /// What.
    #[serde(flatten)]
    pub record: Record,
}

/// What is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// Always the first: what run this is.
    Run(Box<Header>),
    /// Always the second: what the run was about to do, in the form of `plan -o json`.
    Plan {
        /// The plan.
        plan: Value,
    },
    /// A step begins.
    StepBegun {
        /// Where.
        node: String,
        /// What, in the words of the plan.
        step: String,
    },
    /// A step ended well.
    StepDone {
        /// Where.
        node: String,
        /// What.
        step: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// A step failed.
    StepFailed {
        /// Where.
        node: String,
        /// What; none when the device didn't even begin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// How long it took, in milliseconds.
        ms: u64,
        /// What the device, or the way to it, said.
        said: String,
    },
    /// A node is through with its part of a wave.
    Node {
        /// Which.
        node: String,
        /// Whether every step ended well.
        ok: bool,
        /// How long its steps took, in milliseconds.
        ms: u64,
    },
    /// Something that keeps a change from being half done.
    Safety {
        /// Where.
        node: String,
        /// What.
        what: Safety,
        /// Whether it worked.
        ok: bool,
        /// What there is to know about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// Always the last: how the run ended. A run without it was interrupted.
    End(End),
    /// What a newer version writes and this one doesn't know.
    #[serde(other)]
    Unknown,
}

/// What keeps a change from being half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// The device's lock was taken.
    LockTaken,
    /// What will be replaced was saved.
    SnapshotSaved,
    /// The device will restore itself unless it is told not to.
    GuardArmed,
    /// It was told not to.
    GuardDisarmed,
    /// The change was confirmed.
    Confirmed,
    /// The change was undone.
    RolledBack,
    /// What a newer version writes and this one doesn't know.
    #[serde(other)]
    Unknown,
}

/// What run it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`] of whoever wrote it.
    pub schema: u32,
    /// The run's name.
    pub run: String,
    /// `deploy`, `rollback` or `teardown`.
    pub verb: String,
    /// The run that it undoes, if it is one that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// What was typed after the program's name.
    pub arguments: Vec<String>,
    /// The fabric.
    pub fabric: String,
    /// The lab, if the devices are a lab's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lab: Option<String>,
    /// The nodes that it is about, whether or not something is to be done there.
    pub nodes: Vec<String>,
    /// Who ran it, and where.
    pub who: Who,
    /// When it began (RFC 3339, UTC).
    pub at: String,
    /// The version of this tool.
    pub version: String,
    /// The inventory's path as it was given.
    pub inventory: String,
    /// SHA-256 of the inventory's text, in hexadecimal.
    pub inventory_digest: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// In a word.
    pub outcome: Outcome,
    /// The exit code.
    pub exit: u8,
    /// How long the run took, in milliseconds, from its start: connecting and observing included.
    pub ms: u64,
    /// What was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// How many records could not be written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How a run ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was done and is as desired.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// A step failed, or not everything is as desired.
    Failed,
    /// What was changed was undone.
    RolledBack,
    /// A person or the machine ended it.
    Interrupted,
    /// What a newer version writes and this one doesn't know.
    #[serde(other)]
    Unknown,
}

impl Outcome {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::Interrupted => "interrupted",
            Self::Unknown => "unknown",
        }
    }
}

impl Line {
    /// The line as it stands in the file, with its line feed.
    pub(super) fn to_octets(&self) -> Vec<u8> {
        // Records hold nothing without a JSON form; a line left empty would be skipped by every reader.
        let mut octets = serde_json::to_vec(self).unwrap_or_default();
        octets.push(b'\n');
        octets
    }
}
