//! Which hosts the leafs' daemons know, told by the fabric's names: the workloads, the servers, and who is missing.

use crate::fabric::{Fabric, Mac, NodeName, PortKind, Role};
use crate::parse::{HostState, Neighbor, NeighborStatus, Rival};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// What each leaf's daemon answered, or why there is nothing to look at.
pub type NeighborAnswers = BTreeMap<NodeName, Result<NeighborStatus, Silence>>;

/// Why a leaf has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Its platform's own daemon has no status; it was not asked.
    Unasked(String),
    /// It was asked, or tried to.
    Failed(String),
}

/// What the leafs know of their hosts. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeighborReport {
    /// Every leaf that was asked answered.
    pub ok: bool,
    /// The leafs, in natural order.
    pub leafs: Vec<LeafNeighbors>,
    /// All their hosts: by leaf, then by address.
    pub hosts: Vec<KnownHost>,
    /// Workloads that no leaf advertises although all leafs that their servers are on answered.
    pub missing: Vec<MissingWorkload>,
}

/// One leaf in a few numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeafNeighbors {
    /// The leaf.
    pub node: NodeName,
    /// Its daemon answered.
    pub answered: bool,
    /// Why it didn't.
    pub reason: Option<String>,
    /// The daemon's version.
    pub version: Option<String>,
    /// How long the daemon has been running, in seconds.
    pub uptime_s: Option<f64>,
    /// The daemon can't do all that it is told to.
    pub degraded: bool,
    /// Hosts by state.
    pub states: BTreeMap<HostState, usize>,
    /// Changes of place since the daemon's start.
    pub moves: u64,
    /// Times that two places answered for one address, since the daemon's start.
    pub duplicates: u64,
    /// Everything that the daemon counts.
    pub counters: BTreeMap<String, u64>,
}

/// Whose an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// A container of the inventory.
    Workload,
    /// A server's own data address.
    Server,
    /// Nobody's in the inventory.
    Unknown,
}

/// One host on one leaf.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KnownHost {
    /// The leaf that knows it.
    pub node: NodeName,
    /// Its address.
    pub address: IpAddr,
    /// Whose address that is.
    pub owner: Owner,
    /// The workload's or server's name.
    pub name: Option<String>,
    /// The leaf's port.
    pub port: String,
    /// Its Ethernet address.
    pub mac: Option<Mac>,
    /// What is known of it.
    pub state: HostState,
    /// How long ago it was learned, in seconds.
    pub age_s: Option<f64>,
    /// How long ago it answered last, in seconds.
    pub last_answer_s: Option<f64>,
    /// It has been in its place for a while.
    pub settled: Option<bool>,
    /// How often it changed its place on this leaf.
    pub moves: u64,
    /// Another place on this leaf that answers for the same address.
    pub rival: Option<Rival>,
    /// Other leafs that advertise the same address.
    pub also_on: Vec<NodeName>,
    /// Where its server is, if that is not the port it was found behind.
    pub expected_at: Vec<String>,
}

/// A workload that no leaf advertises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingWorkload {
    /// Its name.
    pub workload: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The server that should run it.
    pub server: NodeName,
    /// The leaf ports it should be behind, as `leaf01:swp1`.
    pub expected_at: Vec<String>,
}

/// Joins the answers with the inventory.
pub fn report(fabric: &Fabric, answers: &NeighborAnswers) -> NeighborReport {
    let names = Names::of(fabric);
    let mut advertised: BTreeMap<IpAddr, BTreeSet<&NodeName>> = BTreeMap::new();
    for (node, status) in heard(answers) {
        for host in status.hosts.iter().filter(|host| host.state.advertised()) {
            advertised.entry(host.address).or_default().insert(node);
        }
    }
    let mut hosts = Vec::new();
    for (node, status) in heard(answers) {
        let mut found: Vec<&Neighbor> = status.hosts.iter().collect();
        found.sort_by_key(|host| host.address);
        hosts.extend(found.into_iter().map(|host| known(&names, &advertised, node, host)));
    }
    let failed = |answer: &Result<_, Silence>| matches!(answer, Err(Silence::Failed(_)));
    NeighborReport {
        ok: !answers.values().any(failed),
        leafs: answers.iter().map(|(node, answer)| leaf(node, answer)).collect(),
        hosts,
        missing: missing(fabric, answers, &advertised),
    }
}

