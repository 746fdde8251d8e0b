//! Neighbour discovery (RFC 4861) and the echo of ICMP (RFC 4443), in IPv6 over Ethernet (RFC 2464).

use super::Heard;
use super::frame::Frame;
use crate::fabric::Mac;
use crate::neighbor::Kind;
use std::net::Ipv6Addr;

pub(super) const ETHERTYPE: u16 = 0x86dd;
/// The next header of ICMP for IPv6.
pub(super) const ICMPV6: u8 = 58;
pub(super) const ECHO_REQUEST: u8 = 128;
pub(super) const ECHO_REPLY: u8 = 129;
pub(super) const SOLICITATION: u8 = 135;
pub(super) const ADVERTISEMENT: u8 = 136;
/// Tells answers to our echo requests from those that only pass by.
pub(super) const ECHO_IDENTIFIER: u16 = 0x7264;

/// Proof that no router has forwarded a packet (RFC 4861 §7.1).
const NOT_FORWARDED: u8 = 255;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Options with a hardware address of 6 octets: 8 octets long, counted in units of 8.
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// Asks for `target`: the station where its hardware address is given, else the group that the address belongs to
/// (RFC 4861 §4.3).
pub(super) fn solicitation(mac: Mac, source: Ipv6Addr, target: Ipv6Addr, station: Option<Mac>) -> Frame {
    let group = solicited_node(target);
    let (destination, to) = match station {
        Some(station) => (target, station),
        None => (group, group_mac(group)),
    };
    let message: [&[u8]; 4] = [&[0; 4], &target.octets(), &[SOURCE_LINK_LAYER, 1], &mac.0];
    packet((mac, to), (source, destination), SOLICITATION, &message)
}

/// Says unasked, to all nodes, that `address` is at `mac`, and that this overrides what they believe
/// (RFC 4861 §7.2.6).
pub(super) fn advertisement(mac: Mac, address: Ipv6Addr) -> Frame {
    let message: [&[u8]; 4] = [&[OVERRIDE, 0, 0, 0], &address.octets(), &[TARGET_LINK_LAYER, 1], &mac.0];
    packet((mac, group_mac(ALL_NODES)), (address, ALL_NODES), ADVERTISEMENT, &message)
}

/// Asks all nodes for a sign of life (RFC 4443 §4.1).
pub(super) fn echo_request(mac: Mac, source: Ipv6Addr) -> Frame {
    let message: [&[u8]; 2] = [&ECHO_IDENTIFIER.to_be_bytes(), &[0, 1]];
    packet((mac, group_mac(ALL_NODES)), (source, ALL_NODES), ECHO_REQUEST, &message)
}

/// Reads a frame that says it is IPv6.
pub(super) fn heard(octets: &[u8]) -> Option<Heard> {
    let (ethernet, rest) = octets.split_first_chunk::<14>()?;
    let mac = Mac(*ethernet.get(6..)?.first_chunk::<6>()?);
    let (header, rest) = rest.split_first_chunk::<40>()?;
    let [version, _, _, _, length_high, length_low, next, hops, addresses @ ..] = *header;
    let source = Ipv6Addr::from(*addresses.first_chunk::<16>()?);
    let destination = Ipv6Addr::from(*addresses.last_chunk::<16>()?);
    // What follows is the padding of the frame.
    let message = rest.get(..usize::from(u16::from_be_bytes([length_high, length_low])))?;
    if version >> 4 != 6 || next != ICMPV6 || checksum(source, destination, message) != 0 {
        return None;
    }
    let ([kind, code, _, _, first, second, _, _], body) = message.split_first_chunk::<8>()?;
    let (address, kind) = match (*kind, *code) {
        (ECHO_REPLY, 0) if [*first, *second] == ECHO_IDENTIFIER.to_be_bytes() => (source, Kind::Announcement),
        (SOLICITATION, 0) if hops == NOT_FORWARDED => solicited(mac, source, destination, body)?,
        (ADVERTISEMENT, 0) if hops == NOT_FORWARDED => {
            advertised(mac, *first & SOLICITED != 0, destination, body)?
        }
        _ => return None,
    };
    let of_a_host = !address.is_multicast() && !address.is_unspecified();
    of_a_host.then_some(Heard { address: address.into(), mac, kind })
}

