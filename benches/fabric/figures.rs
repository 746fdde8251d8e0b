//! What was measured, as a table.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// `lab up`.
    Up,
    /// The first deployment.
    Deploy,
    /// One with nothing to change.
    Redeploy,
    /// `verify routes`.
    Verify,
    /// The same questions by plain ssh.
    Bare,
    /// How much longer `verify routes` takes than those.
    Ratio,
    /// `verify reachability`.
    Reachability,
    /// The first deployment undone.
    Rollback,
    /// From `docker start` to the spines.
    Arrival,
    /// From `docker kill` to nowhere.
    Withdrawal,
    /// `teardown` and `lab down`.
    Down,
    /// The lab's memory.
    Memory,
    /// A start of the program.
    Version,
}

/// How a figure is shown: its name, its target, its unit by the number of them in what was measured (seconds or
/// gigabytes), its decimals, and how it is measured.
struct Row(What, &'static str, f64, (f64, &'static str), usize, &'static str);

const S: (f64, &str) = (1.0, "s");
const MS: (f64, &str) = (1000.0, "ms");
const GB: (f64, &str) = (1.0, "GB");

const TIMES: (f64, &str) = (1.0, "×");

const ROWS: [Row; 13] = [
    Row(What::Up, "lab up, warm cache", 4.0, S, 2, "the command, start to end"),
    Row(What::Deploy, "first deploy, to verified", 12.0, S, 2, "the command, start to end"),
    Row(What::Redeploy, "deploy, nothing to change", 1.5, S, 2, "the command, verification included"),
    Row(What::Verify, "verify routes, converged", 0.6, S, 2, "the command, start to end"),
    Row(
        What::Bare,
        "the same questions by plain ssh",
        0.6,
        S,
        2,
        "six ssh side by side, start to end of the last",
    ),
    Row(What::Ratio, "verify routes to plain ssh", 1.5, TIMES, 2, "one right after the other"),
    Row(
        What::Reachability,
        "verify reachability, 132 pairs",
        2.0,
        S,
        2,
        "the command, start to end: ICMP at full size and TCP",
    ),
    Row(What::Rollback, "rollback of the first deploy", 6.0, S, 2, "the command, start to end, confirmed"),
    Row(
        What::Arrival,
        "docker start to every spine's FIB",
        1.5,
        S,
        2,
        "just before the client runs on the server, to the route's time stamp from ip monitor in the last spine",
    ),
    Row(
        What::Withdrawal,
        "docker kill to withdrawn everywhere",
        3.0,
        S,
        2,
        "likewise, to its deletion in the last of all spines and leafs",
    ),
    Row(What::Down, "teardown + lab down", 5.0, S, 2, "both commands, start to end"),
    Row(
        What::Memory,
        "memory of the whole lab",
        1.5,
        GB,
        2,
        "sum of the PSS of the hub and of every process in the nodes' PID namespaces and the containers'",
    ),
    Row(What::Version, "fabricctl --version", 0.01, MS, 1, "the process, start to end"),
];

/// All measurements.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<What, Vec<f64>>);

impl Figures {
    /// Takes a measurement down, in seconds or gigabytes.
    pub fn add(&mut self, what: What, value: f64) {
        self.0.entry(what).or_default().push(value);
    }

    /// Everything, for people.
    pub fn table(&self, suite: &str, rounds: usize) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(150)
            .set_header(["what", "target", "median", "min", "max", "", "n", "how it is measured"]);
        for Row(what, name, target, (factor, unit), decimals, how) in &ROWS {
            let Some(values) = self.0.get(what) else { continue };
            let mut values = values.clone();
            values.sort_by(f64::total_cmp);
            let show = |value: f64| format!("{:.decimals$}", value * factor);
            let (min, max) = (values[0], values[values.len() - 1]);
            table.add_row([
                (*name).to_owned(),
                format!("≤ {}", target * factor),
                show(median(&values)),
                show(min),
                show(max),
                (*unit).to_owned(),
                values.len().to_string(),
                (*how).to_owned(),
            ]);
        }
        for number in [1, 2, 3, 4, 6] {
            if let Some(column) = table.column_mut(number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("{}, {suite}, rounds: {rounds}, {}\n\n", machine(), load());
        for line in table.lines() {
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}

/// Of sorted values, at least one.
fn median(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// What the figures were taken on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores, Linux {}", kernel.trim())
}

/// How busy the machine is, with whatever else it does.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
