//! Who gets which address on the management network.

use super::LabError;
use crate::fabric::{Fabric, IfName, NameError, Node, NodeName};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// A port with an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Port {
    /// The interface.
    pub(super) interface: IfName,
    /// Its address and prefix.
    pub(super) address: Ipv4Net,
}

/// Where nodes get an address from that have none in the inventory: shared address space (RFC 6598)
/// and the prefix for benchmarks (RFC 2544), neither of which an inventory is likely to use.
const POOLS: [(Ipv4Addr, u8); 3] = [
    (Ipv4Addr::new(100, 127, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 16),
    (Ipv4Addr::new(198, 19, 0, 0), 16),
];

/// The management network's addresses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Management {
    /// The port of each node.
    pub(super) ports: BTreeMap<NodeName, Port>,
    /// The hub's addresses: one in each prefix that a node's port is in.
    pub(super) hub: Vec<Ipv4Net>,
}

/// Gives every node a port, those without an address in the inventory one from a pool, and the hub its addresses.
pub(super) fn assign(fabric: &Fabric) -> Result<Management, LabError> {
    let mut ports = BTreeMap::new();
    let mut gateways = BTreeSet::new();
    let mut homeless = Vec::new();
    for node in fabric.nodes.values() {
        match &node.management {
            Some(given) => {
                gateways.extend(given.gateway);
                let port = Port { interface: given.interface.clone(), address: given.address };
                ports.insert(node.name.clone(), port);
            }
            None => homeless.push(node),
        }
    }
    if !homeless.is_empty() {
        let pool = free_pool(fabric).ok_or(LabError::NoManagementPrefix)?;
        let mut addresses = pool.hosts();
        for node in homeless {
            let address = addresses.next().ok_or(LabError::NoManagementPrefix)?;
            let address =
                Ipv4Net::new(address, pool.prefix_len()).map_err(|_| LabError::NoManagementPrefix)?;
            ports.insert(node.name.clone(), Port { interface: free_name(node)?, address });
        }
    }
    let hub = hub_addresses(&ports, &gateways)?;
    Ok(Management { ports, hub })
}

/// In each prefix the gateway if there is one, else the highest address that no node has.
fn hub_addresses(
    ports: &BTreeMap<NodeName, Port>,
    gateways: &BTreeSet<Ipv4Addr>,
) -> Result<Vec<Ipv4Net>, LabError> {
    let taken: BTreeSet<Ipv4Addr> = ports.values().map(|port| port.address.addr()).collect();
    let prefixes: BTreeSet<Ipv4Net> = ports.values().map(|port| port.address.trunc()).collect();
    prefixes
        .into_iter()
        .map(|prefix| {
            let free = |address: &Ipv4Addr| !taken.contains(address);
            let gateway = gateways.iter().find(|gateway| prefix.contains(*gateway) && free(gateway)).copied();
            let address = gateway.or_else(|| highest_free(prefix, free));
            address
                .and_then(|address| Ipv4Net::new(address, prefix.prefix_len()).ok())
                .ok_or(LabError::NoManagementPrefix)
        })
        .collect()
}

fn highest_free(prefix: Ipv4Net, free: impl Fn(&Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
    let last = u32::from(prefix.broadcast());
    let first = u32::from(prefix.network());
    (first..last).rev().take_while(|number| *number > first).map(Ipv4Addr::from).find(free)
}

/// A pool that no prefix of the fabric touches.
fn free_pool(fabric: &Fabric) -> Option<Ipv4Net> {
    let mut used: Vec<Ipv4Net> = fabric.host_subnets().collect();
    for node in fabric.nodes.values() {
        used.push(Ipv4Net::from(node.loopback));
        used.extend(node.management.iter().map(|management| management.address));
        used.extend(node.ports.iter().flat_map(|port| port.addresses.iter().copied()));
    }
    POOLS
        .into_iter()
        .filter_map(|(address, length)| Ipv4Net::new(address, length).ok())
        .find(|pool| !used.iter().any(|prefix| pool.contains(prefix) || prefix.contains(pool)))
}

/// `eth0`, unless the node has a link there.
fn free_name(node: &Node) -> Result<IfName, NameError> {
    let wished = IfName::new("eth0")?;
    if node.port(&wished).is_none() { Ok(wished) } else { IfName::new("mgmt0") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::{Endpoint, HostRoutes, Platform, Port as FabricPort, PortKind, Role, Secrets, Ssh};

    fn node(name: &str, management: Option<(&str, Option<&str>)>) -> Node {
        Node {
            name: name.parse().unwrap(),
            role: Role::Leaf,
            platform: Platform::Debian,
            asn: None,
            loopback: "10.0.0.1".parse().unwrap(),
            router_id: "10.0.0.1".parse().unwrap(),
            management: management.map(|(address, gateway)| crate::fabric::Management {
                interface: "eth0".parse().unwrap(),
                address: address.parse().unwrap(),
                gateway: gateway.map(|gateway| gateway.parse().unwrap()),
            }),
            ssh: Ssh::default(),
            host_routes: HostRoutes::Main,
            ports: Vec::new(),
            vars: BTreeMap::new(),
        }
    }

    fn fabric(nodes: impl IntoIterator<Item = Node>) -> Fabric {
        Fabric {
            name: "test".to_owned(),
            nodes: nodes.into_iter().map(|node| (node.name.clone(), node)).collect(),
            links: Vec::new(),
            networks: BTreeMap::new(),
            images: BTreeMap::new(),
            workloads: BTreeMap::new(),
            secrets: Secrets::default(),
        }
    }

    fn nets(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_hub_is_the_gateway_or_takes_the_highest_free_address() {
        let nodes = [
            node("leaf01", Some(("192.168.200.254/24", None))),
            node("leaf02", Some(("192.168.200.253/24", None))),
            node("leaf03", Some(("192.168.201.7/24", Some("192.168.201.1")))),
        ];
        assert_eq!(assign(&fabric(nodes)).unwrap().hub, nets(&["192.168.200.252/24", "192.168.201.1/24"]));
    }

    #[test]
    fn a_node_without_an_address_gets_one_that_meets_nothing_of_the_fabric() {
        let mut linked = node("leaf02", None);
        linked.ports.push(FabricPort {
            name: "eth0".parse().unwrap(),
            kind: PortKind::Uplink,
            peer: "leaf01:eth9".parse::<Endpoint>().unwrap(),
            mtu: 9216,
            addresses: nets(&["100.127.3.1/30"]),
            networks: Vec::new(),
        });
        let management = assign(&fabric([node("leaf01", None), linked])).unwrap();
        let port = |name: &str| management.ports[&name.parse().unwrap()].clone();
        assert_eq!((port("leaf01").interface.as_str(), port("leaf02").interface.as_str()), ("eth0", "mgmt0"));
        assert_eq!(
            vec![port("leaf01").address, port("leaf02").address],
            nets(&["198.18.0.1/16", "198.18.0.2/16"])
        );
        assert_eq!(management.hub, nets(&["198.18.255.254/16"]));
    }

    #[test]
    fn a_full_prefix_leaves_no_room_for_the_hub() {
        let nodes =
            [node("leaf01", Some(("192.0.2.1/30", None))), node("leaf02", Some(("192.0.2.2/30", None)))];
        assert!(matches!(assign(&fabric(nodes)), Err(LabError::NoManagementPrefix)));
    }
}
