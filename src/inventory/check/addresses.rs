//! Addresses: each is used once, and where it belongs.

use super::super::finding::{Drafts, Span};
use super::super::raw::Network;
use super::super::view::View;
use ipnet::Ipv4Net;
use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;

/// Who has an address.
#[derive(Clone, Copy)]
enum Owner<'r> {
    Gateway(&'r str),
    Loopback(&'r str),
    Management(&'r str),
    Server(&'r str),
    Workload(&'r str),
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Gateway(network) => write!(f, "the gateway of network {network}"),
            Owner::Loopback(node) => write!(f, "the loopback of {node}"),
            Owner::Management(node) => write!(f, "the management port of {node}"),
            Owner::Server(node) => write!(f, "server {node}"),
            Owner::Workload(name) => write!(f, "workload {name}"),
        }
    }
}

/// An address somebody has.
struct Claim<'r> {
    address: Ipv4Addr,
    owner: Owner<'r>,
    span: Span,
}

pub(super) fn check(view: &View<'_>, drafts: &mut Drafts) {
    networks(view, drafts);
    let claims = claims(view);
    let mut first: HashMap<Ipv4Addr, &Claim<'_>> = HashMap::with_capacity(claims.len());
    let mut twice = Vec::new();
    for claim in &claims {
        match first.get(&claim.address) {
            Some(earlier) => twice.push((*earlier, claim)),
            None => {
                first.insert(claim.address, claim);
            }
        }
    }
    for (earlier, claim) in twice {
        let message = format!("{} is used twice: by {} and by {}", claim.address, earlier.owner, claim.owner);
        let draft = drafts.add(claim.span, message);
        draft.label("again here").related(earlier.span, "first used here");
        let free = match claim.owner {
            Owner::Server(_) | Owner::Workload(_) => {
                view.holding(claim.address).and_then(|network| free(network, &first))
            }
            _ => None,
        };
        draft.help(match free {
            Some(free) => format!("the next free address there is {free}"),
            None => "every address belongs to one owner in the whole fabric".to_owned(),
        });
    }
    for claim in &claims {
        in_place(view, claim, drafts);
    }
}

/// The first address of a network that nobody has.
fn free(network: &Network, taken: &HashMap<Ipv4Addr, &Claim<'_>>) -> Option<Ipv4Addr> {
    network.subnet.value()?.hosts().find(|address| !taken.contains_key(address))
}

/// Every address of the inventory, those of the infrastructure first: a container is what has to move.
fn claims<'r>(view: &View<'r>) -> Vec<Claim<'r>> {
    let inventory = view.inventory;
    let mut claims = Vec::new();
    for network in &inventory.networks {
        if let Some(at) = network.gateway.good() {
            claims.push(Claim {
                address: at.value,
                owner: Owner::Gateway(&network.name.value),
                span: at.span,
            });
        }
    }
    for node in &inventory.nodes {
        if let Some(at) = node.loopback.good() {
            claims.push(Claim { address: at.value, owner: Owner::Loopback(&node.name.value), span: at.span });
        }
    }
    for node in &inventory.nodes {
        if let Some(at) = node.settings.management.address.good() {
            let owner = Owner::Management(&node.name.value);
            claims.push(Claim { address: at.value.addr(), owner, span: at.span });
        }
    }
    for node in &inventory.nodes {
        let owner = Owner::Server(&node.name.value);
        claims.extend(node.addresses.iter().map(|at| Claim { address: at.value, owner, span: at.span }));
    }
    for workload in &inventory.workloads {
        if let Some(at) = workload.address.good() {
            let owner = Owner::Workload(&workload.name.value);
            claims.push(Claim { address: at.value, owner, span: at.span });
        }
    }
    claims
}

/// Whether an address is in a network that such an owner can be in.
fn in_place(view: &View<'_>, claim: &Claim<'_>, drafts: &mut Drafts) {
    let Claim { address, owner, span } = claim;
    let network = view.holding(*address);
    match owner {
        // Workloads name their network, so they are judged with it.
        Owner::Gateway(_) | Owner::Workload(_) => {}
        Owner::Loopback(_) | Owner::Management(_) => {
            if let Some(network) = network {
                let what = if matches!(owner, Owner::Loopback(_)) { "loopbacks" } else { "management" };
                drafts
                    .add(*span, format!("{address}, {owner}, is in workload network {}", network.name.value))
                    .related(place(network), "the network")
                    .help(format!(
                        "containers would be handed this address, and its route would hide them: \
                         use a prefix of its own for {what}"
                    ));
            }
        }
        Owner::Server(name) => match network {
            Some(network) => edges(*address, *span, network, drafts),
            None if !view.all_subnets_known() => {}
            None => {
                drafts.add(*span, format!("no network holds {address}, an address of {owner}")).help(
                    if view.inventory.networks.is_empty() {
                        "add the network under `networks`".to_owned()
                    } else {
                        format!("networks are {}; {name}'s data port is in one of them", listed(view))
                    },
                );
            }
        },
    }
}

/// Reports an address that is the network's or broadcast address of its prefix.
pub(super) fn edges(address: Ipv4Addr, span: Span, network: &Network, drafts: &mut Drafts) {
    let Some(subnet) = network.subnet.value() else { return };
    let kind = if address == subnet.network() {
        "network"
    } else if address == subnet.broadcast() {
        "broadcast"
    } else {
        return;
    };
    drafts
        .add(span, format!("{address} is the {kind} address of {subnet}"))
        .related(place(network), "the network")
        .help("use one of the addresses between the first and the last");
}

/// The networks with their prefixes, for a sentence.
pub(super) fn listed(view: &View<'_>) -> String {
    let all: Vec<String> = view
        .inventory
        .networks
        .iter()
        .filter_map(|network| Some(format!("{} ({})", network.name.value, network.subnet.value()?)))
        .collect();
    all.join(", ")
}

/// Where the prefix of a network stands.
pub(super) fn place(network: &Network) -> Span {
    network.subnet.good().map_or(network.name.span, |at| at.span)
}

/// Prefixes have room for containers, hold their gateway, and don't overlap.
fn networks(view: &View<'_>, drafts: &mut Drafts) {
    let mut seen: Vec<(Ipv4Net, &Network)> = Vec::new();
    for network in &view.inventory.networks {
        let Some(subnet) = network.subnet.good() else { continue };
        if subnet.value.prefix_len() > 30 {
            drafts
                .add(subnet.span, format!("{} has no room for containers", subnet.value))
                .label("30 is the longest prefix that has")
                .help("take a shorter prefix: a /24 has room for 253 containers");
        }
        if let Some((other, first)) =
            seen.iter().find(|(other, _)| other.contains(&subnet.value) || subnet.value.contains(other))
        {
            drafts
                .add(subnet.span, format!("networks {} and {} overlap", first.name.value, network.name.value))
                .label(subnet.value.to_string())
                .related(place(first), other.to_string())
                .help("an address must be in one network only");
        }
        seen.push((subnet.value, network));
        let Some(gateway) = network.gateway.good() else { continue };
        if !subnet.value.contains(&gateway.value) {
            drafts
                .add(gateway.span, format!("gateway {} is not in {}", gateway.value, subnet.value))
                .related(subnet.span, "the network")
                .help("containers reach their gateway directly: it must be in their prefix");
        } else if subnet.value.prefix_len() <= 30 {
            edges(gateway.value, gateway.span, network, drafts);
        }
    }
}
