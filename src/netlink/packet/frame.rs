//! A frame that is to be sent.

use super::arp::{ARP_FRAME, ArpOperation, ArpPacket};
use super::discovery;
use crate::fabric::Mac;
use std::net::{IpAddr, Ipv6Addr};

/// Octets of the longest frame there is: Ethernet, IPv6, and a solicitation with one option.
const LONGEST: usize = 14 + 40 + 24 + 8;

/// An Ethernet frame with ARP or neighbour discovery in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    octets: [u8; LONGEST],
    length: usize,
}

impl Default for Frame {
    fn default() -> Self {
        Self { octets: [0; LONGEST], length: 0 }
    }
}

impl Frame {
    /// Asks for `target` in the name of `source`, the sender at `mac`: the station where one is given, else
    /// everybody. None where the addresses are of two families.
    pub fn question(mac: Mac, source: IpAddr, target: IpAddr, station: Option<Mac>) -> Option<Self> {
        match (source, target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                Some(Self::arp(ArpPacket::request(mac, source, target, station)))
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                Some(discovery::solicitation(mac, source, target, station))
            }
            _ => None,
        }
    }

    /// Asks every IPv6 node of the link for a sign of life, which comes from an address of the same prefix.
    pub fn everybody(mac: Mac, source: Ipv6Addr) -> Self {
        discovery::echo_request(mac, source)
    }

    /// Say that `address` is at `mac` now: gratuitous ARP in both of its forms, or an unsolicited advertisement.
    pub fn announcements(mac: Mac, address: IpAddr) -> Vec<Self> {
        match address {
            IpAddr::V4(address) => [ArpOperation::Request, ArpOperation::Reply]
                .map(|operation| Self::arp(ArpPacket::announcement(mac, address, operation)))
                .to_vec(),
            IpAddr::V6(address) => vec![discovery::advertisement(mac, address)],
        }
    }

    /// What is sent.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// Puts more behind it; what doesn't fit is left out, which no frame of this module runs into.
    pub(super) fn push(&mut self, octets: &[u8]) -> &mut Self {
        let end = self.length + octets.len();
        if let Some(place) = self.octets.get_mut(self.length..end) {
            place.copy_from_slice(octets);
            self.length = end;
        }
        self
    }

    /// Writes two octets where octets are already.
    pub(super) fn put(&mut self, at: usize, octets: [u8; 2]) {
        if let Some(place) = self.octets.get_mut(at..at + 2) {
            place.copy_from_slice(&octets);
        }
    }

    fn arp(packet: ArpPacket) -> Self {
        let mut frame = Self::default();
        let octets: [u8; ARP_FRAME] = packet.to_octets();
        frame.push(&octets);
        frame
    }
}
