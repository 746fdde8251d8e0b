//! Links: veth pairs from namespace to namespace, made from inside the hub's, never from the machine's own.

use super::LabError;
use super::hub::BRIDGE;
use super::record::{LinkRecord, NodeRecord};
use crate::fabric::{Endpoint, NodeName};
use crate::netlink::{Socket, VethEnd};
use nix::sched::{CloneFlags, setns};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// MTU of the management network, in octets.
const MANAGEMENT_MTU: u32 = 1500;
/// How long an interface of a node that has ended may linger.
const LINGER: Duration = Duration::from_secs(5);

/// The network namespaces of a lab.
pub(super) struct Namespaces {
    pub(super) hub: File,
    pub(super) nodes: BTreeMap<NodeName, File>,
}

/// The network namespace of a process.
pub(super) fn namespace(pid: i32) -> Result<File, LabError> {
    let path = format!("/proc/{pid}/ns/net");
    File::open(&path).map_err(LabError::file("opening", &path))
}

/// Connects these nodes (each with its number in the lab) to the hub, and makes these links.
pub(super) fn wire(
    namespaces: &Namespaces,
    nodes: &[(usize, &NodeRecord)],
    links: &[&LinkRecord],
) -> Result<(), LabError> {
    let deed = || -> Result<(), LabError> {
        setns(&namespaces.hub, CloneFlags::CLONE_NEWNET)
            .map_err(|error| LabError::system("entering the hub's network namespace", error))?;
        let mut netlink = Socket::open()?;
        let bridge = netlink.link_index(BRIDGE)?;
        for (number, node) in nodes {
            connect(&mut netlink, namespaces, node, bridge, *number)?;
        }
        for link in links {
            create(&mut netlink, end(namespaces, &link.a, link.mtu)?, end(namespaces, &link.b, link.mtu)?)?;
        }
        Ok(())
    };
    // A thread of its own: it never comes back from the hub's namespace.
    std::thread::scope(|scope| scope.spawn(deed).join())
        .unwrap_or_else(|_| Err(LabError::system("wiring the lab", std::io::ErrorKind::Other)))
}

/// Gives a node that was started again the ends of its links that its former namespace has. The other ends stay what
/// they are, as those of a device do whose neighbour restarts.
pub(super) fn rewire(
    from: &File,
    to: &File,
    node: &NodeRecord,
    links: &[LinkRecord],
) -> Result<(), LabError> {
    let ends = links.iter().flat_map(|link| [&link.a, &link.b]).filter(|end| end.node == node.name);
    let deed = || -> Result<(), LabError> {
        setns(from, CloneFlags::CLONE_NEWNET)
            .map_err(|error| LabError::system("entering a network namespace", error))?;
        let mut netlink = Socket::open()?;
        let ports = ends.map(|end| end.port.as_str()).chain([node.management.interface.as_str()]);
        for port in ports {
            let index = netlink.link_index(port)?;
            netlink.move_link(index, to.as_fd())?;
        }
        Ok(())
    };
    // A thread of its own: it never comes back from there.
    std::thread::scope(|scope| scope.spawn(deed).join())
        .unwrap_or_else(|_| Err(LabError::system("wiring the lab", std::io::ErrorKind::Other)))
}

/// The hub's port to a node, by the node's number: names of nodes can be longer than those of interfaces.
pub(super) fn hub_port(number: usize) -> String {
    format!("node{number}")
}

/// Plugs in, or pulls, the cable at a port of a namespace: the other end loses its carrier.
pub(super) fn plug(namespace: &File, port: &str, plugged: bool) -> Result<(), LabError> {
    let deed = || -> Result<(), LabError> {
        setns(namespace, CloneFlags::CLONE_NEWNET)
            .map_err(|error| LabError::system("entering a network namespace", error))?;
        let mut netlink = Socket::open()?;
        let index = netlink.link_index(port)?;
        Ok(netlink.set_up(index, plugged)?)
    };
    // A thread of its own: it never comes back from there.
    std::thread::scope(|scope| scope.spawn(deed).join())
        .unwrap_or_else(|_| Err(LabError::system("wiring the lab", std::io::ErrorKind::Other)))
}

fn connect(
    netlink: &mut Socket,
    namespaces: &Namespaces,
    node: &NodeRecord,
    bridge: u32,
    number: usize,
) -> Result<(), LabError> {
    let name = hub_port(number);
    let port = VethEnd {
        name: &name,
        namespace: namespaces.hub.as_fd(),
        mtu: MANAGEMENT_MTU,
        bridge: Some(bridge),
        up: true,
    };
    let far = VethEnd {
        name: node.management.interface.as_str(),
        namespace: namespaces.of(&node.name)?,
        bridge: None,
        up: false,
        ..port
    };
    create(netlink, port, far)
}

fn end<'a>(namespaces: &'a Namespaces, end: &'a Endpoint, mtu: u32) -> Result<VethEnd<'a>, LabError> {
    let namespace = namespaces.of(&end.node)?;
    Ok(VethEnd { name: end.port.as_str(), namespace, mtu, bridge: None, up: false })
}

/// Makes a pair. The kernel takes down what a node that has ended left behind in its own time: until then a name is taken.
fn create(netlink: &mut Socket, a: VethEnd<'_>, b: VethEnd<'_>) -> Result<(), LabError> {
    let started = Instant::now();
    loop {
        match netlink.create_veth(a, b) {
            Err(error) if error.errno() == Some(libc::EEXIST) && started.elapsed() < LINGER => {
                std::thread::sleep(Duration::from_millis(20));
            }
            result => return Ok(result?),
        }
    }
}

impl Namespaces {
    fn of(&self, node: &NodeName) -> Result<BorrowedFd<'_>, LabError> {
        self.nodes.get(node).map(AsFd::as_fd).ok_or_else(|| {
            LabError::system(format!("finding the network namespace of {node}"), std::io::ErrorKind::NotFound)
        })
    }
}
