//! For the summary of a CI job.

use super::groups::{clean, groups, last_line};
use crate::output::routes::seconds;
use crate::verify::{Report, Status};
use std::fmt::Write as _;

/// What failed, then the checks in a table.
pub fn verify_markdown(report: &Report) -> String {
    let mark = if report.ok { "✅" } else { "❌" };
    let mut text = format!("## {mark} {}\n\n", cell(&last_line(report)));
    text.push_str("| check | as desired | failed | not decided |\n|---|---:|---:|---:|\n");
    for one in &report.summary {
        let mark = if one.ok { "✅" } else { "❌" };
        let _ =
            writeln!(text, "| {mark} {} | {} | {} | {} |", one.check, one.passed, one.failed, one.skipped);
    }
    if !report.unreachable.is_empty() {
        text.push_str("\n### No answer\n\n| node | why |\n|---|---|\n");
        for one in &report.unreachable {
            let _ = writeln!(text, "| {} | {} |", one.node, cell(&one.reason));
        }
    }
    let failed = groups(report, Status::Failed);
    if !failed.is_empty() {
        text.push_str(
            "\n### Not as desired\n\n| node | check | what | why | what to do |\n|---|---|---|---|---|\n",
        );
        for group in failed {
            let (node, check) = (&group.first.node, group.first.check);
            let hint = group.hint().unwrap_or_default();
            let (what, why) = (cell(&group.subject()), cell(&group.reason()));
            let _ = writeln!(text, "| {node} | {check} | {what} | {why} | {} |", cell(&hint));
        }
    }
    if !report.violations.is_empty() {
        text.push_str("\n### While it was watched\n\n| when | how long | node | check | what | why |\n|---|---|---|---|---|---|\n");
        for one in &report.violations {
            let open = if one.over { "" } else { " and more" };
            let (what, why) = (cell(&one.subject), cell(&one.reason));
            let (at, lasted) = (&one.at, seconds(one.lasted_ms));
            let _ =
                writeln!(text, "| {at} | {lasted}{open} | {} | {} | {what} | {why} |", one.node, one.check);
        }
    }
    text
}

/// A text that doesn't end its cell, nor begins anything else.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '\n' | '\r' => safe.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => {
                safe.push('\\');
                safe.push(c);
            }
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            other => safe.push(other),
        }
    }
    safe
}
