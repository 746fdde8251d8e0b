//! The kernel's neighbour table.

use super::interfaces::is_link_local;
use super::socket::{NetlinkError, Socket};
use crate::fabric::Mac;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use std::net::IpAddr;

/// A neighbour whose hardware address the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The kernel's number of the interface.
    pub index: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address, right or not: the kernel doesn't ask as long as nobody sends.
    pub mac: Mac,
}

/// All neighbours the kernel believes in, of both families.
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn neighbours(socket: &mut Socket) -> Result<Vec<Neighbour>, NetlinkError> {
    let message = RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default());
    socket.dump_map(&message, "reading neighbours", |answer| match answer {
        RouteNetlinkMessage::NewNeighbour(message) => neighbour(&message),
        _ => None,
    })
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

/// Whose entry it is; none for proxy entries, link-local addresses of IPv6 and entries of bridges.
pub(super) fn neighbour_address(message: &NeighbourMessage) -> Option<IpAddr> {
    if message.header.flags.contains(NeighbourFlags::Proxy) {
        return None;
    }
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })?;
    let of_hosts = !is_link_local(address) && !address.is_multicast() && !address.is_unspecified();
    of_hosts.then_some(address)
}

/// Whether the kernel tried and had no answer.
pub(super) fn has_failed(message: &NeighbourMessage) -> bool {
    message.header.state == NeighbourState::Failed
}
