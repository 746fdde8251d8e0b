//! Netlink messages as octets (linux/netlink.h, linux/rtnetlink.h): headers, and attributes that say their own length.
//! Read by hand, without taking memory: the daemon looks at few attributes of many messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of a message's header.
const HEADER: usize = 16;
/// The bits of an attribute's type that are not flags (`NLA_TYPE_MASK`).
const TYPE: u16 = 0x3fff;

/// A message in a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is (`RTM_…`, `NLMSG_…`).
    pub(super) kind: u16,
    pub(super) flags: u16,
    /// That of the request it answers, zero in an announcement.
    pub(super) sequence: u32,
    /// All of it, the header included.
    pub(super) octets: &'a [u8],
}

impl<'a> Message<'a> {
    /// What follows the header.
    pub(super) fn body(&self) -> &'a [u8] {
        self.octets.get(HEADER..).unwrap_or_default()
    }
}

/// The messages of a datagram, up to the first whose length is wrong.
pub fn messages(octets: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let octets = rest.get(..length).filter(|octets| octets.len() >= HEADER)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message {
            kind: u16_at(octets, 4)?,
            flags: u16_at(octets, 6)?,
            sequence: u32_at(octets, 8)?,
            octets,
        })
    })
}

/// Types and values of attributes, up to the first whose length is wrong.
pub(super) fn attributes(octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & TYPE;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The number of two octets at that place.
pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|octets| u16::from_ne_bytes(*octets))
}

/// The number of four octets at that place.
pub(super) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|octets| u32::from_ne_bytes(*octets))
}

/// An address of that family (`AF_INET`, `AF_INET6`).
pub(super) fn address(family: u8, octets: &[u8]) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into()),
        libc::AF_INET6 => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

/// Puts a message behind what is there already: its header, then what `write` puts there.
pub(super) fn put_message(
    octets: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = octets.len();
    octets.extend([0; 4]);
    octets.extend(kind.to_ne_bytes());
    octets.extend(flags.to_ne_bytes());
    octets.extend(sequence.to_ne_bytes());
    octets.extend([0; 4]);
    write(octets);
    let length = u32::try_from(octets.len() - start).unwrap_or(u32::MAX);
    if let Some(place) = octets.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_ne_bytes());
    }
    octets.resize(octets.len().next_multiple_of(4), 0);
}

/// Puts an attribute there.
pub(super) fn put_attribute(octets: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    octets.extend(length.to_ne_bytes());
    octets.extend(kind.to_ne_bytes());
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
}

/// The octets of an address.
pub(super) fn put_address(octets: &mut Vec<u8>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => put_attribute(octets, kind, &address.octets()),
        IpAddr::V6(address) => put_attribute(octets, kind, &address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let mut octets = Vec::new();
        for (kind, value) in [(24, &b"abc"[..]), (25, b"")] {
            put_message(&mut octets, kind, 5, 7, |octets| put_attribute(octets, 9, value));
        }
        let read: Vec<_> =
            messages(&octets).map(|message| (message.kind, message.flags, message.sequence)).collect();
        assert_eq!(read, [(24, 5, 7), (25, 5, 7)]);
        let values: Vec<_> = messages(&octets).flat_map(|message| attributes(message.body())).collect();
        assert_eq!(values, [(9, &b"abc"[..]), (9, b"")]);
    }

    #[test]
    fn a_wrong_length_ends_the_reading() {
        let mut octets = Vec::new();
        put_message(&mut octets, 24, 0, 0, |_| {});
        for length in [0_u32, 15, 17, u32::MAX] {
            octets[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&octets).count(), 0, "{length}");
        }
        for length in [0_u16, 3, 9] {
            let attribute = [length.to_ne_bytes(), [1, 0], [0; 2], [0; 2]].concat();
            assert_eq!(attributes(&attribute).count(), 0, "{length}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_go_on_for_ever(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            for message in messages(&octets) {
                prop_assert!(attributes(message.body()).count() <= octets.len());
            }
        }
    }
}
