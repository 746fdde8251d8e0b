//! Links: the ports at their ends, and their ways between.

use super::marks::Mark;
use super::measure::{LANE, PORT, Strip, port_length};
use super::racks::Rack;
use super::scene::{PortShape, Rect, Scene, Wire};
use crate::fabric::{Endpoint, Fabric, NodeName};
use std::collections::BTreeMap;

/// A link, by which of its ends is drawn above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cable<'f> {
    pub upper: &'f Endpoint,
    pub lower: &'f Endpoint,
    pub mtu: u32,
}

/// The links of a fabric, and where their nodes were placed last.
pub(super) struct Wiring<'f> {
    /// By the node below.
    below: BTreeMap<&'f NodeName, Vec<Cable<'f>>>,
    shapes: BTreeMap<&'f NodeName, usize>,
}

impl<'f> Wiring<'f> {
    pub(super) fn of(fabric: &'f Fabric) -> Self {
        let role = |end: &Endpoint| fabric.nodes.get(&end.node).map(|node| node.role);
        let mut below: BTreeMap<&NodeName, Vec<Cable>> = BTreeMap::new();
        for link in &fabric.links {
            let (Some(one), Some(two)) = (role(&link.a), role(&link.b)) else { continue };
            let (upper, lower) = if one <= two { (&link.a, &link.b) } else { (&link.b, &link.a) };
            if one != two {
                below.entry(&lower.node).or_default().push(Cable { upper, lower, mtu: link.mtu });
            }
        }
        for cables in below.values_mut() {
            cables.sort_by_key(|cable| (cable.upper, cable.lower));
        }
        Self { below, shapes: BTreeMap::new() }
    }

    /// Remembers which shape of the picture a node is.
    pub(super) fn placed(&mut self, node: &'f NodeName, shape: usize) {
        self.shapes.insert(node, shape);
    }

    /// The links that lead up from leafs, leaf by leaf.
    pub(super) fn uplinks(&self, leafs: &[&NodeName]) -> Vec<Cable<'f>> {
        leafs.iter().filter_map(|leaf| self.below.get(leaf)).flatten().copied().collect()
    }

    /// The links of a rack's servers, server by server.
    pub(super) fn of_servers(&self, rack: &Rack) -> Vec<Cable<'f>> {
        rack.servers.iter().filter_map(|server| self.below.get(&server.name)).flatten().copied().collect()
    }

    /// Most links that one node above has.
    pub(super) fn most_at_top(cables: &[Cable]) -> usize {
        let mut counts: BTreeMap<&NodeName, usize> = BTreeMap::new();
        for cable in cables {
            *counts.entry(&cable.upper.node).or_default() += 1;
        }
        counts.into_values().max().unwrap_or(0)
    }

    /// The row of ports of the spines; few spines have more room for theirs.
    pub(super) fn spine_strip(cables: &[Cable], spines: usize) -> Strip {
        let names = cables.iter().map(|cable| cable.upper.port.as_str());
        let room = if spines <= 4 { 300 } else { 200 };
        Strip::new(names, Self::most_at_top(cables), room)
    }

    /// Straight lines, from the lower edge of the nodes above to the upper edge of those below.
    pub(super) fn straight(
        &self,
        scene: &mut Scene,
        cables: &[Cable<'f>],
        (down, up): (Strip, Strip),
        marks: Vec<Option<Mark>>,
    ) {
        let upper = self.edge(scene, cables, true, down);
        let lower = self.edge(scene, cables, false, up);
        for (((cable, from), to), mark) in cables.iter().zip(upper).zip(lower).zip(marks) {
            scene.wires.push(wire(cable, vec![from, to], mark));
        }
    }

    /// Lines that run down beside the servers, each in a lane of its own, and into their sides.
    pub(super) fn beside(
        &self,
        scene: &mut Scene,
        cables: &[Cable<'f>],
        down: Strip,
        marks: Vec<Option<Mark>>,
    ) {
        let from = self.edge(scene, cables, true, down);
        let mut lanes: BTreeMap<i32, i32> = BTreeMap::new();
        for (at, ((cable, (x, y)), mark)) in cables.iter().zip(from).zip(marks).enumerate() {
            let Some(shape) = self.shapes.get(&cable.lower.node) else { continue };
            let port = side_port(scene, *shape, cable);
            // Who turns off last runs outermost, and turns to the side first: so lines of a column don't cross.
            let lane = lanes.entry(port.right()).or_default();
            *lane += 1;
            let out = port.right() + 2 + *lane * LANE;
            let left = i32::try_from(cables.len() - at).unwrap_or(0);
            let turn = y + 6 + left * LANE;
            let in_y = port.y + port.h / 2;
            let points = vec![(x, y), (x, turn), (out, turn), (out, in_y), (port.right(), in_y)];
            scene.wires.push(wire(cable, points, mark));
        }
    }

    /// Puts the ports of one end of all links into their nodes, and returns the ends of the links in the order of the links.
    fn edge(&self, scene: &mut Scene, cables: &[Cable<'f>], top: bool, strip: Strip) -> Vec<(i32, i32)> {
        let mut by_node: BTreeMap<&NodeName, Vec<usize>> = BTreeMap::new();
        for (at, cable) in cables.iter().enumerate() {
            let end = if top { cable.upper } else { cable.lower };
            by_node.entry(&end.node).or_default().push(at);
        }
        let mut ends = vec![(0, 0); cables.len()];
        for (node, of_node) in by_node {
            let Some(shape) = self.shapes.get(node) else { continue };
            let rect = scene.shapes[*shape].rect;
            let number = i32::try_from(of_node.len()).unwrap_or(1);
            for (place, at) in (0..).zip(of_node) {
                let middle = rect.x + rect.w * (2 * place + 1) / (2 * number);
                let y = if top { rect.bottom() - strip.height } else { rect.y };
                let end = if top { cables[at].upper } else { cables[at].lower };
                scene.shapes[*shape].ports.push(PortShape {
                    rect: Rect { x: middle - strip.each / 2, y, w: strip.each, h: strip.height },
                    name: end.port.to_string(),
                    upright: strip.upright,
                });
                ends[at] = (middle, if top { rect.bottom() } else { rect.y });
            }
        }
        ends
    }
}

/// A port at the right side of a node, below those that it has there.
fn side_port(scene: &mut Scene, shape: usize, cable: &Cable) -> Rect {
    let shape = &mut scene.shapes[shape];
    let above = i32::try_from(shape.ports.len()).unwrap_or(0);
    let w = port_length(cable.lower.port.as_str());
    let (x, y) = (shape.rect.right() - w, shape.rect.y + shape.lead + above * (PORT + 3));
    let rect = Rect { x, y, w, h: PORT };
    shape.ports.push(PortShape { rect, name: cable.lower.port.to_string(), upright: false });
    rect
}

fn wire(cable: &Cable, points: Vec<(i32, i32)>, mark: Option<Mark>) -> Wire {
    let (upper, lower) = (cable.upper.to_string(), cable.lower.to_string());
    Wire { upper, lower, points, mtu: cable.mtu, mark }
}
