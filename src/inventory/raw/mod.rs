//! The inventory as written: every value typed and with its place, nothing derived yet.

mod names;
mod nodes;
mod vars;
mod workloads;

use super::extract::{Field, Table, entries, list, number, text};
use super::finding::{At, Drafts, Span};
use super::yaml::{Item, Value};
use crate::fabric::{Asn, Endpoint, HostRoutes, IfName, NodeName, Platform, Role, Text, Var};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, HashSet};
use std::net::Ipv4Addr;

/// Limits of an MTU, and the reason for them.
pub(super) const MTU: std::ops::RangeInclusive<u32> = 1280..=9216;
const MTU_WHY: &str = "below 1280 the kernel turns IPv6 off, which BGP unnumbered stands on (RFC 8200 §5); \
                       9216 is the most that switch ports take";

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) fabric: Field<String>,
    pub(super) defaults: Settings,
    pub(super) roles: BTreeMap<Role, Settings>,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<Link>,
    pub(super) networks: Vec<Network>,
    pub(super) images: Vec<Image>,
    pub(super) workloads: Vec<Workload>,
}

/// Settings that `defaults`, a role or a node may give.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) platform: Field<Platform>,
    pub(super) mtu: Field<u32>,
    pub(super) asn: Field<Asn>,
    pub(super) host_routes: Field<HostRoutes>,
    pub(super) management: Management,
    pub(super) ssh: Ssh,
    pub(super) vars: BTreeMap<String, Var>,
}

/// The management port as far as it is given.
#[derive(Debug, Default)]
pub(super) struct Management {
    pub(super) interface: Field<IfName>,
    pub(super) address: Field<Ipv4Net>,
    pub(super) gateway: Field<Ipv4Addr>,
}

/// How SSH reaches a node, as far as it is given.
#[derive(Debug, Default)]
pub(super) struct Ssh {
    pub(super) host: Field<String>,
    pub(super) user: Field<String>,
    pub(super) port: Field<u32>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: At<String>,
    pub(super) role: Field<Role>,
    pub(super) loopback: Field<Ipv4Addr>,
    pub(super) router_id: Field<Ipv4Addr>,
    pub(super) addresses: Vec<At<Ipv4Addr>>,
    pub(super) settings: Settings,
}

/// A link; an end that can't be read is `None`.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) ends: [Option<At<Endpoint>>; 2],
    pub(super) mtu: Field<u32>,
}

/// A workload network.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) name: At<String>,
    pub(super) subnet: Field<Ipv4Net>,
    pub(super) gateway: Field<Ipv4Addr>,
    pub(super) parent: Field<IfName>,
}

/// An image.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) name: At<String>,
    pub(super) source: Option<crate::fabric::ImageSource>,
}

/// A workload.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) name: At<String>,
    pub(super) server: Field<String>,
    pub(super) address: Field<Ipv4Addr>,
    pub(super) network: Field<String>,
    pub(super) image: Field<String>,
    pub(super) command: Option<Vec<String>>,
    pub(super) environment: BTreeMap<String, Text>,
}

const SECTIONS: [&str; 8] =
    ["fabric", "defaults", "roles", "nodes", "links", "networks", "images", "workloads"];

/// Reads every section.
pub(super) fn read(root: &Item, base: &std::path::Path, drafts: &mut Drafts) -> Inventory {
    let Some(top) = Table::open(root, "the inventory", &SECTIONS, drafts) else {
        return Inventory::default();
    };
    let start = Span { start: top.span.start, end: top.span.start };
    let mut inventory = Inventory::default();
    match top.item("fabric") {
        Some(item) => inventory.fabric = names::slug(item, "`fabric`", drafts),
        None => {
            drafts.add(start, "the fabric has no name").help("add `fabric: NAME` at the top");
        }
    }
    if let Some(item) = top.item("defaults") {
        inventory.defaults = nodes::defaults(item, drafts);
    }
    if let Some(item) = top.item("roles") {
        inventory.roles = nodes::roles(item, drafts);
    }
    match top.item("nodes") {
        Some(item) => {
            inventory.nodes = each(item, "`nodes`", drafts, nodes::node);
            if inventory.nodes.is_empty() && matches!(item.value, Value::Map(_)) {
                drafts.add(item.span, "the fabric has no nodes");
            }
        }
        None => {
            drafts
                .add(start, "the fabric has no nodes")
                .help("add a section `nodes:`, with one line for each");
        }
    }
    if let Some(item) = top.item("links") {
        let nodes = inventory.nodes.iter().map(|node| node.name.value.as_str()).collect();
        inventory.links = links(item, &nodes, drafts);
    }
    if inventory.links.is_empty() && !inventory.nodes.is_empty() {
        drafts
            .add(top.entry("links").map_or(start, |entry| entry.key.span), "the fabric has no links")
            .help("add a section `links:`, with one line for each: `- [leaf01:swp51, spine01:swp1]`");
    }
    if let Some(item) = top.item("networks") {
        inventory.networks = each(item, "`networks`", drafts, workloads::network);
    }
    if let Some(item) = top.item("images") {
        inventory.images =
            each(item, "`images`", drafts, |name, item, drafts| workloads::image(name, item, base, drafts));
    }
    if let Some(item) = top.item("workloads") {
        inventory.workloads = each(item, "`workloads`", drafts, workloads::workload);
    }
    inventory
}

