//! ARP as octets on a wire (RFC 826): what is said in the responders' names, and what the leaf hears.

use crate::Result;
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

const ETHERTYPE_ARP: u16 = 0x0806;
/// Beyond the system's limit, so that nothing is lost while the machine is busy with something else.
const BUFFER: usize = 64 * 1024 * 1024;

/// Says ARP requests on one interface.
pub struct Speaker {
    raw: Socket,
    mac: [u8; 6],
}

impl Speaker {
    /// On the interface of that name in the thread's network namespace, whose own address is `mac`.
    pub fn open(interface: &str, mac: [u8; 6]) -> std::result::Result<Self, String> {
        let open = || -> io::Result<Socket> {
            let index = nix::net::if_::if_nametoindex(interface)?;
            // No protocol: it hears nothing.
            let raw = Socket::new(Domain::PACKET, Type::RAW, None)?;
            raw.bind(&packet_address(index)?)?;
            Ok(raw)
        };
        Ok(Self { raw: open().map_err(|error| format!("packet socket on {interface}: {error}"))?, mac })
    }

    /// Announces an address (gratuitous ARP).
    pub fn announce(&self, address: Ipv4Addr) -> Result<()> {
        self.ask(address, address)
    }

    /// Asks everybody for `target`, in the name of `sender`.
    pub fn ask(&self, sender: Ipv4Addr, target: Ipv4Addr) -> Result<()> {
        let parts: [&[u8]; 8] = [
            &[0xff; 6],
            &self.mac,
            &ETHERTYPE_ARP.to_be_bytes(),
            // Ethernet, IPv4, the lengths of their addresses, request.
            &[0, 1, 8, 0, 6, 4, 0, 1],
            &self.mac,
            &sender.octets(),
            &[0; 6],
            &target.octets(),
        ];
        self.raw.send(&parts.concat())?;
        Ok(())
    }
}

/// Hears the answers that come in on all interfaces of a namespace.
pub struct Ear {
    raw: Socket,
}

impl Ear {
    /// In the thread's network namespace.
    pub fn open() -> std::result::Result<Self, String> {
        let open = || -> io::Result<Socket> {
            let protocol = Protocol::from(i32::from(ETHERTYPE_ARP.to_be()));
            let raw = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
            setsockopt(&raw, sockopt::RcvBufForce, &BUFFER)?;
            raw.set_read_timeout(Some(Duration::from_millis(20)))?;
            Ok(raw)
        };
        Ok(Self { raw: open().map_err(|error| format!("packet socket: {error}"))? })
    }

    /// The next sender that answers; none when the deadline passes before.
    pub fn answer(&self, deadline: Instant) -> Option<Ipv4Addr> {
        let mut frame = [0; 64];
        while Instant::now() < deadline {
            let Ok(length) = recv(self.raw.as_raw_fd(), &mut frame, MsgFlags::empty()) else { continue };
            let sender = frame.get(..length).and_then(sender_of_answer);
            if sender.is_some() {
                return sender;
            }
        }
        None
    }
}

fn sender_of_answer(frame: &[u8]) -> Option<Ipv4Addr> {
    let answer = frame.get(20..22)? == [0, 2];
    let sender: [u8; 4] = frame.get(28..32)?.try_into().ok()?;
    answer.then(|| sender.into())
}

fn packet_address(index: u32) -> io::Result<SockAddr> {
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
    let index = i32::try_from(index).map_err(io::Error::other)?;
    let family = libc::sa_family_t::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    // SAFETY: `sockaddr_ll` fits into the zeroed storage, and its length is given.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, size| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = family;
            (*link).sll_ifindex = index;
            *size = length;
            Ok(())
        })
    }?;
    Ok(address)
}
