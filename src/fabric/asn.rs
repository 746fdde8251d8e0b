//! Autonomous system numbers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A four-octet autonomous system number (RFC 6793) that a node may use:
/// neither 0 (RFC 7607), `AS_TRANS` 23456, nor the last of a range (65535 and 4294967295, RFC 7300).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Asn(u32);

/// A number no node may use as its AS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("AS number {0} is reserved (0, 23456, 65535 and 4294967295 can't be used)")]
pub struct ReservedAsn(pub u32);

impl Asn {
    /// Checks the number and wraps it.
    ///
    /// # Errors
    /// When the number is one of the reserved ones.
    pub fn new(number: u32) -> Result<Self, ReservedAsn> {
        match number {
            0 | 23456 | 65535 | u32::MAX => Err(ReservedAsn(number)),
            _ => Ok(Self(number)),
        }
    }

    /// The plain number (asplain, RFC 5396).
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Asn {
    type Error = ReservedAsn;
    fn try_from(number: u32) -> Result<Self, ReservedAsn> {
        Self::new(number)
    }
}

impl From<Asn> for u32 {
    fn from(asn: Asn) -> u32 {
        asn.0
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_numbers_are_refused() {
        for number in [0, 23456, 65535, u32::MAX] {
            assert_eq!(Asn::new(number), Err(ReservedAsn(number)));
        }
        assert_eq!(Asn::new(4_200_000_000).map(Asn::get), Ok(4_200_000_000));
    }
}
