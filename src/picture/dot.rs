//! A fabric in the language of Graphviz.

use super::marks::{Mark, Marks, State};
use super::measure::lines;
use super::racks::racks;
use crate::fabric::{Endpoint, Fabric, Role};
use std::fmt::Write as _;

/// Writes a fabric as a graph for `dot`; links to nodes that it doesn't hold are left out.
pub fn dot(fabric: &Fabric, marks: Option<&Marks>) -> String {
    let mut text = format!(
        "graph {} {{\n  rankdir=TB; newrank=true; nodesep=0.4; ranksep=1.2;\n  \
         node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", fontname=\"sans-serif\", fontsize=11];\n  \
         edge [fontname=\"monospace\", fontsize=8, color=\"#8694a3\"];\n",
        quoted(&fabric.name)
    );
    for spine in fabric.with_role(Role::Spine) {
        let mark = marks.map(|marks| marks.of_node(&spine.name));
        node(&mut text, "  ", spine.name.as_str(), &lines(fabric, &spine.name), "#e1ebfb", mark.as_ref());
    }
    rank(&mut text, "  ", &fabric.with_role(Role::Spine).map(|node| node.name.as_str()).collect::<Vec<_>>());
    for (number, rack) in racks(fabric).iter().enumerate() {
        let _ = writeln!(
            text,
            "  subgraph cluster_{number} {{\n    color=\"#e1e6eb\"; style=\"rounded,filled\"; fillcolor=\"#f5f7f9\";"
        );
        for (node_, color) in rack
            .leafs
            .iter()
            .map(|leaf| (leaf, "#ddf2ef"))
            .chain(rack.servers.iter().map(|one| (one, "#ffffff")))
        {
            let mark = marks.map(|marks| marks.of_node(&node_.name));
            node(&mut text, "    ", node_.name.as_str(), &lines(fabric, &node_.name), color, mark.as_ref());
        }
        for server in &rack.servers {
            for workload in fabric.workloads_on(&server.name) {
                let mark = marks.map(|marks| marks.of_workload(&workload.name));
                let said = [workload.name.clone(), workload.address.to_string()];
                node(&mut text, "    ", &container(&workload.name), &said, "#f2ecfb", mark.as_ref());
            }
        }
        rank(&mut text, "    ", &rack.leafs.iter().map(|leaf| leaf.name.as_str()).collect::<Vec<_>>());
        text.push_str("  }\n");
    }
    links(&mut text, fabric, marks);
    for workload in fabric.workloads.values().filter(|one| fabric.nodes.contains_key(&one.server)) {
        let (server, name) = (quoted(workload.server.as_str()), quoted(&container(&workload.name)));
        let _ = writeln!(text, "  {server} -- {name} [style=dotted];");
    }
    text.push_str("}\n");
    text
}

/// What a container is called in the graph; no node can be called so.
fn container(name: &str) -> String {
    format!("container {name}")
}

fn node(text: &mut String, indent: &str, name: &str, lines: &[String], color: &str, mark: Option<&Mark>) {
    let label = lines.iter().map(|line| inside(line)).collect::<Vec<_>>().join("\\n");
    let more = match mark {
        None => format!("fillcolor=\"{color}\""),
        Some(mark) => {
            let (fill, edge) = colors(mark.state);
            format!("fillcolor=\"{fill}\", color=\"{edge}\", tooltip={}", quoted(&said(mark)))
        }
    };
    let sign = mark.map_or(String::new(), |mark| format!("{} ", mark.state.sign()));
    let _ = writeln!(text, "{indent}{} [label=\"{sign}{label}\", {more}];", quoted(name));
}

/// Nodes of one rank stand side by side.
fn rank(text: &mut String, indent: &str, names: &[&str]) {
    if names.len() > 1 {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(text, "{indent}{{ rank=same; {}; }}", names.join("; "));
    }
}

fn links(text: &mut String, fabric: &Fabric, marks: Option<&Marks>) {
    for link in &fabric.links {
        let role = |end: &Endpoint| fabric.nodes.get(&end.node).map(|node| node.role);
        let (Some(one), Some(two)) = (role(&link.a), role(&link.b)) else { continue };
        let (upper, lower) = if one <= two { (&link.a, &link.b) } else { (&link.b, &link.a) };
        let (tail, head) = (quoted(upper.port.as_str()), quoted(lower.port.as_str()));
        let mark = marks.map(|marks| marks.of_link([upper, lower]));
        let state = mark.map_or(String::new(), |mark| {
            let style = if mark.state == State::Ok { "solid" } else { "dashed" };
            let (color, said) = (colors(mark.state).1, quoted(&said(&mark)));
            format!(", color=\"{color}\", style={style}, tooltip={said}")
        });
        let (upper, lower) = (quoted(upper.node.as_str()), quoted(lower.node.as_str()));
        let _ = writeln!(text, "  {upper} -- {lower} [taillabel={tail}, headlabel={head}{state}];");
    }
}

fn said(mark: &Mark) -> String {
    let parts: Vec<&str> =
        std::iter::once(mark.state.as_str()).chain(mark.notes.iter().map(String::as_str)).collect();
    parts.join(": ")
}

/// Colours of a state: inside and edge.
fn colors(state: State) -> (&'static str, &'static str) {
    match state {
        State::Ok => ("#e4f5e9", "#2b864a"),
        State::Warning => ("#fdf1d3", "#96590a"),
        State::Failed => ("#fde3e0", "#c2332a"),
        State::Unknown => ("#eef1f4", "#6f7d8b"),
    }
}

/// A text as a quoted identifier.
fn quoted(text: &str) -> String {
    format!("\"{}\"", inside(text))
}

/// A text between quotes.
fn inside(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.replace('\\', "\\\\").replace('"', "\\\"")
}
