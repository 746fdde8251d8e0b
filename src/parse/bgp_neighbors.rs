//! FRR's BGP neighbours in detail.

use super::{ParseError, json, or_default};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

const WHAT: &str = "show bgp neighbors json";

/// One neighbour and its session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BgpNeighbor {
    /// State of the machine of RFC 4271 §8.2.2 as FRR spells it; `Idle` also while it is shut down.
    pub state: String,
    /// Its AS, 0 while an `external` neighbour has not been heard.
    pub remote_as: Option<u32>,
    /// Our own AS towards it.
    pub local_as: Option<u32>,
    /// What it calls itself.
    pub hostname: Option<String>,
    /// Its BGP identifier; 0.0.0.0 before it was heard.
    pub router_id: Option<Ipv4Addr>,
    /// Its address, link-local with BGP unnumbered; `None` while none is known.
    pub address: Option<IpAddr>,
    /// Somebody has switched the session off by configuration.
    pub shut_down: bool,
    /// Time since the session came up, or went down, in milliseconds.
    pub since_ms: Option<u64>,
    /// Negotiated hold time in milliseconds (RFC 4271 §4.2).
    pub hold_ms: Option<u64>,
    /// Address families that both sides speak, as FRR spells them: `ipv4Unicast`.
    pub families: BTreeSet<String>,
    /// IPv4 prefixes received and accepted.
    pub accepted: Option<u64>,
    /// Both sides can have IPv4 prefixes with IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// How often it was lost since FRR was started.
    pub drops: u64,
    /// Why it was lost last, in FRR's words.
    pub last_reset: Option<String>,
    /// The RFC 4271 §4.5 notification that ended it last, in FRR's words.
    pub last_notification: Option<String>,
}

impl BgpNeighbor {
    /// Whether routes flow.
    pub fn established(&self) -> bool {
        self.state == "Established"
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default, deserialize_with = "or_default")]
    bgp_state: String,
    #[serde(default)]
    remote_as: Option<u32>,
    #[serde(default)]
    local_as: Option<u32>,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    remote_router_id: Option<Ipv4Addr>,
    /// `none` in place of an address where there is none.
    #[serde(default)]
    bgp_neighbor_addr: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    admin_shut_down: bool,
    #[serde(default)]
    bgp_timer_up_msec: Option<u64>,
    #[serde(default)]
    last_reset_timer_msecs: Option<u64>,
    #[serde(default)]
    bgp_timer_hold_time_msecs: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    neighbor_capabilities: Capabilities,
    #[serde(default, deserialize_with = "or_default")]
    address_family_info: BTreeMap<String, Family>,
    #[serde(default, deserialize_with = "or_default")]
    connections_dropped: u64,
    #[serde(default)]
    last_reset_due_to: Option<String>,
    #[serde(default)]
    last_notification_reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Capabilities {
    #[serde(deserialize_with = "or_default")]
    multiprotocol_extensions: BTreeMap<String, serde_json::Value>,
    extended_nexthop: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Family {
    #[serde(default)]
    accepted_prefix_counter: Option<u64>,
}

/// Reads `show bgp neighbors json`: neighbours by interface (BGP unnumbered) or address. A node without a BGP
/// instance answers `{}`.
///
/// # Errors
/// When the answer is no JSON of that shape.
pub fn frr_bgp_neighbors(text: &str) -> Result<BTreeMap<String, BgpNeighbor>, ParseError> {
    let all: BTreeMap<String, serde_json::Value> = json(WHAT, text)?;
    // Beside the neighbours stand plain values such as `bgpNoSuchNeighbor`.
    let neighbors = all.into_iter().filter(|(_, value)| value.get("bgpState").is_some());
    neighbors
        .map(|(name, value)| match serde_json::from_value::<Answer>(value) {
            Ok(answer) => Ok((name, answer.read())),
            Err(source) => Err(ParseError::Json { what: WHAT, source }),
        })
        .collect()
}

impl Answer {
    fn read(self) -> BgpNeighbor {
        let both = |value: &serde_json::Value| value.get("advertisedAndReceived").is_some();
        let capabilities = self.neighbor_capabilities;
        let families = capabilities.multiprotocol_extensions.iter().filter(|(_, said)| both(said));
        let accepted =
            self.address_family_info.get("ipv4Unicast").and_then(|family| family.accepted_prefix_counter);
        BgpNeighbor {
            remote_as: self.remote_as,
            local_as: self.local_as,
            hostname: self.hostname,
            router_id: self.remote_router_id.filter(|id| !id.is_unspecified()),
            address: self.bgp_neighbor_addr.and_then(|address| address.parse().ok()),
            shut_down: self.admin_shut_down,
            since_ms: self.bgp_timer_up_msec.or(self.last_reset_timer_msecs),
            hold_ms: self.bgp_timer_hold_time_msecs,
            families: families.map(|(name, _)| name.clone()).collect(),
            accepted,
            extended_next_hop: capabilities.extended_nexthop.as_deref() == Some("advertisedAndReceived"),
            drops: self.connections_dropped,
            last_reset: self.last_reset_due_to.filter(|text| !text.is_empty()),
            last_notification: self.last_notification_reason.filter(|text| !text.is_empty()),
            state: self.bgp_state,
        }
    }
}
