//! Workloads: what they refer to is there, and their server can carry them.

use super::super::finding::Drafts;
use super::super::raw::{Network, Workload};
use super::super::view::{Carrier, View};
use super::addresses::{edges, listed, place};
use super::known_names;
use crate::fabric::{IfName, Role};
use std::collections::BTreeMap;

pub(super) fn check(view: &View<'_>, drafts: &mut Drafts) {
    for workload in &view.inventory.workloads {
        server(view, workload, drafts);
        image(view, workload, drafts);
        network(view, workload, drafts);
    }
    carriers(view, drafts);
    parents(view, drafts);
}

fn server(view: &View<'_>, workload: &Workload, drafts: &mut Drafts) {
    let Some(server) = workload.server.good() else { return };
    match view.node(&server.value) {
        None => {
            let servers = view
                .inventory
                .nodes
                .iter()
                .filter(|node| node.role.value() == Some(&Role::Server))
                .map(|node| node.name.value.as_str());
            drafts.add(server.span, format!("there is no server `{}`", server.value)).help(known_names(
                &server.value,
                "servers",
                servers,
            ));
        }
        Some(node) => {
            if let Some(role) = node.role.good().filter(|role| role.value != Role::Server) {
                drafts
                    .add(server.span, format!("{} is a {}: it runs no containers", server.value, role.value))
                    .related(role.span, "its role")
                    .help("name a server");
            }
        }
    }
}

fn image(view: &View<'_>, workload: &Workload, drafts: &mut Drafts) {
    let Some(image) = workload.image.good() else { return };
    let names = view.inventory.images.iter().map(|image| image.name.value.as_str());
    if !names.clone().any(|name| name == image.value) {
        drafts.add(image.span, format!("there is no image `{}`", image.value)).help(known_names(
            &image.value,
            "images",
            names,
        ));
    }
}

fn network(view: &View<'_>, workload: &Workload, drafts: &mut Drafts) {
    if let Some(name) = workload.network.good()
        && view.network(&name.value).is_none()
    {
        let names = view.inventory.networks.iter().map(|network| network.name.value.as_str());
        drafts.add(name.span, format!("there is no network `{}`", name.value)).help(known_names(
            &name.value,
            "networks",
            names,
        ));
        return;
    }
    let Some(address) = workload.address.good() else { return };
    match view.network_of(workload) {
        Some(network) => match network.subnet.value() {
            Some(subnet) if !subnet.contains(&address.value) => {
                drafts
                    .add(
                        address.span,
                        format!("{} is not in network {} ({subnet})", address.value, network.name.value),
                    )
                    .label(format!("workload {}", workload.name.value))
                    .related(place(network), "the network")
                    .help("correct the address, or name another network");
            }
            Some(_) => edges(address.value, address.span, network, drafts),
            None => {}
        },
        None if view.all_subnets_known() => {
            drafts
                .add(
                    address.span,
                    format!("no network holds {}, the address of {}", address.value, workload.name.value),
                )
                .help(if view.inventory.networks.is_empty() {
                    "add the network under `networks`".to_owned()
                } else {
                    format!("networks are {}", listed(view))
                });
        }
        None => {}
    }
}

/// Every server has one port for each network it is on.
fn carriers(view: &View<'_>, drafts: &mut Drafts) {
    for (server, network, span) in view.attachments() {
        let name = &network.name.value;
        match view.carrier(server, network) {
            // A server without a leaf is reported with the links.
            Carrier::Port(_) | Carrier::NoPort => {}
            Carrier::NoParent(parent) => {
                let ports: Vec<&str> = view.data_ports(server).map(|(port, _)| port.as_str()).collect();
                drafts
                    .add(span, format!("{server} has no port {} for network {name}", parent.value))
                    .related(parent.span, "the network's parent")
                    .help(format!(
                        "{server} is linked to leafs by {}; without `parent` each server's own port is taken",
                        ports.join(" and ")
                    ));
            }
            Carrier::Several(ports) => {
                let ports: Vec<&str> = ports.into_iter().map(IfName::as_str).collect();
                drafts
                    .add(
                        span,
                        format!(
                            "{server} has {} ports to leafs, which one carries network {name} isn't said",
                            ports.len()
                        ),
                    )
                    .related(network.name.span, "the network")
                    .help(format!("add `parent: {}` to the network ({})", ports[0], ports.join(" or ")));
            }
        }
    }
}

/// Docker makes one macvlan network of a port, so a server's containers of two networks need two ports.
fn parents<'r>(view: &View<'r>, drafts: &mut Drafts) {
    let mut taken: BTreeMap<(&str, &IfName), (&'r Workload, &'r Network)> = BTreeMap::new();
    for workload in &view.inventory.workloads {
        let (Some(server), Some(network)) = (workload.server.good(), view.network_of(workload)) else {
            continue;
        };
        let Carrier::Port(port) = view.carrier(&server.value, network) else { continue };
        let (first, other) = *taken.entry((&server.value, port)).or_insert((workload, network));
        if other.name.value == network.name.value {
            continue;
        }
        drafts
            .add(
                workload.name.span,
                format!(
                    "{}:{port} can't be the parent of networks {} and {} both",
                    server.value, other.name.value, network.name.value
                ),
            )
            .related(first.name.span, format!("makes it the parent of {}", other.name.value))
            .help("Docker takes a port as parent of one macvlan network: put one of the workloads on another server, or link another port");
    }
}
