//! From a fabric to the places of its parts.

use super::bands::Arrangement;
use super::boxes::Sizes;
use super::marks::{Mark, Marks};
use super::measure::{CONTAINER, CONTAINER_GAP, GAP, LINE, PAD, RACK_PAD, Strip, count, lines, shown};
use super::racks::{Rack, racks};
use super::scene::{Heading, Kind, Rect, Scene, Shape};
use super::wires::{Cable, Wiring};
use crate::fabric::{Fabric, Node, NodeName, Role, Workload};
use std::collections::BTreeMap;

/// Blank around everything.
const MARGIN: i32 = 24;
/// Height of the title with what is below it; a page that has its own title leaves this part out.
pub(super) const TITLE: i32 = 58;
/// Height of the line above a band, where there are several.
const HEADING: i32 = 30;
/// Height of the legend of states.
const LEGEND: i32 = 34;

/// Draws a fabric; links to nodes that it doesn't hold are left out. With marks, states are shown.
pub fn draw(fabric: &Fabric, marks: Option<&Marks>) -> Scene {
    let racks = racks(fabric);
    let sizes = Sizes::of(fabric);
    let plan = sizes.arrange(&racks);
    let mut canvas = Canvas::new(fabric, marks, &sizes, plan);
    let mut bands: Vec<&[Rack]> = racks.chunks(plan.per_band).collect();
    if bands.is_empty() {
        // Spines alone are a picture too.
        bands.push(&[]);
    }
    for (number, band) in bands.iter().enumerate() {
        if bands.len() > 1 {
            let (first, last) = (number * plan.per_band + 1, number * plan.per_band + band.len());
            canvas.heading(&format!("racks {first} to {last} of {}", racks.len()));
        }
        canvas.band(number, band);
    }
    canvas.scene()
}

/// What has been drawn so far.
struct Canvas<'f, 's> {
    fabric: &'f Fabric,
    marks: Option<&'s Marks>,
    sizes: &'s Sizes<'f>,
    plan: Arrangement,
    workloads: BTreeMap<&'f NodeName, Vec<&'f Workload>>,
    wiring: Wiring<'f>,
    y: i32,
    width: i32,
    scene: Scene,
}

impl<'f, 's> Canvas<'f, 's> {
    fn new(fabric: &'f Fabric, marks: Option<&'s Marks>, sizes: &'s Sizes<'f>, plan: Arrangement) -> Self {
        let mut workloads: BTreeMap<&NodeName, Vec<&Workload>> = BTreeMap::new();
        for workload in fabric.workloads.values() {
            workloads.entry(&workload.server).or_default().push(workload);
        }
        let scene = Scene {
            title: fabric.name.clone(),
            summary: summary(fabric),
            size: (0, 0),
            headings: Vec::new(),
            racks: Vec::new(),
            shapes: Vec::new(),
            wires: Vec::new(),
            marked: marks.is_some(),
        };
        let wiring = Wiring::of(fabric);
        Self { fabric, marks, sizes, plan, workloads, wiring, y: MARGIN + TITLE, width: 460, scene }
    }

    fn heading(&mut self, text: &str) {
        self.scene.headings.push(Heading { at: (MARGIN, self.y + 14), text: text.to_owned() });
        self.y += HEADING;
    }

