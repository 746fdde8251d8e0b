//! Which leafs and servers stand together.

use crate::fabric::{Fabric, Node, NodeName, Role};
use std::collections::BTreeMap;

/// Leafs that share servers, and these servers.
#[derive(Debug, Default)]
pub(super) struct Rack<'f> {
    pub leafs: Vec<&'f Node>,
    pub servers: Vec<&'f Node>,
}

/// The racks, in the order of their leafs; servers that no leaf of the picture is linked to come last, by themselves.
pub(super) fn racks(fabric: &Fabric) -> Vec<Rack<'_>> {
    let leafs: Vec<&Node> = fabric.with_role(Role::Leaf).collect();
    let place: BTreeMap<&NodeName, usize> =
        leafs.iter().enumerate().map(|(at, leaf)| (&leaf.name, at)).collect();
    // The rack of each leaf, named by its first leaf.
    let mut rack_of: Vec<usize> = (0..leafs.len()).collect();
    let mut homes: Vec<(&Node, Option<usize>)> = Vec::new();
    for server in fabric.with_role(Role::Server) {
        let mut found = server.ports.iter().filter_map(|port| place.get(&port.peer.node).copied());
        let home = found.next();
        for other in found {
            let (one, two) = (rack_of[home.unwrap_or(other)], rack_of[other]);
            let (keep, drop) = (one.min(two), one.max(two));
            rack_of.iter_mut().filter(|rack| **rack == drop).for_each(|rack| *rack = keep);
        }
        homes.push((server, home));
    }
    let mut racks: BTreeMap<usize, Rack> = BTreeMap::new();
    for (at, leaf) in leafs.iter().enumerate() {
        racks.entry(rack_of[at]).or_default().leafs.push(leaf);
    }
    for (server, home) in homes {
        let rack = home.map_or(usize::MAX, |leaf| rack_of[leaf]);
        racks.entry(rack).or_default().servers.push(server);
    }
    racks.into_values().collect()
}
