//! Interfaces and their addresses, as the kernel has them.

use super::socket::{NetlinkError, Socket};
use super::wire::{address, attributes, u32_at};
use crate::fabric::Mac;
use ipnet::IpNet;
use std::net::IpAddr;

/// Kinds of messages (`RTM_…`).
pub(super) const NEW_LINK: u16 = 16;
pub(super) const DEL_LINK: u16 = 17;
const GET_LINK: u16 = 18;
pub(super) const NEW_ADDRESS: u16 = 20;
pub(super) const DEL_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;

/// Octets that messages of a link and of an address begin with (`ifinfomsg`, `ifaddrmsg`).
const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// `IFF_UP`, `IFF_RUNNING` and `IFF_LOWER_UP`: carrier comes before the state is operational, and FRR 8.4 loses an
/// imported route that is added in between.
const UP: u32 = 1 | 1 << 6 | 1 << 16;
/// `IFA_F_DADFAILED`: another node has the address.
const TAKEN: u32 = 8;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address, where it has one.
    pub mac: Option<Mac>,
    /// Whether it is set up, has carrier and is operational.
    pub up: bool,
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// The kernel's number of the interface.
    pub index: u32,
    /// The address with the length of its prefix.
    pub address: IpNet,
}

/// An address, and whether another node has it as well, so that this one can't use it.
pub(super) struct AddressRead {
    pub(super) address: InterfaceAddress,
    pub(super) taken: bool,
}

/// All interfaces of the namespace.
///
/// # Errors
/// When the kernel refuses.
pub fn interfaces(socket: &mut Socket) -> Result<Vec<Interface>, NetlinkError> {
    socket.dump_map(GET_LINK, &[0; LINK_HEADER], "reading interfaces", |answer| {
        if answer.kind == NEW_LINK { interface(answer.body()) } else { None }
    })
}

/// All addresses of the namespace, of both families, but link-local ones of IPv6 and those that another node has
/// (duplicate address detection failed).
///
/// # Errors
/// When the kernel refuses.
pub fn interface_addresses(socket: &mut Socket) -> Result<Vec<InterfaceAddress>, NetlinkError> {
    socket.dump_map(GET_ADDRESS, &[0; ADDRESS_HEADER], "reading addresses", |answer| {
        let read = if answer.kind == NEW_ADDRESS { interface_address(answer.body()) } else { None };
        read.filter(|read| !read.taken).map(|read| read.address)
    })
}

/// None for what speaks of a bridge's port rather than of the interface.
pub(super) fn interface(body: &[u8]) -> Option<Interface> {
    const ADDRESS: u16 = 1;
    const NAME: u16 = 3;
    let family = *body.first()?;
    if i32::from(family) != libc::AF_UNSPEC {
        return None;
    }
    let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
    let (mut name, mut mac) = (None, None);
    for (kind, value) in attributes(body.get(LINK_HEADER..)?) {
        match kind {
            ADDRESS => mac = value.try_into().ok().map(Mac),
            NAME => {
                let text = value.split(|octet| *octet == 0).next().unwrap_or_default();
                name = Some(String::from_utf8_lossy(text).into_owned());
            }
            _ => {}
        }
    }
    Some(Interface { index, name: name?, mac, up: flags & UP == UP })
}

/// None for link-local addresses of IPv6 and what is no address of the Internet protocols.
pub(super) fn interface_address(body: &[u8]) -> Option<AddressRead> {
    const ADDRESS: u16 = 1;
    const LOCAL: u16 = 2;
    const FLAGS: u16 = 8;
    let [family, length, flags, _scope] = *body.first_chunk()?;
    let index = u32_at(body, 4)?;
    let (mut local, mut far, mut flags) = (None, None, u32::from(flags));
    for (kind, value) in attributes(body.get(ADDRESS_HEADER..)?) {
        match kind {
            LOCAL => local = address(family, value),
            ADDRESS => far = address(family, value),
            FLAGS => flags = u32_at(value, 0).unwrap_or(flags),
            _ => {}
        }
    }
    // On a point-to-point interface `ADDRESS` is the other end and `LOCAL` our own.
    let address = local.or(far).filter(|address| !is_link_local(*address))?;
    let address = InterfaceAddress { index, address: IpNet::new(address, length).ok()? };
    Some(AddressRead { address, taken: flags & TAKEN != 0 })
}

/// Whether it is an IPv6 address that means something on one link only (`fe80::/10`).
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