/// Reads each named item of a section.
fn each<T>(
    section: &Item,
    what: &str,
    drafts: &mut Drafts,
    read: impl Fn(At<String>, &Item, &mut Drafts) -> T,
) -> Vec<T> {
    entries(section, what, drafts)
        .unwrap_or_default()
        .iter()
        .map(|entry| {
            let name = At { value: entry.key.text.clone(), span: entry.key.span };
            read(name, &entry.value, drafts)
        })
        .collect()
}

/// Links: a pair of ends, or a map with `ends` and what differs for this link.
fn links(section: &Item, nodes: &HashSet<&str>, drafts: &mut Drafts) -> Vec<Link> {
    match list(section, "`links`", "a list of pairs such as [leaf01:swp51, spine01:swp1]", drafts) {
        Some(items) => items.iter().map(|item| link(item, nodes, drafts)).collect(),
        // One link nobody can read: who has none isn't known.
        None => vec![Link { ends: [None, None], mtu: Field::Absent }],
    }
}

fn link(item: &Item, nodes: &HashSet<&str>, drafts: &mut Drafts) -> Link {
    if !matches!(item.value, Value::Map(_)) {
        return Link { ends: ends(item, nodes, drafts), mtu: Field::Absent };
    }
    let Some(table) = Table::open(item, "a link", &["ends", "mtu"], drafts) else {
        return Link { ends: [None, None], mtu: Field::Broken };
    };
    let mtu = table.field("mtu", |item| mtu(item, drafts));
    let Some(pair) = table.item("ends") else {
        drafts.add(item.span, "this link has no ends").help("add `ends: [leaf01:swp51, spine01:swp1]`");
        return Link { ends: [None, None], mtu };
    };
    Link { ends: ends(pair, nodes, drafts), mtu }
}

/// The ends as far as they can be read; what can't is `None`.
fn ends(item: &Item, nodes: &HashSet<&str>, drafts: &mut Drafts) -> [Option<At<Endpoint>>; 2] {
    const FORM: &str = "a pair of ends such as [leaf01:swp51, spine01:swp1]";
    match list(item, "a link", FORM, drafts) {
        Some([a, b]) => [a, b].map(|item| end(item, nodes, drafts)),
        Some(items) => {
            drafts
                .add(item.span, format!("a link has two ends, this one has {}", items.len()))
                .help("write NODE:INTERFACE twice: [leaf01:swp51, spine01:swp1]");
            [None, None]
        }
        None => [None, None],
    }
}

fn end(item: &Item, nodes: &HashSet<&str>, drafts: &mut Drafts) -> Option<At<Endpoint>> {
    let At { value, span } = text(item, "an end of a link", drafts)?;
    let Some((node, port)) = value.split_once(':') else {
        drafts
            .add(span, format!("`{value}` names no interface"))
            .help(format!("write NODE:INTERFACE, as in {value}:swp1"));
        return None;
    };
    let node = match NodeName::new(node) {
        Ok(node) => node,
        Err(error) => {
            // A node of such a name has been reported itself.
            if !nodes.contains(node) {
                drafts.add(span, format!("`{node}` can't be a node")).help(error.to_string());
            }
            return None;
        }
    };
    let port = names::checked(port, "the interface", span, drafts)?;
    Some(At { value: Endpoint { node, port }, span })
}

fn mtu(item: &Item, drafts: &mut Drafts) -> Option<At<u32>> {
    number(item, "`mtu`", MTU, MTU_WHY, drafts)
}
