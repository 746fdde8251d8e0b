//! Are the BGP sessions up, with the right neighbours, and why aren't they?

use super::facts::{Facts, World};
use super::finding::{CheckName, Finding};
use super::routes::{self, Source};
use super::scope::{Scope, has_carrier, has_session, port_trouble};
use crate::fabric::{Fabric, IfName, Node, NodeName, Port};
use crate::parse::BgpNeighbor;
use std::collections::BTreeMap;

const CHECK: CheckName = CheckName::Bgp;

/// One verdict a session, of every router.
pub(super) fn bgp(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let bounds = Bounds::of(scope.fabric);
    let mut findings = Vec::new();
    for (node, facts) in scope.answered(world).filter(|(node, _)| node.role.routes()) {
        match &facts.bgp {
            None => {}
            Some(Err(fault)) => {
                let hint = "see whether bgpd runs: service frr status; vtysh -c 'show bgp summary'";
                findings.push(Finding::of_fault(CHECK, &node.name, "bgpd", fault).hint(hint));
            }
            Some(Ok(neighbors)) => {
                for port in node.ports.iter().filter(|port| has_session(scope.fabric, node, port)) {
                    let Some(peer) = scope.fabric.nodes.get(&port.peer.node) else { continue };
                    let session = Session { world, bounds: &bounds, node, port, peer };
                    findings.push(session.judged(neighbors.get(port.name.as_str())));
                }
            }
        }
    }
    findings
}

/// How many prefixes may come by a session: at least the loopbacks, which don't come and go as containers do; at most
/// everything that there is.
struct Bounds {
    least: BTreeMap<(NodeName, IfName), u64>,
    most: u64,
}

impl Bounds {
    fn of(fabric: &Fabric) -> Self {
        let expectations = routes::expect(fabric);
        let mut least = BTreeMap::new();
        let loopbacks = expectations.routes.iter().filter(|route| route.kind == routes::Kind::Loopback);
        for route in loopbacks.filter(|route| route.source == Source::Bgp) {
            for port in route.next_hops.iter() {
                *least.entry((route.node.clone(), port.clone())).or_default() += 1;
            }
        }
        let all = fabric.workloads.len() + expectations.servers.len() + expectations.nodes.len();
        Self { least, most: all as u64 }
    }
}

struct Session<'a> {
    world: &'a World,
    bounds: &'a Bounds,
    node: &'a Node,
    port: &'a Port,
    peer: &'a Node,
}

impl Session<'_> {
    fn judged(&self, found: Option<&BgpNeighbor>) -> Finding {
        let asn = self.peer.asn.map_or(0, crate::fabric::Asn::get);
        let finding = match found {
            Some(found) if found.established() => self.running(found),
            _ => self.down(found),
        };
        let said = match found {
            None => "no such neighbour".to_owned(),
            Some(found) => said(found),
        };
        finding.expected(format!("Established with {} (AS {asn})", self.peer.name)).found(said)
    }

    fn failed(&self, reason: impl Into<String>) -> Finding {
        Finding::failed(CHECK, &self.node.name, self.port.name.as_str(), reason)
    }

    /// The session as the other end sees it.
    fn theirs(&self) -> Option<&BgpNeighbor> {
        session_at(self.world, &self.port.peer)
    }

    /// It is up; is it as it should be?
    fn running(&self, found: &BgpNeighbor) -> Finding {
        let asn = self.peer.asn.map(crate::fabric::Asn::get);
        if let Some((reason, hint)) = wrong_as(self.node, found) {
            return self.failed(reason).hint(hint);
        }
        if found.remote_as != asn {
            if let Some((reason, _)) = self.theirs().and_then(|theirs| wrong_as(self.peer, theirs)) {
                let node = &self.node.name;
                return Finding::skipped(CHECK, node, self.port.name.as_str(), reason).with(&self.peer.name);
            }
            let is = found.remote_as.map_or("unknown".to_owned(), |number| number.to_string());
            return self
                .failed(format!("the neighbour is in AS {is}, not in AS {}", asn.unwrap_or_default()));
        }
        if found.router_id.is_some_and(|id| id != self.peer.router_id) {
            let is = found.router_id.map(|id| id.to_string()).unwrap_or_default();
            return self
                .failed(format!("the neighbour calls itself {is}, not {}", self.peer.router_id))
                .hint("see verify links: the cable may lead elsewhere");
        }
        if !found.families.contains("ipv4Unicast") {
            return self.failed("its ends don't both speak the address family IPv4 unicast");
        }
        if found.address.is_some_and(|address| address.is_ipv6()) && !found.extended_next_hop {
            return self.failed("its ends can't both have IPv4 prefixes with IPv6 next hops (RFC 8950)");
        }
        let accepted = found.accepted.unwrap_or_default();
        let least =
            self.bounds.least.get(&(self.node.name.clone(), self.port.name.clone())).copied().unwrap_or(0);
        if accepted < least {
            return self
                .failed(format!("{accepted} prefixes come by it, at least {least} loopbacks should"))
                .hint("see the prefix lists and route maps on both ends: show bgp neighbors")
                .with(&self.peer.name);
        }
        if accepted > self.bounds.most {
            let most = self.bounds.most;
            return self
                .failed(format!("{accepted} prefixes come by it, the fabric has {most}"))
                .with(&self.peer.name);
        }
        Finding::ok(CHECK, &self.node.name, self.port.name.as_str())
    }

    /// It isn't up: this end's fault, the other end's, or nobody knows whose.
    fn down(&self, found: Option<&BgpNeighbor>) -> Finding {
        if let Some((reason, hint)) = trouble(self.world, self.node, self.port, self.peer) {
            return self.failed(reason).hint(hint).with(&self.peer.name);
        }
        let theirs = self
            .peer
            .port(&self.port.peer.port)
            .and_then(|port| trouble(self.world, self.peer, port, self.node).map(|(reason, _)| reason));
        let skipped = |reason: String| {
            Finding::skipped(CHECK, &self.node.name, self.port.name.as_str(), reason).with(&self.peer.name)
        };
        match self.world.get(&self.peer.name) {
            Some(Err(_)) => return skipped(format!("down; {} can't be reached", self.peer.name)),
            _ => {
                if let Some(theirs) = theirs {
                    return skipped(format!("down because of {}: {theirs}", self.port.peer));
                }
            }
        }
        let here = crate::fabric::Endpoint { node: self.node.name.clone(), port: self.port.name.clone() };
        if has_carrier(self.world, &here) == Some(false) {
            return self.failed(format!("down: {} has no carrier", self.port.name)).hint("see verify links");
        }
        let Some(found) = found else {
            return self.failed("no such neighbour is configured").hint("fabricctl deploy");
        };
        if found.address.is_none() {
            return self
                .failed(format!("down: no address of the neighbour, no router advertisement came on {}", self.port.name))
                .hint("see show interface: IPv6 must be on and router advertisements not suppressed, on both ends");
        }
        let why = found.last_notification.as_ref().or(found.last_reset.as_ref());
        let why = why.map(|why| format!(", FRR says: {why}")).unwrap_or_default();
        self.failed(format!("down, in state {}{why}", found.state))
            .hint(format!("vtysh -c 'show bgp neighbors {}'", self.port.name))
            .with(&self.peer.name)
    }
}

