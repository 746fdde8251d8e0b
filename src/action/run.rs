//! The name of a run.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of one run of a verb that changes devices: on devices it names directories, containers and labels.
///
/// Names begin with the time, so that they sort by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that names no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a run: letters, digits and dashes, at most {LONGEST} of them")]
pub struct RunIdError(String);

/// Longest name, in characters: as part of a container's name and of an image's tag it stays well within Docker's limits.
const LONGEST: usize = 40;

impl RunId {
    /// Takes a name.
    ///
    /// # Errors
    /// When it has other characters than ASCII letters, digits and dashes, begins with a dash, is empty or too long.
    pub fn new(name: impl Into<String>) -> Result<Self, RunIdError> {
        let name = name.into();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let good = (1..=LONGEST).contains(&name.len()) && !name.starts_with('-') && name.chars().all(fits);
        if good { Ok(Self(name)) } else { Err(RunIdError(name)) }
    }

    /// The name of a run that begins now.
    ///
    /// `time` is RFC 3339 in UTC, to the second; `chance` tells runs apart that begin in the same second.
    pub fn of(time: &str, chance: u16) -> Self {
        let digits: String = time.chars().filter(char::is_ascii_alphanumeric).take(LONGEST - 5).collect();
        Self(format!("{digits}-{chance:04x}"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(name: String) -> Result<Self, RunIdError> {
        Self::new(name)
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_go_anywhere() {
        let [one, two] = ["2026-11-22T09:08:34Z", "2026-11-22T10:00:00Z"].map(|time| RunId::of(time, 0x2f));
        assert_eq!(one.as_str(), "20261122T090834Z-002f");
        assert!(one < two);
        assert_eq!(RunId::new(one.as_str()), Ok(one));
        for wrong in ["", "-a", "a/b", "../x", "a b", "a.b", &"x".repeat(41)] {
            assert!(RunId::new(wrong).is_err(), "{wrong}");
        }
    }
}
