//! The kernel's routes as `ip -j` (iproute2) prints them.

use super::arriving::Arriving;
use super::{ParseError, or_default};
use compact_str::CompactString;
use ipnet::Ipv4Net;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ROUTES: &str = "ip -j route show";

/// One IPv4 route of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRoute {
    /// Where to; `default` is 0.0.0.0/0.
    pub prefix: Ipv4Net,
    /// `unicast`, `local`, `broadcast`, `blackhole`, …
    pub kind: CompactString,
    /// The routing table; `None` is the one that was asked for.
    pub table: Option<CompactString>,
    /// Who made it: a name of iproute2 (`kernel`, `bgp`, `static`) or a number.
    pub protocol: Option<CompactString>,
    /// `link`, `host`, …; `None` is global.
    pub scope: Option<CompactString>,
    /// The metric; the kernel's priority.
    pub metric: Option<u32>,
    /// Where it leads; several with ECMP, none for a blackhole.
    pub next_hops: Vec<KernelNextHop>,
}

/// One next hop of a kernel route.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelNextHop {
    /// The interface.
    pub dev: Option<CompactString>,
    /// The router, IPv6 for BGP unnumbered (RFC 8950); `None` when the prefix is on the link.
    pub via: Option<IpAddr>,
}

#[derive(Deserialize)]
struct Route {
    #[serde(default, deserialize_with = "or_default")]
    dst: CompactString,
    #[serde(default, rename = "type")]
    kind: Option<CompactString>,
    #[serde(default)]
    table: Option<CompactString>,
    #[serde(default)]
    protocol: Option<CompactString>,
    #[serde(default)]
    scope: Option<CompactString>,
    #[serde(default)]
    metric: Option<u32>,
    #[serde(default)]
    dev: Option<CompactString>,
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
    dev: Option<CompactString>,
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

impl Route {
    /// `None` for IPv6.
    fn read(mut self) -> Result<Option<KernelRoute>, ParseError> {
        let Some(prefix) = destination(&self.dst)? else { return Ok(None) };
        let own = Hop { dev: self.dev, gateway: self.gateway, via: self.via }.read();
        let own = Some(own).filter(|hop| *hop != KernelNextHop::default());
        let listed = std::mem::take(&mut self.nexthops).into_iter().map(Hop::read);
        Ok(Some(KernelRoute {
            prefix,
            kind: self.kind.unwrap_or(CompactString::const_new("unicast")),
            table: self.table,
            protocol: self.protocol,
            scope: self.scope,
            metric: self.metric,
            next_hops: own.into_iter().chain(listed).collect(),
        }))
    }
}

/// Reads `ip -j route show` while it arrives, also with a table; IPv6 prefixes in `table all` are passed over.
#[derive(Debug)]
pub struct KernelRoutesReader {
    text: Arriving,
    routes: Result<Vec<KernelRoute>, ParseError>,
}

impl Default for KernelRoutesReader {
    fn default() -> Self {
        Self { text: Arriving::array(ROUTES), routes: Ok(Vec::new()) }
    }
}

impl KernelRoutesReader {
    /// Takes the next part of the answer.
    pub fn push(&mut self, octets: &[u8]) {
        let Ok(routes) = &mut self.routes else { return };
        let taken = self.text.push(octets, |_, route: Route| {
            routes.extend(route.read()?);
            Ok(())
        });
        if let Err(error) = taken {
            self.routes = Err(error);
        }
    }

    /// The routes, when all of the answer was there.
    ///
    /// # Errors
    /// When the answer is no JSON of that shape, or a destination is no prefix.
    pub fn end(self) -> Result<Vec<KernelRoute>, ParseError> {
        let routes = self.routes?;
        self.text.end()?;
        Ok(routes)
    }
}

/// Reads the same from a text that is there.
///
/// # Errors
/// When the answer is no JSON of that shape, or a destination is no prefix.
pub fn ip_routes(text: &str) -> Result<Vec<KernelRoute>, ParseError> {
    let mut reader = KernelRoutesReader::default();
    reader.push(text.as_bytes());
    reader.end()
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
