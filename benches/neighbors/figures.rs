//! Figures, one a line: what, measured, target, ok or missed.

use std::time::Duration;

/// How much of what may be.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What is compared, such as `p99`; empty where there is one value only.
    pub of: &'static str,
    /// The most that is well.
    pub most: f64,
    /// What both are counted in.
    pub unit: &'static str,
}

/// Takes figures down and counts those that missed their target.
#[derive(Debug, Default)]
pub struct Figures {
    missed: usize,
    printed: usize,
}

impl Figures {
    /// A single value.
    pub fn value(&mut self, what: &str, value: f64, target: Target, note: &str) {
        self.line(what, &format!("{} {}", number(value), target.unit), value, target, note);
    }

    /// How many of something that must not be.
    pub fn count(&mut self, what: &str, count: usize, note: &str) {
        let target = Target { of: "", most: 0.0, unit: "" };
        self.value(what, f64::from(u32::try_from(count).unwrap_or(u32::MAX)), target, note);
    }

    /// Many times; the target is of the one that it names: `median`, `p99` or `max`.
    pub fn times(&mut self, what: &str, times: &[Duration], target: Target, note: &str) {
        let factor = if target.unit == "ms" { 1000.0 } else { 1.0 };
        let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * factor).collect();
        times.sort_by(f64::total_cmp);
        let values = [
            ("median", percentile(&times, 50)),
            ("p99", percentile(&times, 99)),
            ("max", percentile(&times, 100)),
        ];
        let shown: Vec<String> =
            values.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
        let judged =
            values.iter().find(|(name, _)| *name == target.of).map_or(f64::INFINITY, |(_, value)| *value);
        let measured = format!("{} {}, n {}", shown.join(", "), target.unit, times.len());
        self.line(what, &measured, judged, target, note);
    }

    fn line(&mut self, what: &str, measured: &str, judged: f64, target: Target, note: &str) {
        let verdict = if judged <= target.most { "ok" } else { "MISSED" };
        self.missed += usize::from(judged > target.most);
        self.printed += 1;
        let of = if target.of.is_empty() { String::new() } else { format!("{} ", target.of) };
        let target = format!("{of}≤ {} {}", number(target.most), target.unit);
        let note = if note.is_empty() { String::new() } else { format!("  ({note})") };
        println!("{what:<58} {:<46} {:<20} {verdict}{note}", measured.trim_end(), target.trim_end());
    }

    /// The end.
    pub fn sum(&self) -> String {
        format!("{} figures, {} missed", self.printed, self.missed)
    }
}

/// Of sorted values, by the nearest rank; none is worse than any.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::INFINITY)
}

/// Three digits that tell something.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 | 100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
