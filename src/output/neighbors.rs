//! The hosts that the leafs know, for people. For programs, the report itself is the document ([`super::json`]).

use super::{printable, several};
use crate::fabric::NodeName;
use crate::verify::neighbors::{KnownHost, LeafNeighbors, MissingWorkload, NeighborReport, Owner};
use comfy_table::{Table, presets};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// Draws the report: hosts, leafs, and what is missing.
pub fn neighbors_table(report: &NeighborReport) -> String {
    if report.leafs.is_empty() {
        return "nothing to show: no leaf was asked\n".to_owned();
    }
    let mut text = String::new();
    if !report.hosts.is_empty() {
        let header = ["LEAF", "PORT", "ADDRESS", "HOST", "MAC", "STATE", "AGE", "LAST ANSWER", "REMARKS"];
        draw(&mut text, &header, report.hosts.iter().map(host));
    }
    let header = ["LEAF", "RDNBRD", "UP", "LIVE", "PROBING", "CANDIDATE", "MOVES", "DUPLICATES", "REMARKS"];
    draw(&mut text, &header, report.leafs.iter().map(leaf));
    if !report.missing.is_empty() {
        text.push_str("workloads that no leaf advertises\n");
        for missing in &report.missing {
            let _ = writeln!(text, "  {}", absent(missing));
        }
        text.push('\n');
    }
    text.push_str(&last_line(report));
    text.push('\n');
    text
}

/// One table, and a blank line.
fn draw<const N: usize>(text: &mut String, header: &[&str; N], rows: impl Iterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
}

fn host(host: &KnownHost) -> [String; 9] {
    [
        host.node.to_string(),
        printable(&host.port),
        host.address.to_string(),
        host.name.clone().unwrap_or_else(|| "unknown".to_owned()),
        host.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string()),
        printable(&host.state.to_string()),
        span(host.age_s),
        span(host.last_answer_s),
        host_remarks(host),
    ]
}

fn host_remarks(host: &KnownHost) -> String {
    let mut remarks = Vec::new();
    if let Some(rival) = &host.rival {
        let mac = rival.mac.map(|mac| format!(" {mac}")).unwrap_or_default();
        remarks.push(format!("duplicate: also answers at {}{mac}", printable(&rival.port)));
    }
    if host.state.advertised() && !host.also_on.is_empty() {
        let others: Vec<&str> = host.also_on.iter().map(NodeName::as_str).collect();
        remarks.push(format!("also advertised by {}", others.join(", ")));
    }
    if !host.expected_at.is_empty() {
        remarks.push(format!("expected at {}", host.expected_at.join(", ")));
    }
    if host.owner == Owner::Server {
        remarks.push("server".to_owned());
    }
    if host.state.advertised() && host.settled == Some(false) {
        remarks.push("not settled".to_owned());
    }
    match host.moves {
        0 => {}
        1 => remarks.push("moved once".to_owned()),
        times => remarks.push(format!("moved {times} times")),
    }
    remarks.join("; ")
}

fn leaf(leaf: &LeafNeighbors) -> [String; 9] {
    let mut remarks = Vec::new();
    if let Some(reason) = &leaf.reason {
        remarks.push(printable(reason));
    }
    if leaf.degraded {
        remarks.push("degraded".to_owned());
    }
    // States that have no column of their own, such as adopted.
    let others = leaf.states.iter().filter(|(state, _)| !COLUMNS.contains(&&*state.to_string()));
    remarks.extend(others.map(|(state, count)| format!("{count} {}", printable(&state.to_string()))));
    let number = |count: String| if leaf.answered { count } else { "-".to_owned() };
    let count = |wanted: &str| {
        let found = leaf.states.iter().find(|(state, _)| state.to_string() == wanted);
        number(found.map_or(0, |(_, count)| *count).to_string())
    };
    let version = leaf.version.as_deref().filter(|version| !version.is_empty()).unwrap_or("-");
    let [live, probing, candidate] = COLUMNS.map(count);
    [
        leaf.node.to_string(),
        printable(version),
        span(leaf.uptime_s),
        live,
        probing,
        candidate,
        number(leaf.moves.to_string()),
        number(leaf.duplicates.to_string()),
        remarks.join("; "),
    ]
}

/// The states that have a column.
const COLUMNS: [&str; 3] = ["live", "probing", "candidate"];

fn absent(missing: &MissingWorkload) -> String {
    let MissingWorkload { workload, address, server, expected_at } = missing;
    format!("{workload} {address}, on {server} behind {}", expected_at.join(", "))
}

fn last_line(report: &NeighborReport) -> String {
    let advertised = report.hosts.iter().filter(|host| host.state.advertised());
    // One that two leafs advertise is still one.
    let count = |owner: Owner| {
        let addresses = advertised.clone().filter(|host| host.owner == owner).map(|host| host.address);
        addresses.collect::<BTreeSet<_>>().len()
    };
    let answered = report.leafs.iter().filter(|leaf| leaf.answered).count();
    let mut parts = vec![several(count(Owner::Workload), "workloads")];
    for (number, what) in [(count(Owner::Server), "servers"), (count(Owner::Unknown), "unknown hosts")] {
        if number > 0 {
            parts.push(several(number, what));
        }
    }
    let missing = match report.missing.len() {
        0 => String::new(),
        number => format!(", {number} missing"),
    };
    let leafs = several(report.leafs.len(), "leafs");
    let who = if answered == report.leafs.len() { leafs } else { format!("{answered} of {leafs}") };
    format!("{} advertised by {who}{missing}", parts.join(", "))
}

/// A time in seconds, in the unit that a person would say it in.
fn span(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) else {
        return "-".to_owned();
    };
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 2.0 * MINUTE => format!("{s:.0} s"),
        s if s < 2.0 * HOUR => format!("{:.0} min", (s / MINUTE).floor()),
        s if s < 2.0 * DAY => format!("{:.0} h", (s / HOUR).floor()),
        s => format!("{:.0} d", (s / DAY).floor()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let told = |seconds: f64| span(Some(seconds));
        assert_eq!([told(0.04), told(9.94), told(9.96), told(119.0)], ["0.0 s", "9.9 s", "10 s", "119 s"]);
        assert_eq!([told(120.0), told(7199.0), told(7200.0)], ["2 min", "119 min", "2 h"]);
        assert_eq!([told(172_799.0), told(172_800.0)], ["47 h", "2 d"]);
        assert_eq!([span(None), told(-1.0), told(f64::NAN)], ["-", "-", "-"]);
    }
}
