//! Links between ports.

use super::{IfName, NameError, NodeName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One end of a link: `leaf01:swp51`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// The node.
    pub node: NodeName,
    /// Its interface.
    pub port: IfName,
}

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// There is no colon between node and interface.
    #[error("{0:?} is not an endpoint: write NODE:INTERFACE, as in leaf01:swp51")]
    Form(String),
    /// One of the two names can't be used.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (node, port) = text.split_once(':').ok_or_else(|| EndpointError::Form(text.to_owned()))?;
        Ok(Self { node: NodeName::new(node)?, port: IfName::new(port)? })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;
    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> String {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.port)
    }
}

/// A cable between two ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Link {
    /// The end that the inventory names first.
    pub a: Endpoint,
    /// The other end.
    pub b: Endpoint,
    /// The MTU of both ports, in octets.
    pub mtu: u32,
}

impl Link {
    /// Both ends.
    pub fn ends(&self) -> [&Endpoint; 2] {
        [&self.a, &self.b]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_read_and_print() {
        let end: Endpoint = "leaf01:swp51".parse().unwrap();
        assert_eq!((end.node.as_str(), end.port.as_str()), ("leaf01", "swp51"));
        assert_eq!(end.to_string(), "leaf01:swp51");
        assert!(matches!("leaf01".parse::<Endpoint>(), Err(EndpointError::Form(_))));
        assert!(matches!("leaf01:".parse::<Endpoint>(), Err(EndpointError::Name(NameError::Empty))));
    }
}
