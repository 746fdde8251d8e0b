//! ARP for IPv4 over Ethernet (RFC 826).

use super::Heard;
use crate::fabric::Mac;
use crate::neighbor::Kind;
use std::net::Ipv4Addr;

/// Octets of an ARP packet for IPv4 over Ethernet, its Ethernet header included, its padding not.
pub const ARP_FRAME: usize = 42;

pub(super) const ETHERTYPE: u16 = 0x0806;
/// Ethernet, IPv4, and the lengths of their addresses.
const ARP_FORMAT: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// Whether a packet asks or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArpOperation {
    /// It asks who has the target address.
    Request,
    /// It says that the sender has the sender address.
    Reply,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArpPacket {
    /// Who gets the frame.
    pub destination: Mac,
    /// Whether it asks or answers.
    pub operation: ArpOperation,
    /// The sender's hardware address, in the packet and as the source of the frame.
    pub sender_mac: Mac,
    /// The sender's address.
    pub sender: Ipv4Addr,
    /// The target's hardware address; zeros in a request.
    pub target_mac: Mac,
    /// The target's address.
    pub target: Ipv4Addr,
}

impl ArpPacket {
    /// Asks for `target`, by unicast where its hardware address is given.
    pub fn request(sender_mac: Mac, sender: Ipv4Addr, target: Ipv4Addr, station: Option<Mac>) -> Self {
        Self {
            destination: station.unwrap_or(Mac::BROADCAST),
            operation: ArpOperation::Request,
            sender_mac,
            sender,
            target_mac: Mac([0; 6]),
            target,
        }
    }

    /// Says unasked that `address` is at `mac`: gratuitous ARP, in the form of a request or of a reply (RFC 5227 §3),
    /// since hosts differ in which they believe.
    pub fn announcement(mac: Mac, address: Ipv4Addr, operation: ArpOperation) -> Self {
        let target_mac = match operation {
            ArpOperation::Request => Mac([0; 6]),
            ArpOperation::Reply => Mac::BROADCAST,
        };
        Self {
            destination: Mac::BROADCAST,
            operation,
            sender_mac: mac,
            sender: address,
            target_mac,
            target: address,
        }
    }

    /// What it tells of an address. A probe (RFC 5227 §2.1.1) comes from nobody and tells of its target.
    pub(super) fn heard(self) -> Option<Heard> {
        let (address, kind) = match self.operation {
            ArpOperation::Request if self.sender.is_unspecified() => (self.target, Kind::Claim),
            _ if self.sender == self.target => (self.sender, Kind::Announcement),
            ArpOperation::Request => (self.sender, Kind::Request),
            ArpOperation::Reply => (self.sender, Kind::Reply),
        };
        let heard = Heard { address: address.into(), mac: self.sender_mac, kind };
        (!address.is_unspecified()).then_some(heard)
    }

    /// The frame's octets.
    pub fn to_octets(self) -> [u8; ARP_FRAME] {
        let operation: u16 = match self.operation {
            ArpOperation::Request => 1,
            ArpOperation::Reply => 2,
        };
        let parts: [&[u8]; 9] = [
            &self.destination.0,
            &self.sender_mac.0,
            &ETHERTYPE.to_be_bytes(),
            &ARP_FORMAT,
            &operation.to_be_bytes(),
            &self.sender_mac.0,
            &self.sender.octets(),
            &self.target_mac.0,
            &self.target.octets(),
        ];
        let mut octets = [0; ARP_FRAME];
        for (octet, value) in octets.iter_mut().zip(parts.into_iter().flatten()) {
            *octet = *value;
        }
        octets
    }

