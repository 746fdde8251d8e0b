//! A fabric as a Mermaid flow chart, for documents in Markdown.

use super::marks::{Mark, Marks, State};
use super::measure::lines;
use super::racks::racks;
use crate::fabric::{Endpoint, Fabric, Node, NodeName, Role};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Writes a fabric as a flow chart; links to nodes that it doesn't hold are left out.
///
/// Nodes get ids of their own, since names may be words of the language (`end`).
pub fn mermaid(fabric: &Fabric, marks: Option<&Marks>) -> String {
    let mut chart = Chart { fabric, marks, ids: BTreeMap::new(), text: String::new() };
    chart.text.push_str("flowchart TB\n");
    for spine in fabric.with_role(Role::Spine) {
        chart.node("  ", spine, "spine");
    }
    for (number, rack) in racks(fabric).iter().enumerate() {
        let _ = writeln!(chart.text, "  subgraph rack{} [\" \"]", number + 1);
        for leaf in &rack.leafs {
            chart.node("    ", leaf, "leaf");
        }
        for server in &rack.servers {
            chart.node("    ", server, "server");
        }
        chart.text.push_str("  end\n");
    }
    chart.links();
    chart.containers();
    chart.text.push_str(CLASSES);
    chart.text
}

const CLASSES: &str = "  \
classDef spine fill:#e1ebfb,stroke:#3a6bc5,color:#17202a
  classDef leaf fill:#ddf2ef,stroke:#1b7f74,color:#17202a
  classDef server fill:#ffffff,stroke:#8694a3,color:#17202a
  classDef container fill:#f2ecfb,stroke:#b7a2de,color:#17202a
  classDef ok fill:#e4f5e9,stroke:#2b864a,color:#17202a
  classDef warning fill:#fdf1d3,stroke:#96590a,color:#17202a
  classDef failed fill:#fde3e0,stroke:#c2332a,color:#17202a
  classDef unknown fill:#eef1f4,stroke:#6f7d8b,color:#17202a
";

struct Chart<'f, 's> {
    fabric: &'f Fabric,
    marks: Option<&'s Marks>,
    ids: BTreeMap<&'f NodeName, String>,
    text: String,
}

impl<'f> Chart<'f, '_> {
    fn node(&mut self, indent: &str, node: &'f Node, class: &str) {
        let id = format!("n{}", self.ids.len() + 1);
        let mark = self.marks.map(|marks| marks.of_node(&node.name));
        self.shape(indent, &id, ["[", "]"], &lines(self.fabric, &node.name), class, mark.as_ref());
        self.ids.insert(&node.name, id);
    }

    fn shape(
        &mut self,
        indent: &str,
        id: &str,
        [open, close]: [&str; 2],
        lines: &[String],
        class: &str,
        mark: Option<&Mark>,
    ) {
        let label = lines.iter().map(|line| quoted(line)).collect::<Vec<_>>().join("<br/>");
        let sign = mark.map_or(String::new(), |mark| format!("{} ", mark.state.sign()));
        let class = mark.map_or(class, |mark| mark.state.as_str());
        let _ = writeln!(self.text, "{indent}{id}{open}\"{sign}{label}\"{close}:::{class}");
    }

    fn links(&mut self) {
        for link in &self.fabric.links {
            let role = |end: &Endpoint| self.fabric.nodes.get(&end.node).map(|node| node.role);
            let (Some(one), Some(two)) = (role(&link.a), role(&link.b)) else { continue };
            let (upper, lower) = if one <= two { (&link.a, &link.b) } else { (&link.b, &link.a) };
            let mark = self.marks.map(|marks| marks.of_link([upper, lower]));
            let (line, sign) = match mark.map(|mark| mark.state) {
                None | Some(State::Ok) => ("---", String::new()),
                Some(state) => ("-.-", format!("{} ", state.sign())),
            };
            let (from, to) = (&self.ids[&upper.node], &self.ids[&lower.node]);
            let label = format!("{sign}{} · {}", quoted(upper.port.as_str()), quoted(lower.port.as_str()));
            let _ = writeln!(self.text, "  {from} {line}|\"{label}\"| {to}");
        }
    }

    fn containers(&mut self) {
        for (number, workload) in self.fabric.workloads.values().enumerate() {
            let Some(server) = self.ids.get(&workload.server).cloned() else { continue };
            let mark = self.marks.map(|marks| marks.of_workload(&workload.name));
            let id = format!("c{}", number + 1);
            let said = [workload.name.clone(), workload.address.to_string()];
            self.shape("  ", &id, ["(", ")"], &said, "container", mark.as_ref());
            let _ = writeln!(self.text, "  {server} -.- {id}");
        }
    }
}

/// A text between quotes: Mermaid takes numeric entities there.
fn quoted(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || " .:/-_,+·…".contains(c) => safe.push(c),
            c if c.is_control() => safe.push(' '),
            c => {
                let _ = write!(safe, "#{};", u32::from(c));
            }
        }
    }
    safe
}