    /// Spines, and below them some racks.
    fn band(&mut self, number: usize, band: &[Rack<'f>]) {
        let spines: Vec<&Node> = self.fabric.with_role(Role::Spine).collect();
        let leafs: Vec<&NodeName> = band.iter().flat_map(|rack| &rack.leafs).map(|leaf| &leaf.name).collect();
        let cables = self.wiring.uplinks(&leafs);
        let down = Wiring::spine_strip(&cables, spines.len());
        let most = Wiring::most_at_top(&cables);
        let spine_w = self.sizes.spine_text.max(down.width(most));
        let sizes: Vec<(i32, i32)> =
            band.iter().map(|rack| self.sizes.rack(rack, self.plan.columns, self.plan.direct)).collect();
        let row: i32 = sizes.iter().map(|(width, _)| width + GAP).sum::<i32>() - GAP;
        let width = row.max(count(spines.len()) * (spine_w + 2 * GAP));
        self.width = self.width.max(width);
        let slots = count(spines.len().max(1));
        let spine_h = if spines.is_empty() { 0 } else { self.sizes.spine_h(down) };
        for (at, spine) in spines.iter().enumerate() {
            let middle = MARGIN + width * (2 * count(at) + 1) / (2 * slots);
            let rect = Rect { x: middle - spine_w / 2, y: self.y, w: spine_w, h: spine_h };
            self.node(spine, Kind::Spine, rect, PAD, number);
        }
        let above = if cables.is_empty() { GAP } else { (width / 9).clamp(90, 260).max(width / 18) };
        let top = self.y + spine_h + above;
        let mut x = MARGIN + (width - row) / 2;
        for (rack, (w, h)) in band.iter().zip(&sizes) {
            self.rack(rack, Rect { x, y: top - RACK_PAD, w: *w, h: *h }, number);
            x += w + GAP;
        }
        self.uplinks(&cables, down);
        let deepest = sizes.iter().map(|(_, height)| *height).max().unwrap_or(0);
        self.y = top - RACK_PAD + deepest + 2 * GAP;
    }

    /// Leafs side by side, their servers below.
    fn rack(&mut self, rack: &Rack<'f>, area: Rect, number: usize) {
        self.scene.racks.push(area);
        let direct = self.plan.direct;
        let (leaf_w, leaf_h) = (self.sizes.leaf_w, self.sizes.leaf_h());
        let slots = count(rack.leafs.len().max(1));
        for (at, leaf) in rack.leafs.iter().enumerate() {
            let middle = area.x + area.w * (2 * count(at) + 1) / (2 * slots);
            let rect = Rect { x: middle - leaf_w / 2, y: area.y + RACK_PAD, w: leaf_w, h: leaf_h };
            self.node(leaf, Kind::Leaf, rect, self.sizes.leaf_up.height + PAD, number);
        }
        let columns = self.plan.columns.min(rack.servers.len()).max(1);
        let rows = rack.servers.len().div_ceil(columns).max(1);
        let top = area.y + RACK_PAD + leaf_h + self.sizes.below_leafs(rack, direct);
        let (w, rail) = (self.sizes.server_w(direct), self.sizes.rail(rows, direct));
        let used = rack.servers.len().div_ceil(rows);
        let all = count(used) * (w + rail + GAP) - GAP;
        for (column, servers) in rack.servers.chunks(rows).enumerate() {
            let x = area.x + (area.w - all) / 2 + count(column) * (w + rail + GAP);
            let mut y = top;
            for server in servers {
                let rect = Rect { x, y, w, h: self.sizes.server_h(server, direct) };
                let lead = self.sizes.server_up(direct).height + PAD;
                self.node(server, Kind::Server, rect, lead, number);
                self.containers(server, rect);
                y += rect.h + GAP;
            }
        }
        self.server_links(rack, direct);
    }

    fn node(&mut self, node: &'f Node, kind: Kind, rect: Rect, lead: i32, number: usize) {
        let again = kind == Kind::Spine && number > 0;
        let id =
            if again { format!("node-{}-{}", node.name, number + 1) } else { format!("node-{}", node.name) };
        let shape = Shape {
            id,
            kind,
            rect,
            name: node.name.to_string(),
            lines: lines(self.fabric, &node.name),
            lead,
            ports: Vec::new(),
            facts: node_facts(node),
            mark: self.marks.map(|marks| marks.of_node(&node.name)),
            again,
        };
        self.wiring.placed(&node.name, self.scene.shapes.len());
        self.scene.shapes.push(shape);
    }

    fn containers(&mut self, server: &'f Node, outer: Rect) {
        let (all, drawn) = self.sizes.containers(server);
        let mut rect = Rect {
            x: outer.x + PAD,
            y: outer.y + self.sizes.server_head(self.plan.direct),
            w: outer.w - 2 * PAD,
            h: CONTAINER,
        };
        let workloads = self.workloads.get(&server.name).cloned().unwrap_or_default();
        for workload in workloads.iter().take(drawn) {
            let mark = self.marks.map(|marks| marks.of_workload(&workload.name));
            self.scene.shapes.push(container(workload, rect, mark));
            rect.y += CONTAINER + CONTAINER_GAP;
        }
        if drawn < all {
            let hidden = &workloads[drawn..];
            let marks = hidden.iter().filter_map(|one| Some(self.marks?.of_workload(&one.name)));
            let gravest = marks.max_by_key(|mark| mark.state);
            self.scene.shapes.push(more(&server.name, hidden, rect, gravest));
        }
    }

    fn mark_of(&self, cable: &Cable) -> Option<Mark> {
        self.marks.map(|marks| marks.of_link([cable.upper, cable.lower]))
    }

    fn uplinks(&mut self, cables: &[Cable<'f>], down: Strip) {
        let marks = cables.iter().map(|cable| self.mark_of(cable)).collect();
        let strips = (down, self.sizes.leaf_up);
        self.wiring.straight(&mut self.scene, cables, strips, marks);
    }

    fn server_links(&mut self, rack: &Rack<'f>, direct: bool) {
        let cables = self.wiring.of_servers(rack);
        let marks = cables.iter().map(|cable| self.mark_of(cable)).collect();
        let down = self.sizes.leaf_down;
        if direct {
            let strips = (down, self.sizes.server_up(true));
            self.wiring.straight(&mut self.scene, &cables, strips, marks);
        } else {
            self.wiring.beside(&mut self.scene, &cables, down, marks);
        }
    }

    fn scene(mut self) -> Scene {
        let legend = if self.scene.marked { LEGEND } else { 0 };
        self.scene.size = (self.width + 2 * MARGIN, self.y - 2 * GAP + MARGIN + legend);
        self.scene
    }
}

fn container(workload: &Workload, rect: Rect, mark: Option<Mark>) -> Shape {
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Shape {
        id: format!("container-{}", workload.name),
        kind: Kind::Container,
        rect,
        name: workload.name.clone(),
        lines: vec![shown(&workload.name), workload.address.to_string()],
        lead: (CONTAINER - LINE) / 2,
        ports: Vec::new(),
        facts: vec![
            fact("address", &workload.address.to_string()),
            fact("network", &workload.network),
            fact("image", &workload.image),
            fact("server", workload.server.as_str()),
        ],
        mark,
        again: false,
    }
}

/// What stands for containers that are not drawn.
fn more(server: &NodeName, hidden: &[&Workload], rect: Rect, mark: Option<Mark>) -> Shape {
    let named = |workload: &&Workload| (workload.name.clone(), workload.address.to_string());
    Shape {
        id: format!("more-{server}"),
        kind: Kind::More,
        rect,
        name: format!("{} more containers on {server}", hidden.len()),
        lines: vec![format!("and {} more", hidden.len())],
        lead: (CONTAINER - LINE) / 2,
        ports: Vec::new(),
        facts: hidden.iter().map(named).collect(),
        mark,
        again: false,
    }
}

fn node_facts(node: &Node) -> Vec<(String, String)> {
    let mut facts = vec![("platform".to_owned(), node.platform.to_string())];
    facts.extend(node.asn.map(|asn| ("AS".to_owned(), asn.to_string())));
    facts.push(("loopback".to_owned(), node.loopback.to_string()));
    if node.router_id != node.loopback {
        facts.push(("router id".to_owned(), node.router_id.to_string()));
    }
    facts.extend(node.management.as_ref().map(|port| ("management".to_owned(), port.address.to_string())));
    for port in &node.ports {
        let addresses: Vec<String> = port.addresses.iter().map(ToString::to_string).collect();
        let own = if addresses.is_empty() { String::new() } else { format!("{} ", addresses.join(" ")) };
        facts.push((port.name.to_string(), format!("{own}to {}", port.peer)));
    }
    facts
}

/// `2 spines, 4 leafs, 4 servers, 12 containers`.
fn summary(fabric: &Fabric) -> String {
    let several = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{number} {word}s")),
    };
    let of = |role: Role| several(fabric.with_role(role).count(), role.as_str());
    let parts =
        [of(Role::Spine), of(Role::Leaf), of(Role::Server), several(fabric.workloads.len(), "container")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