    /// Reads a frame; none when it is too short, no ARP for IPv4 over Ethernet, neither request nor reply, or
    /// when the frame's source isn't the sender that the packet claims.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (destination, rest) = octets.split_first_chunk::<6>()?;
        let (source, rest) = rest.split_first_chunk::<6>()?;
        let (ethertype, rest) = rest.split_first_chunk::<2>()?;
        let (format, rest) = rest.split_first_chunk::<6>()?;
        let (operation, rest) = rest.split_first_chunk::<2>()?;
        let (sender_mac, rest) = rest.split_first_chunk::<6>()?;
        let (sender, rest) = rest.split_first_chunk::<4>()?;
        let (target_mac, rest) = rest.split_first_chunk::<6>()?;
        let (target, _padding) = rest.split_first_chunk::<4>()?;
        let arp = u16::from_be_bytes(*ethertype) == ETHERTYPE && *format == ARP_FORMAT;
        if !arp || source != sender_mac {
            return None;
        }
        let operation = match u16::from_be_bytes(*operation) {
            1 => ArpOperation::Request,
            2 => ArpOperation::Reply,
            _ => return None,
        };
        Some(Self {
            destination: Mac(*destination),
            operation,
            sender_mac: Mac(*sender_mac),
            sender: Ipv4Addr::from(*sender),
            target_mac: Mac(*target_mac),
            target: Ipv4Addr::from(*target),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: [u8; ARP_FRAME] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0x42, 0xac, 0x10, 1, 0x0b, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2,
        0x42, 0xac, 0x10, 1, 0x0b, 172, 16, 1, 11, 0, 0, 0, 0, 0, 0, 172, 16, 1, 1,
    ];

    fn packet() -> ArpPacket {
        let mac = Mac([2, 0x42, 0xac, 0x10, 1, 0x0b]);
        ArpPacket::request(mac, Ipv4Addr::new(172, 16, 1, 11), Ipv4Addr::new(172, 16, 1, 1), None)
    }

    #[test]
    fn a_request_is_the_octets_of_the_standard() {
        assert_eq!(packet().to_octets(), FRAME);
        assert_eq!(ArpPacket::from_octets(&FRAME), Some(packet()));
        let reply = ArpPacket { operation: ArpOperation::Reply, destination: Mac([2; 6]), ..packet() };
        assert_eq!(ArpPacket::from_octets(&reply.to_octets()), Some(reply));
    }

    #[test]
    fn padding_is_ignored_and_every_shorter_frame_refused() {
        let mut padded = FRAME.to_vec();
        padded.resize(60, 0);
        assert_eq!(ArpPacket::from_octets(&padded), Some(packet()));
        for length in 0..ARP_FRAME {
            assert_eq!(ArpPacket::from_octets(&FRAME[..length]), None, "{length}");
        }
    }

    #[test]
    fn what_is_not_plain_arp_is_refused() {
        // Ethernet source, ethertype, hardware, protocol, both lengths, operation.
        for at in [6, 12, 15, 16, 18, 19, 21] {
            let mut frame = FRAME;
            frame[at] ^= 0x55;
            assert_eq!(ArpPacket::from_octets(&frame), None, "octet {at}");
        }
    }
    #[test]
    fn what_a_packet_tells_depends_on_who_speaks_of_whom() {
        let told = |packet: ArpPacket| packet.heard().map(|heard| (heard.address.to_string(), heard.kind));
        assert_eq!(told(packet()), Some(("172.16.1.11".to_owned(), Kind::Request)));
        let reply = ArpPacket { operation: ArpOperation::Reply, ..packet() };
        assert_eq!(told(reply), Some(("172.16.1.11".to_owned(), Kind::Reply)));
        for operation in [ArpOperation::Request, ArpOperation::Reply] {
            let gratuitous = ArpPacket::announcement(packet().sender_mac, packet().sender, operation);
            assert_eq!(ArpPacket::from_octets(&gratuitous.to_octets()), Some(gratuitous));
            assert_eq!(told(gratuitous), Some(("172.16.1.11".to_owned(), Kind::Announcement)));
        }
        let probe = ArpPacket { sender: Ipv4Addr::UNSPECIFIED, target: packet().sender, ..packet() };
        assert_eq!(told(probe), Some(("172.16.1.11".to_owned(), Kind::Claim)));
        let nobody = ArpPacket { target: Ipv4Addr::UNSPECIFIED, ..probe };
        assert_eq!(told(nobody), None);
    }
}
