//! What `ip -j` (iproute2) prints.

use super::{ParseError, json, or_default};
use ipnet::Ipv4Net;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ADDRESSES: &str = "ip -j addr show";
const ROUTES: &str = "ip -j route show";

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

/// One IPv4 route of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRoute {
    /// Where to; `default` is 0.0.0.0/0.
    pub prefix: Ipv4Net,
    /// `unicast`, `local`, `broadcast`, `blackhole`, …
    pub kind: String,
    /// The routing table; `None` is the one that was asked for.
    pub table: Option<String>,
    /// Who made it: a name of iproute2 (`kernel`, `bgp`, `static`) or a number.
    pub protocol: Option<String>,
    /// `link`, `host`, …; `None` is global.
    pub scope: Option<String>,
    /// The metric; the kernel's priority.
    pub metric: Option<u32>,
    /// Where it leads; several with ECMP, none for a blackhole.
    pub next_hops: Vec<KernelNextHop>,
}

/// One next hop of a kernel route.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelNextHop {
    /// The interface.
    pub dev: Option<String>,
    /// The router, IPv6 for BGP unnumbered (RFC 8950); `None` when the prefix is on the link.
    pub via: Option<IpAddr>,
}

#[derive(Deserialize)]
struct Route {
    #[serde(default, deserialize_with = "or_default")]
    dst: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    metric: Option<u32>,
    #[serde(default)]
    dev: Option<String>,
    #[serde(default)]
    gateway: Option<IpAddr>,
    #[serde(default)]
    via: Option<Via>,
    #[serde(default, deserialize_with = "or_default")]
    nexthops: Vec<Hop>,
}

#[derive(Deserialize)]
struct Hop {
    #[serde(default)]
    dev: Option<String>,
    #[serde(default)]
    gateway: Option<IpAddr>,
    #[serde(default)]
    via: Option<Via>,
}

/// A router of another family than the prefix.
#[derive(Deserialize)]
struct Via {
    #[serde(default)]
    host: Option<IpAddr>,
}

impl Hop {
    fn read(self) -> KernelNextHop {
        KernelNextHop { dev: self.dev, via: self.gateway.or(self.via.and_then(|via| via.host)) }
    }
}

/// Reads `ip -j route show`, also with a table; IPv6 prefixes in `table all` are passed over.
///
/// # Errors
/// When the answer is no JSON of that shape, or a destination is no prefix.
pub fn ip_routes(text: &str) -> Result<Vec<KernelRoute>, ParseError> {
    let routes: Vec<Route> = json(ROUTES, text)?;
    let mut read = Vec::with_capacity(routes.len());
    for mut route in routes {
        let Some(prefix) = destination(&route.dst)? else { continue };
        let mut next_hops: Vec<_> = std::mem::take(&mut route.nexthops).into_iter().map(Hop::read).collect();
        let own = Hop { dev: route.dev, gateway: route.gateway, via: route.via }.read();
        if own != KernelNextHop::default() {
            next_hops.insert(0, own);
        }
        read.push(KernelRoute {
            prefix,
            kind: route.kind.unwrap_or_else(|| "unicast".to_owned()),
            table: route.table,
            protocol: route.protocol,
            scope: route.scope,
            metric: route.metric,
            next_hops,
        });
    }
    Ok(read)
}

/// `10.0.0.0/8`, `10.0.0.1` or `default`; `None` for IPv6.
fn destination(text: &str) -> Result<Option<Ipv4Net>, ParseError> {
    if text == "default" {
        return Ok(Some(Ipv4Net::default()));
    }
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let bad =
        || ParseError::Value { what: ROUTES, wanted: "an IPv4 prefix or `default`", found: text.to_owned() };
    if address.parse::<Ipv6Addr>().is_ok() {
        return Ok(None);
    }
    let address: Ipv4Addr = address.parse().map_err(|_| bad())?;
    let length = length.parse().map_err(|_| bad())?;
    Ipv4Net::new(address, length).map(Some).map_err(|_| bad())
}
