//! The door to the kernel's network configuration: rtnetlink and packet sockets, blocking, no runtime.

mod announcement;
mod interfaces;
mod library;
mod link;
mod monitor;
mod neighbour;
mod packet;
mod route;
mod socket;
mod wire;

pub use announcement::{Announcement, announcement, announcements};
pub use interfaces::{Interface, InterfaceAddress, interface_addresses, interfaces};
pub use link::{LinkState, VethEnd};
pub use monitor::Monitor;
pub use neighbour::{Neighbour, neighbours};
pub use packet::{ARP_FRAME, ArpOperation, ArpPacket, Frame, Heard, Mailbag, PortSocket, Protocol, heard};
pub use route::{
    KernelRoute, RouteChange, announce_removals, change_routes, direct_host_routes, host_routes,
};
pub use socket::{NetlinkError, Socket};
pub use wire::{Message, messages};
