//! What the kernel announces by itself, in words.

use super::interfaces::{Interface, InterfaceAddress, interface, interface_address, usable_address};
use super::monitor::Monitor;
use super::neighbour::{Neighbour, has_failed, neighbour, neighbour_address};
use super::route::{KernelRoute, kernel_route};
use super::socket::NetlinkError;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::sys::socket::{setsockopt, sockopt};
use std::net::IpAddr;

/// `RTNLGRP_LINK`, `_NEIGH`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR`, `_IPV6_ROUTE`.
const GROUPS: [u32; 6] = [1, 3, 5, 7, 9, 11];

/// Some 20,000 announcements, before the kernel drops any.
const BUFFER: usize = 8 * 1024 * 1024;

/// A change that the kernel announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// An interface is new or different.
    Interface(Interface),
    /// An interface is deleted.
    InterfaceGone {
        /// The number it had.
        index: u32,
    },
    /// An interface has this address.
    Address(InterfaceAddress),
    /// An interface has this address no more.
    AddressGone(InterfaceAddress),
    /// The kernel believes in a neighbour.
    Neighbour(Neighbour),
    /// The kernel gave a neighbour up, or forgot it.
    NeighbourLost {
        /// The kernel's number of the interface.
        index: u32,
        /// The neighbour.
        address: IpAddr,
    },
    /// A host route is there.
    Route(KernelRoute),
    /// A host route is there no more.
    RouteGone(KernelRoute),
}

/// Hears changes of links, neighbours, addresses and routes in the thread's network namespace.
///
/// # Errors
/// When the kernel gives no socket.
pub fn announcements() -> Result<Monitor, NetlinkError> {
    let monitor = Monitor::open(&GROUPS, BUFFER)?;
    // Beyond the system's limit where we may (CAP_NET_ADMIN); else what was granted has to do.
    let _ = setsockopt(&monitor, sockopt::RcvBufForce, &BUFFER);
    Ok(monitor)
}

/// Reads one message; none where it says nothing of these kinds.
pub fn announcement(message: &RouteNetlinkMessage) -> Option<Announcement> {
    match message {
        RouteNetlinkMessage::NewLink(link) => interface(link).map(Announcement::Interface),
        RouteNetlinkMessage::DelLink(link) if link.header.interface_family == AddressFamily::Unspec => {
            Some(Announcement::InterfaceGone { index: link.header.index })
        }
        RouteNetlinkMessage::NewAddress(address) => match usable_address(address) {
            Some(usable) => Some(Announcement::Address(usable)),
            None => interface_address(address).map(Announcement::AddressGone),
        },
        RouteNetlinkMessage::DelAddress(address) => interface_address(address).map(Announcement::AddressGone),
        RouteNetlinkMessage::NewNeighbour(entry) if !has_failed(entry) => {
            neighbour(entry).map(Announcement::Neighbour)
        }
        RouteNetlinkMessage::NewNeighbour(entry) | RouteNetlinkMessage::DelNeighbour(entry) => {
            let index = entry.header.ifindex;
            neighbour_address(entry).map(|address| Announcement::NeighbourLost { index, address })
        }
        RouteNetlinkMessage::NewRoute(route) => kernel_route(route).map(Announcement::Route),
        RouteNetlinkMessage::DelRoute(route) => kernel_route(route).map(Announcement::RouteGone),
        _ => None,
    }
}
