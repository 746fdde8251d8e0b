//! The kernel's neighbour table.

use super::socket::{NetlinkError, Socket};
use crate::fabric::Mac;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::Ipv4Addr;

/// An IPv4 neighbour whose hardware address the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The kernel's number of the interface.
    pub index: u32,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its hardware address, right or not: the kernel doesn't ask as long as nobody sends.
    pub mac: Mac,
}

/// All IPv4 neighbours the kernel believes in.
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn neighbours(socket: &mut Socket) -> Result<Vec<Neighbour>, NetlinkError> {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    let answers = socket.dump(RouteNetlinkMessage::GetNeighbour(message), "reading neighbours")?;
    let read = answers.iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewNeighbour(message) => neighbour(message),
        _ => None,
    });
    Ok(read.collect())
}

/// None where the kernel has no hardware address, or one that it made up.
pub(super) fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    let address = neighbour_address(message)?;
    let known = matches!(
        message.header.state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
    );
    let mac = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(octets) => octets.as_slice().try_into().ok().map(Mac),
        _ => None,
    });
    known.then_some(Neighbour { index: message.header.ifindex, address, mac: mac? })
}

/// Whose entry it is; none for proxy entries.
pub(super) fn neighbour_address(message: &NeighbourMessage) -> Option<Ipv4Addr> {
    if message.header.flags.contains(NeighbourFlags::Proxy) {
        return None;
    }
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(*address),
        _ => None,
    })
}

/// Whether the kernel tried and had no answer.
pub(super) fn has_failed(message: &NeighbourMessage) -> bool {
    message.header.state == NeighbourState::Failed
}
