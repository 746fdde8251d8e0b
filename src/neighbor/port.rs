//! A managed interface: which addresses may live there.

use super::sweep::{Everybody, Sweep};
use super::{Moment, Settings};
use crate::fabric::Mac;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// A managed interface.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) name: String,
    /// Its own address, unknown until the link was up once.
    pub(super) mac: Option<Mac>,
    pub(super) up: bool,
    pub(super) prefixes: BTreeSet<IpNet>,
    /// How many hosts have routes by it.
    pub(super) hosts: usize,
    sweep: Option<Sweep>,
    everybody: Option<Everybody>,
}

impl Port {
    pub(super) fn new(name: String) -> Self {
        Self { name, mac: None, up: false, prefixes: BTreeSet::new(), hosts: 0, sweep: None, everybody: None }
    }

    /// Whether a host with that address may be reached by this interface now.
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        self.up && self.source_for(address).is_some()
    }

    /// The interface's own address in the prefix that holds `address`.
    pub(super) fn source_for(&self, address: IpAddr) -> Option<IpAddr> {
        self.prefixes.iter().find(|prefix| can_be_host(**prefix, address)).map(IpNet::addr)
    }

    /// Starts the search for silent hosts anew, quickly.
    pub(super) fn start_sweep(&mut self, settings: &Settings, now: Moment) {
        self.stop_sweep();
        if self.up {
            self.sweep = Sweep::start(&self.prefixes, settings, now);
            self.everybody = Everybody::start(&self.prefixes, settings, now);
        }
    }

    pub(super) fn stop_sweep(&mut self) {
        self.sweep = None;
        self.everybody = None;
    }

    /// When the search wants to go on.
    pub(super) fn sweep_due(&self) -> Option<Moment> {
        let everybody = self.everybody.as_ref().and_then(Everybody::due);
        self.sweep.as_ref().and_then(Sweep::due).into_iter().chain(everybody).min()
    }

    /// The IPv4 addresses to ask for now, not more than `most`: those of the prefixes, in turn, that are not `known`.
    pub(super) fn sweep(
        &mut self,
        settings: &Settings,
        now: Moment,
        most: usize,
        known: impl Fn(IpAddr) -> bool,
    ) -> Vec<(IpAddr, IpAddr)> {
        let Some(sweep) = &mut self.sweep else { return Vec::new() };
        let asked = sweep.go_on(&self.prefixes, settings, now, most, known);
        let source = |target| Some((self.source_for(target)?, target));
        asked.into_iter().filter_map(source).collect()
    }

    /// The interface's IPv6 addresses from which everybody is to be asked now, not more than `most`.
    pub(super) fn ask_everybody(&mut self, settings: &Settings, now: Moment, most: usize) -> Vec<Ipv6Addr> {
        let Some(everybody) = &mut self.everybody else { return Vec::new() };
        everybody.go_on(&self.prefixes, settings, now, most)
    }
}

/// Whether a host of that prefix can have the address: inside, not the interface's own, and neither the network's nor
/// the broadcast address where the prefix has them. A /31 has none (RFC 3021), IPv6 no broadcast but the
/// subnet-router anycast address (RFC 4291 §2.6.1), which a /127 lacks (RFC 6164).
pub(super) fn can_be_host(prefix: IpNet, address: IpAddr) -> bool {
    let room = prefix.max_prefix_len() - prefix.prefix_len();
    let broadcast = matches!(prefix, IpNet::V4(_)) && address == prefix.broadcast();
    let ends = room > 1 && (address == prefix.network() || broadcast);
    prefix.contains(&address) && address != prefix.addr() && !ends && !address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(prefix: &str) -> Port {
        let mut port = Port::new("swp1".to_owned());
        port.up = true;
        port.prefixes.insert(prefix.parse().unwrap());
        port
    }

    #[test]
    fn only_addresses_that_a_host_can_have_are_admitted() {
        let four = port("172.16.1.1/24");
        for good in ["172.16.1.2", "172.16.1.254"] {
            assert!(four.admits(good.parse().unwrap()), "{good}");
        }
        for bad in
            ["172.16.1.0", "172.16.1.255", "172.16.1.1", "172.16.2.1", "0.0.0.0", "224.0.0.1", "2001:db8::2"]
        {
            assert!(!four.admits(bad.parse().unwrap()), "{bad}");
        }
        let six = port("2001:db8::1/64");
        for good in ["2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff"] {
            assert!(six.admits(good.parse().unwrap()), "{good}");
        }
        for bad in ["2001:db8::", "2001:db8::1", "2001:db8:0:1::2", "::", "fe80::2"] {
            assert!(!six.admits(bad.parse().unwrap()), "{bad}");
        }
    }

    #[test]
    fn a_point_to_point_prefix_has_one_other_address_and_a_host_prefix_none() {
        assert!(port("10.1.1.0/31").admits("10.1.1.1".parse().unwrap()));
        assert!(!port("10.1.1.0/31").admits("10.1.1.0".parse().unwrap()));
        assert!(!port("10.1.1.1/32").admits("10.1.1.1".parse().unwrap()));
        assert!(port("2001:db8::/127").admits("2001:db8::1".parse().unwrap()));
    }
}
