//! The kernel's interfaces and addresses as last heard, and what of them the machine was told.

use super::kernel::MAIN;
use crate::fabric::Mac;
use crate::neighbor::{Config, Event, IfIndex};
use crate::netlink::{Announcement, Interface, InterfaceAddress, KernelRoute, Protocol};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A managed interface, as the machine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Managed {
    name: String,
    mac: Mac,
    up: bool,
    prefixes: BTreeSet<IpNet>,
}

/// Both sides of the comparison.
#[derive(Debug, Default)]
pub(super) struct View {
    interfaces: BTreeMap<u32, Interface>,
    addresses: BTreeSet<InterfaceAddress>,
    told: BTreeMap<IfIndex, Managed>,
    told_own: BTreeSet<IpAddr>,
}

impl View {
    /// Takes note of one change; true when it was about interfaces or addresses.
    pub(super) fn note(&mut self, announcement: &Announcement) -> bool {
        match announcement {
            Announcement::Interface(interface) => {
                self.interfaces.insert(interface.index, interface.clone());
            }
            Announcement::InterfaceGone { index } => {
                self.interfaces.remove(index);
                self.addresses.retain(|address| address.index != *index);
            }
            Announcement::Address(address) => {
                self.addresses.insert(*address);
            }
            Announcement::AddressGone(address) => {
                self.addresses.remove(address);
            }
            _ => return false,
        }
        true
    }

    /// Takes everything anew.
    pub(super) fn replace(&mut self, interfaces: Vec<Interface>, addresses: Vec<InterfaceAddress>) {
        self.interfaces = interfaces.into_iter().map(|interface| (interface.index, interface)).collect();
        self.addresses = addresses.into_iter().collect();
    }

    /// What the machine must be told so that it knows the present state.
    pub(super) fn news(&mut self, config: &Config) -> Vec<Event> {
        let mut events = Vec::new();
        let own: BTreeSet<IpAddr> = self.addresses.iter().map(|address| address.address.addr()).collect();
        if own != self.told_own {
            self.told_own.clone_from(&own);
            events.push(Event::OwnAddresses { addresses: own });
        }
        let managed = self.managed(config);
        for interface in self.told.keys().filter(|interface| !managed.contains_key(interface)) {
            events.push(Event::LinkGone { interface: *interface });
        }
        for (interface, state) in &managed {
            changes(*interface, self.told.get(interface), state, &mut events);
        }
        self.told = managed;
        events
    }

    /// What to listen to: the interfaces that can have hosts, by what these speak, with their hardware addresses.
    pub(super) fn listening(&self) -> BTreeMap<(IfIndex, Protocol), Mac> {
        let up = self.told.iter().filter(|(_, managed)| managed.up);
        let spoken = up.flat_map(|(interface, managed)| {
            let protocols = managed.prefixes.iter().map(|prefix| Protocol::of(prefix.addr()));
            protocols.map(|protocol| ((*interface, protocol), managed.mac))
        });
        spoken.collect()
    }

    /// The interfaces that are looked after: number, name, whether it is up, addresses.
    pub(super) fn ports(&self) -> impl Iterator<Item = (IfIndex, &str, bool, &BTreeSet<IpNet>)> {
        self.told.iter().map(|(interface, port)| (*interface, port.name.as_str(), port.up, &port.prefixes))
    }

    /// Whether a route is followed, leads away from all of them, and to an address that could be behind one.
    pub(super) fn leads_away(&self, route: &KernelRoute) -> bool {
        route.table == MAIN
            && !self.manages(IfIndex(route.index))
            && self.told.keys().any(|interface| self.could_have_behind(*interface, route.address))
    }

    /// Whether a host with that address would be behind this one.
    pub(super) fn could_have_behind(&self, interface: IfIndex, address: IpAddr) -> bool {
        let port = self.told.get(&interface);
        port.is_some_and(|port| port.prefixes.iter().any(|prefix| prefix.contains(&address)))
    }

    /// Whether that interface is ours to look after.
    pub(super) fn manages(&self, interface: IfIndex) -> bool {
        self.told.contains_key(&interface)
    }

