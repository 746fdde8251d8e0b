//! What the kernel lets through to a socket: programs for its packet filter (BPF, linux/filter.h).

use super::{arp, discovery};
use socket2::SockFilter;

/// Octets of a frame that are looked at. Longer ones are cut, and then refused.
pub(super) const LONGEST: usize = 256;

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_OCTET: u16 = 0x30;
const IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// Where the kernel keeps the tag that it took from the frame (`SKF_AD_OFF` + `SKF_AD_VLAN_TAG_PRESENT`).
const TAG: u32 = 0xffff_f000 + 48;
/// What is returned: how much of the frame is wanted.
const NOTHING: u32 = 0;
const ALL: u32 = 256;

/// Untagged ARP requests and replies for IPv4 over Ethernet.
pub(super) fn arp() -> Vec<SockFilter> {
    let mut program = untagged(arp::ETHERTYPE);
    // Ethernet and IPv4; the lengths of their addresses; request or reply.
    program.extend([load(LOAD_WORD, 14), only(0x0001_0800), NO]);
    program.extend([load(LOAD_HALF, 18), only(0x0604), NO]);
    program.extend([load(LOAD_HALF, 20), skip_if(1, 2), skip_if(2, 1), NO, YES]);
    program
}

/// Untagged neighbour solicitations and advertisements, and answers to our echo requests.
pub(super) fn discovery() -> Vec<SockFilter> {
    let mut program = untagged(discovery::ETHERTYPE);
    program.extend([load(LOAD_OCTET, 20), only(u32::from(discovery::ICMPV6)), NO]);
    program.extend([
        load(LOAD_OCTET, 54),
        skip_if(u32::from(discovery::SOLICITATION), 5),
        skip_if(u32::from(discovery::ADVERTISEMENT), 4),
        skip_if(u32::from(discovery::ECHO_REPLY), 1),
        NO,
        load(LOAD_HALF, 58),
    ]);
    // The two before the end are for echo replies alone: jumps from above lead to the end.
    program.extend([SockFilter::new(IF_EQUAL, 0, 1, u32::from(discovery::ECHO_IDENTIFIER)), YES, NO]);
    program
}

const NO: SockFilter = SockFilter::new(RETURN, 0, 0, NOTHING);
const YES: SockFilter = SockFilter::new(RETURN, 0, 0, ALL);

fn untagged(ethertype: u16) -> Vec<SockFilter> {
    vec![load(LOAD_WORD, TAG), only(0), NO, load(LOAD_HALF, 12), only(u32::from(ethertype)), NO]
}

const fn load(code: u16, at: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, at)
}

/// Skips the refusal that follows when the value is that one.
const fn only(value: u32) -> SockFilter {
    skip_if(value, 1)
}

/// Skips that many instructions when the value is that one.
const fn skip_if(value: u32, count: u8) -> SockFilter {
    SockFilter::new(IF_EQUAL, count, 0, value)
}
