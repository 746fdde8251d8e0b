//! What has changed from one round to the next.

use super::build::is_shown;
use super::{Mark, Overview, State};
use crate::fabric::NodeName;
use serde::Serialize;
use std::collections::BTreeMap;

/// What kind of thing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Whether a device answers.
    Device,
    /// A service of a device.
    Service,
    /// A cable.
    Link,
    /// A BGP session.
    Session,
    /// A container.
    Container,
    /// A route.
    Route,
    /// Something else that a check found.
    Finding,
}

impl Topic {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::Device => "device",
            Topic::Service => "service",
            Topic::Link => "link",
            Topic::Session => "session",
            Topic::Container => "container",
            Topic::Route => "route",
            Topic::Finding => "finding",
        }
    }
}

/// One change, of several things at once where the same happened to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What kind of thing.
    pub topic: Topic,
    /// How it is now.
    pub state: Mark,
    /// What it is now, in words.
    pub is: String,
    /// Where: the device, both ends of a link, the routers.
    pub nodes: Vec<NodeName>,
    /// Which: ports, containers, services; empty for devices.
    pub subjects: Vec<String>,
}

/// What a state is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    topic: Topic,
    nodes: Vec<NodeName>,
    subject: String,
}

/// What was known before.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    known: BTreeMap<Key, State>,
}

impl Changes {
    /// Takes note of a round; returns what differs from what was known. What nobody tells of any more is as it was; of
    /// what nobody told of before, only what isn't as desired is news.
    pub fn round(&mut self, overview: &Overview) -> Vec<Change> {
        let now = states(overview);
        let mut changes = Vec::new();
        for (key, state) in &now {
            let before = self.known.get(key);
            if let Some(is) = news(key, before, state) {
                changes.push((key.clone(), state.state, is));
            }
        }
        let gone: Vec<Key> = self
            .known
            .keys()
            .filter(|key| !now.contains_key(key) && is_over(overview, key))
            .cloned()
            .collect();
        for key in gone {
            self.known.remove(&key);
            changes.push((key, Mark::Ok, "as desired again".to_owned()));
        }
        for (key, state) in now {
            // What is unknown stays what it was, so that it is compared with that once it is known again.
            if state.state != Mark::Unknown || key.topic == Topic::Device {
                self.known.insert(key, state);
            }
        }
        grouped(changes)
    }
}

/// What there is to tell of a state, if anything.
fn news(key: &Key, before: Option<&State>, now: &State) -> Option<String> {
    let told = |now: &State| Some(now.is.clone());
    match (before, now.state) {
        (None, Mark::Failed) => told(now),
        // Not heard yet, known from the beginning, or not known any more.
        (None, _) | (Some(_), Mark::Unknown) => None,
        (Some(before), _) if before.state != now.state => told(now),
        (Some(before), Mark::Failed) if before.is != now.is => told(now),
        (Some(before), Mark::Ok) if now.times > before.times => {
            let what =
                if key.topic == Topic::Container { "was started again" } else { "was down in between" };
            Some(format!("{what}, {} times by now", now.times))
        }
        _ => None,
    }
}

/// Whether something that was wrong is not told any more because it is right, and not because nobody answers.
fn is_over(overview: &Overview, key: &Key) -> bool {
    match key.topic {
        Topic::Route => key.nodes.iter().any(|node| overview.tables.contains_key(node)),
        Topic::Finding => key.nodes.iter().all(|node| overview.heard.contains(node)),
        _ => false,
    }
}

/// Everything that has a state.
fn states(overview: &Overview) -> BTreeMap<Key, State> {
    let mut states = BTreeMap::new();
    let mut put = |topic, nodes: &[&NodeName], subject: String, state: &State| {
        let nodes = nodes.iter().copied().cloned().collect();
        states.insert(Key { topic, nodes, subject }, state.clone());
    };
    for device in &overview.devices {
        put(Topic::Device, &[&device.node], String::new(), &device.reached);
        for (name, state) in &device.services {
            put(Topic::Service, &[&device.node], name.clone(), state);
        }
    }
    for line in &overview.lines {
        let nodes = [&line.a.node, &line.b.node];
        let subject = || format!("{} – {}", line.a, line.b);
        put(Topic::Link, &nodes, subject(), &line.link);
        if let Some(session) = &line.session {
            put(Topic::Session, &nodes, subject(), session);
        }
    }
    for one in &overview.containers {
        put(Topic::Container, &[&one.server], one.name.clone(), &one.state);
    }
    for (node, table) in &overview.tables {
        for (subject, route) in &table.wrong {
            let state = State::new(Mark::Failed, in_general(&route.state.is));
            put(Topic::Route, &[node], subject.clone(), &state);
        }
    }
    for finding in overview.failed.iter().filter(|one| !is_shown(overview, one)) {
        let state = State::new(Mark::Failed, finding.reason.clone().unwrap_or_default());
        put(Topic::Finding, &[&finding.node], format!("{} {}", finding.check, finding.subject), &state);
    }
    states
}

/// The same of several things is one change: the same route on several routers, then several things on the same nodes.
fn grouped(changes: Vec<(Key, Mark, String)>) -> Vec<Change> {
    let mut routes: BTreeMap<(Mark, String, String), Vec<NodeName>> = BTreeMap::new();
    let mut whole: BTreeMap<(Topic, Mark, String, Vec<NodeName>), Vec<String>> = BTreeMap::new();
    for (Key { topic, nodes, subject }, state, is) in changes {
        if topic == Topic::Route {
            routes.entry((state, is, subject)).or_default().extend(nodes);
        } else {
            whole.entry((topic, state, is, nodes)).or_default().push(subject);
        }
    }
    for ((state, is, subject), nodes) in routes {
        whole.entry((Topic::Route, state, is, nodes)).or_default().push(subject);
    }
    let change =
        |((topic, state, is, nodes), mut subjects): ((Topic, Mark, String, Vec<NodeName>), Vec<String>)| {
            subjects.retain(|subject| !subject.is_empty());
            Change { topic, state, is, nodes, subjects }
        };
    whole.into_iter().map(change).collect()
}

/// What is the same on every router: not by which of its own ports a route should come, nor why it is rightly absent,
/// which is an event of its own.
fn in_general(is: &str) -> &str {
    if is.starts_with("absent, ") { "absent" } else { is }
}
