//! What a round of checks is about.

use super::facts::{Facts, World};
use crate::fabric::{Endpoint, Fabric, Node, NodeName, Port, PortKind, Role};
use std::collections::BTreeSet;

/// The fabric, and the nodes of it that were selected.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The model.
    pub fabric: &'a Fabric,
    /// The nodes that verdicts are about.
    pub nodes: &'a BTreeSet<NodeName>,
}

impl<'a> Scope<'a> {
    /// The selected nodes that answered, with their answers.
    pub(super) fn answered<'w>(&self, world: &'w World) -> impl Iterator<Item = (&'a Node, &'w Facts)> {
        let (fabric, nodes) = (self.fabric, self.nodes);
        world.iter().filter_map(move |(name, facts)| {
            let facts = facts.as_ref().ok()?;
            nodes.contains(name).then(|| Some((fabric.nodes.get(name)?, facts))).flatten()
        })
    }

    /// The same of one role.
    pub(super) fn of_role<'w>(
        &self,
        world: &'w World,
        role: Role,
    ) -> impl Iterator<Item = (&'a Node, &'w Facts)> {
        self.answered(world).filter(move |(node, _)| node.role == role)
    }
}

/// Whether a port has a BGP session: its link joins two routers of different ASes.
pub(super) fn has_session(fabric: &Fabric, node: &Node, port: &Port) -> bool {
    let peer = fabric.nodes.get(&port.peer.node).and_then(|peer| peer.asn);
    matches!(port.kind, PortKind::Uplink | PortKind::Downlink)
        && node.asn.is_some()
        && peer.is_some()
        && peer != node.asn
}

/// What is wrong with one end of a link as far as that end itself can tell; nothing where it didn't say.
pub(super) fn port_trouble(world: &World, end: &Endpoint) -> Option<String> {
    let Some(Ok(facts)) = world.get(&end.node) else { return None };
    let Some(Ok(links)) = &facts.links else { return None };
    match links.get(end.port.as_str()) {
        None => Some(format!("{} doesn't exist", end.port)),
        Some(link) if !link.admin_up => Some(format!("{} is switched off", end.port)),
        Some(_) => None,
    }
}

/// Whether one end of a link has a signal from the other; `None` where it didn't say.
pub(super) fn has_carrier(world: &World, end: &Endpoint) -> Option<bool> {
    let links = world.get(&end.node)?.as_ref().ok()?.links.as_ref()?.as_ref().ok()?;
    Some(links.get(end.port.as_str())?.carrier)
}
