//! The state of each part of a fabric, from what is known of it. What no answer tells of stays unknown.

use super::{Known, oddity};
use crate::fabric::{Endpoint, Fabric, IfName, NodeName, PortKind, Role};
use crate::output::{masked, printable};
use crate::picture::{Marks, State};
use crate::verify::neighbors::{LeafNeighbors, Owner};
use crate::verify::routes::{Check, Kind};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// Most reasons that are told of one part.
const TOLD: usize = 6;

pub(super) fn of(known: &Known) -> Marks {
    let mut marks = Marks::default();
    routes(known, &mut marks);
    neighbors(known, &mut marks);
    for (node, why) in &known.silent {
        marks.node(node, State::Failed, &clean(why));
    }
    super::checks::mark(known.fabric, known.report, &mut marks);
    servers(known.fabric, &mut marks);
    marks
}

/// Notes end up in a picture, which doesn't know of secrets or terminals.
pub(super) fn clean(said: &str) -> String {
    printable(&masked(said))
}

/// A prefix that is wrong everywhere is its owner's trouble; one that is wrong in places is theirs.
fn routes(known: &Known, marks: &mut Marks) {
    let mut by_prefix: BTreeMap<Ipv4Net, Vec<&Check>> = BTreeMap::new();
    for check in &known.routes.checks {
        if check.kind != Kind::Server {
            by_prefix.entry(check.prefix).or_default().push(check);
        }
    }
    let mut wrong: BTreeMap<&NodeName, Vec<String>> = BTreeMap::new();
    // How many routes were looked for on each node.
    let mut asked: BTreeMap<&NodeName, usize> = BTreeMap::new();
    let silent: BTreeSet<&NodeName> = known.silent.iter().map(|(node, _)| node).collect();
    uplinks(known, &silent, marks);
    for checks in by_prefix.values() {
        let answered: Vec<&&Check> = checks.iter().filter(|check| !silent.contains(&check.node)).collect();
        let everywhere = answered.len() > 1 && answered.iter().all(|check| !check.ok);
        for check in &answered {
            owner(check, everywhere, marks);
            *asked.entry(&check.node).or_default() += usize::from(!everywhere);
            if !check.ok && !everywhere {
                wrong.entry(&check.node).or_default().push(said(check));
            }
        }
    }
    for (node, all) in asked {
        let Some(reasons) = wrong.get(node) else {
            marks.node(node, State::Ok, "");
            continue;
        };
        // The cause of a few may be elsewhere.
        let state = if reasons.len() * 2 > all { State::Failed } else { State::Warning };
        for reason in reasons.iter().take(TOLD) {
            marks.node(node, state, reason);
        }
        if reasons.len() > TOLD {
            marks.node(node, state, &format!("and {} more routes", reasons.len() - TOLD));
        }
    }
}

fn said(check: &Check) -> String {
    let reason = check.reason.as_deref().unwrap_or_default();
    clean(&format!("{} {}: {reason}", check.subject, check.prefix.addr()))
}

/// What a check says of whom its prefix belongs to.
fn owner(check: &Check, everywhere: bool, marks: &mut Marks) {
    let state = match (check.ok, everywhere) {
        (true, _) => State::Ok,
        (false, true) => State::Failed,
        (false, false) => State::Warning,
    };
    let note = match state {
        State::Ok => String::new(),
        State::Failed => "no spine or leaf has its route".to_owned(),
        _ => format!("its route is wrong on {}", check.node),
    };
    match check.kind {
        Kind::Workload => marks.workload(&check.subject, state, &note),
        Kind::Loopback if everywhere => {
            if let Ok(node) = NodeName::new(check.subject.clone()) {
                marks.node(&node, state, &note);
            }
        }
        _ => {}
    }
}

/// A link that a node's routes take works; one that none takes, although some should, doesn't. That single routes avoid it
/// may have its reason at their other end.
fn uplinks(known: &Known, silent: &BTreeSet<&NodeName>, marks: &mut Marks) {
    let mut used: BTreeMap<(&NodeName, &IfName), bool> = BTreeMap::new();
    let routers = known.fabric.nodes.values().filter(|node| node.role.routes());
    let ports: BTreeMap<&NodeName, Vec<&IfName>> = routers
        .map(|node| {
            let between = node.ports.iter().filter(|port| port.kind != PortKind::Server);
            (&node.name, between.map(|port| &port.name).collect())
        })
        .collect();
    for check in known.routes.checks.iter().filter(|check| !silent.contains(&check.node)) {
        let hops =
            check.found.as_ref().filter(|found| found.installed).map_or(&[][..], |found| &found.next_hops);
        for port in ports.get(&check.node).into_iter().flatten() {
            let taken = hops.iter().any(|hop| hop == port.as_str());
            if taken || check.expected.next_hops.contains(*port) {
                *used.entry((&check.node, port)).or_default() |= taken;
            }
        }
    }
    for ((node, port), taken) in used {
        let end = Endpoint { node: node.clone(), port: port.clone() };
        if taken {
            marks.end(&end, State::Ok, "");
        } else {
            marks.end(&end, State::Failed, &format!("no route of {node} takes it"));
        }
    }
}

fn neighbors(known: &Known, marks: &mut Marks) {
    for leaf in &known.neighbors.leafs {
        daemon(leaf, marks);
    }
    for host in &known.neighbors.hosts {
        let odd = oddity(host).map(|why| clean(&why));
        let state = if odd.is_some() { State::Warning } else { State::Ok };
        match (&host.name, host.owner) {
            (Some(name), Owner::Workload) => marks.workload(name, state, odd.as_deref().unwrap_or_default()),
            (Some(name), Owner::Server) => {
                if let Ok(server) = NodeName::new(name.clone()) {
                    marks.node(&server, state, odd.as_deref().unwrap_or_default());
                }
            }
            _ => marks.node(
                &host.node,
                State::Warning,
                &format!("{} is nobody's in the inventory", host.address),
            ),
        }
        if let Ok(port) = IfName::new(host.port.clone()) {
            // Who is heard behind a port proves its link.
            if host.state.advertised() {
                marks.end(&Endpoint { node: host.node.clone(), port }, State::Ok, "");
            }
        }
    }
    for lost in &known.neighbors.missing {
        marks.workload(&lost.workload, State::Failed, "no leaf advertises it");
    }
}

fn daemon(leaf: &LeafNeighbors, marks: &mut Marks) {
    let why = leaf.reason.as_deref().map(clean);
    if leaf.degraded {
        marks.node(&leaf.node, State::Warning, "rdnbrd can't do all that it is told to");
    }
    if !leaf.answered {
        marks.node(&leaf.node, State::Unknown, why.as_deref().unwrap_or_default());
    }
}

/// A server that wasn't asked is as its containers are.
fn servers(fabric: &Fabric, marks: &mut Marks) {
    for server in fabric.with_role(Role::Server) {
        let states: Vec<State> =
            fabric.workloads_on(&server.name).map(|one| marks.of_workload(&one.name).state).collect();
        let failed = states.iter().filter(|state| **state == State::Failed).count();
        if states.is_empty() || states.iter().all(|state| *state == State::Unknown) {
            continue;
        }
        if failed == states.len() {
            marks.node(&server.name, State::Failed, "none of its containers can be reached");
        } else if failed > 0 {
            marks.node(&server.name, State::Warning, &format!("{failed} of its containers can't be reached"));
        } else {
            marks.node(&server.name, State::Ok, "its containers are advertised");
        }
    }
}
