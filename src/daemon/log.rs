//! Log lines: one event, one line, `key=value`, to stderr.

use crate::neighbor::Level;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes what is important enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log {
    threshold: Level,
}

impl Log {
    pub(super) fn new(threshold: Level) -> Self {
        Self { threshold }
    }

    /// Writes the line; where it can't, there is nobody to tell.
    pub(super) fn say(self, level: Level, text: &str) {
        if level <= self.threshold {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let line = format!("time={} level={} {text}\n", utc(now), level.as_str());
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

/// Time since 1970 as RFC 3339 in UTC, with milliseconds.
fn utc(since_epoch: Duration) -> String {
    // SAFETY: all zeros is a valid `tm`.
    let mut fields: libc::tm = unsafe { std::mem::zeroed() };
    let seconds = libc::time_t::try_from(since_epoch.as_secs()).unwrap_or_default();
    // SAFETY: both point to values that live through the call.
    unsafe { libc::gmtime_r(&raw const seconds, &raw mut fields) };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        fields.tm_year + 1900,
        fields.tm_mon + 1,
        fields.tm_mday,
        fields.tm_hour,
        fields.tm_min,
        fields.tm_sec,
        since_epoch.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_rfc_3339_in_utc() {
        assert_eq!(utc(Duration::from_millis(1_709_251_199_042)), "2024-02-29T23:59:59.042Z");
    }
}
