//! Does every container reach every container, by ICMP and TCP, at full size and under its own address?

use super::facts::World;
use super::finding::{CheckName, Finding};
use super::scope::Scope;
use crate::fabric::{Fabric, NodeName, PortKind, Role, Workload};
use crate::parse::{Probe, ProbeEnd, Probes, Seen};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const CHECK: CheckName = CheckName::Reachability;

/// One verdict a pair of containers, on the server of the one that asks.
pub(super) fn reachability(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let whole = Whole::of(scope.fabric, world);
    let mut findings = Vec::new();
    for (server, facts) in scope.of_role(world, Role::Server) {
        let own: Vec<&Workload> = scope.fabric.workloads_on(&server.name).collect();
        match &facts.probes {
            Some(Err(fault)) if !own.is_empty() => {
                findings.push(Finding::of_fault(CHECK, &server.name, "prober", fault));
            }
            Some(Ok(probes)) => {
                for from in own {
                    findings.extend(whole.from(&server.name, from, probes));
                }
            }
            _ => {}
        }
    }
    findings
}

/// What all servers said, by address.
struct Whole<'a> {
    fabric: &'a Fabric,
    names: BTreeMap<Ipv4Addr, &'a Workload>,
    silent: BTreeMap<Ipv4Addr, &'a str>,
    seen: BTreeMap<Ipv4Addr, &'a Seen>,
    /// How many pairs each is an end of that get no answer.
    lost: BTreeMap<Ipv4Addr, usize>,
}

impl<'a> Whole<'a> {
    fn of(fabric: &'a Fabric, world: &'a World) -> Self {
        let mut whole = Self {
            fabric,
            names: fabric.workloads.values().map(|workload| (workload.address, workload)).collect(),
            silent: BTreeMap::new(),
            seen: BTreeMap::new(),
            lost: BTreeMap::new(),
        };
        for facts in world.values().flatten() {
            let Some(Ok(probes)) = &facts.probes else { continue };
            whole.silent.extend(probes.silent.iter().map(|(address, why)| (*address, why.as_str())));
            whole.seen.extend(probes.seen.iter().map(|(address, seen)| (*address, seen)));
            for ((from, to), _) in probes.pairs.iter().filter(|(_, probe)| !answered(probe.icmp.as_ref())) {
                *whole.lost.entry(*from).or_default() += 1;
                *whole.lost.entry(*to).or_default() += 1;
            }
        }
        whole
    }

    fn from<'b>(&'b self, server: &'b NodeName, from: &'b Workload, probes: &'b Probes) -> Vec<Finding> {
        if let Some(why) = probes.silent.get(&from.address) {
            let reason = format!("nothing can be sent from it: {why}");
            let hint = format!("fabricctl diagnose {}", from.name);
            return vec![Finding::failed(CHECK, server, &*from.name, reason).hint(hint)];
        }
        let octets = self
            .fabric
            .nodes
            .get(server)
            .and_then(|node| node.ports_of(PortKind::Data).find(|port| port.networks.contains(&from.network)))
            .map_or(0, |port| port.mtu);
        let first = (from.address, Ipv4Addr::UNSPECIFIED);
        let last = (from.address, Ipv4Addr::BROADCAST);
        let pairs = probes.pairs.range(first..=last);
        let known = pairs.filter_map(|((_, to), probe)| Some((*self.names.get(to)?, probe)));
        known.map(|(to, probe)| self.pair(server, from, to, probe, octets)).collect()
    }

    /// Of two, the one to be looked at first: who has more trouble with all the others.
    fn suspect<'w>(&self, from: &'w Workload, to: &'w Workload) -> &'w str {
        let lost = |one: &Workload| self.lost.get(&one.address).copied().unwrap_or(0);
        if lost(from) > lost(to) { &from.name } else { &to.name }
    }

    fn pair(&self, server: &NodeName, from: &Workload, to: &Workload, probe: &Probe, octets: u32) -> Finding {
        let subject = format!("{} → {}", from.name, to.name);
        let expected = format!("ICMP of {octets} octets in one piece, TCP, from {}", from.address);
        let found = format!("ICMP {}, TCP {}", end(probe.icmp.as_ref()), end(probe.tcp.as_ref()));
        let finding = if let Some(why) = self.silent.get(&to.address) {
            Finding::skipped(CHECK, server, subject, format!("{} can't answer: {why}", to.name))
                .with(&to.server)
        } else {
            match self.trouble(from, to, probe, octets) {
                Some(reason) => {
                    let hint = format!("fabricctl diagnose {}", self.suspect(from, to));
                    let finding = Finding::failed(CHECK, server, subject, reason).hint(hint);
                    if to.server == *server { finding } else { finding.with(&to.server) }
                }
                None => Finding::ok(CHECK, server, subject),
            }
        };
        finding.expected(expected).found(found)
    }

    fn trouble(&self, from: &Workload, to: &Workload, probe: &Probe, octets: u32) -> Option<String> {
        match (probe.icmp.as_ref(), probe.tcp.as_ref()) {
            (Some(ProbeEnd::OnlySmall), _) => {
                return Some(format!("small packets arrive, {octets} octets in one piece don't"));
            }
            (icmp, tcp) if !answered(icmp) && !answered(tcp) => {
                return Some(match icmp {
                    Some(ProbeEnd::Failed(why)) => format!("no answer: {why}"),
                    _ => "no answer, neither to ICMP nor to TCP".to_owned(),
                });
            }
            (icmp, _) if !answered(icmp) => return Some("TCP works, ICMP has no answer".to_owned()),
            (_, tcp) if !answered(tcp) => return Some("ICMP works, TCP has no answer".to_owned()),
            _ => {}
        }
        let seen = self.seen.get(&to.address)?;
        let other = seen.icmp.iter().find(|(claimed, actual)| *claimed == from.address && claimed != actual);
        if let Some((_, actual)) = other {
            return Some(format!("its packets arrive under the address {actual}, somebody translates it"));
        }
        // Connections don't say whose they are. One from nobody's address while this one's own is missing is the sign.
        let stranger = seen.tcp.iter().find(|address| !self.names.contains_key(address))?;
        let arrived = seen.tcp.contains(&from.address) || seen.tcp.len() == 1 && seen.icmp.is_empty();
        (!arrived).then(|| format!("connections arrive under the address {stranger}, not under its own"))
    }
}

fn answered(end: Option<&ProbeEnd>) -> bool {
    matches!(end, Some(ProbeEnd::Answered(_)))
}

fn end(end: Option<&ProbeEnd>) -> String {
    match end {
        Some(ProbeEnd::Answered(ms)) => format!("{ms:.1} ms"),
        Some(ProbeEnd::OnlySmall) => "small packets only".to_owned(),
        Some(ProbeEnd::Lost) => "no answer".to_owned(),
        Some(ProbeEnd::Failed(why)) => why.clone(),
        None => "not asked".to_owned(),
    }
}