/// A solicitation tells of its sender; from nobody, it is duplicate address detection and tells of its target
/// (RFC 4861 §7.1.1).
fn solicited(mac: Mac, source: Ipv6Addr, destination: Ipv6Addr, body: &[u8]) -> Option<(Ipv6Addr, Kind)> {
    let (target, options) = body.split_first_chunk::<16>()?;
    let target = Ipv6Addr::from(*target);
    let told = link_layer(options, SOURCE_LINK_LAYER).ok()?;
    if target.is_multicast() || told.is_some_and(|told| told != mac) {
        return None;
    }
    if !source.is_unspecified() {
        return Some((source, Kind::Request));
    }
    let group = told.is_none() && destination == solicited_node(target);
    group.then_some((target, Kind::Claim))
}

/// An advertisement tells of its target (RFC 4861 §7.1.2).
fn advertised(mac: Mac, answer: bool, destination: Ipv6Addr, body: &[u8]) -> Option<(Ipv6Addr, Kind)> {
    let (target, options) = body.split_first_chunk::<16>()?;
    let told = link_layer(options, TARGET_LINK_LAYER).ok()?;
    if (answer && destination.is_multicast()) || told.is_some_and(|told| told != mac) {
        return None;
    }
    let kind = if answer { Kind::Reply } else { Kind::Announcement };
    Some((Ipv6Addr::from(*target), kind))
}

/// Options that don't fill the packet exactly.
struct Malformed;

/// The hardware address of that option, if there is one.
fn link_layer(mut options: &[u8], wanted: u8) -> Result<Option<Mac>, Malformed> {
    let mut found = None;
    while let Some(([kind, units], _)) = options.split_first_chunk::<2>() {
        let length = usize::from(*units) * 8;
        let option = options.get(..length).filter(|option| !option.is_empty()).ok_or(Malformed)?;
        if *kind == wanted {
            found = option.get(2..).and_then(<[u8]>::first_chunk).copied().map(Mac);
        }
        options = options.get(length..).ok_or(Malformed)?;
    }
    if options.is_empty() { Ok(found) } else { Err(Malformed) }
}

/// An ICMP packet of that type in a frame; `message` is what follows the checksum.
fn packet(
    (from, to): (Mac, Mac),
    (source, destination): (Ipv6Addr, Ipv6Addr),
    kind: u8,
    message: &[&[u8]],
) -> Frame {
    let length = 4 + message.iter().map(|part| part.len()).sum::<usize>();
    let length = u16::try_from(length).unwrap_or_default().to_be_bytes();
    let mut frame = Frame::default();
    frame.push(&to.0).push(&from.0).push(&ETHERTYPE.to_be_bytes());
    frame.push(&[0x60, 0, 0, 0]).push(&length).push(&[ICMPV6, NOT_FORWARDED]);
    frame.push(&source.octets()).push(&destination.octets());
    let start = frame.octets().len();
    frame.push(&[kind, 0, 0, 0]);
    for part in message {
        frame.push(part);
    }
    let unsummed = frame.octets().get(start..).unwrap_or_default();
    let sum = checksum(source, destination, unsummed);
    frame.put(start + 2, sum.to_be_bytes());
    frame
}

/// The checksum of an ICMP message and its pseudo-header (RFC 4443 §2.3); zero where the message holds the right
/// one already.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let mut sum = u64::from(ICMPV6) + message.len() as u64;
    for segment in source.segments().into_iter().chain(destination.segments()) {
        sum += u64::from(segment);
    }
    for pair in message.chunks(2) {
        let [high, low] = [pair.first(), pair.get(1)].map(|octet| octet.copied().unwrap_or_default());
        sum += u64::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

/// The group of all addresses with the same last 24 bits (RFC 4291 §2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

/// The Ethernet address of a group (RFC 2464 §7).
fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
