//! What differs on devices from what was put there, for people; for programs the report is the document.

use super::plan::diff_text;
use super::{printable, several};
use crate::verify::drift::{DriftReport, LastRun, NodeDrift, Standing};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// The report as text: a line a node, below it what differs.
pub fn drift_text(report: &DriftReport) -> String {
    let width = report.nodes.iter().map(|node| node.node.as_str().len()).max().unwrap_or(0);
    let mut text = String::new();
    for node in &report.nodes {
        node_text(&mut text, node, width);
    }
    let _ = writeln!(text, "\n{}", last_line(report));
    text
}

fn node_text(text: &mut String, node: &NodeDrift, width: usize) {
    let (mark, color) = match node.standing {
        Standing::AsDeployed => ("✔", Some(AnsiColor::Green)),
        Standing::Drifted | Standing::Unknown => ("✖", Some(AnsiColor::Red)),
        Standing::NeverDeployed | Standing::Unrecorded => ("–", None),
    };
    let style = Style::new().fg_color(color.map(Into::into));
    let said = match node.standing {
        Standing::AsDeployed => "as deployed".to_owned(),
        Standing::Drifted => several(node.differences.len(), "differences"),
        Standing::Unknown => "it gave no answer".to_owned(),
        Standing::NeverDeployed => "never deployed to".to_owned(),
        Standing::Unrecorded => {
            "deployed to by a version that kept no record of it; the next deploy that changes it begins one"
                .to_owned()
        }
    };
    let dim = Style::new().dimmed();
    let run = node.run.as_ref().map(run).unwrap_or_default();
    let name = node.node.as_str();
    let _ = writeln!(text, "{style}{mark}{style:#} {name:width$}  {said}{dim}{}{dim:#}", printable(&run));
    for difference in &node.differences {
        let what = printable(&format!("{} {}: {}", difference.kind, difference.name, difference.message));
        let _ = writeln!(text, "    {what}");
        if let Some(diff) = &difference.diff {
            diff_text(text, diff);
        }
    }
}

/// Who put there what is compared with, and when.
fn run(run: &LastRun) -> String {
    let when = run.began.get(..19).unwrap_or(&run.began).replace('T', " ");
    let open = match run.outcome.as_deref() {
        None => ", not confirmed yet",
        Some("kept") => ", kept though it failed",
        Some(_) => "",
    };
    format!("  (last changed by {}, {when}Z, run {}{open})", run.who, run.run)
}

fn last_line(report: &DriftReport) -> String {
    let count = |standing| report.nodes.iter().filter(|node| node.standing == standing).count();
    let (fine, drifted) = (count(Standing::AsDeployed), count(Standing::Drifted));
    let mut parts = Vec::new();
    if drifted > 0 {
        let verb = if drifted == 1 { "differs" } else { "differ" };
        parts.push(format!("{} {verb} from what the last run put there", several(drifted, "nodes")));
    } else if fine > 0 {
        parts.push(format!("nothing differs on {} from what the last run put there", several(fine, "nodes")));
    }
    for (standing, what) in [
        (Standing::NeverDeployed, "never deployed to"),
        (Standing::Unrecorded, "without a record"),
        (Standing::Unknown, "without an answer"),
    ] {
        let number = count(standing);
        if number > 0 {
            parts.push(format!("{} {what}", several(number, "nodes")));
        }
    }
    format!("{} {}", if report.ok { "✔" } else { "✖" }, parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::NodeName;
    use crate::verify::drift::{Difference, Kind};

    #[test]
    fn nodes_are_told_with_who_put_there_what_differs() {
        let last = LastRun {
            run: "20261122T090834Z-002f".to_owned(),
            who: "root@here".to_owned(),
            began: "2026-11-22T09:08:34Z".to_owned(),
            outcome: None,
        };
        let node = |name: &str, standing, run: Option<&LastRun>, differences| NodeDrift {
            node: NodeName::new(name).unwrap(),
            standing,
            run: run.cloned(),
            differences,
        };
        let difference = Difference {
            kind: Kind::Setting,
            name: "net/x".to_owned(),
            message: "it is 0, not 1".to_owned(),
            diff: Some("-net/x = 1\n+net/x = 0\n".to_owned()),
        };
        let report = DriftReport {
            ok: false,
            nodes: vec![
                node("leaf01", Standing::Drifted, Some(&last), vec![difference]),
                node("server01", Standing::NeverDeployed, None, Vec::new()),
            ],
        };
        assert_eq!(
            anstream::adapter::strip_str(&drift_text(&report)).to_string(),
            "✖ leaf01    1 difference  (last changed by root@here, 2026-11-22 09:08:34Z, run 20261122T090834Z-002f, not \
             confirmed yet)\n    setting net/x: it is 0, not 1\n        -net/x = 1\n        +net/x = 0\n– server01  never \
             deployed to\n\n✖ 1 node differs from what the last run put there, 1 node never deployed to\n"
        );
    }
}
