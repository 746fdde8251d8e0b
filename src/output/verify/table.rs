//! For people: what failed first, then matrices, then the checks in a line each.

use super::groups::{clean, groups, last_line};
use crate::output::grid::Grid;
use crate::output::routes::{BAD, GOOD, coloured, routes_matrices, routes_table, seconds};
use crate::verify::routes::RouteReport;
use crate::verify::{CheckName, Finding, Report, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A fabric with more containers has no matrix of who reaches whom.
const DRAWN: usize = 32;
const OPEN: &str = "·";

/// Draws the report at most `width` columns wide, as far as names allow; `routes` are the verdicts about routes once
/// more, for their matrix. The text holds ANSI colours, which [`crate::output::document`] drops where they don't belong.
pub fn verify_table(report: &Report, routes: Option<&RouteReport>, width: usize) -> String {
    let alone = report.summary.len() == 1 && report.unreachable.is_empty() && report.watched_ms.is_none();
    if let Some(routes) = routes.filter(|_| alone && report.late_after_ms.is_none()) {
        return routes_table(routes, width);
    }
    let mut text = String::new();
    unreachable(&mut text, report);
    grouped(&mut text, "not as desired", BAD, report, Status::Failed);
    violations(&mut text, report);
    grouped(&mut text, "not decided", OPEN, report, Status::Skipped);
    reachability(&mut text, report, width);
    if let Some(routes) = routes {
        text.push_str(&routes_matrices(routes, width));
    }
    summary(&mut text, report);
    let mark = if report.ok { GOOD } else { BAD };
    let _ = writeln!(text, "{mark} {}", last_line(report));
    coloured(&text)
}

/// The checks that there are.
pub fn checks_table(checks: &BTreeSet<CheckName>) -> String {
    let mut text = String::new();
    for check in CheckName::all().filter(|check| checks.contains(check)) {
        let _ = writeln!(text, "{check:14}{}", check.about());
    }
    text
}

fn unreachable(text: &mut String, report: &Report) {
    if report.unreachable.is_empty() {
        return;
    }
    text.push_str("no answer\n");
    for one in &report.unreachable {
        let _ = writeln!(text, "  {BAD} {}: {}", one.node, clean(&one.reason));
    }
    text.push('\n');
}

fn grouped(text: &mut String, title: &str, mark: &str, report: &Report, status: Status) {
    let groups = groups(report, status);
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}");
    let width = groups.iter().map(|group| group.first.node.as_str().len()).max().unwrap_or(0);
    let checks = groups.iter().map(|group| group.first.check.as_str().len()).max().unwrap_or(0);
    for group in groups {
        let (node, check) = (&group.first.node, group.first.check);
        let _ = writeln!(
            text,
            "  {mark} {node:width$}  {check:checks$}  {}: {}",
            group.subject(),
            group.reason()
        );
        if let Some(hint) = group.hint().filter(|_| status == Status::Failed) {
            let _ = writeln!(text, "    {:width$}  {:checks$}  → {hint}", "", "");
        }
    }
    text.push('\n');
}

fn violations(text: &mut String, report: &Report) {
    if report.violations.is_empty() {
        return;
    }
    text.push_str("violations\n");
    for one in &report.violations {
        let open = if one.over { "" } else { " and more" };
        let _ = writeln!(
            text,
            "  {BAD} {}  for {}{open}  {}  {}  {}: {}",
            one.at,
            seconds(one.lasted_ms),
            one.node,
            one.check,
            clean(&one.subject),
            clean(&one.reason)
        );
    }
    text.push('\n');
}

/// Who reaches whom: rows ask, columns answer.
fn reachability(text: &mut String, report: &Report, width: usize) {
    let of_pairs = report.checks.iter().filter(|finding| finding.check == CheckName::Reachability);
    let marks: BTreeMap<(&str, &str), &str> = of_pairs.filter_map(pair).collect();
    let mut names: Vec<&str> = marks.keys().flat_map(|(from, to)| [*from, *to]).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.len() > DRAWN {
        return;
    }
    let row = |from: &&str| {
        let marks = names.iter().map(|to| *marks.get(&(*from, *to)).unwrap_or(&" "));
        (vec![(*from).to_owned()], marks.collect())
    };
    Grid { words: &["from ╲ to"], columns: names.clone(), rows: names.iter().map(row).collect() }
        .draw(text, width);
}

fn pair(finding: &Finding) -> Option<((&str, &str), &'static str)> {
    let mark = match finding.status {
        Status::Ok => GOOD,
        Status::Failed => BAD,
        Status::Skipped => OPEN,
    };
    Some((finding.subject.split_once(" → ")?, mark))
}

fn summary(text: &mut String, report: &Report) {
    for one in &report.summary {
        let mark = match (one.ok, one.passed) {
            (false, _) => BAD,
            (true, 0) => OPEN,
            (true, _) => GOOD,
        };
        let mut parts = Vec::new();
        for (number, what) in
            [(one.failed, "failed"), (one.passed, "as desired"), (one.skipped, "not decided")]
        {
            if number > 0 {
                parts.push(format!("{number} {what}"));
            }
        }
        let said = if parts.is_empty() { "nothing to verify".to_owned() } else { parts.join(", ") };
        let _ = writeln!(text, "{mark} {:14}{said}", one.check.as_str());
    }
    text.push('\n');
}
