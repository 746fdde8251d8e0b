//! What every spine and leaf must have, from the model alone.

use super::Kind;
use super::paths::{Reach, session_ports, spread};
use crate::fabric::{Fabric, HostRoutes, IfName, Node, NodeName, PortKind, Role};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Who must have brought a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A BGP neighbour.
    Bgp,
    /// The node's own interface. FRR lists its own /32 as `connected`, since 10 also as `local`.
    Interface,
    /// The neighbour daemon, by the kernel's main table.
    Kernel,
    /// The neighbour daemon, by routing table 10.
    Table,
}

impl Source {
    /// What FRR calls it.
    pub fn protocols(self) -> &'static [&'static str] {
        match self {
            Source::Bgp => &["bgp"],
            Source::Interface => &["connected", "local"],
            Source::Kernel => &["kernel"],
            Source::Table => &["table"],
        }
    }
}

/// One prefix that one node must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The node.
    pub node: NodeName,
    /// The prefix.
    pub prefix: Ipv4Net,
    /// A workload or a loopback.
    pub kind: Kind,
    /// The workload, or the node whose loopback it is.
    pub subject: String,
    /// Who must have brought it.
    pub source: Source,
    /// The interfaces that it must lead to, every one of them.
    pub next_hops: BTreeSet<IfName>,
    /// Further interfaces that it may lead to.
    pub tolerated: BTreeSet<IfName>,
    /// No AS path from its owner ends here. It must be here all the same, and the verdict says why it can't.
    pub unreachable: bool,
}

/// Everything needed to judge routes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expectations {
    /// The nodes to ask: spines, then leafs.
    pub nodes: Vec<NodeName>,
    /// Not all spines and leafs are among them.
    pub limited: bool,
    /// What they must have, in the order of the nodes.
    pub routes: Vec<Expectation>,
    /// The servers' own data addresses.
    pub servers: BTreeMap<Ipv4Addr, NodeName>,
    /// The prefixes in which nobody else may have a host route.
    pub subnets: Vec<Ipv4Net>,
    /// Addresses of workloads and loopbacks.
    pub(super) owned: BTreeSet<Ipv4Addr>,
    /// The addresses of each node's own interfaces, which FRR lists since 10.
    pub(super) local: BTreeMap<NodeName, BTreeSet<Ipv4Addr>>,
}

impl Expectations {
    /// Only what concerns some nodes (`--limit`).
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&NodeName) -> bool) -> Self {
        let all = self.nodes.len();
        self.nodes.retain(&keep);
        self.limited |= self.nodes.len() < all;
        self.routes.retain(|route| keep(&route.node));
        self
    }
}

/// Derives what every spine and leaf must have: the /32 of each workload and the loopback of each spine and leaf.
///
/// A loopback that BGP can't bring to a node (another spine of the same AS) is not expected there. A workload
/// is expected everywhere, whatever the AS numbers.
pub fn expect(fabric: &Fabric) -> Expectations {
    let nodes: Vec<&Node> = fabric.with_role(Role::Spine).chain(fabric.with_role(Role::Leaf)).collect();
    let mut routes = workloads(fabric, &nodes);
    routes.extend(loopbacks(fabric, &nodes));
    let order: BTreeMap<&NodeName, usize> =
        nodes.iter().enumerate().map(|(at, node)| (&node.name, at)).collect();
    routes.sort_by_key(|route| (order.get(&route.node).copied(), route.kind, route.prefix));

    let servers = fabric.with_role(Role::Server).flat_map(|server| {
        let ports = server.ports_of(PortKind::Data).flat_map(|port| &port.addresses);
        ports.map(|address| (address.addr(), server.name.clone()))
    });
    let own = |node: &Node| node.ports.iter().flat_map(|port| &port.addresses).map(Ipv4Net::addr).collect();
    let workload_addresses = fabric.workloads.values().map(|workload| workload.address);
    Expectations {
        servers: servers.collect(),
        subnets: fabric.host_subnets().collect(),
        owned: workload_addresses.chain(fabric.nodes.values().map(|node| node.loopback)).collect(),
        local: nodes.iter().map(|node| (node.name.clone(), own(node))).collect(),
        nodes: nodes.iter().map(|node| node.name.clone()).collect(),
        limited: false,
        routes,
    }
}

fn workloads(fabric: &Fabric, nodes: &[&Node]) -> Vec<Expectation> {
    let mut routes = Vec::new();
    // Workloads behind the same leafs arrive by the same paths.
    let mut known: BTreeMap<BTreeSet<&NodeName>, BTreeMap<&NodeName, Reach>> = BTreeMap::new();
    for workload in fabric.workloads.values() {
        let mut owners: BTreeMap<&NodeName, BTreeSet<IfName>> = BTreeMap::new();
        for end in fabric.attachments(workload) {
            owners.entry(&end.node).or_default().insert(end.port.clone());
        }
        let origins: BTreeSet<&NodeName> = owners.keys().copied().collect();
        let reaches = known.entry(origins.clone()).or_insert_with(|| spread(fabric, &origins));
        for node in nodes {
            let mut route =
                blank(node, workload.address, Kind::Workload, &workload.name, Source::Bgp, BTreeSet::new());
            match (owners.get(&node.name), reaches.get(&node.name)) {
                (Some(ports), _) => {
                    route.source = match node.host_routes {
                        HostRoutes::Main => Source::Kernel,
                        HostRoutes::Table => Source::Table,
                    };
                    // Behind several ports of one leaf it answers on one of them; which one is its own affair.
                    let one = ports.len() == 1;
                    if one { &mut route.next_hops } else { &mut route.tolerated }.clone_from(ports);
                }
                (None, Some(Reach::Via { surely, perhaps })) => {
                    route.next_hops.clone_from(surely);
                    route.tolerated.clone_from(perhaps);
                }
                (None, Some(Reach::Unsure)) => route.tolerated = session_ports(fabric, node),
                (None, None) => {
                    route.tolerated = session_ports(fabric, node);
                    route.unreachable = true;
                }
            }
            routes.push(route);
        }
    }
    routes
}

fn loopbacks(fabric: &Fabric, nodes: &[&Node]) -> Vec<Expectation> {
    let mut routes = Vec::new();
    for owner in nodes {
        let subject = owner.name.as_str();
        let lo = IfName::new("lo").ok().into_iter().collect();
        routes.push(blank(owner, owner.loopback, Kind::Loopback, subject, Source::Interface, lo));
        let reaches = spread(fabric, &BTreeSet::from([&owner.name]));
        for node in nodes {
            if let Some(Reach::Via { surely, perhaps }) = reaches.get(&node.name) {
                let kind = Kind::Loopback;
                let mut route = blank(node, owner.loopback, kind, subject, Source::Bgp, surely.clone());
                route.tolerated.clone_from(perhaps);
                routes.push(route);
            }
        }
    }
    routes
}

fn blank(
    node: &Node,
    address: Ipv4Addr,
    kind: Kind,
    subject: &str,
    source: Source,
    next_hops: BTreeSet<IfName>,
) -> Expectation {
    Expectation {
        node: node.name.clone(),
        prefix: address.into(),
        kind,
        subject: subject.to_owned(),
        source,
        next_hops,
        tolerated: BTreeSet::new(),
        unreachable: false,
    }
}
