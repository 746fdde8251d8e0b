//! What `rdnbrd` says of itself and of its hosts.

use super::{ParseError, json, or_default};
use crate::fabric::Mac;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

const WHAT: &str = "rdnbrd status -o json";

/// The form of the answer that is read here. A daemon that changes the meaning of a field counts it up.
const SCHEMA: u64 = 1;

/// The answer of one leaf's daemon.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct NeighborStatus {
    /// The daemon's version.
    #[serde(default, deserialize_with = "or_default")]
    pub version: String,
    /// Its process id.
    #[serde(default)]
    pub pid: Option<u32>,
    /// How long it has been running, in seconds.
    #[serde(default)]
    pub uptime_s: Option<f64>,
    /// It can't do all that it is told to, e.g. probe every host in time.
    #[serde(default, deserialize_with = "or_default")]
    pub degraded: bool,
    /// The routing table it writes to.
    #[serde(default)]
    pub table: Option<u32>,
    /// The protocol number that marks its routes.
    #[serde(default)]
    pub protocol: Option<u8>,
    /// Its interfaces.
    #[serde(default, deserialize_with = "or_default")]
    pub ports: Vec<NeighborPort>,
    /// Every host it knows, proven or not.
    #[serde(default, deserialize_with = "or_default")]
    pub hosts: Vec<Neighbor>,
    /// What happened since its start; what is no whole number is left out.
    #[serde(default, deserialize_with = "counts")]
    pub counters: BTreeMap<String, u64>,
}

/// One interface that the daemon looks after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct NeighborPort {
    /// The interface's name.
    pub name: String,
    /// It is up and has carrier.
    #[serde(default, deserialize_with = "or_default")]
    pub up: bool,
    /// The prefixes that its hosts' addresses must be in, as the daemon writes them.
    #[serde(default, deserialize_with = "or_default")]
    pub prefixes: Vec<String>,
    /// How many hosts it has.
    #[serde(default)]
    pub hosts: Option<u64>,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Neighbor {
    /// Its address.
    pub address: IpAddr,
    /// The interface it is behind.
    #[serde(default, deserialize_with = "or_default")]
    pub port: String,
    /// Its Ethernet address, if it is known.
    #[serde(default)]
    pub mac: Option<Mac>,
    /// What is known of it.
    pub state: HostState,
    /// How long it has been at this place, in seconds.
    #[serde(default)]
    pub age_s: Option<f64>,
    /// How long ago it answered last, in seconds.
    #[serde(default)]
    pub last_answer_s: Option<f64>,
    /// It has been in its place for a while, and its route has the ordinary metric; not said by every version.
    #[serde(default)]
    pub settled: Option<bool>,
    /// How often it changed its place on this leaf.
    #[serde(default, deserialize_with = "or_default")]
    pub moves: u64,
    /// Another place that answers for the same address.
    #[serde(default)]
    pub rival: Option<Rival>,
}

/// The other place of a duplicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rival {
    /// Its interface.
    #[serde(default, deserialize_with = "or_default")]
    pub port: String,
    /// Its Ethernet address.
    #[serde(default)]
    pub mac: Option<Mac>,
}

/// What a daemon knows of a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum HostState {
    /// Heard of, not proven yet, not advertised.
    Candidate,
    /// Proven, advertised.
    Live,
    /// Missed a probe; still advertised.
    Probing,
    /// An earlier instance left its route, which is advertised until it is disproved.
    Adopted,
    /// A state that this version doesn't know.
    Other(String),
}

impl HostState {
    /// Whether the leaf advertises a host in this state.
    pub fn advertised(&self) -> bool {
        matches!(self, HostState::Live | HostState::Probing | HostState::Adopted)
    }
}

impl From<String> for HostState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "candidate" => HostState::Candidate,
            "live" => HostState::Live,
            "probing" => HostState::Probing,
            "adopted" => HostState::Adopted,
            _ => HostState::Other(text),
        }
    }
}

impl From<HostState> for String {
    fn from(state: HostState) -> Self {
        state.to_string()
    }
}

impl fmt::Display for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            HostState::Candidate => "candidate",
            HostState::Live => "live",
            HostState::Probing => "probing",
            HostState::Adopted => "adopted",
            HostState::Other(text) => text,
        })
    }
}

/// Which form an answer has.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    schema: Option<u64>,
}

/// Reads `rdnbrd status -o json`.
///
/// # Errors
/// When the answer is no JSON of that shape, or of another version of it.
pub fn neighbor_status(text: &str) -> Result<NeighborStatus, ParseError> {
    let form: Form = json(WHAT, text)?;
    if form.schema != Some(SCHEMA) {
        let found = form.schema.map_or_else(|| "none".to_owned(), |schema| schema.to_string());
        return Err(ParseError::Value { what: WHAT, wanted: "schema 1", found });
    }
    json(WHAT, text)
}

fn counts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, u64>, D::Error> {
    let all: BTreeMap<String, serde_json::Value> = or_default(from)?;
    Ok(all.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_and_the_state_of_a_host_are_needed() {
        let text = r#"{"schema": 1, "novel": {}, "counters": {"moves": 2, "per_port": {"swp1": 1}},
            "hosts": [{"address": "2001:db8::5", "state": "resting", "novel": [1]}]}"#;
        let status = neighbor_status(text).unwrap();
        assert_eq!(status.counters, BTreeMap::from([("moves".to_owned(), 2)]));
        assert_eq!(status.hosts[0].state, HostState::Other("resting".to_owned()));
        assert!(!status.hosts[0].state.advertised());
        assert_eq!((status.hosts[0].settled, status.hosts[0].mac), (None, None));
        assert_eq!(neighbor_status(r#"{"schema": 1}"#).unwrap(), NeighborStatus::default());
    }

    #[test]
    fn what_is_no_answer_is_named_with_its_command() {
        let said = |text: &str| {
            let error = neighbor_status(text).unwrap_err();
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error}: {cause}")
        };
        assert_eq!(
            said("rdnbrd: nobody answers\n"),
            "`rdnbrd status -o json` was answered by \"rdnbrd: nobody answers\": "
        );
        assert!(said("{}").contains("has \"none\" where schema 1 is expected"), "{}", said("{}"));
        assert!(said(r#"{"schema": 2}"#).contains("has \"2\" where schema 1 is expected"));
        let broken = said(r#"{"schema": 1, "hosts": [{"address": "here", "state": "live"}]}"#);
        assert!(broken.starts_with("the answer to `rdnbrd status -o json` can't be read: "), "{broken}");
        assert!(said(r#"{"schema": 1, "hosts""#).contains("can't be read"));
    }
}
