//! How FRR's BGP came by single prefixes, and whom it told of them.

use super::{ParseError, first_line, or_default};
use ipnet::Ipv4Net;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const WHAT: &str = "show bgp ipv4 unicast PREFIX json";

/// What BGP knows of one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BgpPrefix {
    /// The paths that were received and let in (the Adj-RIB-In of RFC 4271 §3.2 behind its filters), and its own.
    pub paths: Vec<BgpPath>,
    /// The neighbours that were told of it, by interface or address.
    pub advertised_to: BTreeSet<String>,
}

impl BgpPrefix {
    /// Whether this router itself brought it into BGP.
    pub fn own(&self) -> bool {
        self.paths.iter().any(|path| path.own)
    }
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BgpPath {
    /// The neighbour that it came from, by interface or address; `None` for the router's own.
    pub from: Option<String>,
    /// The router itself redistributes it.
    pub own: bool,
    /// It may be used.
    pub valid: bool,
    /// The best, or as good as the best.
    pub used: bool,
    /// The ASes that it goes through.
    pub as_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    prefix: Option<Ipv4Net>,
    #[serde(default, deserialize_with = "or_default")]
    advertised_to: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    paths: Vec<PathAnswer>,
}

#[derive(Deserialize)]
struct PathAnswer {
    #[serde(default, deserialize_with = "or_default")]
    aspath: AsPath,
    #[serde(default, deserialize_with = "or_default")]
    valid: bool,
    #[serde(default, deserialize_with = "or_default")]
    sourced: bool,
    #[serde(default, deserialize_with = "or_default")]
    multipath: bool,
    #[serde(default, deserialize_with = "or_default")]
    bestpath: Best,
    #[serde(default, deserialize_with = "or_default")]
    peer: Peer,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AsPath {
    string: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Best {
    overall: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Peer {
    peer_id: Option<String>,
    /// The port of a neighbour without a number.
    interface: Option<String>,
}

/// Reads the answers to several `show bgp ipv4 unicast PREFIX json`, one behind the other. Of a prefix that BGP doesn't
/// know there is nothing in the answer but `{}`.
///
/// # Errors
/// When there is something else than such objects.
pub fn frr_bgp_paths(text: &str) -> Result<BTreeMap<Ipv4Net, BgpPrefix>, ParseError> {
    let mut found = BTreeMap::new();
    let text = text.trim();
    if !text.is_empty() && !text.starts_with('{') {
        return Err(ParseError::Refused { what: WHAT, answer: first_line(text) });
    }
    for answer in serde_json::Deserializer::from_str(text).into_iter::<Answer>() {
        let answer = answer.map_err(|source| ParseError::Json { what: WHAT, source })?;
        if let Some(prefix) = answer.prefix {
            let paths = answer.paths.into_iter().map(PathAnswer::read).collect();
            let advertised_to = answer.advertised_to.into_keys().collect();
            found.insert(prefix, BgpPrefix { paths, advertised_to });
        }
    }
    Ok(found)
}

impl PathAnswer {
    fn read(self) -> BgpPath {
        let peer = self.peer.interface.or(self.peer.peer_id);
        BgpPath {
            from: peer.filter(|_| !self.sourced),
            own: self.sourced,
            valid: self.valid,
            used: self.bestpath.overall || self.multipath,
            as_path: self.aspath.string,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_one_behind_the_other() {
        let own = r#"{"prefix":"172.16.1.11/32","advertisedTo":{"swp51":{"hostname":"a"},"swp52":{}},
            "paths":[{"aspath":{"string":"Local"},"valid":true,"sourced":true,"bestpath":{"overall":true},
            "peer":{"peerId":"0.0.0.0"}}]}"#;
        let heard = r#"{"prefix":"172.16.1.21/32","paths":[{"aspath":{"string":"65020 65012"},"valid":true,
            "multipath":true,"peer":{"peerId":"fe80::1","interface":"swp51"}}]}"#;
        let found = frr_bgp_paths(&format!("{own}\n{{}}\n{heard}\n")).unwrap();
        assert_eq!(found.len(), 2);
        let first = &found[&"172.16.1.11/32".parse().unwrap()];
        assert!(first.own() && first.paths[0].from.is_none());
        assert_eq!(first.advertised_to.iter().map(String::as_str).collect::<Vec<_>>(), ["swp51", "swp52"]);
        let second = &found[&"172.16.1.21/32".parse().unwrap()];
        assert_eq!(second.paths[0].from.as_deref(), Some("swp51"));
        assert!(second.paths[0].used && !second.own());
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(frr_bgp_paths("% Unknown command").is_err());
        assert!(frr_bgp_paths("{\"prefix\": \"here\"}").is_err());
        assert!(frr_bgp_paths("{\"paths\": [").is_err());
        assert!(frr_bgp_paths("").unwrap().is_empty());
    }
}
