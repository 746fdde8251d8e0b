//! ARP on one interface: packets as octets (RFC 826), and the raw socket they go through.

use crate::fabric::Mac;
use socket2::{Domain, SockAddr, SockFilter, Socket as RawSocket, Type};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Octets of an ARP packet for IPv4 over Ethernet, its Ethernet header included, its padding not.
pub const ARP_FRAME: usize = 42;

const ETHERTYPE_ARP: u16 = 0x0806;
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

    /// The frame's octets.
    pub fn to_octets(self) -> [u8; ARP_FRAME] {
        let operation: u16 = match self.operation {
            ArpOperation::Request => 1,
            ArpOperation::Reply => 2,
        };
        let parts: [&[u8]; 9] = [
            &self.destination.0,
            &self.sender_mac.0,
            &ETHERTYPE_ARP.to_be_bytes(),
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
        let arp = u16::from_be_bytes(*ethertype) == ETHERTYPE_ARP && *format == ARP_FORMAT;
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

/// A raw socket that sends and hears ARP on one interface; it never blocks and never hears itself.
pub struct ArpSocket {
    raw: RawSocket,
    mac: Mac,
}

impl ArpSocket {
    /// Opens it on the interface of that number, whose own hardware address is `mac`.
    ///
    /// # Errors
    /// Without `CAP_NET_RAW`, or when there is no such interface.
    pub fn open(index: u32, mac: Mac) -> io::Result<Self> {
        // Without a protocol nothing comes in until the filter is there and the socket is bound.
        let raw = RawSocket::new(Domain::PACKET, Type::RAW, None)?;
        raw.set_nonblocking(true)?;
        raw.attach_filter(&arp_filter())?;
        ignore_outgoing(&raw)?;
        raw.bind(&packet_address(index)?)?;
        Ok(Self { raw, mac })
    }

    /// The interface's own hardware address.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Asks for `target`, in the name of `sender`.
    ///
    /// # Errors
    /// When the kernel can't take it: the interface is down, or its queue is full.
    pub fn ask(&self, sender: Ipv4Addr, target: Ipv4Addr, station: Option<Mac>) -> io::Result<()> {
        let octets = ArpPacket::request(self.mac, sender, target, station).to_octets();
        self.raw.send(&octets).map(drop)
    }

    /// The next packet that waits, none when none does. What can't be read is skipped.
    ///
    /// # Errors
    /// What the socket reports, such as `ENETDOWN` once when the interface went down.
    pub fn receive(&self) -> io::Result<Option<ArpPacket>> {
        // Longer than any ARP packet with padding; the filter cuts the rest.
        let mut buffer = [0; 64];
        loop {
            match nix::sys::socket::recv(
                self.raw.as_raw_fd(),
                &mut buffer,
                nix::sys::socket::MsgFlags::empty(),
            ) {
                Ok(length) => {
                    let packet = buffer.get(..length).and_then(ArpPacket::from_octets);
                    if packet.is_some() {
                        return Ok(packet);
                    }
                }
                Err(nix::errno::Errno::EAGAIN) => return Ok(None),
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for ArpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }
}

/// Lets through untagged ARP requests and replies for IPv4 over Ethernet, 64 octets of each.
fn arp_filter() -> [SockFilter; 13] {
    const LOAD_WORD: u16 = 0x20;
    const LOAD_HALF: u16 = 0x28;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // Where the kernel keeps the tag that it took from the frame (SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT).
    const TAG: u32 = 0xffff_f000 + 48;
    let is = |value, otherwise| SockFilter::new(IF_EQUAL, 0, otherwise, value);
    let load = |code, at| SockFilter::new(code, 0, 0, at);
    [
        load(LOAD_WORD, TAG),
        is(0, 10),
        load(LOAD_HALF, 12),
        is(u32::from(ETHERTYPE_ARP), 8),
        load(LOAD_WORD, 14),
        is(0x0001_0800, 6),
        load(LOAD_HALF, 18),
        is(0x0604, 4),
        load(LOAD_HALF, 20),
        SockFilter::new(IF_EQUAL, 1, 0, 1),
        is(2, 1),
        SockFilter::new(RETURN, 0, 0, 64),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Keeps the socket from hearing what this node sends itself.
fn ignore_outgoing(raw: &RawSocket) -> io::Result<()> {
    const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
    let on: libc::c_int = 1;
    let length = socket_length::<libc::c_int>();
    // SAFETY: the descriptor is open, and the option's value is an int that lives through the call.
    let done = unsafe {
        libc::setsockopt(
            raw.as_raw_fd(),
            libc::SOL_PACKET,
            PACKET_IGNORE_OUTGOING,
            (&raw const on).cast(),
            length,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A size as socket calls want it; those of the structures here are far below its limit.
fn socket_length<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default()
}

/// All ARP of the interface.
fn packet_address(index: u32) -> io::Result<SockAddr> {
    let index = i32::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let family = libc::sa_family_t::try_from(libc::AF_PACKET).unwrap_or_default();
    // SAFETY: `sockaddr_ll` fits into the zeroed storage, and its length is given.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = family;
            (*link).sll_protocol = ETHERTYPE_ARP.to_be();
            (*link).sll_ifindex = index;
            *length = socket_length::<libc::sockaddr_ll>();
            Ok(())
        })
    }?;
    Ok(address)
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
}
