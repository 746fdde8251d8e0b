//! The door to the kernel's network configuration: rtnetlink and packet sockets, blocking, no runtime.

mod link;
mod socket;

pub use link::{LinkState, VethEnd};
pub use socket::{Monitor, NetlinkError, Socket};
