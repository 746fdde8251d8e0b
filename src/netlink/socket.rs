//! A blocking rtnetlink socket: requests with acknowledgements, and dumps.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket as RawSocket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// Octets that one answer of the kernel can hold: its own dump buffers are at most 32 KiB.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Why a request to the kernel failed.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket itself failed.
    #[error("netlink socket")]
    Socket(#[source] io::Error),
    /// The kernel refused the request.
    #[error("{what}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// The kernel's answer can't be read.
    #[error("unreadable netlink answer to {what}: {detail}")]
    Unreadable {
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Messages were lost (`ENOBUFS`): what is known must be read anew.
    #[error("netlink messages were lost")]
    Overrun,
}

impl NetlinkError {
    /// The kernel's error number, where the kernel refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            NetlinkError::Refused { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}

/// A netlink socket in the network namespace of the thread that opened it.
pub struct Socket {
    raw: RawSocket,
    sequence: u32,
}

impl Socket {
    /// Opens a socket for requests.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> Result<Self, NetlinkError> {
        let open = || -> io::Result<RawSocket> {
            let mut raw = RawSocket::new(NETLINK_ROUTE)?;
            raw.bind_auto()?;
            raw.connect(&SocketAddr::new(0, 0))?;
            // Text of the kernel's refusals, and only what a dump asks for.
            raw.set_ext_ack(true)?;
            raw.set_netlink_get_strict_chk(true)?;
            Ok(raw)
        };
        Ok(Self { raw: open().map_err(NetlinkError::Socket)?, sequence: 0 })
    }

    /// Sends one request and waits for the kernel's acknowledgement.
    ///
    /// `flags` are added to `NLM_F_REQUEST | NLM_F_ACK`; `what` names the deed in an error.
    ///
    /// # Errors
    /// When the kernel refuses; [`NetlinkError::errno`] tells why.
    pub fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        what: &str,
    ) -> Result<(), NetlinkError> {
        self.exchange(message, NLM_F_REQUEST | NLM_F_ACK | flags, what).map(drop)
    }

    /// Asks for everything of a kind.
    ///
    /// # Errors
    /// When the kernel refuses or its answer can't be read.
    pub fn dump(
        &mut self,
        message: RouteNetlinkMessage,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.exchange(message, NLM_F_REQUEST | NLM_F_DUMP, what)
    }

    /// Asks for one object.
    ///
    /// # Errors
    /// When the kernel refuses or its answer can't be read.
    pub fn get(
        &mut self,
        message: RouteNetlinkMessage,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.exchange(message, NLM_F_REQUEST | NLM_F_ACK, what)
    }

    fn exchange(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::from(message));
        packet.finalize();
        let mut buffer = vec![0; packet.buffer_len()];
        packet.serialize(&mut buffer);
        self.raw.send(&buffer, 0).map_err(NetlinkError::Socket)?;
        let mut answers = Vec::new();
        loop {
            let (octets, _) = self.raw.recv_from_full().map_err(NetlinkError::Socket)?;
            if self.read_answers(&octets, what, &mut answers)? {
                return Ok(answers);
            }
        }
    }

    /// Reads one datagram; true when it ends the exchange.
    fn read_answers(
        &self,
        octets: &[u8],
        what: &str,
        answers: &mut Vec<RouteNetlinkMessage>,
    ) -> Result<bool, NetlinkError> {
        for message in parse(octets) {
            let message =
                message.map_err(|detail| NetlinkError::Unreadable { what: what.to_owned(), detail })?;
            if message.header.sequence_number != self.sequence {
                continue;
            }
            match message.payload {
                NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                NetlinkPayload::Done(_) => return Ok(true),
                NetlinkPayload::Error(error) => match error.code {
                    None => return Ok(true),
                    Some(_) => {
                        return Err(NetlinkError::Refused { what: what.to_owned(), source: error.to_io() });
                    }
                },
                NetlinkPayload::Overrun(_) => return Err(NetlinkError::Overrun),
                _ => {}
            }
        }
        Ok(false)
    }
}

/// A socket that hears what the kernel announces to multicast groups.
pub struct Monitor {
    raw: RawSocket,
    buffer: Vec<u8>,
}

impl Monitor {
    /// Joins the groups (`RTNLGRP_…` numbers) with a receive buffer of that many octets; never blocks.
    ///
    /// # Errors
    /// When the kernel gives no socket or refuses a group.
    pub fn open(groups: &[u32], receive_buffer: usize) -> Result<Self, NetlinkError> {
        let open = || -> io::Result<RawSocket> {
            let mut raw = RawSocket::new(NETLINK_ROUTE)?;
            raw.bind_auto()?;
            raw.set_non_blocking(true)?;
            raw.set_rx_buf_sz(i32::try_from(receive_buffer).unwrap_or(i32::MAX))?;
            for group in groups {
                raw.add_membership(*group)?;
            }
            Ok(raw)
        };
        Ok(Self { raw: open().map_err(NetlinkError::Socket)?, buffer: Vec::with_capacity(RECEIVE_BUFFER) })
    }

    /// The announcements that wait, none when there are none. Messages that can't be read are left out:
    /// one that this library doesn't know must not stop those it does.
    ///
    /// # Errors
    /// [`NetlinkError::Overrun`] when some were lost.
    pub fn receive(&mut self) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        let mut heard = Vec::new();
        loop {
            self.buffer.clear();
            match self.raw.recv(&mut self.buffer, 0) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(heard),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Err(NetlinkError::Overrun);
                }
                Err(error) => return Err(NetlinkError::Socket(error)),
            }
            heard.extend(messages(&self.buffer));
        }
    }
}

/// What a datagram of the kernel says, as far as it can be read.
pub fn messages(octets: &[u8]) -> impl Iterator<Item = RouteNetlinkMessage> + '_ {
    parse(octets).filter_map(Result::ok).filter_map(|message| match message.payload {
        NetlinkPayload::InnerMessage(inner) => Some(inner),
        _ => None,
    })
}

impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.raw.as_raw_fd()
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor belongs to `self.raw`, which lives as long as the borrow.
        unsafe { BorrowedFd::borrow_raw(self.raw.as_raw_fd()) }
    }
}

/// The messages of one datagram; stops at the first whose length is wrong.
fn parse(octets: &[u8]) -> impl Iterator<Item = Result<NetlinkMessage<RouteNetlinkMessage>, String>> + '_ {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        if length < 16 || length > rest.len() {
            return None;
        }
        let message = NetlinkMessage::deserialize(&rest[..length]).map_err(|error| error.to_string());
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}