    /// The interface's name, its number where it has none.
    pub(super) fn name(&self, interface: IfIndex) -> String {
        let known = self.interfaces.get(&interface.0);
        known.map_or_else(|| format!("if{interface}"), |known| known.name.clone())
    }

    fn managed(&self, config: &Config) -> BTreeMap<IfIndex, Managed> {
        let chosen = self.interfaces.values().filter(|interface| config.manages(&interface.name));
        let managed = chosen.filter_map(|interface| {
            let own = self.addresses.iter().filter(|address| address.index == interface.index);
            let prefixes = own.map(|address| address.address).collect();
            let state =
                Managed { name: interface.name.clone(), mac: interface.mac?, up: interface.up, prefixes };
            Some((IfIndex(interface.index), state))
        });
        managed.collect()
    }
}

/// From what was told of an interface to what it is now.
fn changes(interface: IfIndex, told: Option<&Managed>, state: &Managed, events: &mut Vec<Event>) {
    let renamed = told.is_some_and(|told| told.name != state.name || told.mac != state.mac);
    let was_up = told.is_some_and(|told| told.up);
    if was_up && !state.up {
        events.push(Event::LinkDown { interface });
    }
    if state.up && (!was_up || renamed) {
        events.push(Event::LinkUp { interface, name: state.name.clone(), mac: state.mac });
    }
    if told.is_none_or(|told| told.prefixes != state.prefixes) {
        events.push(Event::AddressesChanged { interface, prefixes: state.prefixes.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(up: bool) -> Announcement {
        let mac = Some(Mac([2, 0, 0, 0, 0, 1]));
        Announcement::Interface(Interface { index: 3, name: "swp1".into(), mac, up })
    }

    fn address() -> InterfaceAddress {
        InterfaceAddress { index: 3, address: "172.16.1.1/24".parse().unwrap() }
    }

    #[test]
    fn each_change_is_told_once_and_in_order() {
        let config = Config::default();
        let mut view = View::default();
        assert!(view.note(&Announcement::Address(address())) && view.note(&interface(true)));
        let kinds = |events: Vec<Event>| -> Vec<String> {
            let kind = |event: &Event| format!("{event:?}").split(' ').next().unwrap().to_owned();
            events.iter().map(kind).collect()
        };
        assert_eq!(kinds(view.news(&config)), ["OwnAddresses", "LinkUp", "AddressesChanged"]);
        assert_eq!(view.news(&config), []);
        assert_eq!(view.listening().keys().next(), Some(&(IfIndex(3), Protocol::Arp)));
        view.note(&interface(false));
        assert_eq!(kinds(view.news(&config)), ["LinkDown"]);
        assert!(view.listening().is_empty());
        view.note(&interface(true));
        view.note(&Announcement::AddressGone(address()));
        assert_eq!(kinds(view.news(&config)), ["OwnAddresses", "LinkUp", "AddressesChanged"]);
        view.replace(Vec::new(), Vec::new());
        assert_eq!(kinds(view.news(&config)), ["LinkGone"]);
    }

    #[test]
    fn interfaces_that_are_not_ours_only_give_their_addresses() {
        let mut view = View::default();
        view.note(&interface(true));
        view.note(&Announcement::Address(address()));
        let config = Config::parse("f", "interfaces = swp2").unwrap();
        assert_eq!(view.news(&config).len(), 1);
        assert!(!view.manages(IfIndex(3)));
    }
    #[test]
    fn a_route_leads_away_when_it_could_be_about_a_host_and_leaves_by_another_interface() {
        let mut view = View::default();
        view.note(&interface(true));
        view.note(&Announcement::Address(address()));
        view.news(&Config::default());
        let address = "172.16.1.11".parse().unwrap();
        let route = KernelRoute { address, index: 9, table: MAIN, protocol: 186, metric: 20 };
        assert!(view.leads_away(&route));
        for other in [
            KernelRoute { index: 3, ..route },
            KernelRoute { table: 10, ..route },
            KernelRoute { address: "172.16.2.11".parse().unwrap(), ..route },
        ] {
            assert!(!view.leads_away(&other), "{other:?}");
        }
    }
}
