use super::super::heard as heard_of_any;
use super::*;
use proptest::prelude::*;

const MAC: Mac = Mac([2, 0x42, 0xac, 0x10, 1, 0x0b]);
const GATEWAY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0xab, 0xcdef);

/// The frame with these octets at that place, and the checksum put right.
fn with(frame: &Frame, at: usize, octets: &[u8]) -> Vec<u8> {
    let mut changed = frame.octets().to_vec();
    changed[at..at + octets.len()].copy_from_slice(octets);
    resum(&mut changed);
    changed
}

fn resum(octets: &mut [u8]) {
    let address = |at: usize| {
        let sixteen: [u8; 16] = octets[at..at + 16].try_into().unwrap();
        Ipv6Addr::from(sixteen)
    };
    let (source, destination) = (address(22), address(38));
    octets[56..58].fill(0);
    let sum = checksum(source, destination, &octets[54..]);
    octets[56..58].copy_from_slice(&sum.to_be_bytes());
}

fn told(octets: &[u8]) -> Option<(IpText, Kind)> {
    let heard = heard_of_any(octets)?;
    assert_eq!(heard.mac, MAC);
    Some((heard.address.to_string(), heard.kind))
}

type IpText = String;

fn claim() -> Vec<u8> {
    let mut frame = solicitation(MAC, Ipv6Addr::UNSPECIFIED, HOST, None).octets()[..78].to_vec();
    frame[18..20].copy_from_slice(&24_u16.to_be_bytes());
    resum(&mut frame);
    frame
}

#[test]
fn a_solicitation_is_the_octets_of_the_standard() {
    let frame = solicitation(MAC, GATEWAY, HOST, None);
    let expected: [&[u8]; 10] = [
        // To the Ethernet address of the group, from the sender.
        &[0x33, 0x33, 0xff, 0xab, 0xcd, 0xef],
        &MAC.0,
        &[0x86, 0xdd],
        // IPv6, 32 octets of ICMPv6, hop limit 255.
        &[0x60, 0, 0, 0, 0, 32, 58, 255],
        &GATEWAY.octets(),
        // ff02::1:ffab:cdef
        &[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xab, 0xcd, 0xef],
        &[135, 0],
        // Worked out by hand: the sum of all 16-bit words, pseudo-header included, is all ones with it.
        &0x0000_u16.to_be_bytes(),
        &[0, 0, 0, 0],
        &HOST.octets(),
    ];
    let mut expected = expected.concat();
    expected.extend([1, 1]);
    expected.extend(MAC.0);
    let mut octets = frame.octets().to_vec();
    let sum = octets[56..58].to_vec();
    octets[56..58].fill(0);
    assert_eq!(octets, expected);
    let words = |octets: &[u8]| -> u32 {
        octets.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum()
    };
    let total = words(&expected[22..]) + 32 + 58 + words(&sum);
    assert_eq!((total & 0xffff) + (total >> 16), 0xffff);
    assert_eq!(told(frame.octets()), Some((GATEWAY.to_string(), Kind::Request)));
}

#[test]
fn a_known_station_is_asked_alone() {
    let station = Mac([2, 0, 0, 0, 0, 9]);
    let frame = solicitation(MAC, GATEWAY, HOST, Some(station));
    assert_eq!((&frame.octets()[..6], &frame.octets()[38..54]), (&station.0[..], &HOST.octets()[..]));
}

#[test]
fn what_a_packet_tells_depends_on_what_it_is() {
    let host = HOST.to_string();
    assert_eq!(told(advertisement(MAC, HOST).octets()), Some((host.clone(), Kind::Announcement)));
    let mut answer = with(&advertisement(MAC, HOST), 58, &[0x60]);
    assert_eq!(told(&answer), None, "an answer is not for everybody");
    answer[38..54].copy_from_slice(&GATEWAY.octets());
    resum(&mut answer);
    assert_eq!(told(&answer), Some((host.clone(), Kind::Reply)));
    assert_eq!(told(&claim()), Some((host.clone(), Kind::Claim)));
    let echo = with(&echo_request(MAC, HOST), 54, &[ECHO_REPLY]);
    assert_eq!(told(&echo), Some((host, Kind::Announcement)));
    let other = with(&echo_request(MAC, HOST), 54, &[ECHO_REPLY, 0, 0, 0, 9, 9]);
    assert_eq!(told(&other), None, "an answer to somebody else's request");
    assert_eq!(told(echo_request(MAC, HOST).octets()), None);
}

#[test]
fn a_solicitation_without_an_option_is_believed_by_its_frame() {
    let mut frame = solicitation(MAC, GATEWAY, HOST, None).octets()[..78].to_vec();
    frame[18..20].copy_from_slice(&24_u16.to_be_bytes());
    resum(&mut frame);
    assert_eq!(told(&frame), Some((GATEWAY.to_string(), Kind::Request)));
}

#[test]
fn padding_is_ignored_and_every_shorter_frame_refused() {
    for frame in [solicitation(MAC, GATEWAY, HOST, None), advertisement(MAC, HOST)] {
        let mut padded = frame.octets().to_vec();
        padded.extend([7; 20]);
        assert_eq!(told(&padded), told(frame.octets()));
        for length in 0..frame.octets().len() {
            assert_eq!(heard(&frame.octets()[..length]), None, "{length}");
        }
    }
}

#[test]
fn what_breaks_the_rules_is_refused() {
    let good = solicitation(MAC, GATEWAY, HOST, None);
    for (what, at, octets) in [
        ("forwarded by a router", 21, &[254_u8][..]),
        ("no IPv6", 14, &[0x40]),
        ("another protocol", 20, &[17]),
        ("a code", 55, &[1]),
        ("a group as the target", 62, &[0xff]),
        ("an option of another station", 85, &[0xff]),
        ("an option without length", 79, &[0]),
        ("an option that is longer than the packet", 79, &[2]),
        ("from nobody with an option", 22, &[0; 16]),
        ("from a group", 22, &[0xff]),
        ("a station that is a group", 6, &[0xff]),
    ] {
        assert_eq!(told_any(&with(&good, at, octets)), None, "{what}");
    }
    let mut unsummed = good.octets().to_vec();
    unsummed[57] ^= 1;
    assert_eq!(told(&unsummed), None, "a wrong checksum");
    let mut elsewhere = claim();
    elsewhere[53] ^= 1;
    resum(&mut elsewhere);
    assert_eq!(told(&elsewhere), None, "duplicate address detection to another group");
}

fn told_any(octets: &[u8]) -> Option<Kind> {
    heard_of_any(octets).map(|heard| heard.kind)
}

proptest! {
    #[test]
    fn nothing_that_comes_in_makes_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = heard_of_any(&octets);
    }

    #[test]
    fn a_damaged_packet_is_refused_or_speaks_of_a_host(at in 12_usize..86, octet in any::<u8>()) {
        let damaged = with(&solicitation(MAC, GATEWAY, HOST, None), at, &[octet]);
        if let Some(heard) = heard_of_any(&damaged) {
            prop_assert!(!heard.address.is_multicast() && heard.mac.is_station());
        }
    }
}
