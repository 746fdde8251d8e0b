//! A blocking rtnetlink socket: requests with acknowledgements, many at once, and dumps.

use super::wire::{Message, messages, put_message, u32_at};
use netlink_sys::{Socket as RawSocket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;

/// Octets that one answer of the kernel can hold: its own dump buffers are at most 32 KiB.
pub(super) const RECEIVE_BUFFER: usize = 64 * 1024;

/// Requests that go to the kernel in one datagram: should it refuse them all, its answers still fit our queue.
const REQUESTS_AT_ONCE: usize = 128;

/// How often a reading is begun again that changes of the kernel interrupted.
const ATTEMPTS: u32 = 5;

/// Flags of a message (`NLM_F_…`): a request, one that must be acknowledged, one for everything of a kind.
pub(super) const REQUEST: u16 = 1;
pub(super) const ACK: u16 = 4;
pub(super) const DUMP: u16 = 0x300;
/// Something changed between two parts of an answer, which may lack objects for it.
const INTERRUPTED: u16 = 0x10;

/// Kinds of messages that end an exchange (`NLMSG_…`).
const ERROR: u16 = 2;
const DONE: u16 = 3;
const OVERRUN: u16 = 4;

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

    /// Asks for everything of a kind, of one family, and keeps what `read` makes of it, so that much less than the whole
    /// answer is in memory at a time. Begins again when the kernel says that changes interrupted it. `header` is what
    /// requests of this kind begin with.
    pub(super) fn dump_map<T>(
        &mut self,
        kind: u16,
        header: &[u8],
        what: &str,
        mut read: impl FnMut(&Message<'_>) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        let mut attempts = 1;
        loop {
            let mut kept = Vec::new();
            let body = |octets: &mut Vec<u8>| octets.extend(header);
            let whole =
                self.exchange(kind, REQUEST | DUMP, body, what, |answer| kept.extend(read(answer)))?;
            if whole || attempts == ATTEMPTS {
                return Ok(kept);
            }
            attempts += 1;
        }
    }

    /// Sends many requests, in this order, a hundred in a datagram, and says which the kernel refused and why, by
    /// their positions. A refusal doesn't keep those behind it from being carried out. `write` puts what follows a
    /// request's header, and returns its kind and flags.
    ///
    /// An error means that the socket failed or answers were lost: then nobody knows what was carried out.
    pub(super) fn batch<T>(
        &mut self,
        requests: impl IntoIterator<Item = T>,
        write: impl Fn(T, &mut Vec<u8>) -> (u16, u16),
    ) -> Result<Vec<(usize, io::Error)>, NetlinkError> {
        let mut requests = requests.into_iter().peekable();
        let (mut refused, mut octets, mut body, mut done) = (Vec::new(), Vec::new(), Vec::new(), 0);
        while requests.peek().is_some() {
            let first = self.sequence.wrapping_add(1);
            octets.clear();
            for count in 1..=REQUESTS_AT_ONCE {
                let Some(request) = requests.next() else { break };
                body.clear();
                let (kind, flags) = write(request, &mut body);
                // Refusals are always told; only the end must be.
                let last = count == REQUESTS_AT_ONCE || requests.peek().is_none();
                let end = if last { ACK } else { 0 };
                self.sequence = self.sequence.wrapping_add(1);
                put_message(&mut octets, kind, REQUEST | end | flags, self.sequence, |octets| {
                    octets.extend(&body);
                });
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
            for message in messages(&octets) {
                let at = message.sequence.wrapping_sub(first);
                if message.kind != ERROR || at > count {
                    continue;
                }
                if let Some(error) = refusal(&message) {
                    refused.push((offset + at as usize, error));
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

    /// One request and all its answers; false when the kernel says that it was interrupted.
    pub(super) fn exchange(
        &mut self,
        kind: u16,
        flags: u16,
        write: impl FnOnce(&mut Vec<u8>),
        what: &str,
        mut take: impl FnMut(&Message<'_>),
    ) -> Result<bool, NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut octets = Vec::new();
        put_message(&mut octets, kind, flags, self.sequence, write);
        self.raw.send(&octets, 0).map_err(NetlinkError::Socket)?;
        let mut whole = true;
        loop {
            let octets = self.receive()?;
            for message in messages(&octets).filter(|message| message.sequence == self.sequence) {
                whole &= message.flags & INTERRUPTED == 0;
                match message.kind {
                    ERROR | DONE => {
                        return match refusal(&message) {
                            None => Ok(whole),
                            Some(source) => Err(NetlinkError::Refused { what: what.to_owned(), source }),
                        };
                    }
                    OVERRUN => return Err(NetlinkError::Overrun),
                    _ => take(&message),
                }
            }
        }
    }
}

/// Why the kernel refused, as the end of an exchange says it: a negative error number, or zero.
fn refusal(message: &Message<'_>) -> Option<io::Error> {
    let number = u32_at(message.body(), 0).map_or(0, u32::cast_signed);
    (number != 0).then(|| io::Error::from_raw_os_error(number.saturating_abs()))
}
