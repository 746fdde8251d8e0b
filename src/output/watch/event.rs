//! What has happened, for people and for programs.

use crate::fabric::NodeName;
use crate::output::hidden::masked;
use crate::output::routes::{BAD, GOOD, list};
use crate::output::verify::groups::clean;
use crate::output::{Failure, several};
use crate::verify::overview::{Change, Mark, Overview};
use std::time::SystemTime;

/// A change, and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it was seen.
    pub at: SystemTime,
    /// What it is about, in a word.
    pub topic: &'static str,
    /// How that is now.
    pub state: Mark,
    /// The same in words.
    pub is: String,
    /// Where.
    pub nodes: Vec<NodeName>,
    /// Which.
    pub subjects: Vec<String>,
}

impl Event {
    pub(super) fn of(change: Change, at: SystemTime) -> Self {
        let Change { topic, state, is, nodes, subjects } = change;
        Self { at, topic: topic.as_str(), state, is, nodes, subjects }
    }

    /// The fabric as a whole became as desired, or ceased to be.
    pub(super) fn of_all(overview: &Overview, ok: bool, at: SystemTime) -> Self {
        let silent = overview.devices.iter().filter(|device| !device.reached.ok()).count();
        let is = match (ok, overview.failed.len(), silent) {
            (true, ..) => "all is as desired".to_owned(),
            (false, failed, 0) => format!("{} failed", several(failed, "checks")),
            (false, 0, silent) => format!("no answer from {}", several(silent, "devices")),
            (false, failed, silent) => {
                format!("{} failed, no answer from {}", several(failed, "checks"), several(silent, "devices"))
            }
        };
        let state = if ok { Mark::Ok } else { Mark::Failed };
        Self { at, topic: "fabric", state, is, nodes: Vec::new(), subjects: Vec::new() }
    }

    /// The mark.
    pub fn mark(&self) -> &'static str {
        match self.state {
            Mark::Ok => GOOD,
            Mark::Failed => BAD,
            Mark::Unknown => "?",
        }
    }

    /// What has happened, in a line without mark and time.
    pub fn text(&self) -> String {
        let names = |of: &mut dyn Iterator<Item = &str>| list(&of.collect::<Vec<_>>());
        let nodes = names(&mut self.nodes.iter().map(NodeName::as_str));
        let subjects = names(&mut self.subjects.iter().map(String::as_str));
        let what = match self.topic {
            "fabric" => String::new(),
            "device" => format!("{nodes}: "),
            // Its name says where it is.
            "link" | "session" => format!("{} {subjects}: ", self.topic),
            topic => format!("{topic} {subjects} on {nodes}: "),
        };
        masked(&clean(&format!("{what}{}", self.is))).into_owned()
    }

    /// Whether it is about a node.
    pub(super) fn concerns(&self, node: &NodeName) -> bool {
        self.nodes.contains(node)
    }

    /// The line for logs: when, how, what. It holds ANSI colours, which [`crate::output::document`] drops where they
    /// don't belong.
    pub fn line(&self) -> String {
        let at = humantime::format_rfc3339_millis(self.at);
        crate::output::routes::coloured(&format!("{at} {} {}", self.mark(), self.text()))
    }

    /// The line for programs: a JSON object.
    ///
    /// # Errors
    /// When a value has no JSON form, which is a bug.
    pub fn json_line(&self) -> Result<String, Failure> {
        crate::output::json_line(&serde_json::json!({
            "at": humantime::format_rfc3339_millis(self.at).to_string(),
            "topic": self.topic,
            "state": self.state,
            "is": self.is,
            "nodes": self.nodes,
            "subjects": self.subjects,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::overview::Topic;

    #[test]
    fn events_read_as_sentences() {
        let node = |name: &str| NodeName::new(name).unwrap();
        let change = |topic, nodes: &[&str], subjects: &[&str], is: &str| {
            let nodes = nodes.iter().map(|name| node(name)).collect();
            let subjects = subjects.iter().map(|one| (*one).to_owned()).collect();
            let change = Change { topic, state: Mark::Failed, is: is.to_owned(), nodes, subjects };
            Event::of(change, SystemTime::UNIX_EPOCH)
        };
        let event =
            change(Topic::Container, &["server01"], &["web11"], "it doesn't run: \u{1b}[31mexited\u{7}");
        assert_eq!(event.text(), "container web11 on server01: it doesn't run: exited");
        let plain = anstream::adapter::strip_str(&event.line()).to_string();
        assert_eq!(plain, "1970-01-01T00:00:00.000Z ✖ container web11 on server01: it doesn't run: exited");
        let event = change(Topic::Device, &["leaf01"], &[], "no answer: it is off");
        assert_eq!(event.text(), "leaf01: no answer: it is off");
        let event = change(
            Topic::Route,
            &["leaf01", "spine01"],
            &["web11 172.16.1.11", "web12 172.16.1.12"],
            "absent",
        );
        assert_eq!(
            event.text(),
            "route web11 172.16.1.11 and web12 172.16.1.12 on leaf01 and spine01: absent"
        );
        assert_eq!(
            event.json_line().unwrap(),
            r#"{"at":"1970-01-01T00:00:00.000Z","topic":"route","state":"failed","is":"absent","nodes":["leaf01","spine01"],"subjects":["web11 172.16.1.11","web12 172.16.1.12"]}"#
        );
    }
}
