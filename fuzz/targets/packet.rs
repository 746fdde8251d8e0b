//! Frames as they come from anybody on the wire.
#![no_main]

use fabricctl::netlink::{ARP_FRAME, ArpPacket, heard};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    for frame in [octets, &with_checksum(octets)] {
        arp(frame);
        claims(frame);
    }
});

/// Who is heard is a station that sent the frame itself.
fn claims(frame: &[u8]) {
    if let Some(heard) = heard(frame) {
        assert!(heard.mac.is_station() && frame[6..12] == heard.mac.0);
    }
}

/// What is read as ARP is those octets and no others.
fn arp(frame: &[u8]) {
    if let Some(packet) = ArpPacket::from_octets(frame) {
        assert_eq!(packet.to_octets(), frame[..ARP_FRAME]);
    }
}

/// The frame with the checksum that it ought to have, where it is ICMPv6 (RFC 4443 §2.3): chance finds none.
fn with_checksum(frame: &[u8]) -> Vec<u8> {
    const HEADERS: usize = 14 + 40;
    let mut mended = frame.to_vec();
    let icmpv6 = frame.get(12..14) == Some(&[0x86, 0xdd]) && frame.get(20) == Some(&58);
    if !icmpv6 || frame.len() < HEADERS + 4 {
        return mended;
    }
    let length = usize::from(u16::from_be_bytes([frame[18], frame[19]]));
    let end = frame.len().min(HEADERS + length);
    if end < HEADERS + 4 {
        return mended;
    }
    mended[HEADERS + 2..HEADERS + 4].fill(0);
    let words = [&mended[22..HEADERS], &mended[HEADERS..end]].into_iter().flat_map(|part| part.chunks(2));
    let sum: u64 =
        words.map(|word| u64::from(word[0]) << 8 | word.get(1).map_or(0, |low| u64::from(*low))).sum();
    let mut sum = sum + (end - HEADERS) as u64 + 58;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    mended[HEADERS + 2..HEADERS + 4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    mended
}
