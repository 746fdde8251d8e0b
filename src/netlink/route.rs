//! IPv4 host routes with a protocol number of our own: `/32 dev IF scope link protocol P table T`.
//!
//! Never replaced, only deleted and added: FRR 8.4 loses an imported route when it is replaced.

use super::socket::{NetlinkError, Socket};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::Ipv4Addr;

/// A host route out of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelRoute {
    /// The /32.
    pub address: Ipv4Addr,
    /// The kernel's number of the interface.
    pub index: u32,
    /// The routing table; 254 is main.
    pub table: u32,
    /// Who made it (`rtm_protocol`).
    pub protocol: u8,
}

/// Adds the route; false when a route to that address was there already, whoever made it.
///
/// # Errors
/// When the kernel refuses.
pub fn add_route(socket: &mut Socket, route: &KernelRoute) -> Result<bool, NetlinkError> {
    let mut message = message(route, RouteType::Unicast);
    message.header.scope = RouteScope::Link;
    message.attributes.push(RouteAttribute::Oif(route.index));
    let what = format!("adding the route to {}", route.address);
    let added = socket.request(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL, &what);
    done_unless(added, &[libc::EEXIST])
}

/// Deletes the route, and only this one: same interface, table and protocol. False when it wasn't there.
///
/// # Errors
/// When the kernel refuses.
pub fn delete_route(socket: &mut Socket, route: &KernelRoute) -> Result<bool, NetlinkError> {
    let mut message = message(route, RouteType::Unicast);
    message.header.scope = RouteScope::NoWhere;
    message.attributes.push(RouteAttribute::Oif(route.index));
    let what = format!("deleting the route to {}", route.address);
    let deleted = socket.request(RouteNetlinkMessage::DelRoute(message), 0, &what);
    done_unless(deleted, &[libc::ESRCH, libc::ENODEV])
}

/// Makes listeners hear that there is no route to the address any more, where the kernel removed it silently
/// (admin-down, last address of an interface removed): adds one that discards, and deletes it. Without it FRR
/// goes on to advertise the route.
///
/// # Errors
/// When the kernel refuses.
pub fn announce_removal(socket: &mut Socket, route: &KernelRoute) -> Result<(), NetlinkError> {
    let what = format!("announcing the removal of the route to {}", route.address);
    let message = message(route, RouteType::BlackHole);
    let add = RouteNetlinkMessage::NewRoute(message.clone());
    if done_unless(socket.request(add, NLM_F_CREATE | NLM_F_EXCL, &what), &[libc::EEXIST])? {
        done_unless(socket.request(RouteNetlinkMessage::DelRoute(message), 0, &what), &[libc::ESRCH])?;
    }
    Ok(())
}

/// All host routes with that protocol number, in every table.
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn host_routes(socket: &mut Socket, protocol: u8) -> Result<Vec<KernelRoute>, NetlinkError> {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.protocol = RouteProtocol::from(protocol);
    let answers = socket.dump(RouteNetlinkMessage::GetRoute(message), "reading routes")?;
    let read = answers.iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewRoute(message) => kernel_route(message),
        _ => None,
    });
    Ok(read.filter(|route| route.protocol == protocol).collect())
}

/// None for what is not an IPv4 host route out of one interface.
pub(super) fn kernel_route(message: &RouteMessage) -> Option<KernelRoute> {
    let header = &message.header;
    let host = header.address_family == AddressFamily::Inet && header.destination_prefix_length == 32;
    if !host || header.kind != RouteType::Unicast {
        return None;
    }
    let (mut address, mut index, mut table) = (None, None, u32::from(header.table));
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(destination)) => address = Some(*destination),
            RouteAttribute::Oif(oif) => index = Some(*oif),
            RouteAttribute::Table(number) => table = *number,
            _ => {}
        }
    }
    Some(KernelRoute { address: address?, index: index?, table, protocol: header.protocol.into() })
}

fn message(route: &KernelRoute, kind: RouteType) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 32;
    // The header's field has 8 bits; the attribute says it all.
    message.header.table = u8::try_from(route.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    message.header.protocol = RouteProtocol::from(route.protocol);
    message.header.kind = kind;
    message.attributes.push(RouteAttribute::Table(route.table));
    message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(route.address)));
    message
}

/// True when it was done, false when the kernel says one of those: then there was nothing to do.
fn done_unless(done: Result<(), NetlinkError>, nothing: &[i32]) -> Result<bool, NetlinkError> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.errno().is_some_and(|errno| nothing.contains(&errno)) => Ok(false),
        Err(error) => Err(error),
    }
}
