//! interfaces(5), as far as what it asks of the kernel can be compared, and what ifupdown2's `ifquery --check` says.

use super::{ParseError, json, or_default};
use ipnet::Ipv4Net;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What a file asks of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AskedInterface {
    /// It comes up with the device.
    pub auto: bool,
    /// MTU in octets, where one is asked for.
    pub mtu: Option<u32>,
    /// Its IPv4 addresses.
    pub addresses: BTreeSet<Ipv4Net>,
    /// It gets others from elsewhere, as by DHCP.
    pub others: bool,
}

/// Reads an interfaces(5) file: the interfaces that it has an `iface` stanza for. What it includes is not read.
pub fn interfaces_file(text: &str) -> BTreeMap<String, AskedInterface> {
    let mut asked: BTreeMap<String, AskedInterface> = BTreeMap::new();
    let mut auto: BTreeSet<&str> = BTreeSet::new();
    let mut open: Option<&str> = None;
    // An address that stands without a length: a line of its own may say it.
    let mut bare: Option<Ipv4Addr> = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let stanza = open.and_then(|name| asked.get_mut(name));
        match (words.first().copied(), words.get(1).copied(), stanza) {
            (Some("auto" | "allow-auto" | "allow-hotplug"), ..) => {
                auto.extend(&words[1..]);
                open = None;
            }
            (Some("iface"), Some(name), _) => {
                let others = words.get(2) == Some(&"inet")
                    && words
                        .get(3)
                        .is_some_and(|method| !matches!(*method, "static" | "loopback" | "manual"));
                asked.entry(name.to_owned()).or_default().others |= others;
                (open, bare) = (Some(name), None);
            }
            (Some("address"), Some(text), Some(stanza)) => {
                bare = text.parse().ok();
                stanza.addresses.extend(text.parse::<Ipv4Net>().ok().or(bare.map(Ipv4Net::from)));
            }
            (Some("netmask"), Some(text), Some(stanza)) => {
                let Some(address) = bare.take() else { continue };
                let length = text.parse().ok();
                let length = length.or_else(|| ipnet::ipv4_mask_to_prefix(text.parse().ok()?).ok());
                if let Some(whole) = length.and_then(|length| Ipv4Net::new(address, length).ok()) {
                    stanza.addresses.remove(&Ipv4Net::from(address));
                    stanza.addresses.insert(whole);
                }
            }
            (Some("mtu"), Some(text), Some(stanza)) => stanza.mtu = text.parse().ok(),
            (Some("source" | "source-directory" | "mapping"), ..) => open = None,
            _ => {}
        }
    }
    for (name, asked) in &mut asked {
        asked.auto = auto.contains(name.as_str());
    }
    asked
}

/// An attribute of an interface that is not in effect, by `ifquery --check`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailedAttribute {
    /// The interface.
    pub interface: String,
    /// The attribute, as interfaces(5) names it.
    pub attribute: String,
    /// What is in effect, or what was asked for where that isn't known.
    pub value: String,
}

#[derive(Deserialize)]
struct CheckedInterface {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    config: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "or_default")]
    config_status: BTreeMap<String, Value>,
}

/// Reads `ifquery --check -o json`.
///
/// # Errors
/// When the answer is no JSON of that shape.
pub fn ifquery_check(text: &str) -> Result<Vec<FailedAttribute>, ParseError> {
    let mut failed = Vec::new();
    for checked in json::<Vec<CheckedInterface>>("ifquery --check", text)? {
        for (attribute, status) in &checked.config_status {
            let values = checked.config.get(attribute).map(each).unwrap_or_default();
            for (at, status) in each(status).iter().enumerate() {
                if status == "fail" {
                    let value = values.get(at).or(values.first()).cloned().unwrap_or_default();
                    let (interface, attribute) = (checked.name.clone(), attribute.clone());
                    failed.push(FailedAttribute { interface, attribute, value });
                }
            }
        }
    }
    Ok(failed)
}

/// One value or a list of them, as texts.
fn each(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_by_its_stanzas() {
        let text = "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n    address 10.0.0.11/32\n\
            auto swp1 swp2\niface swp1\n  address 172.16.1.1\n  netmask 255.255.255.0\n  address fe80::1/64\n  mtu 9216\n\
            iface swp1 inet static\n  address 192.0.2.1/31\niface eth0 inet dhcp\n  address 192.0.2.9\n";
        let asked = interfaces_file(text);
        let nets =
            |texts: &[&str]| -> BTreeSet<Ipv4Net> { texts.iter().map(|net| net.parse().unwrap()).collect() };
        assert_eq!(asked["lo"].addresses, nets(&["10.0.0.11/32"]));
        let swp1 = AskedInterface {
            auto: true,
            mtu: Some(9216),
            addresses: nets(&["172.16.1.1/24", "192.0.2.1/31"]),
            others: false,
        };
        assert_eq!(asked["swp1"], swp1);
        assert!(!asked.contains_key("swp2"), "what has no stanza isn't configured");
        assert!(asked["eth0"].others && !asked["eth0"].auto);
        assert_eq!(asked["eth0"].addresses, nets(&["192.0.2.9/32"]));
    }

    #[test]
    fn what_fails_is_named() {
        let text = r#"[
            {"name": "lo", "auto": true, "config": {"address": "10.0.0.1/32"}, "config_status": {"address": "pass"}, "status": "pass"},
            {"name": "swp1", "config": {"address": ["1.2.3.4/24", "1.2.4.4/24"], "alias": "x"},
             "config_status": {"address": ["pass", "fail"], "alias": "fail"}, "status": "fail"}
        ]"#;
        let failed = ifquery_check(text).unwrap();
        let failed: Vec<_> =
            failed.iter().map(|one| (&*one.interface, &*one.attribute, &*one.value)).collect();
        assert_eq!(failed, [("swp1", "address", "1.2.4.4/24"), ("swp1", "alias", "x")]);
        assert!(ifquery_check("error: main exception").is_err());
    }
}
