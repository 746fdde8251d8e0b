//! What may travel through BGP, as rules of prefix-lists.

use crate::fabric::Fabric;
use ipnet::Ipv4Net;
use serde::Serialize;
use std::collections::BTreeMap;

/// One rule of a prefix-list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Rule {
    /// Where it stands: lower ones decide first.
    seq: u32,
    /// `permit` or `deny`.
    action: &'static str,
    /// The prefix.
    prefix: Ipv4Net,
    /// It is about host routes, not about a router's loopback.
    host_routes: bool,
    /// It means the /32s inside the prefix, not the prefix itself.
    inside: bool,
}

/// The largest number that FRR 8.4 and 10.3 order rightly: above it they take it for a negative one [measured].
const MAX_SEQ: u32 = i32::MAX as u32;
/// Distance of the rules that are counted, as FRR does it.
const STEP: u32 = 5;

/// The rules of a fabric, in order: no gateway, which every rack has; then routers' loopbacks, and /32s of the
/// workload networks.
///
/// A rule's number comes from its prefix. So a new node adds a rule and renumbers none, and no filter is taken
/// down and built again under live sessions.
pub(super) fn of(fabric: &Fabric) -> Vec<Rule> {
    let mut rules = BTreeMap::new();
    for (network, seq) in fabric.networks.values().zip((1..).map(|n| n * STEP)) {
        let prefix = Ipv4Net::from(network.gateway);
        rules.insert(seq, Rule { seq, action: "deny", prefix, host_routes: true, inside: false });
    }
    let loopbacks = fabric.nodes.values().filter(|node| node.role.routes()).map(|node| {
        let prefix = Ipv4Net::from(node.loopback);
        Rule { seq: 0, action: "permit", prefix, host_routes: false, inside: false }
    });
    let subnets = fabric.host_subnets().map(|subnet| {
        let prefix = subnet.trunc();
        let inside = prefix.prefix_len() < prefix.max_prefix_len();
        Rule { seq: 0, action: "permit", prefix, host_routes: true, inside }
    });
    for rule in loopbacks.chain(subnets) {
        let mut seq = (u32::from(rule.prefix.network()) & MAX_SEQ).max(1);
        while rules.contains_key(&seq) {
            seq = seq % MAX_SEQ + 1;
        }
        rules.insert(seq, Rule { seq, ..rule });
    }
    rules.into_values().collect()
}
