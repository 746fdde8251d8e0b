//! The door to the kernel's network configuration: rtnetlink and packet sockets, blocking, no runtime.

mod announcement;
mod interfaces;
mod link;
mod neighbour;
mod packet;
mod route;
mod socket;

pub use announcement::{Announcement, announcement, announcements};
pub use interfaces::{Interface, InterfaceAddress, interface_addresses, interfaces};
pub use link::{LinkState, VethEnd};
pub use neighbour::{Neighbour, neighbours};
pub use packet::{ARP_FRAME, ArpOperation, ArpPacket, ArpSocket};
pub use route::{KernelRoute, add_route, announce_removal, delete_route, host_routes};
pub use socket::{Monitor, NetlinkError, Socket, messages};
