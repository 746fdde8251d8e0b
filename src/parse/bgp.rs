//! FRR's BGP sessions.

use super::{ParseError, json, or_default};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The BGP speaker and its IPv4 unicast sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BgpSummary {
    /// Its BGP identifier.
    pub router_id: Option<Ipv4Addr>,
    /// Its AS.
    pub asn: Option<u32>,
    /// Sessions by interface (BGP unnumbered) or by the peer's address.
    pub peers: BTreeMap<String, BgpPeer>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BgpPeer {
    /// State of the machine of RFC 4271 §8.2.2 as FRR spells it, e.g. `Established`, `Idle (Admin)`.
    #[serde(default, deserialize_with = "or_default")]
    pub state: String,
    /// The peer's AS; 0 while an external peer has not been heard.
    #[serde(default)]
    pub remote_as: Option<u32>,
    /// Prefixes received and accepted.
    #[serde(default, rename = "pfxRcd", alias = "prefixReceivedCount")]
    pub prefixes_received: Option<u64>,
    /// Prefixes sent; Quagga doesn't say.
    #[serde(default, rename = "pfxSnt")]
    pub prefixes_sent: Option<u64>,
    /// Time since the session came up, or since it went down, in milliseconds.
    #[serde(default, rename = "peerUptimeMsec")]
    pub uptime_ms: Option<u64>,
    /// What the peer calls itself.
    #[serde(default)]
    pub hostname: Option<String>,
}

impl BgpPeer {
    /// Whether routes flow.
    pub fn established(&self) -> bool {
        self.state == "Established"
    }
}

/// The answer, with or without the wrapper of the address family.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    ipv4_unicast: Option<Box<Answer>>,
    #[serde(default)]
    router_id: Option<Ipv4Addr>,
    #[serde(default, rename = "as")]
    asn: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    peers: BTreeMap<String, BgpPeer>,
}

/// Reads `show bgp summary json` and `show bgp ipv4 unicast summary json`.
/// A node without a BGP instance answers `{}`, which reads as no peers.
///
/// # Errors
/// When the answer is no JSON of that shape.
pub fn frr_bgp_summary(text: &str) -> Result<BgpSummary, ParseError> {
    let mut answer: Answer = json("show bgp summary json", text)?;
    if let Some(family) = answer.ipv4_unicast.take() {
        answer = *family;
    }
    Ok(BgpSummary { router_id: answer.router_id, asn: answer.asn, peers: answer.peers })
}
