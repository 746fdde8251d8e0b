//! The fabric as a table.

use crate::fabric::{Fabric, Node};
use comfy_table::{Table, presets};

/// Nodes, one a line, with what tells them apart.
pub fn nodes(fabric: &Fabric) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "NODE",
        "ROLE",
        "PLATFORM",
        "AS",
        "LOOPBACK",
        "MANAGEMENT",
        "LINKS",
        "WORKLOADS",
    ]);
    for node in fabric.nodes.values() {
        table.add_row([
            node.name.to_string(),
            node.role.to_string(),
            node.platform.to_string(),
            node.asn.map_or_else(|| "-".to_owned(), |asn| asn.to_string()),
            node.loopback.to_string(),
            node.management.as_ref().map_or_else(|| "-".to_owned(), |port| port.address.to_string()),
            node.ports.len().to_string(),
            workload_count(fabric, node),
        ]);
    }
    trimmed(&table)
}

/// Workloads, one a line.
pub fn workloads(fabric: &Fabric) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["WORKLOAD", "ADDRESS", "NETWORK", "SERVER", "IMAGE"]);
    for workload in fabric.workloads.values() {
        table.add_row([
            workload.name.clone(),
            workload.address.to_string(),
            workload.network.clone(),
            workload.server.to_string(),
            workload.image.clone(),
        ]);
    }
    trimmed(&table)
}

fn workload_count(fabric: &Fabric, node: &Node) -> String {
    match fabric.workloads_on(&node.name).count() {
        0 => "-".to_owned(),
        count => count.to_string(),
    }
}

/// The table without blanks at the ends of its lines.
fn trimmed(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    lines.join("\n") + "\n"
}
