//! The verdict about routes, for people: a matrix of nodes and prefixes, and below it what is wrong.
//! For programs, the report itself is the document ([`super::json`]).

use super::grid::Grid;
use super::printable;
use crate::fabric::NodeName;
use crate::verify::routes::{Check, Kind, RouteReport};
use anstyle::AnsiColor;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A width that fits most terminals and documents, in columns.
pub const DEFAULT_WIDTH: usize = 100;

pub(super) const GOOD: &str = "✔";
pub(super) const BAD: &str = "✖";
const NOT_EXPECTED: &str = "–";

/// How many names a sentence lists before it counts the rest.
const LISTED: usize = 6;

/// Draws the report at most `width` columns wide, as far as names allow; a fabric with more nodes than fit is
/// drawn in several matrices. The text holds ANSI colours, which [`super::document`] drops where they don't belong.
pub fn routes_table(report: &RouteReport, width: usize) -> String {
    let mut text = routes_matrices(report, width);
    failures(&mut text, "unexpected host routes", report, |check| check.kind == Kind::Unexpected);
    failures(&mut text, "not as desired", report, |check| check.kind != Kind::Unexpected);
    text.push_str(&last_line(report));
    text.push('\n');
    coloured(&text)
}

/// The matrices alone, and the servers' own addresses; without colours.
pub(super) fn routes_matrices(report: &RouteReport, width: usize) -> String {
    let mut nodes: Vec<&NodeName> = Vec::new();
    for check in &report.checks {
        if nodes.last() != Some(&&check.node) {
            nodes.push(&check.node);
        }
    }
    let mut text = String::new();
    for (kind, title) in [(Kind::Workload, "container"), (Kind::Loopback, "loopback")] {
        matrices(&mut text, report, kind, title, &nodes, width);
    }
    if text.contains(NOT_EXPECTED) {
        let _ = writeln!(
            text,
            "{NOT_EXPECTED} not expected: no BGP path leads there; spines of one AS refuse each other's routes\n"
        );
    }
    known(&mut text, report, nodes.len());
    text
}

/// One matrix, or several below each other where the nodes don't fit beside each other.
fn matrices(
    text: &mut String,
    report: &RouteReport,
    kind: Kind,
    title: &str,
    nodes: &[&NodeName],
    width: usize,
) {
    let checks: Vec<&Check> = report.checks.iter().filter(|check| check.kind == kind).collect();
    let rows: BTreeMap<Ipv4Net, &str> = checks.iter().map(|check| (check.prefix, &*check.subject)).collect();
    if rows.is_empty() {
        return;
    }
    let marks: BTreeMap<(&NodeName, Ipv4Net), &str> =
        checks.iter().map(|check| ((&check.node, check.prefix), if check.ok { GOOD } else { BAD })).collect();
    let marked = |(prefix, subject): (&Ipv4Net, &&str)| {
        let marks = nodes.iter().map(|node| *marks.get(&(*node, *prefix)).unwrap_or(&NOT_EXPECTED));
        (vec![(*subject).to_owned(), prefix.addr().to_string()], marks.collect())
    };
    let columns = nodes.iter().map(|node| node.as_str()).collect();
    Grid { words: &[title, "/32"], columns, rows: rows.iter().map(marked).collect() }.draw(text, width);
}

/// The servers' own addresses that were seen: allowed, listed apart.
fn known(text: &mut String, report: &RouteReport, nodes: usize) {
    let mut seen: BTreeMap<(Ipv4Net, &str), Vec<&str>> = BTreeMap::new();
    for check in report.checks.iter().filter(|check| check.kind == Kind::Server) {
        seen.entry((check.prefix, &check.subject)).or_default().push(check.node.as_str());
    }
    if seen.is_empty() {
        return;
    }
    text.push_str("servers' own data addresses, allowed\n");
    for ((prefix, server), on) in seen {
        let on = if on.len() == nodes { format!("all {nodes} nodes") } else { list(&on) };
        let _ = writeln!(text, "  {}  {server}  on {on}", prefix.addr());
    }
    text.push('\n');
}

/// What is wrong, one line for all prefixes of a node that have the same thing wrong with them.
fn failures(text: &mut String, title: &str, report: &RouteReport, which: impl Fn(&Check) -> bool) {
    let mut groups: Vec<(&NodeName, &str, Vec<&Check>)> = Vec::new();
    for check in report.checks.iter().filter(|check| !check.ok && which(check)) {
        let reason = check.reason.as_deref().unwrap_or_default();
        match groups.iter_mut().find(|(node, said, _)| *node == &check.node && *said == reason) {
            Some((_, _, checks)) => checks.push(check),
            None => groups.push((&check.node, reason, vec![check])),
        }
    }
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}");
    let width = groups.iter().map(|(node, ..)| node.as_str().len()).max().unwrap_or(0);
    for (node, reason, checks) in groups {
        let first = checks.first().map(|check| subject(check)).unwrap_or_default();
        let more = match checks.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let _ = writeln!(text, "  {BAD} {node:width$}  {first}{more}: {}", printable(reason));
    }
    text.push('\n');
}

fn subject(check: &Check) -> String {
    let address = check.prefix.addr();
    if check.subject.is_empty() { address.to_string() } else { format!("{} {address}", check.subject) }
}

/// The one sentence that a person looks for.
fn last_line(report: &RouteReport) -> String {
    if report.checks.is_empty() {
        return "nothing to verify: no spine or leaf was asked".to_owned();
    }
    let count = |kind| {
        let of_kind = report.checks.iter().filter(|check| check.kind == kind);
        of_kind.map(|check| check.prefix).collect::<BTreeSet<_>>().len()
    };
    if report.ok {
        let who = if report.limited { "every node that was asked" } else { "every spine and leaf" };
        let after = match report.converged_after_ms {
            Some(ms) => format!(" (converged after {})", seconds(ms)),
            None => String::new(),
        };
        let (containers, loopbacks) = (count(Kind::Workload), count(Kind::Loopback));
        return format!("{GOOD} {who} sees all {containers} container /32s and {loopbacks} loopbacks{after}");
    }
    let wrong: Vec<&Check> = report.checks.iter().filter(|check| !check.ok).collect();
    let mut nodes: Vec<&str> = wrong.iter().map(|check| check.node.as_str()).collect();
    nodes.dedup();
    format!("{BAD} {} of {} checks failed, on {}", wrong.len(), report.checks.len(), list(&nodes))
}

/// `a, b and c`; long lists end in a count.
pub(super) fn list(names: &[&str]) -> String {
    if names.len() > LISTED {
        return format!("{} and {} more", names[..LISTED].join(", "), names.len() - LISTED);
    }
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// `1.8 s`, rounded to the nearest tenth.
pub(super) fn seconds(ms: u64) -> String {
    let tenths = ms.saturating_add(50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// The marks in green and red; they differ in shape as well.
pub(super) fn coloured(text: &str) -> String {
    let paint = |text: String, mark: &str, colour: AnsiColor| {
        let style = colour.on_default();
        text.replace(mark, &format!("{style}{mark}{style:#}"))
    };
    paint(paint(text.to_owned(), GOOD, AnsiColor::Green), BAD, AnsiColor::Red)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded() {
        assert_eq!(seconds(0), "0.0 s");
        assert_eq!(seconds(1849), "1.8 s");
        assert_eq!(seconds(1850), "1.9 s");
        assert_eq!(seconds(61_000), "61.0 s");
        assert!(seconds(u64::MAX).ends_with(" s"));
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d", "e", "f", "g", "h"]), "a, b, c, d, e, f and 2 more");
    }
}
