//! The kernel's neighbour table.

use super::interfaces::is_link_local;
use super::socket::{NetlinkError, Socket};
use super::wire::{address, attributes, u16_at, u32_at};
use crate::fabric::Mac;
use std::net::IpAddr;

/// Kinds of messages (`RTM_…`).
pub(super) const NEW_NEIGHBOUR: u16 = 28;
pub(super) const DEL_NEIGHBOUR: u16 = 29;
const GET_NEIGHBOUR: u16 = 30;

/// Octets that a message begins with (`ndmsg`).
const HEADER: usize = 12;

/// `NUD_REACHABLE`, `_STALE`, `_DELAY`, `_PROBE`, `_PERMANENT`: the kernel has a hardware address that isn't made up.
const BELIEVED: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
/// `NUD_FAILED`: it tried and had no answer.
const FAILED: u16 = 0x20;
/// `NTF_PROXY`: an entry for which this node answers.
const PROXY: u8 = 0x08;

/// A neighbour whose hardware address the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The kernel's number of the interface.
    pub index: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address, right or not: the kernel doesn't ask as long as nobody sends.
    pub mac: Mac,
}

/// An entry, in whatever state.
pub(super) struct Entry {
    pub(super) index: u32,
    pub(super) address: IpAddr,
    pub(super) has_failed: bool,
    mac: Option<Mac>,
}

impl Entry {
    /// None where the kernel has no hardware address, or one that it made up.
    pub(super) fn believed(&self) -> Option<Neighbour> {
        Some(Neighbour { index: self.index, address: self.address, mac: self.mac? })
    }
}

/// All neighbours the kernel believes in, of both families.
///
/// # Errors
/// When the kernel refuses.
pub fn neighbours(socket: &mut Socket) -> Result<Vec<Neighbour>, NetlinkError> {
    socket.dump_map(GET_NEIGHBOUR, &[0; HEADER], "reading neighbours", |answer| {
        if answer.kind == NEW_NEIGHBOUR { neighbour(answer.body())?.believed() } else { None }
    })
}

/// None for proxy entries, entries of bridges, and addresses that are no host's: link-local ones of IPv6, groups.
pub(super) fn neighbour(body: &[u8]) -> Option<Entry> {
    const DESTINATION: u16 = 1;
    const LINK_LAYER_ADDRESS: u16 = 2;
    let family = *body.first()?;
    let (index, state, flags) = (u32_at(body, 4)?, u16_at(body, 8)?, *body.get(10)?);
    if flags & PROXY != 0 {
        return None;
    }
    let (mut of, mut mac) = (None, None);
    for (kind, value) in attributes(body.get(HEADER..)?) {
        match kind {
            DESTINATION => of = address(family, value),
            LINK_LAYER_ADDRESS => mac = value.try_into().ok().map(Mac),
            _ => {}
        }
    }
    let no_host =
        |address: &IpAddr| is_link_local(*address) || address.is_multicast() || address.is_unspecified();
    let address = of.filter(|address| !no_host(address))?;
    let mac = mac.filter(|_| state & BELIEVED != 0);
    Some(Entry { index, address, has_failed: state & FAILED != 0, mac })
}
