//! Sizes of the boxes of a fabric: all nodes of one role are alike in width.

use super::bands::Arrangement;
use super::measure::{
    CONTAINER, CONTAINER_GAP, GAP, LANE, LINE, PAD, PORT, RACK_PAD, Strip, container_width, containers,
    containers_drawn, count, lines, text_width,
};
use super::racks::Rack;
use crate::fabric::{Fabric, Node, NodeName, PortKind, Role};
use std::collections::BTreeMap;

/// Sizes that don't depend on the arrangement, and what is needed for those that do.
pub(super) struct Sizes<'f> {
    fabric: &'f Fabric,
    containers: BTreeMap<&'f NodeName, usize>,
    pub spine_text: i32,
    pub leaf_w: i32,
    pub leaf_up: Strip,
    pub leaf_down: Strip,
    server_text: i32,
    container_w: i32,
    server_up: Strip,
    /// Most ports that a server has.
    server_ports: usize,
}

impl<'f> Sizes<'f> {
    pub(super) fn of(fabric: &'f Fabric) -> Self {
        let leaf_text = text_width(fabric, Role::Leaf);
        let room = (leaf_text * 13 / 10).max(200);
        let leaf_up = strip(fabric, Role::Leaf, PortKind::Uplink, room);
        let leaf_down = strip(fabric, Role::Leaf, PortKind::Server, room);
        let most = |kind| most(fabric, Role::Leaf, kind);
        let leaf_w =
            leaf_text.max(leaf_up.width(most(PortKind::Uplink))).max(leaf_down.width(most(PortKind::Server)));
        Self {
            fabric,
            containers: containers(fabric),
            spine_text: text_width(fabric, Role::Spine),
            leaf_w,
            leaf_up,
            leaf_down,
            server_text: text_width(fabric, Role::Server),
            container_w: container_width(fabric) + 2 * PAD,
            server_up: strip(fabric, Role::Server, PortKind::Data, 400),
            server_ports: self::most(fabric, Role::Server, PortKind::Data),
        }
    }

    /// How many containers a server has, and how many of them are drawn.
    pub(super) fn containers(&self, server: &Node) -> (usize, usize) {
        let all = self.containers.get(&server.name).copied().unwrap_or(0);
        (all, containers_drawn(self.fabric, all))
    }

    /// The row of ports above a server's name; none where its ports are at its side.
    pub(super) fn server_up(&self, direct: bool) -> Strip {
        if direct { self.server_up } else { Strip::default() }
    }

    pub(super) fn server_w(&self, direct: bool) -> i32 {
        let head = if direct {
            self.server_text.max(self.server_up.width(self.server_ports))
        } else {
            // The text is in the middle, the ports are at the right.
            self.server_text + 2 * self.server_up.each
        };
        head.max(self.container_w)
    }

    /// Height of a server's part above its containers.
    pub(super) fn server_head(&self, direct: bool) -> i32 {
        let text = 2 * LINE + 2 * PAD;
        if direct {
            self.server_up.height + text
        } else {
            text.max(count(self.server_ports) * (PORT + 3) + 2 * PAD)
        }
    }

    pub(super) fn server_h(&self, server: &Node, direct: bool) -> i32 {
        let (all, drawn) = self.containers(server);
        let rows = count(if drawn < all { drawn + 1 } else { drawn });
        let foot = if rows > 0 { PAD - CONTAINER_GAP } else { 0 };
        self.server_head(direct) + rows * (CONTAINER + CONTAINER_GAP) + foot
    }

    pub(super) fn leaf_h(&self) -> i32 {
        self.leaf_up.height + self.leaf_down.height + 3 * LINE + 2 * PAD
    }

    pub(super) fn spine_h(&self, down: Strip) -> i32 {
        let lines = self.fabric.with_role(Role::Spine).map(|spine| lines(self.fabric, &spine.name).len());
        down.height + count(lines.max().unwrap_or(1)) * LINE + 2 * PAD
    }

    /// Width of the wires beside a column of servers.
    pub(super) fn rail(&self, rows: usize, direct: bool) -> i32 {
        if direct { 0 } else { count(rows * self.server_ports.max(1)) * LANE + 10 }
    }

    /// Height between leafs and servers.
    pub(super) fn below_leafs(&self, rack: &Rack, direct: bool) -> i32 {
        if rack.servers.is_empty() {
            0
        } else if direct {
            64
        } else {
            count(rack.servers.len() * self.server_ports.max(1)) * LANE + 24
        }
    }

    /// Width and height of a rack with that many servers side by side.
    pub(super) fn rack(&self, rack: &Rack, columns: usize, direct: bool) -> (i32, i32) {
        let columns = columns.min(rack.servers.len()).max(1);
        let rows = rack.servers.len().div_ceil(columns);
        let leafs = count(rack.leafs.len()) * (self.leaf_w + GAP) - GAP;
        let servers = match rows {
            0 => 0,
            _ => count(columns) * (self.server_w(direct) + self.rail(rows, direct) + GAP) - GAP,
        };
        let highest = rack.servers.chunks(rows.max(1)).map(|column| self.column(column, direct)).max();
        let height = self.leaf_h() + self.below_leafs(rack, direct) + highest.unwrap_or(0) + 2 * RACK_PAD;
        (leafs.max(servers) + 2 * RACK_PAD, height)
    }

    fn column(&self, servers: &[&Node], direct: bool) -> i32 {
        servers.iter().map(|server| self.server_h(server, direct) + GAP).sum::<i32>() - GAP
    }

    /// The best arrangement of racks.
    pub(super) fn arrange(&self, racks: &[Rack]) -> Arrangement {
        Arrangement::choose(racks, |rack, columns, direct| self.rack(rack, columns, direct))
    }
}

fn strip(fabric: &Fabric, role: Role, kind: PortKind, room: i32) -> Strip {
    let names = fabric.with_role(role).flat_map(|node| node.ports_of(kind)).map(|port| port.name.as_str());
    Strip::new(names, most(fabric, role, kind), room)
}

/// Most ports of a kind that a node of a role has.
fn most(fabric: &Fabric, role: Role, kind: PortKind) -> usize {
    fabric.with_role(role).map(|node| node.ports_of(kind).count()).max().unwrap_or(0)
}
