//! The door to the kernel's network configuration: rtnetlink and packet sockets, blocking, no runtime.

mod socket;

pub use socket::{Monitor, NetlinkError, Socket};
