//! What goes to stderr when something is wrong: all of it at once, each with where and what to do.

use super::Exit;
use serde::Serialize;
use std::error::Error;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Problem {
    /// What is wrong, with its causes.
    pub message: String,
    /// The device it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The step of the plan it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The file a person wrote, with line and column counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether everything goes on all the same.
    #[serde(skip)]
    pub warning: bool,
    /// The problem drawn into its source text, ready to print; it contains the message.
    #[serde(skip)]
    pub snippet: Option<String>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// Path as the user gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl Problem {
    /// A problem made of an error and its causes.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        Self { message: chain(error), ..Self::default() }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem, met in a step.
    #[must_use]
    pub fn during(mut self, step: &str) -> Self {
        self.step = Some(step.to_owned());
        self
    }

    /// The same problem about a device.
    #[must_use]
    pub fn on(mut self, node: &(impl ToString + ?Sized)) -> Self {
        self.node = Some(node.to_string());
        self
    }
}

/// A run that failed: how it ends, and everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// All problems, in the order in which they are shown.
    pub problems: Vec<Problem>,
}

impl Failure {
    /// A failure with one problem.
    pub fn one(exit: Exit, problem: Problem) -> Self {
        Self { exit, problems: vec![problem] }
    }

    /// A failure that is one sentence and what to do.
    pub fn say(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::one(exit, Problem { message: message.into(), hint: Some(hint.into()), ..Problem::default() })
    }

    /// A failure from an error.
    pub fn from_error(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self::one(exit, Problem::from_error(error))
    }

    /// For people: every problem with its place and what to do.
    pub fn to_text(&self) -> String {
        // A blank line sets drawings apart.
        let drawn = self.problems.iter().any(|problem| problem.snippet.is_some());
        let texts: Vec<String> = grouped(&self.problems).iter().map(Problem::to_text).collect();
        texts.join(if drawn { "\n" } else { "" })
    }

    /// For programs: `{"exit": CODE, "errors": [{"message", "node", "step", "location", "hint"}]}`.
    pub fn to_json(&self) -> String {
        let document = serde_json::json!({ "exit": self.exit.code(), "errors": self.problems });
        format!("{:#}\n", super::hidden::masked_json(document))
    }
}

impl Problem {
    fn to_text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        if let Some(snippet) = &self.snippet {
            text.push_str(&printable(snippet.trim_end()));
        } else {
            text.push_str(if self.warning { "warning: " } else { "error: " });
            if let Some(location) = &self.location {
                let _ = write!(text, "{}:{}:{}: ", location.file, location.line, location.column);
            }
            for place in [&self.node, &self.step].into_iter().flatten() {
                let _ = write!(text, "{place}: ");
            }
            // What devices say in several lines stays together.
            text.push_str(&printable(&self.message).replace('\n', "\n    "));
        }
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  help: {}", printable(hint));
        }
        text.push('\n');
        text
    }
}

/// Problems that differ in nothing but their nodes as one, at the place of the first; its hint speaks of that node.
fn grouped(problems: &[Problem]) -> Vec<Problem> {
    let mut groups: Vec<(Problem, Problem)> = Vec::new();
    for problem in problems {
        let anonymous = anonymous(problem);
        match groups.iter_mut().find(|(other, _)| problem.node.is_some() && *other == anonymous) {
            Some((_, first)) => {
                let nodes = first.node.iter().chain(&problem.node).cloned().collect::<Vec<_>>();
                first.node = Some(nodes.join(", "));
            }
            None => groups.push((anonymous, problem.clone())),
        }
    }
    groups.into_iter().map(|(_, problem)| problem).collect()
}

/// A problem as it would be on any node.
fn anonymous(problem: &Problem) -> Problem {
    let Some(node) = problem.node.as_deref() else { return problem.clone() };
    let strip = |text: &String| text.replace(node, "NODE");
    Problem {
        node: Some("NODE".to_owned()),
        message: strip(&problem.message),
        hint: problem.hint.as_ref().map(strip),
        ..problem.clone()
    }
}

/// An error and its causes on one line; a cause that its parent already quotes is not said twice.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// Text from devices and files without what could drive a terminal; colours that we put there ourselves stay.
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => clean.push(c),
            '\u{1b}' if rest.peek() == Some(&'[') => {
                let sequence: String =
                    rest.clone().skip(1).take_while(|c| c.is_ascii_digit() || *c == ';').collect();
                let length = sequence.len() + 1;
                if rest.clone().nth(length) == Some('m') {
                    clean.push('\u{1b}');
                }
            }
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_dropped_and_colours_stay() {
        assert_eq!(printable("a\u{1b}[31mred\u{1b}[0m\u{7}b\rc\u{1b}[2Jd"), "a\u{1b}[31mred\u{1b}[0mbc[2Jd");
    }

    #[test]
    fn the_same_on_several_nodes_is_said_once() {
        let problem = |node: &str, message: &str| {
            let hint = format!("try `ssh {node} true`");
            Problem { message: message.into(), ..Problem::default() }.on(node).during("connect").hint(hint)
        };
        let failure = Failure {
            exit: Exit::Unreachable,
            problems: vec![
                problem("leaf01", "no route to leaf01"),
                problem("leaf02", "refused"),
                problem("leaf03", "no route to leaf03"),
            ],
        };
        assert_eq!(
            failure.to_text(),
            "error: leaf01, leaf03: connect: no route to leaf01\n  help: try `ssh leaf01 true`\n\
             error: leaf02: connect: refused\n  help: try `ssh leaf02 true`\n"
        );
        let json: serde_json::Value = serde_json::from_str(&failure.to_json()).unwrap();
        assert_eq!(json["errors"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn json_and_text_carry_the_same() {
        let failure = Failure::one(
            Exit::Unreachable,
            Problem { message: "connection refused".into(), ..Problem::default() }
                .on("leaf01")
                .hint("is sshd up?"),
        );
        assert_eq!(failure.to_text(), "error: leaf01: connection refused\n  help: is sshd up?\n");
        let json: serde_json::Value = serde_json::from_str(&failure.to_json()).unwrap();
        assert_eq!(json["exit"], 4);
        assert_eq!(json["errors"][0]["node"], "leaf01");
    }
}
