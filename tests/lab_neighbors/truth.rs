//! Which hosts live, and what each router must therefore believe.

use super::bench::Mode;
use std::collections::{BTreeMap, BTreeSet};

/// The last octet of an address in 172.16.1.0/24.
pub(crate) type Host = u8;

/// What a table says about each host, in words that two sources can be compared by.
pub(crate) type Table = BTreeMap<Host, String>;

/// What a router believes, by source.
pub(crate) type Belief = BTreeMap<&'static str, Table>;

/// The leaf that things happen to.
pub(crate) const LEAF: &str = "leaf01";
/// Its server.
pub(crate) const SERVER: &str = "server01";
/// The routers that are asked: the leaf, one of another rack, and both spines.
pub(crate) const ROUTERS: [&str; 4] = [LEAF, "leaf03", "spine01", "spine02"];

/// The hosts that live, each with its rack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Truth(BTreeMap<Host, u8>);

impl Truth {
    /// Three containers a rack, and the servers' own addresses.
    pub(crate) fn all() -> Self {
        let of_rack =
            |rack: u8| [10 * rack + 1, 10 * rack + 2, 10 * rack + 3, 250 + rack].map(|host| (host, rack));
        Self((1..=4).flat_map(of_rack).collect())
    }

    pub(crate) fn without(mut self, host: Host) -> Self {
        self.0.remove(&host);
        self
    }

    pub(crate) fn with(mut self, host: Host, rack: u8) -> Self {
        self.0.insert(host, rack);
        self
    }

    /// Nobody in the first rack but these.
    pub(crate) fn only(mut self, hosts: &[Host]) -> Self {
        self.0.retain(|host, rack| *rack != 1 || hosts.contains(host));
        self
    }

    /// Those that live by one or the other.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        self.0.extend(&other.0);
        self
    }

    pub(crate) fn hosts(&self) -> BTreeSet<Host> {
        self.0.keys().copied().collect()
    }

    /// What a router must believe.
    pub(crate) fn belief(&self, node: &str, mode: Mode) -> Belief {
        match node.split_at(4) {
            ("leaf", _) => self.leaf(rack_of(node), mode, node == LEAF),
            _ => Belief::from([("FIB", self.table(|rack| Some(format!("bgp swp{rack}"))))]),
        }
    }

    fn leaf(&self, own: u8, mode: Mode, all_sources: bool) -> Belief {
        let port = if own % 2 == 1 { "swp1" } else { "swp2" };
        let (fib, rib) = match mode {
            Mode::Main => ("76", "kernel"),
            Mode::Table => ("zebra", "table"),
        };
        let entry = |of_own: &str, rack: u8| {
            if rack == own { format!("{of_own} {port}") } else { "bgp swp51 swp52".to_owned() }
        };
        let own_only = |text: &'static str| self.table(move |rack| (rack == own).then(|| text.to_owned()));
        let mut belief = Belief::from([("FIB", self.table(|rack| Some(entry(fib, rack))))]);
        if mode == Mode::Table {
            belief.insert("table 10", self.table(|rack| (rack == own).then(|| entry("76", rack))));
        }
        if all_sources {
            belief.insert("RIB", self.table(|rack| Some(entry(rib, rack))));
            belief.insert("BGP's own", own_only("local"));
        }
        belief
    }

    fn table(&self, entry: impl Fn(u8) -> Option<String>) -> Table {
        self.0.iter().filter_map(|(host, rack)| Some((*host, entry(*rack)?))).collect()
    }
}

fn rack_of(leaf: &str) -> u8 {
    leaf[4..].parse().unwrap()
}

/// Every difference, in words.
pub(crate) fn differences(node: &str, wanted: &Belief, found: &Belief) -> Vec<String> {
    let nothing = Table::new();
    let mut said = Vec::new();
    for (source, wanted) in wanted {
        let found = found.get(source).unwrap_or(&nothing);
        let hosts: BTreeSet<&Host> = wanted.keys().chain(found.keys()).collect();
        for host in hosts {
            let (is, should) = (found.get(host), wanted.get(host));
            if is != should {
                let word = |entry: Option<&String>| entry.map_or("nothing", String::as_str).to_owned();
                said.push(format!("{node} {source} .{host}: {}, not {}", word(is), word(should)));
            }
        }
    }
    said
}
