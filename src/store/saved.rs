//! Plans that were saved to be carried out later.

use super::journal::Who;
use crate::planner::Fingerprint;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The version of the format.
pub const PLAN_SCHEMA: u32 = 1;

/// A plan as it is saved: who made it and what it does, by digests alone. To be carried out it is made anew, from the
/// same inventory and templates, and must come out the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// [`PLAN_SCHEMA`] of whoever wrote it.
    pub schema: u32,
    /// The fabric.
    pub fabric: String,
    /// The lab, if the devices are a lab's.
    #[serde(default)]
    pub lab: Option<String>,
    /// The version of the tool that made it.
    pub version: String,
    /// When (RFC 3339, UTC).
    pub at: String,
    /// Who made it, and where.
    pub who: Who,
    /// What it was made from, and what it does.
    #[serde(flatten)]
    pub print: Fingerprint,
}

/// Why a plan can't be saved or read.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// The file can't be written.
    #[error("can't save the plan in {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file can't be read.
    #[error("can't read the plan {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} is no plan that `plan --out` saved", path.display())]
    NoPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Another version of this tool made it.
    #[error("{} was made by fabricctl {version}, and this is {}", path.display(), env!("CARGO_PKG_VERSION"))]
    Version {
        /// The file.
        path: PathBuf,
        /// Which version.
        version: String,
    },
}

impl SavedPlan {
    /// A plan that is made now, by whoever runs this.
    pub fn new(fabric: &str, lab: Option<String>, print: Fingerprint) -> Self {
        Self {
            schema: PLAN_SCHEMA,
            fabric: fabric.to_owned(),
            lab,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            who: Who::here(),
            print,
        }
    }

    /// Saves it; a file that is there already is replaced as a whole.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), SavedPlanError> {
        let failed = |source| SavedPlanError::Write { path: path.to_owned(), source };
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        super::write_file(path, &text).map_err(failed)
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it can't be read, isn't one, or was made by another version: that one has other templates and steps.
    pub fn read(path: &Path) -> Result<Self, SavedPlanError> {
        let text = fs::read(path).map_err(|source| SavedPlanError::Read { path: path.to_owned(), source })?;
        let no_plan = |source| SavedPlanError::NoPlan { path: path.to_owned(), source };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(no_plan)?;
        let version = value["version"].as_str().unwrap_or_default();
        let other = value["schema"] != PLAN_SCHEMA || version != env!("CARGO_PKG_VERSION");
        if other && value["schema"].is_u64() && !version.is_empty() {
            return Err(SavedPlanError::Version { path: path.to_owned(), version: version.to_owned() });
        }
        serde_json::from_value(value).map_err(no_plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        let plan = SavedPlan::new("reference", Some("two".to_owned()), Fingerprint::default());
        fs::write(&path, "before").unwrap();
        assert!(matches!(SavedPlan::read(&path), Err(SavedPlanError::NoPlan { .. })));
        plan.write(&path).unwrap();
        assert_eq!(SavedPlan::read(&path).unwrap(), plan);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let other = SavedPlan { version: "0.0.9".to_owned(), ..plan };
        other.write(&path).unwrap();
        assert!(
            matches!(SavedPlan::read(&path), Err(SavedPlanError::Version { version, .. }) if version == "0.0.9")
        );
        fs::write(&path, "[]").unwrap();
        assert!(matches!(SavedPlan::read(&path), Err(SavedPlanError::NoPlan { .. })));
        assert!(matches!(SavedPlan::read(folder.path()), Err(SavedPlanError::Read { .. })));
        assert!(matches!(other.write(&folder.path().join("no/plan")), Err(SavedPlanError::Write { .. })));
    }
}
