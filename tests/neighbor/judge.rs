//! What must hold after every single effect.

use crate::world::World;
use fabricctl::neighbor::{Event, HostRoute, HostView, IfIndex, Moment};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

impl World {
    /// As long as its link and address are there, no proven host is withdrawn that wasn't asked several times in
    /// vain, and silent for the time that the answers had.
    pub fn judge_withdrawal(&self, event: &Event, route: HostRoute, host: Option<&HostView>, moved: bool) {
        match event {
            Event::Tick => {}
            Event::Heard { .. }
            | Event::NeighbourSeen { .. }
            | Event::NeighbourLost { .. }
            | Event::RouteElsewhere { .. } => {
                panic!("{route:?} withdrawn by {event:?}")
            }
            _ => return,
        }
        if self.machine.has_route(HostRoute { settled: true, ..route }) {
            return;
        }
        let Some(mac) = host.filter(|host| host.proven).and_then(|host| host.mac) else { return };
        let place = (route.interface.0, route.address, mac);
        let silent = self.now.since(self.heard[&place]);
        let (probes, least) = match (moved, self.settings.holdtime) {
            (true, _) => (4, Duration::from_millis(200)),
            (false, None) => (4, Duration::from_millis(800)),
            (false, Some(holdtime)) => (10, holdtime),
        };
        let asked = self.probes.get(&place).map_or(0, Vec::len);
        assert!(silent >= least, "{route:?} spoke {silent:?} ago, moved: {moved}");
        assert!(asked >= probes, "{route:?} was asked {asked} times, moved: {moved}");
    }

    /// Nobody is announced who is there, or who didn't live there lately, or who isn't elsewhere now.
    pub fn judge_announcement(&mut self, interface: IfIndex, address: IpAddr) {
        self.bucket.packet(self.now);
        let spot = (interface.0, address);
        let lately =
            |at: Option<&Moment>| at.is_some_and(|at| self.now.since(*at) <= Duration::from_secs(61));
        let here = self.known().find(|(known, _)| *known == address).map(|(_, host)| host.interface);
        assert_ne!(here, Some(interface), "{address} is there");
        let silent = self.spoken.get(&spot).map(|at| self.now.since(*at));
        assert!(
            silent.is_none_or(|silent| silent >= self.settings.retry_interval),
            "{address} spoke {silent:?} ago"
        );
        assert!(lately(self.left.get(&spot)), "{address} wasn't behind {interface}");
        assert!(here.is_some() || lately(self.elsewhere.get(&address)), "{address} is nowhere");
        assert!(self.settings_permit(address), "{address}");
    }

    fn settings_permit(&self, address: IpAddr) -> bool {
        let within = |prefixes: &[IpNet]| prefixes.iter().any(|prefix| prefix.contains(&address));
        !within(&self.settings.deny) && (self.settings.allow.is_empty() || within(&self.settings.allow))
    }

    pub fn judge_routes(&self, event: &Event) {
        let routes: BTreeSet<HostRoute> = self.machine.routes().collect();
        assert_eq!(routes, self.kernel, "after {event:?}");
        let addresses: BTreeSet<IpAddr> = routes.iter().map(|route| route.address).collect();
        assert_eq!(addresses.len(), routes.len(), "an address on two interfaces: {routes:?}");
        let own: BTreeSet<IpAddr> = self.addresses.values().flatten().map(IpNet::addr).collect();
        let mut here = BTreeMap::new();
        for HostRoute { address, interface, .. } in &routes {
            *here.entry(*interface).or_insert(0) += 1;
            let prefixes = self.addresses.get(&interface.0).cloned().unwrap_or_default();
            let fits = |prefix: &IpNet| {
                let end = address.is_ipv4() && *address == prefix.broadcast();
                prefix.contains(address) && *address != prefix.network() && !end
            };
            // Between the two events of an address change only the first was told.
            let told = !matches!(event, Event::OwnAddresses { .. });
            assert!(!told || prefixes.iter().any(fits), "{address} is not of {interface:?}");
            assert!(!own.contains(address) && self.up.contains(&interface.0), "{address} on {interface:?}");
            assert!(self.settings_permit(*address) && address.to_string() != "fe80::2", "{address}");
        }
        assert!(routes.len() <= self.settings.max_hosts, "{routes:?}");
        assert!(here.values().all(|count| *count <= self.settings.max_hosts_per_port), "{routes:?}");
    }
}