/// The leafs that answered.
fn heard(answers: &NeighborAnswers) -> impl Iterator<Item = (&NodeName, &NeighborStatus)> {
    answers.iter().filter_map(|(node, answer)| Some((node, answer.as_ref().ok()?)))
}

fn leaf(node: &NodeName, answer: &Result<NeighborStatus, Silence>) -> LeafNeighbors {
    let said = answer.as_ref().ok();
    let mut states = BTreeMap::new();
    for host in said.into_iter().flat_map(|said| &said.hosts) {
        *states.entry(host.state.clone()).or_default() += 1;
    }
    let counters = said.map(|said| said.counters.clone()).unwrap_or_default();
    let count = |name: &str| counters.get(name).copied().unwrap_or_default();
    LeafNeighbors {
        node: node.clone(),
        answered: said.is_some(),
        reason: answer.as_ref().err().map(|(Silence::Unasked(why) | Silence::Failed(why))| why.clone()),
        version: said.map(|said| said.version.clone()),
        uptime_s: said.and_then(|said| said.uptime_s),
        degraded: said.is_some_and(|said| said.degraded),
        states,
        moves: count("moves"),
        duplicates: count("duplicates"),
        counters,
    }
}

fn known(
    names: &Names<'_>,
    advertised: &BTreeMap<IpAddr, BTreeSet<&NodeName>>,
    node: &NodeName,
    host: &Neighbor,
) -> KnownHost {
    let (owner, name, places) = names.owner(host.address);
    let here = format!("{node}:{}", host.port);
    let expected = if places.contains(&here) { Vec::new() } else { places };
    let others = advertised.get(&host.address).into_iter().flatten().filter(|other| **other != node);
    KnownHost {
        node: node.clone(),
        address: host.address,
        owner,
        name: name.map(str::to_owned),
        port: host.port.clone(),
        mac: host.mac,
        state: host.state.clone(),
        age_s: host.age_s,
        last_answer_s: host.last_answer_s,
        settled: host.settled,
        moves: host.moves,
        rival: host.rival.clone(),
        also_on: others.map(|other| (*other).clone()).collect(),
        expected_at: expected,
    }
}

/// Workloads that nobody advertises, as far as that can be said: a leaf that didn't answer may know them.
fn missing(
    fabric: &Fabric,
    answers: &NeighborAnswers,
    advertised: &BTreeMap<IpAddr, BTreeSet<&NodeName>>,
) -> Vec<MissingWorkload> {
    let answered = |node: &NodeName| answers.get(node).is_some_and(Result::is_ok);
    let lost = fabric.workloads.values().filter(|workload| {
        let mut leafs = fabric.attachments(workload).map(|port| &port.node).peekable();
        leafs.peek().is_some()
            && leafs.all(answered)
            && !advertised.contains_key(&IpAddr::from(workload.address))
    });
    lost.map(|workload| MissingWorkload {
        workload: workload.name.clone(),
        address: workload.address,
        server: workload.server.clone(),
        expected_at: fabric.attachments(workload).map(ToString::to_string).collect(),
    })
    .collect()
}

/// Whose each address of the inventory is, and the leaf ports it should be behind.
struct Names<'f>(BTreeMap<IpAddr, (Owner, &'f str, Vec<String>)>);

impl<'f> Names<'f> {
    fn of(fabric: &'f Fabric) -> Self {
        let mut names = BTreeMap::new();
        for server in fabric.with_role(Role::Server) {
            for port in server.ports_of(PortKind::Data) {
                for address in &port.addresses {
                    let entry = names
                        .entry(IpAddr::from(address.addr()))
                        .or_insert_with(|| (Owner::Server, server.name.as_str(), Vec::new()));
                    entry.2.push(port.peer.to_string());
                }
            }
        }
        for workload in fabric.workloads.values() {
            let places = fabric.attachments(workload).map(ToString::to_string).collect();
            names.insert(workload.address.into(), (Owner::Workload, workload.name.as_str(), places));
        }
        Self(names)
    }

    fn owner(&self, address: IpAddr) -> (Owner, Option<&'f str>, Vec<String>) {
        match self.0.get(&address) {
            Some((owner, name, places)) => (*owner, Some(*name), places.clone()),
            None => (Owner::Unknown, None, Vec::new()),
        }
    }
}
