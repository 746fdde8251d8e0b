//! A blocking rtnetlink socket: requests with acknowledgements, many at once, and dumps.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket as RawSocket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;

/// Octets that one answer of the kernel can hold: its own dump buffers are at most 32 KiB.
pub(super) const RECEIVE_BUFFER: usize = 64 * 1024;

/// Requests that go to the kernel in one datagram: should it refuse them all, its answers still fit our queue.
const REQUESTS_AT_ONCE: usize = 128;

/// How often a reading is begun again that changes of the kernel interrupted.
const ATTEMPTS: u32 = 5;

/// `NLM_F_DUMP_INTR`: something changed between two parts of an answer, which may lack objects for it.
const INTERRUPTED: u16 = 0x10;

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
            // A refusal doesn't repeat what was asked for.
            raw.set_cap_ack(true)?;
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
        self.exchange(message, NLM_F_REQUEST | NLM_F_ACK | flags, what, drop).map(drop)
    }

    /// Asks for everything of a kind.
    ///
    /// # Errors
    /// When the kernel refuses or its answer can't be read.
    pub fn dump(
        &mut self,
        message: &RouteNetlinkMessage,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.dump_map(message, what, Some)
    }

    /// Asks for everything of a kind and keeps what `read` makes of it, so that much less than the whole answer is
    /// in memory at a time. Begins again when the kernel says that changes interrupted it.
    ///
    /// # Errors
    /// When the kernel refuses or its answer can't be read.
    pub fn dump_map<T>(
        &mut self,
        message: &RouteNetlinkMessage,
        what: &str,
        read: impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        let mut attempts = 1;
        loop {
            let mut kept = Vec::new();
            let whole = self.exchange(message.clone(), NLM_F_REQUEST | NLM_F_DUMP, what, |answer| {
                kept.extend(read(answer));
            })?;
            if whole || attempts == ATTEMPTS {
                return Ok(kept);
            }
            attempts += 1;
        }
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
        let mut answers = Vec::new();
        self.exchange(message, NLM_F_REQUEST | NLM_F_ACK, what, |answer| answers.push(answer))?;
        Ok(answers)
    }

    /// Sends many requests, in this order, a hundred in a datagram, and says which the kernel refused and why, by
    /// their positions. A refusal doesn't keep those behind it from being carried out. The second of a pair is its
    /// flags, added to `NLM_F_REQUEST`.
    ///
    /// # Errors
    /// When the socket fails or answers were lost: then nobody knows what was carried out.
    pub fn batch(
        &mut self,
        requests: impl IntoIterator<Item = (RouteNetlinkMessage, u16)>,
    ) -> Result<Vec<(usize, io::Error)>, NetlinkError> {
        let mut requests = requests.into_iter().peekable();
        let (mut refused, mut octets, mut done) = (Vec::new(), Vec::new(), 0);
        while requests.peek().is_some() {
            let first = self.sequence.wrapping_add(1);
            octets.clear();
            for count in 1..=REQUESTS_AT_ONCE {
                let Some((message, flags)) = requests.next() else { break };
                // Refusals are always told; only the end must be.
                let last = count == REQUESTS_AT_ONCE || requests.peek().is_none();
                let end = if last { NLM_F_ACK } else { 0 };
                self.write(message, NLM_F_REQUEST | end | flags, &mut octets);
            }
            self.raw.send(&octets, 0).map_err(NetlinkError::Socket)?;
            self.read_refusals(first, done, &mut refused)?;
            done += REQUESTS_AT_ONCE;
        }
        Ok(refused)
    }

    /// Reads until the last request is answered; the request with the sequence number `first` has the position
    /// `offset`.
    fn read_refusals(
        &mut self,
        first: u32,
        offset: usize,
        refused: &mut Vec<(usize, io::Error)>,
    ) -> Result<(), NetlinkError> {
        let count = self.sequence.wrapping_sub(first);
        loop {
            let octets = self.receive()?;
            for message in parse(&octets).filter_map(Result::ok) {
                let at = message.header.sequence_number.wrapping_sub(first);
                let NetlinkPayload::Error(error) = message.payload else { continue };
                if at > count {
                    continue;
                }
                if error.code.is_some() {
                    refused.push((offset + at as usize, error.to_io()));
                }
                if at == count {
                    return Ok(());
                }
            }
        }
    }

    fn receive(&self) -> Result<Vec<u8>, NetlinkError> {
        loop {
            match self.raw.recv_from_full() {
                Ok((octets, _)) => return Ok(octets),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Err(NetlinkError::Overrun);
                }
                Err(error) => return Err(NetlinkError::Socket(error)),
            }
        }
    }

    /// Puts one more request behind `octets`.
    fn write(&mut self, message: RouteNetlinkMessage, flags: u16, octets: &mut Vec<u8>) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::from(message));
        packet.finalize();
        let start = octets.len();
        // Requests begin at multiples of four octets (NLMSG_ALIGN).
        octets.resize(start + packet.buffer_len().next_multiple_of(4), 0);
        if let Some(place) = octets.get_mut(start..) {
            packet.serialize(place);
        }
    }

    /// One request and all its answers; false when the kernel says that it was interrupted.
    fn exchange(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        what: &str,
        mut take: impl FnMut(RouteNetlinkMessage),
    ) -> Result<bool, NetlinkError> {
        let mut octets = Vec::new();
        self.write(message, flags, &mut octets);
        self.raw.send(&octets, 0).map_err(NetlinkError::Socket)?;
        let mut whole = true;
        loop {
            let octets = self.receive()?;
            for message in parse(&octets) {
                let message =
                    message.map_err(|detail| NetlinkError::Unreadable { what: what.to_owned(), detail })?;
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                whole &= message.header.flags & INTERRUPTED == 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => take(inner),
                    NetlinkPayload::Done(_) => return Ok(whole),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(whole),
                    NetlinkPayload::Error(error) => {
                        return Err(NetlinkError::Refused { what: what.to_owned(), source: error.to_io() });
                    }
                    NetlinkPayload::Overrun(_) => return Err(NetlinkError::Overrun),
                    _ => {}
                }
            }
        }
    }
}

/// The messages of one datagram; stops at the first whose length is wrong.
pub(super) fn parse(
    octets: &[u8],
) -> impl Iterator<Item = Result<NetlinkMessage<RouteNetlinkMessage>, String>> + '_ {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let message = rest.get(..length).filter(|message| message.len() >= 16)?;
        let message = NetlinkMessage::deserialize(message).map_err(|error| error.to_string());
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}
