//! Hashes of specifications and contents.

use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// SHA-256 of octets, in hexadecimal.
pub fn digest(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().fold(String::with_capacity(64), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// The hash by which a Docker object's label says what it was made from.
pub fn spec_hash<T: Serialize>(spec: &T) -> String {
    // Serialising these plain structs can't fail; an empty hash would only mean one replacement too many.
    digest(&serde_json::to_vec(spec).unwrap_or_default())[..16].to_owned()
}
