//! Interfaces and their IPv4 addresses, as the kernel has them.

use super::socket::{NetlinkError, Socket};
use crate::fabric::Mac;
use ipnet::Ipv4Net;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
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

/// An IPv4 address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// The kernel's number of the interface.
    pub index: u32,
    /// The address with the length of its prefix.
    pub address: Ipv4Net,
}

/// All interfaces of the namespace.
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn interfaces(socket: &mut Socket) -> Result<Vec<Interface>, NetlinkError> {
    let answers = socket.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()), "reading interfaces")?;
    let read = answers.iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewLink(message) => interface(message),
        _ => None,
    });
    Ok(read.collect())
}

/// All IPv4 addresses of the namespace.
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn interface_addresses(socket: &mut Socket) -> Result<Vec<InterfaceAddress>, NetlinkError> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    let answers = socket.dump(RouteNetlinkMessage::GetAddress(message), "reading addresses")?;
    let read = answers.iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewAddress(message) => interface_address(message),
        _ => None,
    });
    Ok(read.collect())
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

/// None for what is not IPv4.
pub(super) fn interface_address(message: &AddressMessage) -> Option<InterfaceAddress> {
    let mut local = None;
    let mut far = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => local = Some(*address),
            AddressAttribute::Address(IpAddr::V4(address)) => far = Some(*address),
            _ => {}
        }
    }
    // On a point-to-point interface `Address` is the other end and `Local` our own.
    let address = Ipv4Net::new(local.or(far)?, message.header.prefix_len).ok()?;
    Some(InterfaceAddress { index: message.header.index, address })
}
