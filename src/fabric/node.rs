//! Nodes, what they run, and their ports.

use super::{Asn, Endpoint, IfName, NodeName, Var};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

/// What a node is in the fabric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Joins all leafs; sees every host route.
    Spine,
    /// Top of rack; learns the containers of its servers and advertises them.
    Leaf,
    /// Runs the workloads.
    Server,
}

impl Role {
    /// Every role, in the order in which a deployment takes them.
    pub const ALL: [Role; 3] = [Role::Spine, Role::Leaf, Role::Server];

    /// Whether nodes of this role speak BGP.
    pub fn routes(self) -> bool {
        matches!(self, Role::Spine | Role::Leaf)
    }

    /// The role in lower case, as the inventory spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Spine => "spine",
            Role::Leaf => "leaf",
            Role::Server => "server",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a node runs; the name of its folder of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Debian with FRR, ifupdown2, Docker Engine and this project's `rdnbrd`.
    Debian,
    /// Ubuntu; what has no template of its own comes from `debian`.
    Ubuntu,
    /// Cumulus Linux 3.x: Quagga paths, its own neighbour daemon, management VRF.
    Cumulus,
}

impl Platform {
    /// The platform in lower case, as the inventory and the template folders spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Debian => "debian",
            Platform::Ubuntu => "ubuntu",
            Platform::Cumulus => "cumulus",
        }
    }

    /// The template folders to look in, the first match wins.
    pub fn template_folders(self) -> &'static [&'static str] {
        match self {
            Platform::Debian => &["debian"],
            Platform::Ubuntu => &["ubuntu", "debian"],
            Platform::Cumulus => &["cumulus"],
        }
    }

    /// Whether the platform ships a redistribute-neighbor daemon of its own, so that ours is not pushed.
    pub fn has_own_rdnbrd(self) -> bool {
        self == Platform::Cumulus
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a leaf hands the learned host routes to FRR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostRoutes {
    /// `rdnbrd` writes to the main table, FRR redistributes kernel routes: sound on every FRR version.
    Main,
    /// `rdnbrd` writes to routing table 10, FRR imports it: the way of Cumulus Linux.
    Table,
}

/// One member of the fabric, with every setting resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its name, and its name for SSH.
    pub name: NodeName,
    /// Its part in the fabric.
    pub role: Role,
    /// What it runs.
    pub platform: Platform,
    /// Its AS; spines and leafs have one, servers have none.
    pub asn: Option<Asn>,
    /// The loopback address, a /32 on `lo`.
    pub loopback: Ipv4Addr,
    /// The BGP identifier; the loopback unless the inventory says otherwise.
    pub router_id: Ipv4Addr,
    /// The out-of-band port, where the inventory gives one; else the node's own set-up of it is left alone.
    pub management: Option<Management>,
    /// How SSH reaches it.
    pub ssh: Ssh,
    /// How host routes reach FRR (leafs).
    pub host_routes: HostRoutes,
    /// Ports with a link, in natural order of their names.
    pub ports: Vec<Port>,
    /// Free variables of the inventory for the user's own templates.
    pub vars: BTreeMap<String, Var>,
}

impl Node {
    /// The ports of one kind.
    pub fn ports_of(&self, kind: PortKind) -> impl Iterator<Item = &Port> {
        self.ports.iter().filter(move |port| port.kind == kind)
    }

    /// The port of that name.
    pub fn port(&self, name: &IfName) -> Option<&Port> {
        self.ports.iter().find(|port| port.name == *name)
    }
}

/// The out-of-band management port of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Management {
    /// The interface, `eth0` unless the inventory says otherwise.
    pub interface: IfName,
    /// Address with the length of its network.
    pub address: Ipv4Net,
    /// The default gateway of the management network, if it has one.
    pub gateway: Option<Ipv4Addr>,
}

/// How SSH reaches a node; what is not given comes from the user's own `ssh_config`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Ssh {
    /// The destination when it isn't the node's name.
    pub host: Option<String>,
    /// The login name.
    pub user: Option<String>,
    /// The TCP port.
    pub port: Option<u16>,
}

/// What a port is for, which follows from the roles at both ends of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortKind {
    /// Leaf to spine, seen from the leaf: BGP unnumbered.
    Uplink,
    /// Spine to leaf, seen from the spine: BGP unnumbered.
    Downlink,
    /// Leaf to server, seen from the leaf: holds the gateway address of the workload networks.
    Server,
    /// Server to leaf, seen from the server: the parent of the macvlan networks.
    Data,
}

/// A port with a link, seen from its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// The interface.
    pub name: IfName,
    /// What it is for.
    pub kind: PortKind,
    /// The far end.
    pub peer: Endpoint,
    /// The MTU in octets.
    pub mtu: u32,
    /// Its IPv4 addresses: the gateway on a leaf's server port, the data address on a server; none on BGP links.
    pub addresses: Vec<Ipv4Net>,
    /// The workload networks it carries (leaf server ports and server data ports).
    pub networks: Vec<String>,
}
