//! The inventory seen as a whole: settings by precedence, nodes and networks by name, what follows from the links.

use super::extract::Field;
use super::finding::{At, Span};
use super::raw::{Inventory, Network, Node, Settings, Workload};
use crate::fabric::{Endpoint, IfName, Role};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

/// The inventory with its cross references.
pub(super) struct View<'r> {
    pub(super) inventory: &'r Inventory,
    nodes: HashMap<&'r str, &'r Node>,
    networks: HashMap<&'r str, &'r Network>,
    /// Ports that lead from a server to a leaf, by server, in natural order.
    data_ports: HashMap<&'r str, BTreeMap<&'r IfName, &'r Endpoint>>,
    /// Why a server is on a network: where its first address or workload in it stands.
    attached: BTreeMap<&'r str, BTreeMap<&'r str, Span>>,
}

/// The port of a server that carries a network.
pub(super) enum Carrier<'r> {
    /// This one.
    Port(&'r IfName),
    /// The server has no port to a leaf at all.
    NoPort,
    /// The network's parent is no port of the server.
    NoParent(&'r At<IfName>),
    /// Several ports could be meant.
    Several(Vec<&'r IfName>),
}

impl<'r> View<'r> {
    /// Looks at everything once.
    pub(super) fn new(inventory: &'r Inventory) -> Self {
        let nodes: HashMap<&str, &Node> =
            inventory.nodes.iter().map(|node| (node.name.value.as_str(), node)).collect();
        let networks =
            inventory.networks.iter().map(|network| (network.name.value.as_str(), network)).collect();
        let mut view =
            Self { inventory, nodes, networks, data_ports: HashMap::new(), attached: BTreeMap::new() };
        for [a, b] in inventory.links.iter().filter_map(|link| pair(&link.ends)) {
            for (near, far) in [(a, b), (b, a)] {
                if view.role(near.value.node.as_str()) == Some(Role::Server)
                    && view.role(far.value.node.as_str()) == Some(Role::Leaf)
                {
                    let ports = view.data_ports.entry(near.value.node.as_str()).or_default();
                    ports.entry(&near.value.port).or_insert(&far.value);
                }
            }
        }
        for node in &inventory.nodes {
            for address in &node.addresses {
                if let Some(network) = view.holding(address.value) {
                    view.attach(&node.name.value, &network.name.value, address.span);
                }
            }
        }
        for workload in &inventory.workloads {
            if let (Some(server), Some(network)) = (workload.server.good(), view.network_of(workload))
                && view.role(&server.value) == Some(Role::Server)
            {
                view.attach(&server.value, &network.name.value, server.span);
            }
        }
        view
    }

    fn attach(&mut self, server: &'r str, network: &'r str, span: Span) {
        self.attached.entry(server).or_default().entry(network).or_insert(span);
    }

    /// The node of that name.
    pub(super) fn node(&self, name: &str) -> Option<&'r Node> {
        self.nodes.get(name).copied()
    }

    /// The role of the node of that name, where it is known.
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        self.node(name).and_then(|node| node.role.value().copied())
    }

    /// The names of all nodes, in the order of the file.
    pub(super) fn node_names(&self) -> impl Iterator<Item = &'r str> + Clone + use<'r> {
        self.inventory.nodes.iter().map(|node| node.name.value.as_str())
    }

    /// The network of that name.
    pub(super) fn network(&self, name: &str) -> Option<&'r Network> {
        self.networks.get(name).copied()
    }

    /// A setting by precedence: the node's own, its role's, everybody's.
    pub(super) fn setting<T>(
        &self,
        node: &'r Node,
        get: impl Fn(&'r Settings) -> &'r Field<T>,
    ) -> &'r Field<T> {
        let role = node.role.value().and_then(|role| self.inventory.roles.get(role));
        let mut field = get(&node.settings);
        if let Some(role) = role {
            field = field.or(get(role));
        }
        field.or(get(&self.inventory.defaults))
    }

    /// The network whose prefix holds the address.
    pub(super) fn holding(&self, address: Ipv4Addr) -> Option<&'r Network> {
        self.inventory
            .networks
            .iter()
            .find(|network| network.subnet.value().is_some_and(|subnet| subnet.contains(&address)))
    }

    /// Whether every prefix could be read and has room; one that is wrong may be meant to hold any address.
    pub(super) fn all_subnets_known(&self) -> bool {
        self.inventory
            .networks
            .iter()
            .all(|network| network.subnet.value().is_some_and(|subnet| subnet.prefix_len() <= 30))
    }

    /// The network of a workload: the one it names, else the one that holds its address.
    pub(super) fn network_of(&self, workload: &Workload) -> Option<&'r Network> {
        match &workload.network {
            Field::Good(name) => self.network(&name.value),
            Field::Broken => None,
            Field::Absent => self.holding(*workload.address.value()?),
        }
    }

    /// Servers with the networks they are on, and why.
    pub(super) fn attachments(&self) -> impl Iterator<Item = (&'r str, &'r Network, Span)> + '_ {
        self.attached.iter().flat_map(move |(server, networks)| {
            networks.iter().filter_map(move |(name, span)| Some((*server, self.network(name)?, *span)))
        })
    }

    /// The ports of a server that lead to leafs, with their far ends.
    pub(super) fn data_ports(&self, server: &str) -> impl Iterator<Item = (&'r IfName, &'r Endpoint)> + '_ {
        self.data_ports.get(server).into_iter().flatten().map(|(port, far)| (*port, *far))
    }

    /// The port of a server that carries a network: its parent if it names one, else the only port there is.
    pub(super) fn carrier(&self, server: &str, network: &'r Network) -> Carrier<'r> {
        let ports: Vec<&IfName> = self.data_ports(server).map(|(port, _)| port).collect();
        if ports.is_empty() {
            return Carrier::NoPort;
        }
        if let Some(parent) = network.parent.good() {
            return match ports.into_iter().find(|port| **port == parent.value) {
                Some(port) => Carrier::Port(port),
                None => Carrier::NoParent(parent),
            };
        }
        match ports.as_slice() {
            [one] => Carrier::Port(one),
            _ => Carrier::Several(ports),
        }
    }

    /// The networks that a port of a server carries, in order of their names.
    pub(super) fn carried(&self, server: &str, port: &IfName) -> Vec<&'r Network> {
        let names: BTreeSet<&str> =
            self.attached.get(server).into_iter().flatten().map(|(name, _)| *name).collect();
        names
            .into_iter()
            .filter_map(|name| self.network(name))
            .filter(|network| matches!(self.carrier(server, network), Carrier::Port(found) if found == port))
            .collect()
    }
}

/// Both ends of a link, if both could be read.
pub(super) fn pair(ends: &[Option<At<Endpoint>>; 2]) -> Option<[&At<Endpoint>; 2]> {
    let [Some(a), Some(b)] = ends else { return None };
    Some([a, b])
}
