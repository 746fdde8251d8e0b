//! The kernel's neighbour table and LLDP: who is at the other end of a cable.

use super::{ParseError, json, or_default};
use crate::fabric::Mac;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One entry of the kernel's neighbour table (ARP for IPv4, RFC 4861 for IPv6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelNeighbor {
    /// The interface.
    pub dev: String,
    /// The neighbour's address.
    pub address: IpAddr,
    /// Its Ethernet address; none while it is asked for, or when it didn't answer.
    pub mac: Option<Mac>,
    /// The kernel is sure, or was told: `REACHABLE`, `DELAY`, `PROBE`, `PERMANENT`.
    pub fresh: bool,
    /// It was asked for and is not there: `FAILED`, `INCOMPLETE`.
    pub failed: bool,
    /// FRR or an administrator wrote it, so it is no sign of life.
    pub written: bool,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    dst: Option<IpAddr>,
    #[serde(default, deserialize_with = "or_default")]
    dev: String,
    #[serde(default)]
    lladdr: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    state: Vec<String>,
}

/// Reads `ip -j neigh show`.
///
/// # Errors
/// When the answer is no JSON of that shape.
pub fn ip_neighbors(text: &str) -> Result<Vec<KernelNeighbor>, ParseError> {
    let entries: Vec<Entry> = json("ip -j neigh show", text)?;
    let read = |entry: Entry| {
        let is = |names: &[&str]| entry.state.iter().any(|state| names.contains(&state.as_str()));
        Some(KernelNeighbor {
            address: entry.dst?,
            fresh: is(&["REACHABLE", "DELAY", "PROBE", "PERMANENT"]),
            failed: is(&["FAILED", "INCOMPLETE"]),
            written: is(&["PERMANENT", "NOARP"]),
            mac: entry.lladdr.and_then(|mac| mac.parse().ok()),
            dev: entry.dev,
        })
    };
    Ok(entries.into_iter().filter_map(read).collect())
}

/// What LLDP (IEEE 802.1AB) says of the far end of a port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LldpNeighbor {
    /// The far node's name.
    pub node: Option<String>,
    /// Its port.
    pub port: Option<String>,
}

/// Reads `lldpcli show neighbors -f keyvalue`: neighbours by our interface.
///
/// Lines of the shape `lldp.swp51.chassis.name=spine01`; others are passed over. An interface's name may hold dots.
pub fn lldp_neighbors(text: &str) -> BTreeMap<String, LldpNeighbor> {
    let mut found: BTreeMap<String, LldpNeighbor> = BTreeMap::new();
    for line in text.lines() {
        let Some((key, value)) = line.strip_prefix("lldp.").and_then(|line| line.split_once('=')) else {
            continue;
        };
        if let Some(port) = key.strip_suffix(".chassis.name") {
            found.entry(port.to_owned()).or_default().node = Some(value.to_owned());
        } else if let Some(port) = key.strip_suffix(".port.ifname") {
            found.entry(port.to_owned()).or_default().port = Some(value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_told_apart() {
        let text = r#"[{"dst":"172.16.1.12","dev":"swp1","lladdr":"02:42:ac:10:01:0c","state":["REACHABLE"]},
            {"dst":"172.16.1.13","dev":"swp1","state":["FAILED"]},
            {"dst":"169.254.0.1","dev":"swp51","lladdr":"6a:fc:eb:5b:6f:67","state":["PERMANENT"]}, {}]"#;
        let found = ip_neighbors(text).unwrap();
        let flags: Vec<_> = found.iter().map(|one| (one.fresh, one.failed, one.written)).collect();
        assert_eq!(flags, [(true, false, false), (false, true, false), (true, false, true)]);
        assert!(ip_neighbors("Object \"neigh\" is unknown").is_err());
    }

    #[test]
    fn lldp_is_read_by_interface() {
        let text = "lldp.swp1.10.via=LLDP\nlldp.swp1.10.chassis.name=leaf01\nlldp.swp1.10.port.ifname=swp51\nnoise\n";
        let found = lldp_neighbors(text);
        assert_eq!(
            found["swp1.10"],
            LldpNeighbor { node: Some("leaf01".into()), port: Some("swp51".into()) }
        );
    }
}
