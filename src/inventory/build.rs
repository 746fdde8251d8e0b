//! The resolved fabric, made from an inventory in which everything holds.

use super::raw;
use super::view::{View, pair};
use crate::fabric::{
    Endpoint, Fabric, HostRoutes, IfName, Image, Link, Management, Network, Node, NodeName, Platform, Port,
    PortKind, Role, Secrets, Ssh, Var, Workload,
};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, HashMap};

/// What applies where neither a node, its role nor the defaults say anything.
const BUILT_IN_MTU: u32 = 1500;
const BUILT_IN_MANAGEMENT: &str = "eth0";

/// Derives the fabric; `None` when something is missing, which the checks have reported then.
pub(super) fn fabric(view: &View<'_>) -> Option<Fabric> {
    let inventory = view.inventory;
    let links = links(view)?;
    let mut ports: HashMap<&NodeName, Vec<Port>> = HashMap::new();
    for link in &links {
        for (near, far) in [(&link.a, &link.b), (&link.b, &link.a)] {
            ports.entry(&near.node).or_default().push(port(view, near, far, link.mtu)?);
        }
    }
    let mut nodes = BTreeMap::new();
    for raw in &inventory.nodes {
        let name = NodeName::new(raw.name.value.as_str()).ok()?;
        let mut ports = ports.remove(&name).unwrap_or_default();
        ports.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.insert(name.clone(), node(view, raw, name, ports)?);
    }
    let networks = inventory.networks.iter().map(network).collect::<Option<_>>()?;
    let images = inventory.images.iter().map(image).collect::<Option<_>>()?;
    let workloads = inventory.workloads.iter().map(|raw| workload(view, raw)).collect::<Option<_>>()?;
    let name = inventory.fabric.value()?.clone();
    // What is secret in it, its reader adds.
    let secrets = Secrets::default();
    Some(Fabric { name, nodes, links, networks, images, workloads, secrets })
}

/// A link has its own MTU, else the lower one of its two nodes: both ports always agree.
fn links(view: &View<'_>) -> Option<Vec<Link>> {
    let mtu_of = |end: &Endpoint| {
        let node = view.node(end.node.as_str())?;
        Some(view.setting(node, |settings| &settings.mtu).value().copied().unwrap_or(BUILT_IN_MTU))
    };
    view.inventory
        .links
        .iter()
        .map(|link| {
            let [a, b] = pair(&link.ends)?;
            let mtu = match link.mtu.value() {
                Some(mtu) => *mtu,
                None => mtu_of(&a.value)?.min(mtu_of(&b.value)?),
            };
            Some(Link { a: a.value.clone(), b: b.value.clone(), mtu })
        })
        .collect()
}

/// What a port is for, and what it holds, follows from the roles at both ends.
fn port(view: &View<'_>, near: &Endpoint, far: &Endpoint, mtu: u32) -> Option<Port> {
    let (kind, server) = match (view.role(near.node.as_str())?, view.role(far.node.as_str())?) {
        (Role::Leaf, Role::Spine) => (PortKind::Uplink, None),
        (Role::Spine, Role::Leaf) => (PortKind::Downlink, None),
        (Role::Leaf, Role::Server) => (PortKind::Server, Some(far)),
        (Role::Server, Role::Leaf) => (PortKind::Data, Some(near)),
        _ => return None,
    };
    let networks = server.map(|end| view.carried(end.node.as_str(), &end.port)).unwrap_or_default();
    let own = view.node(near.node.as_str())?;
    let mut addresses = Vec::new();
    for network in &networks {
        let subnet = network.subnet.value()?;
        let length = subnet.prefix_len();
        if kind == PortKind::Server {
            addresses.push(Ipv4Net::new(*network.gateway.value()?, length).ok()?);
        } else {
            let inside = own.addresses.iter().filter(|at| subnet.contains(&at.value));
            addresses.extend(inside.filter_map(|at| Ipv4Net::new(at.value, length).ok()));
        }
    }
    let networks = networks.into_iter().map(|network| network.name.value.clone()).collect();
    Some(Port { name: near.port.clone(), kind, peer: far.clone(), mtu, addresses, networks })
}

fn node(view: &View<'_>, raw: &raw::Node, name: NodeName, ports: Vec<Port>) -> Option<Node> {
    let whole = view.node(&raw.name.value)?;
    let role = *raw.role.value()?;
    let platform =
        view.setting(whole, |settings| &settings.platform).value().copied().unwrap_or(Platform::Debian);
    // Cumulus Linux brings its own daemon, which writes to table 10.
    let built_in = if platform.has_own_rdnbrd() { HostRoutes::Table } else { HostRoutes::Main };
    let loopback = *raw.loopback.value()?;
    let asn = view.setting(whole, |settings| &settings.asn).value().copied();
    if asn.is_none() && role.routes() {
        return None;
    }
    Some(Node {
        name,
        role,
        platform,
        asn,
        loopback,
        router_id: raw.router_id.value().copied().unwrap_or(loopback),
        management: management(view, whole),
        ssh: Ssh {
            host: view.setting(whole, |settings| &settings.ssh.host).value().cloned(),
            user: view.setting(whole, |settings| &settings.ssh.user).value().cloned(),
            port: match view.setting(whole, |settings| &settings.ssh.port).value() {
                Some(port) => Some(u16::try_from(*port).ok()?),
                None => None,
            },
        },
        host_routes: view
            .setting(whole, |settings| &settings.host_routes)
            .value()
            .copied()
            .unwrap_or(built_in),
        ports,
        vars: vars(view, whole, role),
    })
}

/// The management port, if the node has an address there.
fn management(view: &View<'_>, node: &raw::Node) -> Option<Management> {
    let node = view.node(&node.name.value)?;
    let address = node.settings.management.address.value()?;
    let interface = match view.setting(node, |settings| &settings.management.interface).value() {
        Some(interface) => interface.clone(),
        None => IfName::new(BUILT_IN_MANAGEMENT).ok()?,
    };
    let gateway = view.setting(node, |settings| &settings.management.gateway).value().copied();
    Some(Management { interface, address: *address, gateway })
}

/// Variables of the defaults, then the role's, then the node's own: the later win, key by key.
fn vars(view: &View<'_>, node: &raw::Node, role: Role) -> BTreeMap<String, Var> {
    let mut vars = view.inventory.defaults.vars.clone();
    if let Some(settings) = view.inventory.roles.get(&role) {
        vars.extend(settings.vars.clone());
    }
    vars.extend(node.settings.vars.clone());
    vars
}

fn network(raw: &raw::Network) -> Option<(String, Network)> {
    let name = raw.name.value.clone();
    let network = Network {
        name: name.clone(),
        subnet: *raw.subnet.value()?,
        gateway: *raw.gateway.value()?,
        parent: raw.parent.value().cloned(),
    };
    Some((name, network))
}

fn image(raw: &raw::Image) -> Option<(String, Image)> {
    let name = raw.name.value.clone();
    Some((name.clone(), Image { name, source: raw.source.clone()? }))
}

fn workload(view: &View<'_>, raw: &raw::Workload) -> Option<(String, Workload)> {
    let name = raw.name.value.clone();
    let workload = Workload {
        name: name.clone(),
        server: NodeName::new(raw.server.value()?.as_str()).ok()?,
        network: view.network_of(raw)?.name.value.clone(),
        address: *raw.address.value()?,
        image: raw.image.value()?.clone(),
        command: raw.command.clone(),
        environment: raw.environment.clone(),
    };
    Some((name, workload))
}
