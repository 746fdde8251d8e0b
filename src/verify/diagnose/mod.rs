//! Where is it broken? The way of a container's packets and of its route, hop by hop, judged from one round of answers.
//!
//! Each hop is a small rule of its own: it looks at one device and says as desired, not as desired, or not known, with
//! what the device said and the command that shows it. The first hop that isn't as desired is the verdict.

mod address;
mod container;
mod leaf;
mod node;
mod scene;
mod spread;
mod tables;
mod unique;
mod whole;

pub use address::{Target, UnknownTarget, resolve};
pub use whole::{Explained, Explanation, explain, suspects};

use super::facts::{Section, World};
use super::scope::Scope;
use crate::fabric::{Fabric, NodeName};
use ipnet::Ipv4Net;
use scene::Scene;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The form of both documents. It is counted up when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// What a hop turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HopStatus {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Failed,
    /// It can't be told: it wasn't asked, or its trouble is the consequence of another hop's.
    Unknown,
    /// Its device can't be reached.
    Unreachable,
}

/// One place on the way. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// What is looked at.
    pub title: String,
    /// Where.
    pub device: NodeName,
    /// What of the device, where the title alone doesn't tell: a container, a port.
    pub object: Option<String>,
    /// The judgement.
    pub status: HopStatus,
    /// What the device said.
    pub evidence: String,
    /// The command that shows it, to be run on the device.
    pub command: String,
    /// The likely cause, where it isn't as it should be.
    pub cause: Option<String>,
    /// What to do about it: a command, or a thing to mend.
    pub fix: Option<String>,
}

/// The first place that isn't as it should be. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Verdict {
    /// Where something is to be mended.
    pub device: NodeName,
    /// The hop.
    pub hop: String,
    /// What of the device, where the hop alone doesn't tell: a container, a port.
    pub object: Option<String>,
    /// The device can't be reached, so that this is only likely.
    pub unreachable: bool,
    /// What the device said.
    pub evidence: String,
    /// The likely cause.
    pub cause: String,
    /// What to do.
    pub fix: Option<String>,
    /// The command that shows it.
    pub command: String,
}

/// The whole way. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Walk {
    /// The form of this document.
    pub schema: u32,
    /// What was asked about.
    pub subject: String,
    /// What that is, in a few words.
    pub about: String,
    /// No hop is other than it should be, and all could be asked.
    pub ok: bool,
    /// The hops in order.
    pub hops: Vec<Hop>,
    /// The first that is not as it should be.
    pub verdict: Option<Verdict>,
}

impl Hop {
    /// With what it is about.
    #[must_use]
    fn about(self, object: impl Into<String>) -> Self {
        Self { object: Some(object.into()), ..self }
    }
}

impl Walk {
    fn of(subject: impl Into<String>, about: impl Into<String>, hops: Vec<Hop>) -> Self {
        let verdict = verdict(&hops);
        Self {
            schema: SCHEMA,
            subject: subject.into(),
            about: about.into(),
            ok: verdict.is_none(),
            hops,
            verdict,
        }
    }
}

/// The first failed hop; but a device before it that can't be reached comes first, since what lies behind it may
/// well be its consequence.
fn verdict(hops: &[Hop]) -> Option<Verdict> {
    let failed = hops.iter().position(|hop| hop.status == HopStatus::Failed);
    let silent = hops.iter().position(|hop| hop.status == HopStatus::Unreachable);
    let first = match (failed, silent) {
        (Some(failed), Some(silent)) => failed.min(silent),
        (one, other) => one.or(other)?,
    };
    let hop = &hops[first];
    let unreachable = hop.status == HopStatus::Unreachable;
    let cause = match &hop.cause {
        Some(cause) => cause.clone(),
        None => hop.evidence.clone(),
    };
    Some(Verdict {
        device: hop.device.clone(),
        hop: hop.title.clone(),
        object: hop.object.clone(),
        unreachable,
        evidence: hop.evidence.clone(),
        cause,
        fix: hop.fix.clone(),
        command: hop.command.clone(),
    })
}

/// More containers and prefixes than these are not looked into at once; their verdicts rest on what their devices said.
const LOOKED_INTO: usize = 64;

/// What a diagnosis asks beyond the checks: the prefixes that BGP is asked for, the containers that are looked into,
/// and the addresses that other containers try to reach (all containers' if there are none).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Prefixes.
    pub prefixes: BTreeSet<Ipv4Net>,
    /// Containers by name.
    pub containers: BTreeSet<String>,
    /// Addresses.
    pub targets: BTreeSet<Ipv4Addr>,
}

/// The sections that every diagnosis asks for, of each device those that concern its role.
pub const SECTIONS: [Section; 15] = [
    Section::Services,
    Section::Links,
    Section::Cables,
    Section::Bgp,
    Section::Rib,
    Section::Fib,
    Section::Daemon,
    Section::Neighbors,
    Section::Docker,
    Section::Clock,
    Section::Probes,
    Section::Paths,
    Section::Config,
    Section::Settings,
    Section::Inside,
];

/// What to ask about one target.
pub fn interest(fabric: &Fabric, target: &Target) -> Interest {
    let mut interest = Interest::default();
    let host = |address: Ipv4Addr| Ipv4Net::from(address);
    match target {
        Target::Container(name) => {
            if let Some(workload) = fabric.workloads.get(name) {
                interest.prefixes.insert(host(workload.address));
                interest.containers.insert(name.clone());
                interest.targets.insert(workload.address);
            }
        }
        Target::Node(name) => {
            if let Some(node) = fabric.nodes.get(name) {
                interest.prefixes.insert(host(node.loopback));
                interest.prefixes.extend(tables::behind(fabric, name));
                interest.containers.extend(fabric.workloads_on(name).map(|one| one.name.clone()));
            }
        }
        Target::Gateway(_, address) | Target::Unused(_, address) | Target::Outside(address) => {
            interest.prefixes.insert(host(*address));
            interest.targets.insert(*address);
        }
    }
    interest
}

/// What the answers about one target make worth asking: how BGP came by the routes that a node has wrong.
pub fn further(scope: &Scope<'_>, world: &World, target: &Target) -> BTreeSet<Ipv4Net> {
    match target {
        Target::Node(name) => tables::failing(&Scene::new(scope, world), name).take(LOOKED_INTO).collect(),
        _ => BTreeSet::new(),
    }
}

/// Walks the way to one target.
pub fn walk(scope: &Scope<'_>, world: &World, target: &Target) -> Walk {
    Scene::new(scope, world).walk(target)
}

impl Scene<'_> {
    fn walk(&self, target: &Target) -> Walk {
        match target {
            Target::Container(name) => container::walk(self, name),
            Target::Node(name) => node::walk(self, name),
            Target::Gateway(network, address) => address::gateway(self, network, *address),
            Target::Unused(network, address) => address::unused(self, network, *address),
            Target::Outside(address) => address::outside(self, *address),
        }
    }
}
