//! A diagnosis, for people: hop by hop, and the verdict last. For programs it is the document itself ([`super::json`]),
//! and [`DIAGNOSE_SCHEMA`] describes it.

use super::routes::{BAD, GOOD, coloured};
use super::{printable, several};
use crate::verify::diagnose::{Explained, Explanation, Hop, HopStatus, Verdict, Walk};
use crate::verify::{CheckName, Finding};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The JSON Schema (draft 2020-12) of both documents: the way to one subject, and what explains all that fails.
pub const DIAGNOSE_SCHEMA: &str = include_str!("schema.json");

const UNKNOWN: &str = "?";
/// So many of the verdicts that a cause explains are named a check.
const LISTED: usize = 4;

/// Draws one walk: a line a hop with what the device said, below those that are not well how to see it oneself.
/// The text holds ANSI colours, which [`super::document`] drops where they don't belong.
pub fn walk_text(walk: &Walk) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}: {}\n", printable(&walk.subject), printable(&walk.about));
    let devices = widest(walk.hops.iter().map(|hop| hop.device.as_str()));
    let titles = widest(walk.hops.iter().map(|hop| hop.title.as_str()));
    for hop in &walk.hops {
        let (mark, device, title) = (mark(hop), hop.device.as_str(), printable(&hop.title));
        let _ = writeln!(text, "  {mark} {device:devices$}  {title:titles$}  {}", printable(&hop.evidence));
        if hop.status != HopStatus::Ok {
            let _ = writeln!(text, "    {:devices$}  {:titles$}  # {}", "", "", printable(&hop.command));
        }
    }
    if !walk.hops.is_empty() {
        text.push('\n');
    }
    if let Some(verdict) = &walk.verdict {
        sentence(&mut text, verdict);
    } else {
        let open = walk.hops.iter().filter(|hop| hop.status == HopStatus::Unknown).count();
        let open = if open == 0 { String::new() } else { format!(", {open} couldn't be told") };
        let _ = writeln!(text, "{GOOD} nothing is wrong at {}{open}", several(walk.hops.len(), "hops"));
    }
    coloured(&text)
}

/// Draws every cause, with what it explains.
pub fn explanation_text(explanation: &Explanation) -> String {
    if explanation.causes.is_empty() {
        return coloured(&format!("{GOOD} nothing to explain: every check is as expected\n"));
    }
    let mut text = String::new();
    for cause in &explanation.causes {
        sentence(&mut text, &cause.verdict);
        explained(&mut text, cause);
        text.push('\n');
    }
    let causes = several(explanation.causes.len(), "causes");
    let _ = writeln!(text, "{BAD} {causes} for {}", several(explanation.failed, "failed verdicts"));
    coloured(&text)
}

fn widest<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    words.map(|word| word.chars().count()).max().unwrap_or(0)
}

fn mark(hop: &Hop) -> &'static str {
    match hop.status {
        HopStatus::Ok => GOOD,
        HopStatus::Failed => BAD,
        HopStatus::Unknown | HopStatus::Unreachable => UNKNOWN,
    }
}

fn sentence(text: &mut String, verdict: &Verdict) {
    let _ = writeln!(
        text,
        "{BAD} {}, {}: {}",
        verdict.device,
        printable(&verdict.hop),
        printable(&verdict.cause)
    );
    if verdict.evidence != verdict.cause {
        let _ = writeln!(text, "    it says   {}", printable(&verdict.evidence));
    }
    // What is typed here needs no place.
    let here = verdict.command.starts_with("fabricctl ") || verdict.command.ends_with(", from here");
    let place = if here { String::new() } else { format!("   (on {})", verdict.device) };
    let _ = writeln!(text, "    see       {}{place}", printable(&verdict.command));
    if let Some(fix) = &verdict.fix {
        let _ = writeln!(text, "    mend      {}", printable(fix));
    }
}

fn explained(text: &mut String, cause: &Explained) {
    let mut by_check: BTreeMap<CheckName, Vec<&Finding>> = BTreeMap::new();
    for finding in &cause.explains {
        by_check.entry(finding.check).or_default().push(finding);
    }
    for (check, findings) in by_check {
        let named: Vec<String> = findings
            .iter()
            .take(LISTED)
            .map(|one| format!("{} {}", one.node, printable(&one.subject)))
            .collect();
        let more = match findings.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(text, "    explains  {check}: {}{more}", named.join(", "));
    }
}
