//! Free variables: any value, of which parts may be secret.

use super::Secret;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value as Json;

/// A variable of the inventory for the user's own templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Var {
    /// Anybody may see it.
    Plain(Json),
    /// Nobody may.
    Secret(Secret),
    /// A list.
    List(Vec<Var>),
    /// A map, in the order of the inventory.
    Map(Vec<(String, Var)>),
}

impl<T: Into<Json>> From<T> for Var {
    fn from(value: T) -> Self {
        Self::Plain(value.into())
    }
}

impl Serialize for Var {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(value) => value.serialize(serializer),
            Self::Secret(secret) => secret.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
