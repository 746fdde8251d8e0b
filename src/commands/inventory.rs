//! `fabricctl inventory`: the inventory offline.

use super::context::{self, Inventory};
use crate::cli::{Format, Global, GraphArgs, InventoryArgs, InventoryVerb};
use crate::fabric::{Asn, Fabric, Node, NodeName, Platform, Role, Workload};
use crate::inventory::Absent;
use crate::output::{self, Exit, Failure, Page, Problem, tables};
use crate::picture::{self, Setting};
use ipnet::Ipv4Net;
use serde::Serialize;
use std::net::Ipv4Addr;

/// Runs the verb.
///
/// # Errors
/// With everything that is wrong with the inventory, or with what was asked about it.
pub fn run(global: &Global, args: &InventoryArgs) -> Result<Exit, Failure> {
    let fabric = || context::load_without_secrets(global);
    match &args.verb {
        InventoryVerb::Validate => validate(global)?,
        InventoryVerb::Show { node: Some(name) } => show_node(global, &fabric()?, name)?,
        InventoryVerb::Show { node: None } => print(global, &limited(global, fabric()?)?)?,
        InventoryVerb::List => list(global, &limited(global, fabric()?)?)?,
        InventoryVerb::Graph(args) => graph(global, &limited(global, fabric()?)?, args)?,
    }
    Ok(Exit::Ok)
}

/// How many of each there are.
#[derive(Serialize)]
struct Summary<'f> {
    valid: bool,
    fabric: &'f str,
    nodes: usize,
    links: usize,
    networks: usize,
    images: usize,
    workloads: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Problem>,
}

fn validate(global: &Global) -> Result<(), Failure> {
    let Inventory { fabric, warnings, .. } = context::read(global, Absent::IsWrong)?;
    let summary = Summary {
        valid: true,
        fabric: &fabric.name,
        nodes: fabric.nodes.len(),
        links: fabric.links.len(),
        networks: fabric.networks.len(),
        images: fabric.images.len(),
        workloads: fabric.workloads.len(),
        warnings,
    };
    if global.output == Format::Json {
        return output::json(&summary);
    }
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    output::document(&format!(
        "{}: valid: {}, {}, {}, {}",
        global.inventory.display(),
        count(summary.nodes, "node"),
        count(summary.links, "link"),
        count(summary.networks, "network"),
        count(summary.workloads, "workload"),
    ));
    context::warn(global, summary.warnings);
    Ok(())
}

/// A node with the workloads it runs.
#[derive(Serialize)]
struct NodeView<'f> {
    #[serde(flatten)]
    node: &'f Node,
    #[serde(skip_serializing_if = "Option::is_none")]
    workloads: Option<Vec<&'f Workload>>,
}

fn show_node(global: &Global, fabric: &Fabric, name: &NodeName) -> Result<(), Failure> {
    let node = context::node(global, fabric, name.as_str())?;
    let workloads = (node.role == Role::Server).then(|| fabric.workloads_on(name).collect());
    print(global, &NodeView { node, workloads })
}

/// The part of the fabric that `--limit` selects.
fn limited(global: &Global, fabric: Fabric) -> Result<Fabric, Failure> {
    Ok(context::limited(&context::selected(global, &fabric)?, fabric))
}

/// A node in the list.
#[derive(Serialize)]
struct NodeLine<'f> {
    name: &'f NodeName,
    role: Role,
    platform: Platform,
    asn: Option<Asn>,
    loopback: Ipv4Addr,
    management: Option<Ipv4Net>,
    links: usize,
    workloads: Vec<WorkloadLine<'f>>,
}

/// A workload in the list.
#[derive(Serialize)]
struct WorkloadLine<'f> {
    name: &'f str,
    address: Ipv4Addr,
    network: &'f str,
    image: &'f str,
}

fn list(global: &Global, fabric: &Fabric) -> Result<(), Failure> {
    if global.output == Format::Json {
        return output::json(&fabric.nodes.values().map(|node| line(fabric, node)).collect::<Vec<_>>());
    }
    let mut text = tables::nodes(fabric);
    if !fabric.workloads.is_empty() {
        text.push('\n');
        text.push_str(&tables::workloads(fabric));
    }
    output::document(&text);
    Ok(())
}

fn line<'f>(fabric: &'f Fabric, node: &'f Node) -> NodeLine<'f> {
    let workload = |workload: &'f Workload| WorkloadLine {
        name: &workload.name,
        address: workload.address,
        network: &workload.network,
        image: &workload.image,
    };
    NodeLine {
        name: &node.name,
        role: node.role,
        platform: node.platform,
        asn: node.asn,
        loopback: node.loopback,
        management: node.management.as_ref().map(|port| port.address),
        links: node.ports.len(),
        workloads: fabric.workloads_on(&node.name).map(workload).collect(),
    }
}

fn graph(global: &Global, fabric: &Fabric, args: &GraphArgs) -> Result<(), Failure> {
    let scene = || picture::draw(fabric, None);
    let text = match args.output {
        Format::Dot => picture::dot(fabric, None),
        Format::Mermaid => picture::mermaid(fabric, None),
        Format::Html => output::page_html(&Page::of_picture(scene())),
        Format::Json => output::json_text(&scene())?,
        // A table is what every command's own default asks for.
        Format::Svg | Format::Table => picture::svg(&scene(), Setting::Alone),
    };
    output::write_out(global.quiet, args.out.as_deref(), &text)
}

/// A document for people is YAML, for programs JSON.
fn print<T: Serialize>(global: &Global, value: &T) -> Result<(), Failure> {
    if global.output == Format::Json {
        return output::json(value);
    }
    let text = serde_yaml::to_string(value).map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    output::document(&text);
    Ok(())
}
