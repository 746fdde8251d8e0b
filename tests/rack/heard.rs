//! What the kernel announces, read by a library, not by the code under test.

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage::{self, DelRoute, NewRoute};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use std::cell::RefCell;

/// `RTNLGRP_IPV4_ROUTE`, `RTNLGRP_IPV6_ROUTE`.
const ROUTES: [u32; 2] = [7, 11];

/// What the kernel announced of our routes since it was made.
pub struct Heard {
    socket: Socket,
    seen: RefCell<Vec<(bool, String)>>,
}

impl Heard {
    /// Listens in the thread's network namespace.
    pub fn new() -> Self {
        let mut socket = Socket::new(NETLINK_ROUTE).unwrap();
        socket.bind_auto().unwrap();
        socket.set_non_blocking(true).unwrap();
        for group in ROUTES {
            socket.add_membership(group).unwrap();
        }
        Self { socket, seen: RefCell::default() }
    }

    /// Addresses of routes that were added, in order.
    pub fn added(&self) -> Vec<String> {
        self.of(true)
    }

    /// Addresses of routes that were deleted, in order.
    pub fn deleted(&self) -> Vec<String> {
        self.of(false)
    }

    fn of(&self, wanted: bool) -> Vec<String> {
        let mut seen = self.seen.borrow_mut();
        while let Ok((octets, _)) = self.socket.recv_from_full() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&octets).unwrap();
            let NetlinkPayload::InnerMessage(message) = message.payload else { continue };
            match &message {
                NewRoute(route) if is_ours(route, RouteType::Unicast) => seen.push((true, address(route))),
                DelRoute(route) if is_ours(route, RouteType::Unicast) => seen.push((false, address(route))),
                // The trace of a route that the kernel removed without a word.
                DelRoute(route) if is_ours(route, RouteType::BlackHole) => seen.push((false, address(route))),
                _ => {}
            }
        }
        seen.iter().filter(|(added, _)| *added == wanted).map(|(_, address)| address.clone()).collect()
    }
}

fn is_ours(route: &RouteMessage, kind: RouteType) -> bool {
    u8::from(route.header.protocol) == 76 && route.header.kind == kind
}

fn address(route: &RouteMessage) -> String {
    let destination = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(address.to_string()),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(address.to_string()),
        _ => None,
    });
    destination.unwrap()
}
