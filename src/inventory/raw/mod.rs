//! The inventory as written: every value typed and with its place, nothing derived yet.

mod names;
mod nodes;
mod vars;
mod workloads;

use super::extract::{Field, Table, entries, list, number, parsed};
use super::finding::{At, Drafts, Span};
use super::yaml::{Item, Value};
use crate::fabric::{Asn, Endpoint, HostRoutes, IfName, Platform, Role};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
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
    pub(super) vars: BTreeMap<String, serde_json::Value>,
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
    pub(super) environment: BTreeMap<String, String>,
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
        inventory.links = links(item, drafts);
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
fn links(section: &Item, drafts: &mut Drafts) -> Vec<Link> {
    list(section, "`links`", "a list of pairs such as [leaf01:swp51, spine01:swp1]", drafts)
        .unwrap_or_default()
        .iter()
        .filter_map(|item| link(item, drafts))
        .collect()
}

fn link(item: &Item, drafts: &mut Drafts) -> Option<Link> {
    if !matches!(item.value, Value::Map(_)) {
        return Some(Link { ends: ends(item, drafts)?, mtu: Field::Absent });
    }
    let table = Table::open(item, "a link", &["ends", "mtu"], drafts)?;
    let mtu = table.field("mtu", |item| mtu(item, drafts));
    let Some(pair) = table.item("ends") else {
        drafts.add(item.span, "this link has no ends").help("add `ends: [leaf01:swp51, spine01:swp1]`");
        return None;
    };
    Some(Link { ends: ends(pair, drafts)?, mtu })
}

fn ends(item: &Item, drafts: &mut Drafts) -> Option<[Option<At<Endpoint>>; 2]> {
    const FORM: &str = "a pair of ends such as [leaf01:swp51, spine01:swp1]";
    let items = list(item, "a link", FORM, drafts)?;
    let [a, b] = items else {
        drafts.add(item.span, format!("a link has two ends, this one has {}", items.len()));
        return None;
    };
    Some([a, b].map(|item| end(item, drafts)))
}

fn end(item: &Item, drafts: &mut Drafts) -> Option<At<Endpoint>> {
    let end = parsed::<Endpoint>(item, "link", drafts)?;
    names::port(&end.value.port, end.span, drafts).then_some(end)
}

fn mtu(item: &Item, drafts: &mut Drafts) -> Option<At<u32>> {
    number(item, "`mtu`", MTU, MTU_WHY, drafts)
}
