//! The words of the field: a resolved, valid fabric.
//!
//! Everything above reads this; nothing here reads files or devices. A [`Fabric`] is only ever made
//! by the inventory, which has validated it, so its references (a workload's server, a link's nodes) hold.

mod asn;
mod facts;
mod link;
mod mac;
mod name;
mod node;
mod secret;
mod var;
mod workload;

pub use asn::{Asn, ReservedAsn};
pub use facts::{Facts, Tool, Version, VersionError};
pub use link::{Endpoint, EndpointError, Link};
pub use mac::{Mac, MacError};
pub use name::{IfName, NameError, NodeName};
pub use node::{HostRoutes, Management, Node, Platform, Port, PortKind, Role, Ssh};
pub use secret::{MASK, SHORTEST_SECRET, Secret, Secrets, Text, revealing};
pub use var::Var;
pub use workload::{Image, ImageSource, Network, Workload};

use ipnet::Ipv4Net;
use serde::Serialize;
use std::collections::BTreeMap;

/// A leaf/spine/server fabric with its workloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fabric {
    /// Its name; part of every ownership mark.
    pub name: String,
    /// Members by name.
    pub nodes: BTreeMap<NodeName, Node>,
    /// Cables, in the inventory's order.
    pub links: Vec<Link>,
    /// Workload networks by name.
    pub networks: BTreeMap<String, Network>,
    /// Images by name.
    pub images: BTreeMap<String, Image>,
    /// Workloads by name.
    pub workloads: BTreeMap<String, Workload>,
    /// Every secret in it, to be taken out of what is shown.
    #[serde(skip)]
    pub secrets: Secrets,
}

impl Fabric {
    /// The nodes of one role, in natural order.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(move |node| node.role == role)
    }

    /// The workloads of one server, in order of their names.
    pub fn workloads_on<'a>(&'a self, server: &'a NodeName) -> impl Iterator<Item = &'a Workload> {
        self.workloads.values().filter(move |workload| workload.server == *server)
    }

    /// The prefixes that host routes may come from.
    pub fn host_subnets(&self) -> impl Iterator<Item = Ipv4Net> + '_ {
        self.networks.values().map(|network| network.subnet)
    }

    /// The server ports of leafs that carry this workload's network from its server.
    pub fn attachments<'a>(&'a self, workload: &'a Workload) -> impl Iterator<Item = &'a Endpoint> {
        self.nodes.get(&workload.server).into_iter().flat_map(|server| &server.ports).filter_map(|port| {
            (port.kind == PortKind::Data && port.networks.contains(&workload.network)).then_some(&port.peer)
        })
    }
}
