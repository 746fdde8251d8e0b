//! Where BGP brings a prefix: the AS paths of an eBGP fabric, computed from its links alone.

use crate::fabric::{Asn, Fabric, IfName, Node, NodeName, PortKind};
use std::collections::{BTreeMap, BTreeSet};

/// How a prefix arrives at a node by BGP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// By all of `surely`, and perhaps by some of `perhaps`, where that depends on which of several equally long
    /// paths a neighbour happens to prefer (the oldest one, in FRR).
    Via { surely: BTreeSet<IfName>, perhaps: BTreeSet<IfName> },
    /// Whether it arrives at all depends on such a preference.
    Unsure,
}

/// The BGP sessions of a node: its port, the node at the far end and that one's AS.
/// A link between two nodes of one AS carries none, for every session is `remote-as external`.
fn sessions<'a>(fabric: &'a Fabric, node: &'a Node) -> impl Iterator<Item = (&'a IfName, &'a Node, Asn)> {
    node.ports.iter().filter(|port| matches!(port.kind, PortKind::Uplink | PortKind::Downlink)).filter_map(
        |port| {
            let peer = fabric.nodes.get(&port.peer.node)?;
            let asn = peer.asn.filter(|asn| node.asn.is_some_and(|own| own != *asn))?;
            Some((&port.name, peer, asn))
        },
    )
}

/// The ports of a node that have a BGP session.
pub(super) fn session_ports(fabric: &Fabric, node: &Node) -> BTreeSet<IfName> {
    sessions(fabric, node).map(|(port, ..)| port.clone()).collect()
}

/// What is known of the equally long best paths of one node, without listing them.
#[derive(Default)]
struct Best {
    surely: BTreeSet<IfName>,
    perhaps: BTreeSet<IfName>,
    /// The ASes that one of the paths holds.
    in_some: BTreeSet<Asn>,
    /// The ASes that all of the paths hold.
    in_all: Option<BTreeSet<Asn>>,
}

impl Best {
    fn add(&mut self, port: &IfName, sure: bool, in_some: BTreeSet<Asn>, in_all: BTreeSet<Asn>) {
        if sure {
            self.surely.insert(port.clone())
        } else {
            self.perhaps.insert(port.clone())
        };
        self.in_some.extend(in_some);
        self.in_all = Some(match self.in_all.take() {
            Some(before) => before.intersection(&in_all).copied().collect(),
            None => in_all,
        });
    }
}

/// Brings a prefix of the `origins` to all other nodes, the way BGP does: the shortest AS path wins
/// (RFC 4271 §9.1.2.2), paths of equal length share the load (`bestpath as-path multipath-relax`), and a path
/// that holds a node's own AS is refused (§9.1.2), which is why spines of one AS don't see each other.
/// Nodes that the prefix never reaches are not in the result.
pub(super) fn spread<'a>(
    fabric: &'a Fabric,
    origins: &BTreeSet<&'a NodeName>,
) -> BTreeMap<&'a NodeName, Reach> {
    let mut best: BTreeMap<&NodeName, Best> = origins.iter().map(|name| (*name, Best::default())).collect();
    let mut frontier: BTreeSet<&NodeName> = origins.clone();
    while !frontier.is_empty() {
        let mut reached: BTreeMap<&NodeName, Best> = BTreeMap::new();
        for (name, node) in fabric.nodes.iter().filter(|(name, _)| !best.contains_key(name)) {
            let Some(own) = node.asn else { continue };
            for (port, peer, asn) in
                sessions(fabric, node).filter(|(_, peer, _)| frontier.contains(&peer.name))
            {
                let Some(theirs) = best.get(&peer.name) else { continue };
                let mut in_some = theirs.in_some.clone();
                let mut in_all = theirs.in_all.clone().unwrap_or_default();
                in_some.insert(asn);
                in_all.insert(asn);
                if in_all.contains(&own) {
                    continue;
                }
                let peer_is_sure = origins.contains(&peer.name) || !theirs.surely.is_empty();
                let sure = peer_is_sure && !in_some.contains(&own);
                reached.entry(name).or_default().add(port, sure, in_some, in_all);
            }
        }
        frontier = reached.keys().copied().collect();
        best.extend(reached);
    }
    let others = best.into_iter().filter(|(name, _)| !origins.contains(name));
    others
        .map(|(name, Best { surely, perhaps, .. })| {
            (name, if surely.is_empty() { Reach::Unsure } else { Reach::Via { surely, perhaps } })
        })
        .collect()
}
