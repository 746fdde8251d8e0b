//! Host routes with a protocol number of our own: `/32 dev IF scope link protocol P table T metric M`, or a `/128`.
//!
//! Never replaced, only deleted and added: FRR 8.4 loses an imported route when it is replaced.

use super::socket::{NetlinkError, Socket};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::IpAddr;

/// A host route out of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelRoute {
    /// The /32, or /128.
    pub address: IpAddr,
    /// The kernel's number of the interface.
    pub index: u32,
    /// The routing table; 254 is main.
    pub table: u32,
    /// Who made it (`rtm_protocol`).
    pub protocol: u8,
    /// The metric. For IPv6 the kernel takes zero for 1024.
    pub metric: u32,
}

/// A change of the kernel's routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChange {
    /// Adds the route; refused with `EEXIST` where one to that address with that metric is there, whoever made it.
    Add(KernelRoute),
    /// Deletes the route, and only this one: same interface, table, protocol and metric. Refused with `ESRCH` where
    /// it isn't there, with `ENODEV` where its interface isn't. (For IPv4 the kernel takes the metric zero for any:
    /// then the route with the lowest goes.)
    Delete(KernelRoute),
    /// Adds a route to the address that discards.
    Discard(KernelRoute),
    /// Deletes that one.
    DiscardNot(KernelRoute),
}

/// Makes the changes in this order, and says which of them were refused, and why.
///
/// # Errors
/// When the socket fails: then nobody knows what was done.
pub fn change_routes(
    socket: &mut Socket,
    changes: &[RouteChange],
) -> Result<Vec<(usize, io::Error)>, NetlinkError> {
    socket.batch(changes.iter().map(request))
}

/// Makes listeners hear that there is no route to the address any more, where the kernel removed it silently
/// (admin-down, last address of an interface removed): adds one that discards, and deletes it. Without it FRR
/// goes on to advertise the route. IPv6 routes the kernel never removes silently, so there is nothing to do for them.
///
/// # Errors
/// When the socket fails.
pub fn announce_removals(socket: &mut Socket, routes: &[KernelRoute]) -> Result<(), NetlinkError> {
    let silent = routes.iter().filter(|route| route.address.is_ipv4());
    // Where a route to the address is there by now, the first is refused and the second finds nothing.
    let changes: Vec<_> =
        silent.flat_map(|route| [RouteChange::Discard(*route), RouteChange::DiscardNot(*route)]).collect();
    change_routes(socket, &changes).map(drop)
}

/// All host routes of both families with that protocol number, in every table.
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn host_routes(socket: &mut Socket, protocol: u8) -> Result<Vec<KernelRoute>, NetlinkError> {
    read_routes(socket, protocol, |_| true)
}

/// Those of them that lead to the host itself, not to a gateway.
///
/// # Errors
/// When the kernel refuses or its answer can't be read.
pub fn direct_host_routes(socket: &mut Socket, protocol: u8) -> Result<Vec<KernelRoute>, NetlinkError> {
    read_routes(socket, protocol, |message| {
        !message.attributes.iter().any(|attribute| {
            use RouteAttribute::{Gateway, MultiPath, Via};
            matches!(attribute, Gateway(_) | MultiPath(_) | Via(_))
        })
    })
}

fn read_routes(
    socket: &mut Socket,
    protocol: u8,
    wanted: impl Fn(&RouteMessage) -> bool,
) -> Result<Vec<KernelRoute>, NetlinkError> {
    let mut routes = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        message.header.protocol = RouteProtocol::from(protocol);
        let message = RouteNetlinkMessage::GetRoute(message);
        routes.extend(socket.dump_map(&message, "reading routes", |answer| match answer {
            RouteNetlinkMessage::NewRoute(message)
                if message.header.address_family == family && wanted(&message) =>
            {
                kernel_route(&message).filter(|route| route.protocol == protocol)
            }
            _ => None,
        })?);
    }
    Ok(routes)
}

/// None for what is not a host route out of one interface.
pub(super) fn kernel_route(message: &RouteMessage) -> Option<KernelRoute> {
    let header = &message.header;
    let length = match header.address_family {
        AddressFamily::Inet => 32,
        AddressFamily::Inet6 => 128,
        _ => return None,
    };
    if header.destination_prefix_length != length || header.kind != RouteType::Unicast {
        return None;
    }
    let (mut address, mut index, mut table, mut metric) = (None, None, u32::from(header.table), 0);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(destination)) => {
                address = Some(IpAddr::V4(*destination));
            }
            RouteAttribute::Destination(RouteAddress::Inet6(destination)) => {
                address = Some(IpAddr::V6(*destination));
            }
            RouteAttribute::Oif(oif) => index = Some(*oif),
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(priority) => metric = *priority,
            // One of several: enough to know where it leads.
            RouteAttribute::MultiPath(hops) => index = index.or(hops.first().map(|hop| hop.interface_index)),
            _ => {}
        }
    }
    let protocol = header.protocol.into();
    Some(KernelRoute { address: address?, index: index?, table, protocol, metric })
}

fn request(change: &RouteChange) -> (RouteNetlinkMessage, u16) {
    match change {
        RouteChange::Add(route) => {
            let mut message = message(route, RouteType::Unicast);
            message.header.scope = scope(route, RouteScope::Link);
            message.attributes.push(RouteAttribute::Oif(route.index));
            (RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
        }
        RouteChange::Delete(route) => {
            let mut message = message(route, RouteType::Unicast);
            message.header.scope = scope(route, RouteScope::NoWhere);
            message.attributes.push(RouteAttribute::Oif(route.index));
            (RouteNetlinkMessage::DelRoute(message), 0)
        }
        RouteChange::Discard(route) => {
            let message = message(route, RouteType::BlackHole);
            (RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
        }
        RouteChange::DiscardNot(route) => {
            (RouteNetlinkMessage::DelRoute(message(route, RouteType::BlackHole)), 0)
        }
    }
}

/// Routes of IPv6 have no scope.
fn scope(route: &KernelRoute, scope: RouteScope) -> RouteScope {
    if route.address.is_ipv4() { scope } else { RouteScope::Universe }
}

fn message(route: &KernelRoute, kind: RouteType) -> RouteMessage {
    let mut message = RouteMessage::default();
    let (family, length, destination) = match route.address {
        IpAddr::V4(address) => (AddressFamily::Inet, 32, RouteAddress::Inet(address)),
        IpAddr::V6(address) => (AddressFamily::Inet6, 128, RouteAddress::Inet6(address)),
    };
    message.header.address_family = family;
    message.header.destination_prefix_length = length;
    // The header's field has 8 bits; the attribute says it all.
    message.header.table = u8::try_from(route.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    message.header.protocol = RouteProtocol::from(route.protocol);
    message.header.kind = kind;
    message.attributes.push(RouteAttribute::Table(route.table));
    message.attributes.push(RouteAttribute::Destination(destination));
    message.attributes.push(RouteAttribute::Priority(route.metric));
    message
}
