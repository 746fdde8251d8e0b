//! Names, AS numbers, router ids and management ports.

use super::super::extract::Field;
use super::super::finding::{Drafts, Span};
use super::super::raw::Node;
use super::super::view::View;
use crate::fabric::{Asn, Role};
use std::collections::HashMap;

pub(super) fn check(view: &View<'_>, drafts: &mut Drafts) {
    names(view, drafts);
    as_numbers(view, drafts);
    router_ids(view, drafts);
    management(view, drafts);
}

/// DNS doesn't tell `Leaf01` from `leaf01`.
fn names(view: &View<'_>, drafts: &mut Drafts) {
    let mut seen: HashMap<String, &Node> = HashMap::new();
    for node in &view.inventory.nodes {
        let lower = node.name.value.to_lowercase();
        if let Some(first) = seen.get(&lower) {
            drafts
                .add(
                    node.name.span,
                    format!("`{}` and `{}` differ only in case", first.name.value, node.name.value),
                )
                .label("a host name that DNS takes for the same")
                .related(first.name.span, "first used here")
                .help("give one of them another name");
        } else {
            seen.insert(lower, node);
        }
    }
}

/// The AS number of a node, and where to point at: its own setting, or its name if it comes from elsewhere.
fn asn(view: &View<'_>, node: &Node) -> Option<(Asn, Span)> {
    let node = view.node(&node.name.value)?;
    let field = view.setting(node, |settings| &settings.asn);
    let span = node.settings.asn.good().map_or(node.name.span, |at| at.span);
    field.value().map(|asn| (*asn, span))
}

fn as_numbers(view: &View<'_>, drafts: &mut Drafts) {
    let mut spines: HashMap<Asn, &Node> = HashMap::new();
    for node in &view.inventory.nodes {
        let Some(role) = node.role.value().filter(|role| role.routes()) else { continue };
        let missing = view
            .node(&node.name.value)
            .is_some_and(|node| view.setting(node, |settings| &settings.asn).is_absent());
        if missing {
            let help = match role {
                Role::Spine => {
                    "add `asn: NUMBER`, or give all spines theirs under `roles: {spine: {asn: NUMBER}}`"
                }
                _ => "add `asn: NUMBER`; each leaf needs one of its own",
            };
            drafts.add(node.name.span, format!("{role} {} has no AS number", node.name.value)).help(help);
        }
        if let (Role::Spine, Some((asn, _))) = (role, asn(view, node)) {
            spines.entry(asn).or_insert(node);
        }
    }
    let mut leafs: HashMap<Asn, (&Node, Span)> = HashMap::new();
    for leaf in view.inventory.nodes.iter().filter(|node| node.role.value() == Some(&Role::Leaf)) {
        let Some((number, span)) = asn(view, leaf) else { continue };
        let name = &leaf.name.value;
        if let Some(spine) = spines.get(&number) {
            drafts
                .add(span, format!("leaf {name} has AS {number}, which spine {} has", spine.name.value))
                .label("the AS of a spine")
                .related(asn(view, spine).map_or(spine.name.span, |(_, span)| span), "a spine's AS")
                .help("sessions between leafs and spines are external (eBGP): give the leaf another AS");
        } else if let Some((first, first_span)) = leafs.get(&number) {
            drafts
                .add(span, format!("leafs {} and {name} have the same AS {number}", first.name.value))
                .label("again here")
                .related(*first_span, "first used here")
                .help(
                    "a leaf drops routes that went through its own AS (loop detection, RFC 4271 §9.1.2), \
                       so these two would never see each other's containers: give each its own",
                );
        } else {
            leafs.insert(number, (leaf, span));
        }
    }
}

/// Router ids are unique; two that are loopbacks both are reported as loopbacks.
fn router_ids(view: &View<'_>, drafts: &mut Drafts) {
    let mut seen: HashMap<_, (&Node, Span)> = HashMap::new();
    let routers =
        view.inventory.nodes.iter().filter(|node| node.role.value().is_some_and(|role| role.routes()));
    for node in routers {
        let Some(id) = node.router_id.or(&node.loopback).good() else { continue };
        let Some((first, span)) = seen.get(&id.value) else {
            seen.insert(id.value, (node, id.span));
            continue;
        };
        if node.router_id.is_absent() && first.router_id.is_absent() {
            continue;
        }
        drafts
            .add(
                id.span,
                format!("{} and {} have the same router id {}", first.name.value, node.name.value, id.value),
            )
            .label("again here")
            .related(*span, "first used here")
            .help("BGP speakers with the same identifier refuse each other; without `router_id` it is the loopback");
    }
}

fn management(view: &View<'_>, drafts: &mut Drafts) {
    for node in &view.inventory.nodes {
        let own = &node.settings.management;
        let Some(address) = own.address.good() else {
            if own.address.is_absent()
                && let Some(span) = place(&own.interface).or(place(&own.gateway))
            {
                drafts
                    .add(span, format!("the management port of {} has no address", node.name.value))
                    .help("add `address: ADDRESS/LENGTH`");
            }
            continue;
        };
        let Some(whole) = view.node(&node.name.value) else { continue };
        let gateway = view.setting(whole, |settings| &settings.management.gateway);
        let Some(gateway) = gateway.good() else { continue };
        if !address.value.contains(&gateway.value) {
            drafts
                .add(address.span, format!("{} is not in the network of its gateway", address.value))
                .label(format!("management of {}", node.name.value))
                .related(gateway.span, "the gateway")
                .help("a gateway must be in the node's own management network");
        } else if address.value.addr() == gateway.value {
            drafts
                .add(address.span, format!("{} is the gateway's address", gateway.value))
                .related(gateway.span, "the gateway")
                .help("give the node another management address");
        }
    }
}

fn place<T>(field: &Field<T>) -> Option<Span> {
    field.good().map(|at| at.span)
}
