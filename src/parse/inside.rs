//! What a container sees of the network from within.

use super::{
    Interface, KernelNeighbor, KernelRoute, ParseError, ip_addresses, ip_neighbors, ip_routes, json,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const WHAT: &str = "nsenter --net";

/// The network of one container, as its kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inside {
    /// Its interfaces.
    pub interfaces: BTreeMap<String, Interface>,
    /// Its routes.
    pub routes: Vec<KernelRoute>,
    /// Whom it knows on its links.
    pub neighbors: Vec<KernelNeighbor>,
    /// Interfaces that take no part in ARP (`ip link set … arp off`).
    pub without_arp: BTreeSet<String>,
    /// `arp_ignore` of each interface, the larger of its own and of `all`'s; 8 answers nobody.
    pub arp_ignore: BTreeMap<String, u8>,
}

#[derive(Deserialize)]
struct Flags {
    #[serde(default)]
    ifname: String,
    #[serde(default)]
    flags: Vec<String>,
}

/// Reads lines of a container's name, a kind of answer and the answer in one line: `NAME links|routes|neighbors JSON`,
/// `NAME ignore INTERFACE NUMBER`.
///
/// # Errors
/// When a line is none of these, or its JSON can't be read.
pub fn insides(text: &str) -> Result<BTreeMap<String, Inside>, ParseError> {
    let mut found: BTreeMap<String, Inside> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.splitn(3, ' ');
        let (Some(name), Some(kind)) = (words.next(), words.next()) else { return Err(unread(line)) };
        let rest = words.next().unwrap_or_default().trim();
        // Where there is nothing to tell, iproute2 may print nothing.
        let rest = if rest.is_empty() { "[]" } else { rest };
        let one = found.entry(name.to_owned()).or_default();
        match kind {
            "links" => {
                one.interfaces = ip_addresses(rest)?;
                let flags: Vec<Flags> = json(WHAT, rest)?;
                let without = flags.into_iter().filter(|link| link.flags.iter().any(|flag| flag == "NOARP"));
                one.without_arp = without.map(|link| link.ifname).collect();
            }
            "routes" => one.routes = ip_routes(rest)?,
            "neighbors" => one.neighbors = ip_neighbors(rest)?,
            "ignore" => {
                let (interface, number) = rest.split_once(' ').ok_or_else(|| unread(line))?;
                let number = number.trim().parse().map_err(|_| unread(line))?;
                one.arp_ignore.insert(interface.to_owned(), number);
            }
            _ => return Err(unread(line)),
        }
    }
    for one in found.values_mut() {
        let all = one.arp_ignore.remove("all").unwrap_or(0);
        one.arp_ignore.values_mut().for_each(|own| *own = all.max(*own));
    }
    Ok(found)
}

fn unread(line: &str) -> ParseError {
    ParseError::Value {
        what: WHAT,
        wanted: "links, routes, neighbors or ignore of a container",
        found: line.chars().take(120).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_read_line_by_line() {
        let text = r#"web11 links [{"ifname":"eth0","flags":["UP","LOWER_UP","NOARP"],"addr_info":[{"local":"172.16.1.11","prefixlen":24}]}]
web11 routes [{"dst":"default","gateway":"172.16.1.1","dev":"eth0"}]
web11 neighbors
web11 ignore all 1
web11 ignore eth0 0
web12 ignore all 0
"#;
        let found = insides(text).unwrap();
        let one = &found["web11"];
        assert!(one.interfaces["eth0"].carrier && one.without_arp.contains("eth0"));
        assert_eq!(one.routes[0].next_hops[0].dev.as_deref(), Some("eth0"));
        assert_eq!(one.arp_ignore, BTreeMap::from([("eth0".to_owned(), 1)]));
        assert!(one.neighbors.is_empty() && found["web12"].arp_ignore.is_empty());
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for wrong in ["web11", "web11 links nope", "web11 ignore eth0", "web11 dreams []"] {
            assert!(insides(wrong).is_err(), "{wrong}");
        }
    }
}