/// What one end itself knows to be wrong with its side of a session, and what to do.
fn trouble(world: &World, node: &Node, port: &Port, peer: &Node) -> Option<(String, String)> {
    let here = crate::fabric::Endpoint { node: node.name.clone(), port: port.name.clone() };
    if let Some(why) = port_trouble(world, &here) {
        return Some((format!("down: {why}"), format!("ip link set {} up", port.name)));
    }
    let Some(Ok(Facts { bgp: Some(bgp), .. })) = world.get(&node.name) else { return None };
    let neighbors = match bgp {
        Ok(neighbors) => neighbors,
        Err(fault) => return Some((format!("{fault}"), "service frr status".to_owned())),
    };
    let deploy = || "fabricctl deploy puts the configuration right".to_owned();
    let Some(found) = neighbors.get(port.name.as_str()) else {
        return Some(("no such neighbour is configured".to_owned(), deploy()));
    };
    if let Some(wrong) = wrong_as(node, found) {
        return Some(wrong);
    }
    if found.shut_down {
        return Some(("the session is shut down by configuration".to_owned(), deploy()));
    }
    // 0 is `external`: any AS but its own.
    let theirs = peer.asn.map(crate::fabric::Asn::get);
    let asked = found.remote_as.filter(|number| *number != 0);
    let refused = found.last_notification.as_deref().is_some_and(|said| said.contains("Bad Peer AS"));
    // The notification is soon followed by others; that the peer itself is right says the same.
    let peers_own = session_at(world, &port.peer).and_then(|theirs| theirs.local_as);
    let peer_is_right = !found.established() && peers_own.is_some() && peers_own == theirs;
    if (refused || peer_is_right) && asked.is_some() && asked != theirs {
        let (asked, is) = (asked.unwrap_or_default(), theirs.unwrap_or_default());
        return Some((format!("{} waits for AS {asked}, {} is in AS {is}", node.name, peer.name), deploy()));
    }
    None
}

/// A session as one end sees it.
fn session_at<'w>(world: &'w World, end: &crate::fabric::Endpoint) -> Option<&'w BgpNeighbor> {
    let facts = world.get(&end.node)?.as_ref().ok()?;
    facts.bgp.as_ref()?.as_ref().ok()?.get(end.port.as_str())
}

/// A router that isn't in its own AS.
fn wrong_as(node: &Node, found: &BgpNeighbor) -> Option<(String, String)> {
    let (is, own) = (found.local_as?, node.asn?.get());
    let hint = "fabricctl deploy puts the configuration right";
    (is != own).then(|| (format!("{} runs in AS {is}, not in AS {own}", node.name), hint.to_owned()))
}

/// A session in a few words.
fn said(found: &BgpNeighbor) -> String {
    let mut words = vec![found.state.clone()];
    if let Some(ms) = found.since_ms {
        words.push(format!("since {} s", ms / 1000));
    }
    if found.established() {
        words.push(format!("{} prefixes", found.accepted.unwrap_or_default()));
    }
    match found.drops {
        0 => {}
        1 => words.push("lost once".to_owned()),
        times => words.push(format!("lost {times} times")),
    }
    words.join(", ")
}
