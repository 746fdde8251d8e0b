//! The state of a fabric at a glance: devices, links and sessions, routes, containers. What `status` shows once and `watch`
//! shows all the time. It is made of the checks' findings and of the answers they rest on, so that it never says
//! otherwise than `verify` does.

mod build;
mod changes;

pub use build::overview;
pub use changes::{Change, Changes, Topic};

use super::facts::{Release, Section};
use super::finding::{CheckName, Finding};
use crate::fabric::{Endpoint, NodeName, Role};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The checks that it is made of: those that devices answer quickly and without sending anything.
pub const CHECKS: [CheckName; 5] =
    [CheckName::Services, CheckName::Links, CheckName::Bgp, CheckName::Routes, CheckName::Workloads];

/// What is asked for it.
pub const SECTIONS: [Section; 6] =
    [Section::Services, Section::Links, Section::Bgp, Section::Rib, Section::Docker, Section::Release];

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// As the model says.
    Ok,
    /// Nobody knows: its device doesn't answer, or wasn't asked.
    #[default]
    Unknown,
    /// Otherwise.
    Failed,
}

/// How something is, and in words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct State {
    /// How it is.
    pub state: Mark,
    /// The same in a few words.
    pub is: String,
    /// How often it was lost in between, as far as the device counts: sessions and containers.
    #[serde(skip)]
    pub times: u64,
}

impl State {
    fn new(state: Mark, is: impl Into<String>) -> Self {
        Self { state, is: is.into(), times: 0 }
    }

    /// Whether it is as desired.
    pub fn ok(&self) -> bool {
        self.state == Mark::Ok
    }
}

/// How many of what should be there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// Those that are as they should be.
    pub ok: usize,
    /// Those that should be.
    pub expected: usize,
}

impl Count {
    /// One more.
    fn add(&mut self, ok: bool) {
        self.expected += 1;
        self.ok += usize::from(ok);
    }

    /// Whether none is missing.
    pub fn whole(self) -> bool {
        self.ok == self.expected
    }
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its name.
    pub node: NodeName,
    /// Its part in the fabric.
    pub role: Role,
    /// Whether it answers, and why not.
    #[serde(flatten)]
    pub reached: State,
    /// What it runs; none where it didn't say.
    pub release: Option<Release>,
    /// Its services by name.
    pub services: BTreeMap<String, State>,
    /// Its BGP sessions.
    pub sessions: Option<Count>,
    /// The /32s of containers, as routers see them.
    pub routes: Option<Count>,
    /// The containers that it should run.
    pub containers: Option<Count>,
}

/// One cable, and the session over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// One end.
    pub a: Endpoint,
    /// The other one.
    pub b: Endpoint,
    /// The ports at both ends.
    pub link: State,
    /// The BGP session, where there should be one.
    pub session: Option<State>,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Where it should run.
    pub server: NodeName,
    /// Its address.
    pub address: std::net::Ipv4Addr,
    /// How it is.
    #[serde(flatten)]
    pub state: State,
}

/// What a router has of the routes that it should have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The /32s of containers.
    pub containers: Count,
    /// The loopbacks.
    pub loopbacks: Count,
    /// Those that aren't as they should be, by what they lead to.
    pub wrong: BTreeMap<String, Route>,
}

/// A route that isn't as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What is wrong.
    pub state: State,
    /// There is none.
    pub absent: bool,
}

/// The state of a fabric.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// The devices: spines, leafs, servers.
    pub devices: Vec<Device>,
    /// The cables, in the inventory's order.
    pub lines: Vec<Line>,
    /// The containers by name.
    pub containers: Vec<Container>,
    /// The routers that said which routes they have.
    pub tables: BTreeMap<NodeName, Table>,
    /// What isn't as desired, as the checks tell it.
    pub failed: Vec<Finding>,
    /// Nodes that answered.
    pub heard: BTreeSet<NodeName>,
}

impl Overview {
    /// Whether all is as desired and every device answers.
    pub fn ok(&self) -> bool {
        self.failed.is_empty() && self.devices.iter().all(|device| device.reached.ok())
    }

    /// The device of that name.
    pub fn device(&self, node: &NodeName) -> Option<&Device> {
        self.devices.iter().find(|device| device.node == *node)
    }

    /// How many devices answer.
    pub fn reached(&self) -> Count {
        counted(self.devices.iter().map(|device| device.reached.ok()))
    }

    /// How many sessions are up; each has two ends and counts once.
    pub fn sessions(&self) -> Count {
        counted(self.lines.iter().filter_map(|line| Some(line.session.as_ref()?.ok())))
    }

    /// How many cables are up.
    pub fn links(&self) -> Count {
        counted(self.lines.iter().map(|line| line.link.ok()))
    }

    /// How many containers run as they should.
    pub fn running(&self) -> Count {
        counted(self.containers.iter().map(|one| one.state.ok()))
    }

    /// How many /32s of containers the routers have; those of routers that don't answer are not among what is expected.
    pub fn routes(&self) -> Count {
        let sum = |of: fn(&Count) -> usize| self.tables.values().map(|table| of(&table.containers)).sum();
        Count { ok: sum(|count| count.ok), expected: sum(|count| count.expected) }
    }
}

fn counted(all: impl Iterator<Item = bool>) -> Count {
    let mut count = Count::default();
    all.for_each(|ok| count.add(ok));
    count
}

/// A route's name in a [`Table`]: what its findings are about.
pub fn route_to(container: &Container) -> String {
    format!("{} {}", container.name, container.address)
}
