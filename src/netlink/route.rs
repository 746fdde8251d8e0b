//! Host routes with a protocol number of our own: `/32 dev IF scope link protocol P table T metric M`, or a `/128`.
//!
//! Never replaced, only deleted and added: FRR 8.4 loses an imported route when it is replaced.

use super::socket::{NetlinkError, Socket};
use super::wire::{address, attributes, put_address, put_attribute, u32_at};
use std::io;
use std::net::IpAddr;

/// Kinds of messages (`RTM_…`).
pub(super) const NEW_ROUTE: u16 = 24;
pub(super) const DEL_ROUTE: u16 = 25;
const GET_ROUTE: u16 = 26;

/// `NLM_F_CREATE | NLM_F_EXCL`: one that isn't there yet.
const NEW: u16 = 0x400 | 0x200;

/// Octets that a message begins with (`rtmsg`).
const HEADER: usize = 12;

/// Kinds of routes and scopes (`RTN_…`, `RT_SCOPE_…`).
const UNICAST: u8 = 1;
const BLACKHOLE: u8 = 6;
const UNIVERSE: u8 = 0;
const LINK: u8 = 253;
const NOWHERE: u8 = 255;

/// Attributes (`RTA_…`).
const DESTINATION: u16 = 1;
const INTERFACE: u16 = 4;
const GATEWAY: u16 = 5;
const PRIORITY: u16 = 6;
const SEVERAL: u16 = 9;
const TABLE: u16 = 15;
const VIA: u16 = 18;

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
    /// Deletes the route, whatever interface it has: one that FRR made by way of a next hop object isn't found by its
    /// interface.
    DeleteAnyWay(KernelRoute),
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
    socket.batch(changes, request)
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

/// A host route as it was read, and whether it leads to the host itself, not to a gateway.
pub(super) struct RouteRead {
    pub(super) route: KernelRoute,
    direct: bool,
}

/// All host routes of both families with that protocol number, in every table.
///
/// # Errors
/// When the kernel refuses.
pub fn host_routes(socket: &mut Socket, protocol: u8) -> Result<Vec<KernelRoute>, NetlinkError> {
    read_routes(socket, protocol, |_| true)
}

/// Those of them that lead to the host itself, not to a gateway.
///
/// # Errors
/// When the kernel refuses.
pub fn direct_host_routes(socket: &mut Socket, protocol: u8) -> Result<Vec<KernelRoute>, NetlinkError> {
    read_routes(socket, protocol, |read| read.direct)
}

fn read_routes(
    socket: &mut Socket,
    protocol: u8,
    wanted: impl Fn(&RouteRead) -> bool,
) -> Result<Vec<KernelRoute>, NetlinkError> {
    let mut routes = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6].map(|family| u8::try_from(family).unwrap_or_default()) {
        let header = [family, 0, 0, 0, 0, protocol, 0, 0, 0, 0, 0, 0];
        routes.extend(socket.dump_map(GET_ROUTE, &header, "reading routes", |answer| {
            let asked_for = answer.kind == NEW_ROUTE && answer.body().first() == Some(&family);
            let read = if asked_for { kernel_route(answer.body())? } else { return None };
            (read.route.protocol == protocol && wanted(&read)).then_some(read.route)
        })?);
    }
    Ok(routes)
}

/// None for what is not a host route, or discards. Of a route with several ways, the first counts.
pub(super) fn kernel_route(body: &[u8]) -> Option<RouteRead> {
    let [family, length, _, _, table, protocol, _, kind] = *body.first_chunk()?;
    let whole = match i32::from(family) {
        libc::AF_INET => 32,
        libc::AF_INET6 => 128,
        _ => return None,
    };
    if length != whole || kind != UNICAST {
        return None;
    }
    let (mut of, mut index, mut table, mut metric, mut direct) = (None, None, u32::from(table), 0, true);
    for (kind, value) in attributes(body.get(HEADER..)?) {
        match kind {
            DESTINATION => of = address(family, value),
            INTERFACE => index = u32_at(value, 0),
            TABLE => table = u32_at(value, 0)?,
            PRIORITY => metric = u32_at(value, 0)?,
            GATEWAY | VIA => direct = false,
            SEVERAL => {
                direct = false;
                // The interface of the first (`rtnexthop`).
                index = index.or(u32_at(value, 4));
            }
            _ => {}
        }
    }
    let route = KernelRoute { address: of?, index: index?, table, protocol, metric };
    Some(RouteRead { route, direct })
}

/// Puts what follows the header of a request, and says its kind and flags.
fn request(change: &RouteChange, octets: &mut Vec<u8>) -> (u16, u16) {
    let (kind, flags, route, way, scope) = match change {
        RouteChange::Add(route) => (NEW_ROUTE, NEW, route, UNICAST, LINK),
        RouteChange::Delete(route) | RouteChange::DeleteAnyWay(route) => {
            (DEL_ROUTE, 0, route, UNICAST, NOWHERE)
        }
        RouteChange::Discard(route) => (NEW_ROUTE, NEW, route, BLACKHOLE, UNIVERSE),
        RouteChange::DiscardNot(route) => (DEL_ROUTE, 0, route, BLACKHOLE, UNIVERSE),
    };
    let (family, length, scope) = match route.address {
        IpAddr::V4(_) => (libc::AF_INET, 32, scope),
        // Routes of IPv6 have no scope.
        IpAddr::V6(_) => (libc::AF_INET6, 128, UNIVERSE),
    };
    let family = u8::try_from(family).unwrap_or_default();
    // The header's field has 8 bits; the attribute says it all.
    let table = u8::try_from(route.table).unwrap_or_default();
    octets.extend([family, length, 0, 0, table, route.protocol, scope, way, 0, 0, 0, 0]);
    put_attribute(octets, TABLE, &route.table.to_ne_bytes());
    put_address(octets, DESTINATION, route.address);
    put_attribute(octets, PRIORITY, &route.metric.to_ne_bytes());
    if way == UNICAST && !matches!(change, RouteChange::DeleteAnyWay(_)) {
        put_attribute(octets, INTERFACE, &route.index.to_ne_bytes());
    }
    (kind, flags)
}
