//! Names as the field uses them: nodes and their interfaces.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// Why a name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no characters.
    #[error("the name is empty")]
    Empty,
    /// The name is longer than the kernel or DNS allows.
    #[error("{name:?} has {len} characters, at most {max} are allowed")]
    TooLong {
        /// The name as written.
        name: String,
        /// Its length in characters.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A character that host names or interface names can't hold.
    #[error("{name:?} has {found:?}, only {allowed} are allowed")]
    Character {
        /// The name as written.
        name: String,
        /// The first offending character.
        found: char,
        /// What may stand there.
        allowed: &'static str,
    },
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, max $max:literal, $ok:expr, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(CompactString);

        impl $type {
            /// Checks the name and wraps it.
            ///
            /// # Errors
            /// When it is empty, too long, or holds a character the kernel or DNS refuses.
            pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                let len = name.chars().count();
                if len == 0 {
                    return Err(NameError::Empty);
                }
                if len > $max {
                    return Err(NameError::TooLong { name, len, max: $max });
                }
                let ok: fn(char) -> bool = $ok;
                if let Some(found) = name.chars().find(|c| !ok(*c)) {
                    return Err(NameError::Character { name, found, allowed: $allowed });
                }
                Ok(Self(name.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.into()
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        /// Natural order: `swp2` before `swp10`.
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                natural(&self.0, &other.0)
            }
        }
    };
}

name_type!(
    /// The name of a node: a host name label (RFC 1123), at most 63 characters.
    NodeName,
    max 63,
    |c| c.is_ascii_alphanumeric() || c == '-',
    "letters, digits and '-'"
);

name_type!(
    /// The name of a network interface: at most 15 characters (`IFNAMSIZ` less its NUL).
    IfName,
    max 15,
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
    "letters, digits, '-', '_' and '.'"
);

/// Compares runs of digits by value and everything else by character.
fn natural(a: &str, b: &str) -> Ordering {
    // Most comparisons are look-ups that find what they look for.
    if a == b {
        return Ordering::Equal;
    }
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    loop {
        match (x, y) {
            ([first, ..], [second, ..]) if first.is_ascii_digit() && second.is_ascii_digit() => {
                let ((nx, rx), (ny, ry)) = (digits(x), digits(y));
                // Longer run of significant digits is the larger number; no overflow to fear.
                let order = nx.len().cmp(&ny.len()).then_with(|| nx.cmp(ny));
                if order != Ordering::Equal {
                    return order;
                }
                (x, y) = (rx, ry);
            }
            // Octets of UTF-8 stand in the order of their characters.
            ([first, rx @ ..], [second, ry @ ..]) if first == second => (x, y) = (rx, ry),
            ([first, ..], [second, ..]) => return first.cmp(second),
            _ => return x.len().cmp(&y.len()).then_with(|| a.cmp(b)),
        }
    }
}

/// Splits the leading digits (without leading zeros) from the rest.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    let zeros = run.iter().take_while(|octet| **octet == b'0').count();
    (&run[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert!(NodeName::new("leaf01").is_ok());
        assert_eq!(NodeName::new(""), Err(NameError::Empty));
        assert!(matches!(NodeName::new("leaf 1"), Err(NameError::Character { found: ' ', .. })));
        assert!(matches!(IfName::new("averylongportname"), Err(NameError::TooLong { len: 17, .. })));
    }

    #[test]
    fn order_is_natural() {
        let mut ports: Vec<IfName> =
            ["swp10", "swp2", "eth1", "swp1", "swp02"].iter().map(|n| IfName::new(*n).unwrap()).collect();
        ports.sort();
        let names: Vec<&str> = ports.iter().map(IfName::as_str).collect();
        assert_eq!(names, ["eth1", "swp1", "swp02", "swp2", "swp10"]);
    }
}
