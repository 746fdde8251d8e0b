//! FRR's routing table.

use super::{ParseError, json, or_default};
use ipnet::Ipv4Net;
use serde::Deserialize;
use std::collections::BTreeMap;

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
    pub protocol: String,
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
    pub interface: Option<String>,
    /// The router's address: link-local IPv6 for BGP unnumbered; absent when the prefix is on the link.
    #[serde(default)]
    pub ip: Option<String>,
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

/// Reads `show ip route json`. A node without any route answers `{}`.
///
/// # Errors
/// When the answer is no JSON of that shape, or a key is no IPv4 prefix.
pub fn frr_routes(text: &str) -> Result<Rib, ParseError> {
    let answer: BTreeMap<String, Vec<RouteEntry>> = json(WHAT, text)?;
    let mut routes = BTreeMap::new();
    for (key, entries) in answer {
        let Ok(prefix) = key.parse::<Ipv4Net>() else {
            return Err(ParseError::Value { what: WHAT, wanted: "an IPv4 prefix", found: key });
        };
        routes.insert(prefix, entries);
    }
    Ok(Rib { routes })
}
