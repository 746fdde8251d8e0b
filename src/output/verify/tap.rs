//! The Test Anything Protocol, version 14.

use super::groups::{clean, last_line};
use crate::verify::{Finding, Report, Status};
use std::fmt::Write as _;

/// One line a verdict; what failed with a block of YAML.
pub fn verify_tap(report: &Report) -> String {
    let mut text = "TAP version 14\n".to_owned();
    let total = report.unreachable.len() + report.checks.len() + report.violations.len();
    let _ = writeln!(text, "1..{total}");
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    for one in &report.unreachable {
        let _ = writeln!(text, "not ok {} - {}", next(), escaped(&format!("{} answers", one.node)));
        block(&mut text, &[("message", Some(&one.reason))]);
    }
    for finding in &report.checks {
        point(&mut text, next(), finding);
    }
    for one in &report.violations {
        let name = format!("{} {} {} stays", one.check, one.node, one.subject);
        let _ = writeln!(text, "not ok {} - {}", next(), escaped(&name));
        let lasted = format!("{} ms", one.lasted_ms);
        block(&mut text, &[("message", Some(&one.reason)), ("at", Some(&one.at)), ("lasted", Some(&lasted))]);
    }
    let _ = writeln!(text, "# {}", clean(&last_line(report)));
    text
}

fn point(text: &mut String, number: usize, finding: &Finding) {
    let ok = if finding.status == Status::Failed { "not ok" } else { "ok" };
    let name = escaped(&format!("{} {} {}", finding.check, finding.node, finding.subject));
    let skip = match finding.status {
        Status::Skipped => format!(" # SKIP {}", escaped(finding.reason.as_deref().unwrap_or_default())),
        _ => String::new(),
    };
    let _ = writeln!(text, "{ok} {number} - {name}{skip}");
    if finding.status == Status::Failed {
        let fields = [
            ("message", &finding.reason),
            ("expected", &finding.expected),
            ("found", &finding.found),
            ("hint", &finding.hint),
        ];
        block(text, &fields.map(|(name, value)| (name, value.as_ref())));
    }
}

/// A block of YAML, its texts in the form of JSON, which YAML takes as its own.
fn block(text: &mut String, fields: &[(&str, Option<&String>)]) {
    text.push_str("  ---\n");
    for (name, value) in fields {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name}: {}", serde_json::Value::from(clean(value)));
        }
    }
    text.push_str("  ...\n");
}

/// A `#` begins a directive, a backslash takes its meaning away.
fn escaped(text: &str) -> String {
    clean(text).replace('\\', "\\\\").replace('#', "\\#").replace('\n', " ")
}
