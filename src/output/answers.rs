//! What devices said to one command: who said the same is shown together.

use super::{printable, several};
use crate::fabric::NodeName;
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a command did on one device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Answer {
    /// The exit code.
    pub status: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// Devices that answered the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerGroup {
    /// The devices, in natural order.
    pub nodes: Vec<NodeName>,
    /// What each of them answered.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What all devices answered. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerGroups {
    /// Every device answered, with exit code 0.
    pub ok: bool,
    /// The line that their shells got.
    pub command: String,
    /// The answers: first what most of them said.
    pub answers: Vec<AnswerGroup>,
    /// Devices that didn't answer; errors on stderr say why.
    pub silent: Vec<NodeName>,
}

impl AnswerGroups {
    /// Groups answers.
    pub fn of(command: &str, answers: BTreeMap<NodeName, Answer>, silent: Vec<NodeName>) -> Self {
        let mut groups: BTreeMap<Answer, Vec<NodeName>> = BTreeMap::new();
        for (node, answer) in answers {
            groups.entry(answer).or_default().push(node);
        }
        let mut answers: Vec<AnswerGroup> =
            groups.into_iter().map(|(answer, nodes)| AnswerGroup { nodes, answer }).collect();
        answers.sort_by(|a, b| b.nodes.len().cmp(&a.nodes.len()).then_with(|| a.nodes.cmp(&b.nodes)));
        let ok = silent.is_empty() && answers.iter().all(|group| group.answer.status == 0);
        Self { ok, command: command.to_owned(), answers, silent }
    }

    /// For people; with ANSI colours, which [`super::document`] drops where they don't belong.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for AnswerGroup { nodes, answer } in &self.answers {
            let names = nodes.iter().map(NodeName::as_str).collect::<Vec<_>>().join(", ");
            let bold = Style::new().bold();
            let red = AnsiColor::Red.on_default();
            let _ = write!(text, "{bold}{names}{bold:#}");
            if answer.status != 0 {
                let _ = write!(text, "{red}: exit code {}{red:#}", answer.status);
            }
            text.push('\n');
            indented(&mut text, &answer.stdout, "  ");
            if !answer.stderr.trim().is_empty() {
                text.push_str("  stderr:\n");
                indented(&mut text, &answer.stderr, "    ");
            } else if answer.stdout.trim().is_empty() {
                text.push_str("  no output\n");
            }
            text.push('\n');
        }
        text.push_str(&self.last_line());
        text
    }

    fn last_line(&self) -> String {
        let count = |groups: &mut dyn Iterator<Item = &AnswerGroup>| -> usize {
            groups.map(|group| group.nodes.len()).sum()
        };
        let all = count(&mut self.answers.iter()) + self.silent.len();
        let failed = count(&mut self.answers.iter().filter(|group| group.answer.status != 0));
        let mut parts = Vec::new();
        if failed > 0 {
            parts.push(format!("failed on {failed}"));
        }
        if !self.silent.is_empty() {
            parts.push(format!("no answer from {}", self.silent.len()));
        }
        let kinds = match self.answers.len() {
            1 => "the same answer".to_owned(),
            number => several(number, "different answers"),
        };
        if parts.is_empty() {
            format!("✔ {}, {kinds}\n", several(all, "nodes"))
        } else {
            format!("✖ {}: {}\n", several(all, "nodes"), parts.join(", "))
        }
    }
}

/// The lines of a text, without what could drive a terminal.
fn indented(text: &mut String, said: &str, indent: &str) {
    for line in printable(said).lines() {
        // A colour ends with its line.
        let end = if line.contains('\u{1b}') { "\u{1b}[0m" } else { "" };
        let _ = writeln!(text, "{}{end}", format!("{indent}{line}").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeName {
        NodeName::new(name).unwrap()
    }

    fn answer(status: i32, stdout: &str, stderr: &str) -> Answer {
        Answer { status, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn the_same_is_said_once_and_what_differs_stands_out() {
        let answers = BTreeMap::from([
            (node("leaf01"), answer(3, "", "no\u{1b}]0;title\u{7}pe\n")),
            (node("leaf02"), answer(0, "6.1\n", "")),
            (node("leaf10"), answer(0, "6.1\n", "")),
            (node("leaf03"), answer(0, "", "")),
        ]);
        let groups = AnswerGroups::of("uname -r", answers, vec![node("leaf04")]);
        assert!(!groups.ok);
        let text = anstream::adapter::strip_str(&groups.to_text()).to_string();
        assert_eq!(
            text,
            "leaf02, leaf10\n  6.1\n\nleaf01: exit code 3\n  stderr:\n    no]0;titlepe\n\nleaf03\n  no output\n\n\
             ✖ 5 nodes: failed on 1, no answer from 1\n"
        );
        let json = serde_json::to_value(&groups).unwrap();
        assert_eq!(json["answers"][0]["nodes"][1], "leaf10");
        assert_eq!(json["answers"][1]["status"], 3);
    }

    #[test]
    fn all_well_is_one_line() {
        let answers =
            BTreeMap::from([(node("leaf01"), answer(0, "a\n", "")), (node("leaf02"), answer(0, "a\n", ""))]);
        let groups = AnswerGroups::of("true", answers, Vec::new());
        assert!(groups.ok);
        assert!(groups.to_text().ends_with("✔ 2 nodes, the same answer\n"), "{}", groups.to_text());
    }
}
