//! Links: who is connected to whom, and who is not.

use super::super::finding::{At, Drafts};
use super::super::suggest::nearest;
use super::super::view::{View, pair};
use super::known_names;
use crate::fabric::{Endpoint, Role};
use std::collections::{HashMap, HashSet};

pub(super) fn check(view: &View<'_>, drafts: &mut Drafts) {
    let mut used: HashMap<&Endpoint, &At<Endpoint>> = HashMap::new();
    for end in view.inventory.links.iter().flat_map(|link| link.ends.iter().flatten()) {
        known_node(view, end, drafts);
        management_port(view, end, drafts);
        if let Some(first) = used.get(&end.value) {
            drafts
                .add(end.span, format!("{} has two links", end.value))
                .label("again here")
                .related(first.span, "first used here")
                .help("a port has one cable: correct one of the two links");
        } else {
            used.insert(&end.value, end);
        }
    }
    for [a, b] in view.inventory.links.iter().filter_map(|link| pair(&link.ends)) {
        roles(view, a, b, drafts);
    }
    unconnected(view, drafts);
}

fn known_node(view: &View<'_>, end: &At<Endpoint>, drafts: &mut Drafts) {
    let name = end.value.node.as_str();
    if view.node(name).is_none() {
        drafts.add(end.span, format!("there is no node `{name}`")).help(known_names(
            name,
            "nodes",
            view.node_names(),
        ));
    }
}

/// The out-of-band port is no port of the fabric.
fn management_port(view: &View<'_>, end: &At<Endpoint>, drafts: &mut Drafts) {
    let Some(node) = view.node(end.value.node.as_str()) else { return };
    let Some(address) = node.settings.management.address.good() else { return };
    let interface = view.setting(node, |settings| &settings.management.interface);
    let name = interface.value().map_or("eth0", |name| name.as_str());
    if !matches!(interface, super::super::extract::Field::Broken) && end.value.port.as_str() == name {
        drafts
            .add(
                end.span,
                format!("{} is the management port, it can't have a link of the fabric", end.value),
            )
            .related(interface.good().map_or(address.span, |at| at.span), "the management port")
            .help("correct the link, or give `management: {interface: …, address: …}`");
    }
}

/// Leafs are linked to spines and servers; nothing else is.
fn roles(view: &View<'_>, a: &At<Endpoint>, b: &At<Endpoint>, drafts: &mut Drafts) {
    let (near, far) = (a.value.node.as_str(), b.value.node.as_str());
    if near == far {
        drafts
            .add(b.span, format!("this link connects {near} with itself"))
            .related(a.span, "its other end")
            .help("the ends of a link are two nodes");
        return;
    }
    let (Some(one), Some(two)) = (view.role(near), view.role(far)) else { return };
    if !allowed(Some(one), Some(two)) {
        drafts
            .add(b.span, format!("{one} {near} can't be linked to {two} {far}"))
            .related(a.span, format!("a {one}"))
            .label(format!("a {two}"))
            .help("a link connects a leaf with a spine, or a leaf with a server");
    }
}

fn allowed(a: Option<Role>, b: Option<Role>) -> bool {
    matches!(
        (a, b),
        (Some(Role::Leaf), Some(Role::Spine | Role::Server))
            | (Some(Role::Spine | Role::Server), Some(Role::Leaf))
    )
}

/// Every node is where a fabric needs it: a leaf has a spine above it, spines and servers have a leaf.
fn unconnected(view: &View<'_>, drafts: &mut Drafts) {
    let links = &view.inventory.links;
    if links.is_empty() || links.iter().any(|link| link.ends.iter().any(Option::is_none)) {
        // Who these links leave out isn't known before they are put right.
        return;
    }
    let mut has: HashSet<(&str, Option<Role>)> = HashSet::new();
    for [a, b] in links.iter().filter_map(|link| pair(&link.ends)) {
        for (near, far) in [(a, b), (b, a)] {
            let (near, far) = (meant(view, near.value.node.as_str()), meant(view, far.value.node.as_str()));
            // What is linked wrongly is reported as such, not as missing.
            let good = allowed(view.role(near), view.role(far));
            has.insert((near, view.role(far).filter(|_| good)));
        }
    }
    for node in &view.inventory.nodes {
        let name = node.name.value.as_str();
        let Some(role) = node.role.value() else { continue };
        let (need, why) = match role {
            Role::Spine => (Role::Leaf, "no route can reach it"),
            Role::Leaf => (Role::Spine, "nothing behind it can be reached"),
            Role::Server => (Role::Leaf, "its containers can't be reached"),
        };
        if has.contains(&(name, Some(need))) || has.contains(&(name, None)) {
            continue;
        }
        let message = match role {
            Role::Leaf => format!("leaf {name} has no uplink"),
            _ => format!("{role} {name} has no link to a leaf"),
        };
        let (port, far) = match role {
            Role::Spine => ("swp1", "LEAF:swp51"),
            Role::Leaf => ("swp51", "SPINE:swp1"),
            Role::Server => ("eth1", "LEAF:swp1"),
        };
        drafts
            .add(node.name.span, message)
            .label(why)
            .help(format!("add to `links` a line such as `- [{name}:{port}, {far}]`"));
    }
}

/// The node that a name stands for, even when it is misspelt: one mistake, one finding.
fn meant<'r>(view: &View<'r>, name: &'r str) -> &'r str {
    if view.node(name).is_some() { name } else { nearest(name, view.node_names()).unwrap_or(name) }
}
