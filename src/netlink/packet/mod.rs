//! What hosts say of themselves on an interface: ARP and neighbour discovery, as octets and through raw sockets.

mod arp;
mod discovery;
mod filter;
mod frame;
mod mail;
mod port;

pub use arp::{ARP_FRAME, ArpOperation, ArpPacket};
pub use frame::Frame;
pub use mail::Mailbag;
pub use port::{PortSocket, Protocol};

use crate::fabric::Mac;
use crate::neighbor::Kind;
use std::net::IpAddr;

/// What one frame tells of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Whose hardware address it tells.
    pub address: IpAddr,
    /// That hardware address, which is also the source of the frame.
    pub mac: Mac,
    /// What the packet was for.
    pub kind: Kind,
}

/// Reads an Ethernet frame; none where it is neither ARP nor neighbour discovery nor an answer to
/// [`Frame::everybody`], where it breaks the rules of its protocol, or says nothing of an address. It never panics,
/// whatever the octets.
pub fn heard(octets: &[u8]) -> Option<Heard> {
    let (ethertype, _) = octets.get(12..)?.split_first_chunk::<2>()?;
    let heard = match u16::from_be_bytes(*ethertype) {
        arp::ETHERTYPE => ArpPacket::from_octets(octets).and_then(ArpPacket::heard),
        discovery::ETHERTYPE => discovery::heard(octets),
        _ => None,
    };
    heard.filter(|heard| heard.mac.is_station())
}
