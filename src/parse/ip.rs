//! Interfaces as `ip -j` (iproute2) prints them.

use super::{ParseError, json, or_default};
use ipnet::Ipv4Net;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const ADDRESSES: &str = "ip -j addr show";

/// One interface with its IPv4 addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// The kernel's index.
    pub index: Option<u32>,
    /// Switched on (`IFF_UP`).
    pub admin_up: bool,
    /// The far end is there (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// Operational state as RFC 2863 names it: `UP`, `DOWN`, `LOWERLAYERDOWN`, `UNKNOWN`, …
    pub oper_state: String,
    /// MTU in octets.
    pub mtu: Option<u32>,
    /// Hardware address.
    pub mac: Option<String>,
    /// Takes in frames for everybody (`IFF_PROMISC`, or a count of users with `ip -d`).
    pub promiscuous: bool,
    /// IPv4 addresses with the lengths of their networks.
    pub addresses: BTreeSet<Ipv4Net>,
}

#[derive(Deserialize)]
struct Link {
    /// Absent in the `{}` that old iproute2 prints for an interface that a filter left out.
    #[serde(default)]
    ifname: Option<String>,
    #[serde(default)]
    ifindex: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    flags: Vec<String>,
    #[serde(default)]
    mtu: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    operstate: String,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    promiscuity: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    local: Option<IpAddr>,
    #[serde(default)]
    prefixlen: Option<u8>,
}

/// Reads `ip -j addr show` (with or without `-d`): interfaces by name.
///
/// # Errors
/// When the answer is no JSON of that shape, or an address has an impossible length.
pub fn ip_addresses(text: &str) -> Result<BTreeMap<String, Interface>, ParseError> {
    let links: Vec<Link> = json(ADDRESSES, text)?;
    let mut interfaces = BTreeMap::new();
    for link in links {
        let Some(name) = link.ifname else { continue };
        let mut addresses = BTreeSet::new();
        for address in link.addr_info {
            let Some(IpAddr::V4(local)) = address.local else { continue };
            let length = address.prefixlen.unwrap_or(32);
            let network = Ipv4Net::new(local, length).map_err(|_| ParseError::Value {
                what: ADDRESSES,
                wanted: "a prefix length of 0 to 32",
                found: length.to_string(),
            })?;
            addresses.insert(network);
        }
        let flag = |name: &str| link.flags.iter().any(|flag| flag == name);
        let interface = Interface {
            index: link.ifindex,
            admin_up: flag("UP"),
            carrier: flag("LOWER_UP"),
            promiscuous: flag("PROMISC") || link.promiscuity.is_some_and(|users| users > 0),
            oper_state: link.operstate,
            mtu: link.mtu,
            mac: link.address,
            addresses,
        };
        interfaces.insert(name, interface);
    }
    Ok(interfaces)
}
