//! The raw socket of one interface for one protocol.

use super::frame::Frame;
use super::mail::{self, Mailbag};
use super::{arp, discovery, filter};
use crate::fabric::Mac;
use socket2::{Domain, SockAddr, Socket as RawSocket, Type};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Room for several tenths of a second of answers at 10,000 a second, at the most that the kernel counts for a small
/// packet. It takes memory only as packets wait.
const BUFFER: libc::c_int = 4 * 1024 * 1024;

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// For hosts with IPv4.
    Arp,
    /// Neighbour discovery, for hosts with IPv6.
    Discovery,
}

impl Protocol {
    /// The one that hosts with such an address speak.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Protocol::Arp } else { Protocol::Discovery }
    }
}

/// A raw socket that sends and hears one protocol on one interface. It never blocks and never hears this node itself.
pub struct PortSocket {
    raw: RawSocket,
    mac: Mac,
    outgoing: Vec<Frame>,
}

impl PortSocket {
    /// Opens it on the interface of that number, whose own hardware address is `mac`.
    ///
    /// # Errors
    /// Without `CAP_NET_RAW`, or when there is no such interface.
    pub fn open(index: u32, mac: Mac, protocol: Protocol) -> io::Result<Self> {
        // Without a protocol nothing comes in until the filter is there and the socket is bound.
        let raw = RawSocket::new(Domain::PACKET, Type::RAW, None)?;
        raw.set_nonblocking(true)?;
        let (ethertype, program) = match protocol {
            Protocol::Arp => (arp::ETHERTYPE, filter::arp()),
            Protocol::Discovery => (discovery::ETHERTYPE, filter::discovery()),
        };
        raw.attach_filter(&program)?;
        set(&raw, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1)?;
        for (forced, granted) in
            [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)]
        {
            // Beyond the system's limit where we may, else up to it.
            set(&raw, libc::SOL_SOCKET, forced, &BUFFER)
                .or_else(|_| set(&raw, libc::SOL_SOCKET, granted, &BUFFER))?;
        }
        if protocol == Protocol::Discovery {
            hear_all_groups(&raw, index)?;
        }
        raw.bind(&packet_address(index, ethertype)?)?;
        Ok(Self { raw, mac, outgoing: Vec::new() })
    }

    /// The interface's own hardware address.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Asks for `target`, in the name of `source`: the station where one is given, else everybody. Sent by
    /// [`PortSocket::flush`], like all that follows.
    pub fn ask(&mut self, source: IpAddr, target: IpAddr, station: Option<Mac>) {
        self.outgoing.extend(Frame::question(self.mac, source, target, station));
    }

    /// Asks all IPv6 hosts for a sign of life, in the name of `source`.
    pub fn ask_everybody(&mut self, source: Ipv6Addr) {
        self.outgoing.push(Frame::everybody(self.mac, source));
    }

    /// Says that `address` is here now.
    pub fn announce(&mut self, address: IpAddr) {
        self.outgoing.extend(Frame::announcements(self.mac, address));
    }

    /// Whether anything waits to be sent.
    pub fn has_mail(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Sends what waits, and says how many frames the kernel didn't take; they are lost.
    pub fn flush(&mut self) -> usize {
        let lost = mail::send(self.raw.as_fd(), &self.outgoing);
        self.outgoing.clear();
        lost
    }

    /// Takes what came in, as much as fits, and says whether more may wait.
    ///
    /// # Errors
    /// What the socket reports, such as `ENETDOWN` once when the interface went down.
    pub fn receive(&self, mailbag: &mut Mailbag) -> io::Result<bool> {
        mailbag.receive(self.raw.as_fd())
    }

    /// How many packets the kernel dropped since this was last asked, because nobody took them in time.
    pub fn drops(&self) -> u32 {
        let mut counts = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = socket_length::<libc::tpacket_stats>();
        // SAFETY: the descriptor is open, and both values live through the call and are of the given size.
        let done = unsafe {
            libc::getsockopt(
                self.raw.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut counts).cast(),
                &raw mut length,
            )
        };
        if done == 0 { counts.tp_drops } else { 0 }
    }
}

impl AsFd for PortSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }
}

const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

/// Hosts speak of an address to its group, which the interface else doesn't listen to.
fn hear_all_groups(raw: &RawSocket, index: u32) -> io::Result<()> {
    let request = libc::packet_mreq {
        mr_ifindex: kernel_index(index)?,
        mr_type: u16::try_from(libc::PACKET_MR_ALLMULTI).unwrap_or_default(),
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set(raw, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
}

fn set<T>(raw: &RawSocket, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the option's value lives through the call and is of the given size.
    let done = unsafe {
        libc::setsockopt(
            raw.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast(),
            socket_length::<T>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A size as socket calls want it; those of the structures here are far below its limit.
fn socket_length<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default()
}

fn kernel_index(index: u32) -> io::Result<libc::c_int> {
    index.try_into().map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// All of one protocol that comes in by the interface.
fn packet_address(index: u32, ethertype: u16) -> io::Result<SockAddr> {
    let index = kernel_index(index)?;
    let family = libc::sa_family_t::try_from(libc::AF_PACKET).unwrap_or_default();
    // SAFETY: `sockaddr_ll` fits into the zeroed storage, and its length is given.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = family;
            (*link).sll_protocol = ethertype.to_be();
            (*link).sll_ifindex = index;
            *length = socket_length::<libc::sockaddr_ll>();
            Ok(())
        })
    }?;
    Ok(address)
}
