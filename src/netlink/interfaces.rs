//! Interfaces and their addresses, as the kernel has them.

use super::socket::{NetlinkError, Socket};
use crate::fabric::Mac;
use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::IpAddr;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address, where it has one.
    pub mac: Option<Mac>,
    /// Whether it is set up, has carrier and is operational.
    pub up: bool,
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// The kernel's number of the interface.
    pub index: u32,
    /// The address with the length of its prefix.
    pub address: IpNet,
}

/// All interfaces of the namespace.
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn interfaces(socket: &mut Socket) -> Result<Vec<Interface>, NetlinkError> {
    let message = RouteNetlinkMessage::GetLink(LinkMessage::default());
    socket.dump_map(&message, "reading interfaces", |answer| match answer {
        RouteNetlinkMessage::NewLink(message) => interface(&message),
        _ => None,
    })
}

/// All addresses of the namespace, of both families, but link-local ones of IPv6 and those that another node has
/// (duplicate address detection failed).
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn interface_addresses(socket: &mut Socket) -> Result<Vec<InterfaceAddress>, NetlinkError> {
    let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    socket.dump_map(&message, "reading addresses", |answer| match answer {
        RouteNetlinkMessage::NewAddress(message) => usable_address(&message),
        _ => None,
    })
}

/// None for what speaks of a bridge's port rather than of the interface.
pub(super) fn interface(message: &LinkMessage) -> Option<Interface> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let mut name = None;
    let mut mac = None;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = Some(text.clone()),
            LinkAttribute::Address(octets) => mac = octets.as_slice().try_into().ok().map(Mac),
            _ => {}
        }
    }
    // Carrier comes before the state is operational; FRR 8.4 loses an imported route that is added in between.
    let up = message.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Running);
    Some(Interface { index: message.header.index, name: name?, mac, up })
}

/// None for what the node can't use.
pub(super) fn usable_address(message: &AddressMessage) -> Option<InterfaceAddress> {
    let another_has_it = message.attributes.iter().any(|attribute| {
        matches!(attribute, AddressAttribute::Flags(flags) if flags.contains(AddressFlags::Dadfailed))
    });
    if another_has_it { None } else { interface_address(message) }
}

/// None for link-local addresses of IPv6 and what is no address of the Internet protocols.
pub(super) fn interface_address(message: &AddressMessage) -> Option<InterfaceAddress> {
    let mut local = None;
    let mut far = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => far = Some(*address),
            _ => {}
        }
    }
    // On a point-to-point interface `Address` is the other end and `Local` our own.
    let address = local.or(far)?;
    if is_link_local(address) {
        return None;
    }
    let address = IpNet::new(address, message.header.prefix_len).ok()?;
    Some(InterfaceAddress { index: message.header.index, address })
}

/// Whether it is an IPv6 address that means something on one link only (`fe80::/10`).
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
