//! How much room things need. The widths are those of wide common fonts, so that text fits in every one.

use crate::fabric::{Fabric, NodeName, Role};
use std::collections::BTreeMap;

/// Blank between shapes.
pub(super) const GAP: i32 = 16;
/// Blank between a rack's edge and what is in it.
pub(super) const RACK_PAD: i32 = 14;
/// Height of a name and of each further line.
pub(super) const LINE: i32 = 17;
/// Blank above and below the lines of a shape.
pub(super) const PAD: i32 = 9;
/// Height of a container.
pub(super) const CONTAINER: i32 = 22;
/// Blank between containers.
pub(super) const CONTAINER_GAP: i32 = 4;
/// Height of a port whose name runs sideways, and width of one whose name runs upward.
pub(super) const PORT: i32 = 15;
/// Distance of wires that run beside each other.
pub(super) const LANE: i32 = 5;

/// Longest name that is shown whole, in characters.
const LONGEST: usize = 30;
/// Most containers of a server that are drawn one by one, in a fabric of any size and in a large one.
const CONTAINERS: [usize; 2] = [24, 8];
/// What a large fabric has more of than this.
const LARGE: usize = 600;

/// A number of things in pixels' arithmetic.
pub(super) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX / 1024)
}

fn characters(text: &str) -> i32 {
    count(text.chars().count())
}

/// Width of a node's name.
pub(super) fn name_width(text: &str) -> i32 {
    characters(text) * 10
}

/// Width of what stands below a name.
pub(super) fn line_width(text: &str) -> i32 {
    characters(text) * 7
}

/// Length of a port with its name.
pub(super) fn port_length(name: &str) -> i32 {
    characters(name) * 6 + 8
}

/// A name as it is shown: the middle of a very long one is left out.
pub(super) fn shown(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= LONGEST {
        return name.to_owned();
    }
    let half = (LONGEST - 1) / 2;
    let (start, end) = (&characters[..half], &characters[characters.len() - half..]);
    start.iter().chain(&['…']).chain(end).collect()
}

/// How many containers of a server are drawn one by one.
pub(super) fn containers_drawn(fabric: &Fabric, on_server: usize) -> usize {
    let most = CONTAINERS[usize::from(fabric.workloads.len() > LARGE)];
    // A place is needed to say how many more there are.
    if on_server <= most { on_server } else { most - 1 }
}

/// What a row of ports needs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Strip {
    /// Height of the row.
    pub height: i32,
    /// Width of each port.
    pub each: i32,
    /// Names run upward.
    pub upright: bool,
}

impl Strip {
    /// The row of ports for all nodes of one kind: sideways where that isn't much wider than the nodes are anyhow.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>, most: usize, room: i32) -> Self {
        let longest = names.map(port_length).max().unwrap_or(0);
        if longest == 0 || most == 0 {
            return Self::default();
        }
        let upright = count(most) * (longest + 4) > room;
        let (height, each) = if upright { (longest, PORT) } else { (PORT, longest) };
        Self { height, each, upright }
    }

    /// Width of a row of that many.
    pub(super) fn width(self, ports: usize) -> i32 {
        count(ports) * (self.each + if self.upright { 2 } else { 4 }) + 14
    }
}

/// Width that the lines of all nodes of a role need.
pub(super) fn text_width(fabric: &Fabric, role: Role) -> i32 {
    let nodes = fabric.with_role(role).map(|node| {
        let lines = lines(fabric, &node.name);
        let rest = lines.iter().skip(1).map(|line| line_width(line)).max().unwrap_or(0);
        // A sign of its state stands beside the name.
        (name_width(&lines[0]) + 40).max(rest + 2 * PAD)
    });
    nodes.max().unwrap_or(0).max(112)
}

/// What stands in a node.
pub(super) fn lines(fabric: &Fabric, name: &NodeName) -> Vec<String> {
    let mut lines = vec![shown(name.as_str())];
    if let Some(node) = fabric.nodes.get(name) {
        lines.extend(node.asn.map(|asn| format!("AS {asn}")));
        lines.push(node.loopback.to_string());
    }
    lines
}

/// Width that the containers of all servers need.
pub(super) fn container_width(fabric: &Fabric) -> i32 {
    let widths = fabric
        .workloads
        .values()
        .map(|workload| line_width(&shown(&workload.name)) + line_width(&workload.address.to_string()) + 44);
    widths.max().unwrap_or(0)
}

/// How many containers each server has.
pub(super) fn containers(fabric: &Fabric) -> BTreeMap<&NodeName, usize> {
    let mut counts = BTreeMap::new();
    for workload in fabric.workloads.values() {
        *counts.entry(&workload.server).or_default() += 1;
    }
    counts
}
