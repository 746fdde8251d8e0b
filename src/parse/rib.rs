//! FRR's routing table.

use super::arriving::Arriving;
use super::{ParseError, or_default};
use compact_str::CompactString;
use ipnet::Ipv4Net;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

const WHAT: &str = "show ip route json";

/// The IPv4 routes that FRR's zebra knows, by prefix; one prefix may have several, one of them selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rib {
    /// All entries of every prefix.
    pub routes: BTreeMap<Ipv4Net, Vec<RouteEntry>>,
}

impl Rib {
    /// The entries of one prefix.
    pub fn entries(&self, prefix: &Ipv4Net) -> &[RouteEntry] {
        self.routes.get(prefix).map_or(&[], Vec::as_slice)
    }

    /// The entry that zebra chose for the prefix, if it chose one.
    pub fn selected(&self, prefix: &Ipv4Net) -> Option<&RouteEntry> {
        self.entries(prefix).iter().find(|entry| entry.selected)
    }
}

/// One route to a prefix (FRR documentation, "Zebra", `show ip route`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RouteEntry {
    /// Who brought it: `bgp`, `connected`, `local`, `kernel`, `table`, `static`, …
    #[serde(default, deserialize_with = "or_default")]
    pub protocol: CompactString,
    /// It is the best of its prefix.
    #[serde(default, deserialize_with = "or_default")]
    pub selected: bool,
    /// Zebra has put it into the kernel, or found it there; also `true` for a connected route that lost the
    /// selection. Quagga doesn't say.
    #[serde(default)]
    pub installed: Option<bool>,
    /// Administrative distance.
    #[serde(default)]
    pub distance: Option<u32>,
    /// Metric.
    #[serde(default)]
    pub metric: Option<u32>,
    /// Where it leads.
    #[serde(default, deserialize_with = "or_default")]
    pub nexthops: Vec<NextHop>,
}

impl RouteEntry {
    /// Whether the kernel has it; where the version doesn't say, whether a next hop is there.
    pub fn in_kernel(&self) -> bool {
        self.installed.unwrap_or_else(|| self.nexthops.iter().any(NextHop::forwards))
    }
}

/// One next hop of a route.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct NextHop {
    /// The interface; absent in a recursive next hop that zebra resolves by others.
    #[serde(default, rename = "interfaceName")]
    pub interface: Option<CompactString>,
    /// The router's address: link-local IPv6 for BGP unnumbered; absent when the prefix is on the link.
    #[serde(default)]
    pub ip: Option<IpAddr>,
    /// Zebra holds it usable. FRR 10.3 drops this, but not `fib`, when the interface goes down.
    #[serde(default, deserialize_with = "or_default")]
    pub active: bool,
    /// It is in the kernel's table.
    #[serde(default, deserialize_with = "or_default")]
    pub fib: bool,
}

impl NextHop {
    /// Whether packets take it: in the kernel, and its interface usable.
    pub fn forwards(&self) -> bool {
        self.fib && self.active
    }
}

/// Reads `show ip route json` while it arrives. A node without any route answers `{}`.
#[derive(Debug)]
pub struct RibReader {
    text: Arriving,
    rib: Result<Rib, ParseError>,
}

impl Default for RibReader {
    fn default() -> Self {
        Self { text: Arriving::object(WHAT), rib: Ok(Rib::default()) }
    }
}

impl RibReader {
    /// Takes the next part of the answer.
    pub fn push(&mut self, octets: &[u8]) {
        let Ok(Rib { routes }) = &mut self.rib else { return };
        let taken = self.text.push(octets, |key, mut entries: Vec<RouteEntry>| {
            let Ok(prefix) = key.parse() else {
                return Err(ParseError::Value { what: WHAT, wanted: "an IPv4 prefix", found: key.into() });
            };
            // Most have one; what was kept free for more adds up.
            for entry in &mut entries {
                entry.nexthops.shrink_to_fit();
            }
            entries.shrink_to_fit();
            routes.insert(prefix, entries);
            Ok(())
        });
        if let Err(error) = taken {
            self.rib = Err(error);
        }
    }

    /// The routes, when all of the answer was there.
    ///
    /// # Errors
    /// When the answer is no JSON of that shape, or a key is no IPv4 prefix.
    pub fn end(self) -> Result<Rib, ParseError> {
        let rib = self.rib?;
        self.text.end()?;
        Ok(rib)
    }
}

/// Reads the same from a text that is there.
///
/// # Errors
/// When the answer is no JSON of that shape, or a key is no IPv4 prefix.
pub fn frr_routes(text: &str) -> Result<Rib, ParseError> {
    let mut reader = RibReader::default();
    reader.push(text.as_bytes());
    reader.end()
}
