//! Times that nodes print.

use crate::Result;
use std::str::FromStr;

/// Seconds since midnight, UTC.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct TimeOfDay(f64);

const DAY: f64 = 86400.0;

impl TimeOfDay {
    /// Seconds that passed since an earlier time, less than a day ago.
    pub fn since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0).rem_euclid(DAY)
    }
}

impl FromStr for TimeOfDay {
    type Err = Box<dyn std::error::Error>;

    /// Reads `HH:MM:SS.fraction`.
    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<f64> =
            text.trim().split(':').map(str::parse).collect::<std::result::Result<_, _>>()?;
        match parts[..] {
            [hours, minutes, seconds] => Ok(Self(hours * 3600.0 + minutes * 60.0 + seconds)),
            _ => Err(format!("{text:?} is no time of a day").into()),
        }
    }
}
