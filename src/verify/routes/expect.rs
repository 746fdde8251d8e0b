//! What every spine and leaf must have, from the model alone.

use super::Kind;
use super::paths::{Reach, session_ports, spread};
use crate::fabric::{Fabric, HostRoutes, IfName, Node, NodeName, PortKind, Role};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;

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
    /// The interfaces that it must lead to, every one of them; the same for many prefixes.
    pub next_hops: Arc<BTreeSet<IfName>>,
    /// Further interfaces that it may lead to.
    pub tolerated: Arc<BTreeSet<IfName>>,
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
        if self.nodes.len() < all {
            self.limited = true;
            self.routes.retain(|route| keep(&route.node));
        }
        self
    }
}

/// Derives what every spine and leaf must have: the /32 of each workload and the loopback of each spine and leaf.
///
/// A loopback that BGP can't bring to a node (another spine of the same AS) is not expected there. A workload
/// is expected everywhere, whatever the AS numbers.
pub fn expect(fabric: &Fabric) -> Expectations {
    let nodes: Vec<&Node> = fabric.with_role(Role::Spine).chain(fabric.with_role(Role::Leaf)).collect();
    let mut destinations = workloads(fabric, &nodes);
    destinations.extend(loopbacks(fabric, &nodes));
    destinations.sort_by_key(|one| (one.kind, one.address));
    let routes = nodes
        .iter()
        .enumerate()
        .flat_map(|(at, node)| destinations.iter().filter_map(move |one| one.at(at, &node.name)));
    let routes = routes.collect();

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

/// How a prefix is to be at one node.
#[derive(Clone)]
struct Way {
    source: Source,
    next_hops: Arc<BTreeSet<IfName>>,
    tolerated: Arc<BTreeSet<IfName>>,
    unreachable: bool,
}

impl Way {
    fn new(source: Source, next_hops: BTreeSet<IfName>, tolerated: BTreeSet<IfName>) -> Self {
        Self { source, next_hops: Arc::new(next_hops), tolerated: Arc::new(tolerated), unreachable: false }
    }
}

/// The leafs that a workload is behind, and their ports that lead to it.
type Owners<'a> = BTreeMap<&'a NodeName, BTreeSet<IfName>>;
/// In the order of the nodes.
type Ways = Rc<Vec<Option<Way>>>;

/// A prefix that all nodes must have, and how: the ways stand in the order of the nodes, none where it isn't expected.
struct Destination<'a> {
    address: Ipv4Addr,
    kind: Kind,
    subject: &'a str,
    ways: Ways,
}

impl Destination<'_> {
    fn at(&self, at: usize, node: &NodeName) -> Option<Expectation> {
        let way = self.ways.get(at)?.clone()?;
        Some(Expectation {
            node: node.clone(),
            prefix: self.address.into(),
            kind: self.kind,
            subject: self.subject.to_owned(),
            source: way.source,
            next_hops: way.next_hops,
            tolerated: way.tolerated,
            unreachable: way.unreachable,
        })
    }
}

fn workloads<'a>(fabric: &'a Fabric, nodes: &[&'a Node]) -> Vec<Destination<'a>> {
    // Workloads behind the same ports are reached by the same ways.
    let mut known: BTreeMap<Owners<'_>, Ways> = BTreeMap::new();
    let each = fabric.workloads.values().map(|workload| {
        let mut owners = Owners::new();
        for end in fabric.attachments(workload) {
            owners.entry(&end.node).or_default().insert(end.port.clone());
        }
        let ways = if let Some(ways) = known.get(&owners) {
            Rc::clone(ways)
        } else {
            let ways: Ways = Rc::new(ways_to(fabric, nodes, &owners));
            known.insert(owners, Rc::clone(&ways));
            ways
        };
        Destination { address: workload.address, kind: Kind::Workload, subject: &workload.name, ways }
    });
    each.collect()
}

fn ways_to(fabric: &Fabric, nodes: &[&Node], owners: &Owners<'_>) -> Vec<Option<Way>> {
    let mut reaches = spread(fabric, &owners.keys().copied().collect());
    let way = |node: &&Node| match (owners.get(&node.name), reaches.remove(&node.name)) {
        (Some(ports), _) => {
            let source = match node.host_routes {
                HostRoutes::Main => Source::Kernel,
                HostRoutes::Table => Source::Table,
            };
            // Behind several ports of one leaf it answers on one of them; which one is its own affair.
            let (one, none) = (ports.clone(), BTreeSet::new());
            if ports.len() == 1 { Way::new(source, one, none) } else { Way::new(source, none, one) }
        }
        (None, Some(Reach::Via { surely, perhaps })) => Way::new(Source::Bgp, surely, perhaps),
        (None, reach) => Way {
            unreachable: reach.is_none(),
            ..Way::new(Source::Bgp, BTreeSet::new(), session_ports(fabric, node))
        },
    };
    nodes.iter().map(way).map(Some).collect()
}

fn loopbacks<'a>(fabric: &Fabric, nodes: &[&'a Node]) -> Vec<Destination<'a>> {
    let each = nodes.iter().map(|owner| {
        let mut reaches = spread(fabric, &BTreeSet::from([&owner.name]));
        let way = |node: &&Node| match reaches.remove(&node.name) {
            _ if node.name == owner.name => {
                Some(Way::new(Source::Interface, IfName::new("lo").into_iter().collect(), BTreeSet::new()))
            }
            Some(Reach::Via { surely, perhaps }) => Some(Way::new(Source::Bgp, surely, perhaps)),
            _ => None,
        };
        let ways = Rc::new(nodes.iter().map(way).collect());
        Destination { address: owner.loopback, kind: Kind::Loopback, subject: owner.name.as_str(), ways }
    });
    each.collect()
}
