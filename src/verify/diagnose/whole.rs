//! Every failing check explained: which of them have the same first cause, and what that is.

use super::scene::{Scene, cause_of};
use super::{Interest, Target, Verdict, address, container, node, unique};
use crate::fabric::{Fabric, NodeName};
use crate::verify::facts::World;
use crate::verify::finding::{CheckName, Finding, Status};
use crate::verify::scope::Scope;
use ipnet::Ipv4Net;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// More containers than these are not looked into at once; their verdicts rest on what their devices said.
const LOOKED_INTO: usize = 64;

/// Why the fabric isn't as desired. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Nothing failed, and every device answered.
    pub ok: bool,
    /// How many verdicts of the checks failed.
    pub failed: usize,
    /// The causes, the one that explains most first.
    pub causes: Vec<Explained>,
}

/// One cause, and what it explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The first broken hop.
    pub verdict: Verdict,
    /// The failed verdicts of the checks that come from it.
    pub explains: Vec<Finding>,
}

/// The containers and nodes that a failed finding is about: what to look into before it is explained.
pub fn suspects(scope: &Scope<'_>, world: &World) -> Interest {
    let scene = Scene::new(scope, world);
    let mut interest = Interest::default();
    for finding in scene.findings.iter().filter(|finding| finding.status == Status::Failed) {
        if let Some(prefix) = finding.prefix {
            interest.prefixes.insert(prefix);
        }
        for name in containers(scene.fabric, finding) {
            if interest.containers.len() < LOOKED_INTO
                && let Some(workload) = scene.fabric.workloads.get(&name)
            {
                interest.prefixes.insert(Ipv4Net::from(workload.address));
                interest.containers.insert(name);
            }
        }
    }
    interest.prefixes = interest.prefixes.into_iter().take(LOOKED_INTO).collect();
    interest
}

/// Explains every failed verdict of the checks by the first broken hop on its way.
pub fn explain(scope: &Scope<'_>, world: &World) -> Explanation {
    let scene = Scene::new(scope, world);
    let mut walks = Walks { scene: &scene, containers: BTreeMap::new(), nodes: BTreeMap::new() };
    let mut causes: BTreeMap<Key, Explained> = BTreeMap::new();
    let mut failed = 0;
    for finding in scene.findings.iter().filter(|finding| finding.status == Status::Failed) {
        failed += 1;
        let verdict = walks.cause(finding);
        let cause = causes.entry(key(&verdict));
        cause.or_insert_with(|| Explained { verdict, explains: Vec::new() }).explains.push(finding.clone());
    }
    let silent = world.iter().filter(|(device, facts)| facts.is_err() && scope.nodes.contains(*device));
    for (device, _) in silent {
        if let Some(verdict) = walks.node(device).filter(|_| !causes.keys().any(|(node, ..)| node == device))
        {
            causes.entry(key(&verdict)).or_insert_with(|| Explained { verdict, explains: Vec::new() });
        }
    }
    // What no check has felt yet, such as proxy ARP that is off while its clients still remember their neighbours.
    for name in taken(&scene) {
        if let Some(verdict) = walks.container(&name) {
            causes.entry(key(&verdict)).or_insert_with(|| Explained { verdict, explains: Vec::new() });
        }
    }
    for verdict in latent(&scene, scope) {
        causes.entry(key(&verdict)).or_insert_with(|| Explained { verdict, explains: Vec::new() });
    }
    let mut causes: Vec<Explained> = causes.into_values().collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.explains.len()));
    Explanation { ok: causes.is_empty(), failed, causes }
}

/// The containers whose addresses nodes themselves have on their interfaces.
fn taken(scene: &Scene<'_>) -> Vec<String> {
    let workloads = scene.fabric.workloads.values();
    let names: BTreeMap<_, _> = workloads.map(|workload| (workload.address, &workload.name)).collect();
    let links = scene.world.keys().filter_map(|node| scene.said(node, |facts| &facts.links)).flatten();
    let addresses = links.flat_map(|(_, link)| &link.addresses);
    addresses.filter_map(|address| names.get(&address.addr()).map(|name| (*name).clone())).collect()
}

/// Settings of routers that are wrong.
fn latent(scene: &Scene<'_>, scope: &Scope<'_>) -> Vec<Verdict> {
    let routers = scope.nodes.iter().filter_map(|name| scene.fabric.nodes.get(name));
    let hops = routers.flat_map(|router| node::settings(scene, router));
    hops.filter_map(|hop| super::verdict(&[hop]).filter(|verdict| !verdict.unreachable)).collect()
}

/// What makes two verdicts one: the device, what of it, and what is wrong there, whatever way led to it.
fn key(verdict: &Verdict) -> Key {
    (verdict.device.clone(), verdict.object.clone(), verdict.cause.clone())
}

type Key = (NodeName, Option<String>, String);

/// Ways that were walked, each once.
struct Walks<'a> {
    scene: &'a Scene<'a>,
    containers: BTreeMap<String, Option<Verdict>>,
    nodes: BTreeMap<NodeName, Option<Verdict>>,
}

