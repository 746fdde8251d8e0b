//! Which nodes of a wave may be in flight together: never what stands in for one another.

use crate::fabric::{Fabric, Link, Node, NodeName, Role};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A part of a number of nodes: `2`, or `25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// That many.
    Count(usize),
    /// That many of a hundred.
    Percent(usize),
}

/// Why a text is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a number of nodes, such as 2, nor a part of them, such as 25%")]
pub struct ShareError(String);

impl Share {
    /// How many of `total` that is, rounded down.
    pub fn of(self, total: usize) -> usize {
        match self {
            Share::Count(count) => count,
            Share::Percent(percent) => total.saturating_mul(percent) / 100,
        }
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let share = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|percent| *percent <= 100).map(Share::Percent),
            None => text.parse().ok().map(Share::Count),
        };
        share.ok_or_else(|| ShareError(text.to_owned()))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Share::Count(count) => count.fmt(f),
            Share::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// How the nodes of a wave follow one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pace {
    /// At most so many in flight; none for as many as redundancy allows.
    pub serial: Option<Share>,
    /// The one that goes first, alone.
    pub canary: Option<NodeName>,
    /// Redundancy doesn't matter.
    pub all_at_once: bool,
}

/// The nodes of a wave in batches that follow one another.
///
/// Of those `in_service`, which carry traffic now, two spines are never in one batch, nor two leafs with a server in
/// common: one of them must be there for what the other one carried. Those that carry nothing may go together.
pub fn batches(
    fabric: &Fabric,
    wave: &[NodeName],
    in_service: &BTreeSet<NodeName>,
    pace: &Pace,
) -> Vec<Vec<NodeName>> {
    let canary = pace.canary.as_ref().filter(|canary| wave.contains(canary));
    let most = pace.serial.map_or(usize::MAX, |share| share.of(wave.len()).max(1));
    let mut batches: Vec<Vec<NodeName>> = Vec::new();
    for name in wave.iter().filter(|name| Some(*name) != canary) {
        let apart = |other: &NodeName| {
            !pace.all_at_once
                && in_service.contains(name)
                && in_service.contains(other)
                && redundant(fabric, name, other)
        };
        let room = batches.iter_mut().find(|batch| batch.len() < most && !batch.iter().any(apart));
        match room {
            Some(batch) => batch.push(name.clone()),
            None => batches.push(vec![name.clone()]),
        }
    }
    canary.map(|canary| vec![canary.clone()]).into_iter().chain(batches).collect()
}

/// Whether one of them carries on when the other is away.
fn redundant(fabric: &Fabric, a: &NodeName, b: &NodeName) -> bool {
    let role = |name| fabric.nodes.get(name).map(|node: &Node| node.role);
    match (role(a), role(b)) {
        (Some(Role::Spine), Some(Role::Spine)) => true,
        (Some(Role::Leaf), Some(Role::Leaf)) => {
            let servers = servers_of(fabric, a);
            servers_of(fabric, b).iter().any(|server| servers.contains(server))
        }
        _ => false,
    }
}

/// The servers that are cabled to a leaf.
fn servers_of<'a>(fabric: &'a Fabric, leaf: &NodeName) -> BTreeSet<&'a NodeName> {
    let links = fabric.links.iter().filter(|link| link.ends().iter().any(|end| end.node == *leaf));
    let ends = links.flat_map(Link::ends).map(|end| &end.node);
    ends.filter(|name| fabric.nodes.get(name).is_some_and(|node| node.role == Role::Server)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory;
    use std::path::Path;

    /// The reference fabric with server01 on leaf02 as well.
    fn fabric() -> Fabric {
        let text = include_str!("../../inventory/reference/fabric.yml");
        let mut fabric = inventory::read("fabric.yml", text, Path::new(".")).unwrap();
        let mut link =
            fabric.links.iter().find(|link| link.ends().iter().any(|e| e.node.as_str() == "server01"));
        let mut second = link.take().unwrap().clone();
        second.a.node = NodeName::new("leaf02").unwrap();
        second.b.node = NodeName::new("server01").unwrap();
        fabric.links.push(second);
        fabric
    }

    fn names(texts: &[&str]) -> Vec<NodeName> {
        texts.iter().map(|text| NodeName::new(*text).unwrap()).collect()
    }

    fn made(wave: &[&str], in_service: bool, pace: &Pace) -> Vec<Vec<String>> {
        let wave = names(wave);
        let busy = if in_service { wave.iter().cloned().collect() } else { BTreeSet::new() };
        let batches = batches(&fabric(), &wave, &busy, pace);
        batches.iter().map(|batch| batch.iter().map(ToString::to_string).collect()).collect()
    }

    const SPINES: [&str; 2] = ["spine01", "spine02"];
    const LEAFS: [&str; 4] = ["leaf01", "leaf02", "leaf03", "leaf04"];

    #[test]
    fn spines_in_service_go_one_by_one_and_idle_ones_together() {
        let pace = Pace::default();
        assert_eq!(made(&SPINES, true, &pace), [["spine01"], ["spine02"]]);
        assert_eq!(made(&SPINES, false, &pace), [["spine01", "spine02"]]);
        assert_eq!(made(&SPINES, true, &Pace { all_at_once: true, ..pace }), [["spine01", "spine02"]]);
    }

    #[test]
    fn leafs_with_a_server_in_common_are_never_in_flight_together() {
        let expected: [&[&str]; 2] = [&["leaf01", "leaf03", "leaf04"], &["leaf02"]];
        assert_eq!(made(&LEAFS, true, &Pace::default()), expected);
        assert_eq!(made(&LEAFS, false, &Pace::default()).len(), 1);
    }

    #[test]
    fn the_canary_goes_first_and_alone_and_serial_bounds_the_rest() {
        let pace =
            Pace { canary: names(&["leaf03"]).pop(), serial: Some(Share::Count(2)), ..Pace::default() };
        let expected: [&[&str]; 3] = [&["leaf03"], &["leaf01", "leaf04"], &["leaf02"]];
        assert_eq!(made(&LEAFS, true, &pace), expected);
        let half = Pace { serial: Some(Share::Percent(50)), ..Pace::default() };
        assert_eq!(made(&LEAFS, false, &half), [["leaf01", "leaf02"], ["leaf03", "leaf04"]]);
        // A part that is less than one node is one node.
        assert_eq!(made(&SPINES, false, &Pace { serial: Some(Share::Percent(10)), ..half }).len(), 2);
    }

    #[test]
    fn shares_read_and_print() {
        for (text, of_ten) in [("3", 3), ("25%", 2), ("0", 0), ("100%", 10)] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.of(10), share.to_string()), (of_ten, text.to_owned()));
        }
        for wrong in ["", "%", "101%", "-1", "many", "1.5"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
