//! What the kernel announces by itself, in words.

use super::interfaces::{
    DEL_ADDRESS, DEL_LINK, Interface, InterfaceAddress, NEW_ADDRESS, NEW_LINK, interface, interface_address,
};
use super::monitor::Monitor;
use super::neighbour::{DEL_NEIGHBOUR, NEW_NEIGHBOUR, Neighbour, neighbour};
use super::route::{DEL_ROUTE, KernelRoute, NEW_ROUTE, kernel_route};
use super::socket::NetlinkError;
use super::wire::Message;
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
pub fn announcement(message: &Message<'_>) -> Option<Announcement> {
    let body = message.body();
    match message.kind {
        NEW_LINK => interface(body).map(Announcement::Interface),
        DEL_LINK => interface(body).map(|gone| Announcement::InterfaceGone { index: gone.index }),
        NEW_ADDRESS | DEL_ADDRESS => {
            let address = interface_address(body)?;
            let there = message.kind == NEW_ADDRESS && !address.taken;
            Some(if there {
                Announcement::Address(address.address)
            } else {
                Announcement::AddressGone(address.address)
            })
        }
        NEW_NEIGHBOUR | DEL_NEIGHBOUR => {
            let entry = neighbour(body)?;
            if message.kind == DEL_NEIGHBOUR || entry.has_failed {
                return Some(Announcement::NeighbourLost { index: entry.index, address: entry.address });
            }
            entry.believed().map(Announcement::Neighbour)
        }
        NEW_ROUTE => kernel_route(body).map(|read| Announcement::Route(read.route)),
        DEL_ROUTE => kernel_route(body).map(|read| Announcement::RouteGone(read.route)),
        _ => None,
    }
}