impl Walks<'_> {
    /// The first cause of a failed finding; the finding itself where every hop is well.
    fn cause(&mut self, finding: &Finding) -> Verdict {
        let names = containers(self.scene.fabric, finding);
        let mut verdicts: Vec<Verdict> = names.iter().filter_map(|name| self.container(name)).collect();
        // Of a pair, the end that has more to say than that packets are lost.
        verdicts.sort_by_key(|verdict| verdict.hop == container::BACK);
        if let Some(verdict) = verdicts.into_iter().next() {
            return verdict;
        }
        if let Some(verdict) = self.stray(finding) {
            return verdict;
        }
        if let Some(verdict) = self.owner(finding) {
            return verdict;
        }
        // A finding about a node itself is a cause already, unless the node's own hops show an earlier one.
        let of_node =
            self.node(&finding.node).filter(|verdict| verdict.device != finding.node || earlier(finding));
        of_node.map_or_else(|| itself(finding), |verdict| self.deeper(verdict))
    }

    /// What a route to a loopback that is missing comes from, as the node's own hops show it.
    fn owner(&mut self, finding: &Finding) -> Option<Verdict> {
        let address = finding.prefix?.addr();
        let owner = self.scene.fabric.nodes.values().find(|node| node.loopback == address)?.name.clone();
        let verdict = self.node(&owner)?;
        Some(self.deeper(verdict))
    }

    /// A route that is missing at another node has its own first cause there.
    fn deeper(&mut self, verdict: Verdict) -> Verdict {
        let consequence =
            |verdict: &Verdict| verdict.hop == node::LOOPBACK || verdict.hop.starts_with("route ");
        if !consequence(&verdict) {
            return verdict;
        }
        let there = self.node(&verdict.device).filter(|deeper| !consequence(deeper));
        there.unwrap_or(verdict)
    }

    /// What a finding about an address in nobody's name comes from: a container that has taken it, or whoever uses it.
    fn stray(&mut self, finding: &Finding) -> Option<Verdict> {
        let address = match finding.check {
            CheckName::Routes => finding.prefix.filter(|prefix| prefix.prefix_len() == 32)?.addr(),
            CheckName::Neighbors => finding.subject.parse().ok()?,
            _ => return None,
        };
        let target = address::resolve(self.scene.fabric, &address.to_string()).ok()?;
        if !matches!(target, Target::Unused(..)) {
            return None;
        }
        let taken = unique::with_address(self.scene, address);
        let verdict = taken.and_then(|name| self.container(&name));
        verdict.or_else(|| self.scene.walk(&target).verdict)
    }

    fn container(&mut self, name: &str) -> Option<Verdict> {
        if let Some(known) = self.containers.get(name) {
            return known.clone();
        }
        let verdict = container::walk(self.scene, name).verdict;
        self.containers.insert(name.to_owned(), verdict.clone());
        verdict
    }

    fn node(&mut self, name: &NodeName) -> Option<Verdict> {
        if let Some(known) = self.nodes.get(name) {
            return known.clone();
        }
        let verdict = node::walk(self.scene, name).verdict;
        self.nodes.insert(name.clone(), verdict.clone());
        verdict
    }
}

/// Whether a check builds upon others, so that what it finds may have a cause on the same node.
fn earlier(finding: &Finding) -> bool {
    match finding.check {
        CheckName::Bgp | CheckName::Routes | CheckName::Neighbors | CheckName::Reachability => true,
        CheckName::Workloads => finding.subject == "docker",
        CheckName::Services | CheckName::Time | CheckName::Links | CheckName::Drift => false,
    }
}

/// The containers that a finding is about: the one that it names, the owner of its prefix, both ends of a pair.
fn containers(fabric: &Fabric, finding: &Finding) -> Vec<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let known = |name: &str| fabric.workloads.contains_key(name);
    match finding.check {
        CheckName::Routes => {
            let owner =
                |prefix: Ipv4Net| fabric.workloads.values().find(|one| Ipv4Net::from(one.address) == prefix);
            names.extend(finding.prefix.and_then(owner).map(|workload| workload.name.clone()));
        }
        CheckName::Workloads | CheckName::Neighbors | CheckName::Reachability => {
            let words = finding.subject.split_whitespace().filter(|word| known(word));
            names.extend(words.map(str::to_owned));
        }
        CheckName::Services | CheckName::Time | CheckName::Links | CheckName::Bgp | CheckName::Drift => {}
    }
    names.into_iter().collect()
}

fn itself(finding: &Finding) -> Verdict {
    let cause = cause_of(finding);
    let object = match finding.check {
        CheckName::Services | CheckName::Time => None,
        _ => Some(finding.subject.clone()),
    };
    Verdict {
        device: finding.node.clone(),
        hop: format!("{} {}", finding.check, finding.subject),
        object,
        unreachable: false,
        evidence: finding.found.clone().unwrap_or_else(|| cause.clone()),
        cause,
        fix: finding.hint.clone(),
        command: format!("fabricctl verify {} -l {}", finding.check, finding.node),
    }
}
