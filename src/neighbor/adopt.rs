//! The kernel's routes of ours: taken over from an earlier instance, and compared with what they should be.

use super::event::{Effect, HostRoute, Level, Moment};
use super::host::{Host, Place, Proof};
use super::limit::Topic;
use super::machine::Machine;
use super::pace::round_up;
use std::collections::BTreeSet;
use std::time::Duration;

/// Between the first probes of two adopted routes: 10,000 are asked about in 0.7 s, and no buffer overruns.
const ADOPT_PAUSE: Duration = Duration::from_micros(70);

impl Machine {
    /// A route of an earlier instance: kept until it is clear whether anybody lives there. Nothing here makes that
    /// take longer than the detection time, counted from now, so that even a daemon which is killed every few seconds
    /// leaves no route for ever.
    pub(super) fn route_found(&mut self, route: HostRoute, now: Moment) {
        let HostRoute { address, interface, settled } = route;
        if self.has_route(route) {
            return;
        }
        if let Some(host) = self.hosts.get_mut(&address)
            && host.place.interface == interface
        {
            // Both of them: an earlier instance ended between adding the one and deleting the other.
            host.settled = true;
            return self.effects.push(Effect::DeleteRoute { route: HostRoute { settled: false, ..route } });
        }
        let taken = self.hosts.contains_key(&address);
        if taken || !self.admits(interface, address) || self.is_full(interface, now) {
            self.effects.push(Effect::DeleteRoute { route });
            return self.log(Topic::Dropped, Level::Info, now, |machine| {
                format!("event=dropped host={address} port={} reason=not-ours", machine.name(interface))
            });
        }
        let place = Place { interface, mac: None };
        self.adopting = self.adopting.max(now);
        let mut host = Host::new(place, Proof::Found, now);
        host.settled = settled;
        // Known neighbours give the MAC to ask before the turn comes.
        host.slot = round_up(self.adopting);
        host.due = host.slot;
        self.adopting = self.adopting + ADOPT_PAUSE;
        self.insert(address, host);
        self.departures.came_back(address, interface);
        self.counters.adopted += 1;
        self.log(Topic::Adopted, Level::Info, now, |machine| {
            format!("event=adopted host={address} port={}", machine.name(interface))
        });
    }

    /// Puts the kernel right: every route that must be there is, and no other of ours.
    pub(super) fn reconcile(&mut self, found: &BTreeSet<HostRoute>, now: Moment) {
        let wanted: BTreeSet<HostRoute> = self.routes().collect();
        let twin = |route: &HostRoute| HostRoute { settled: !route.settled, ..*route };
        let (twins, strangers): (Vec<HostRoute>, Vec<HostRoute>) =
            found.difference(&wanted).partition(|route| wanted.contains(&twin(route)));
        for route in strangers {
            self.put_right(Effect::DeleteRoute { route }, route, "unknown", now);
        }
        for route in wanted.difference(found) {
            let proven = self.hosts.get(&route.address).is_some_and(Host::proven);
            if proven || found.contains(&twin(route)) {
                self.put_right(Effect::AddRoute { route: *route }, *route, "missing", now);
            } else {
                // Adopted, never proven, and gone: nothing speaks for it.
                self.remove(route.address);
            }
        }
        // Last, so that there is no gap.
        for route in twins {
            self.put_right(Effect::DeleteRoute { route }, route, "unknown", now);
        }
    }

    fn put_right(&mut self, effect: Effect, route: HostRoute, was: &str, now: Moment) {
        self.effects.push(effect);
        self.counters.reconciled += 1;
        self.log(Topic::Reconciled, Level::Warning, now, |machine| {
            let port = machine.name(route.interface);
            format!("event=reconciled host={} port={port} was={was}", route.address)
        });
    }
}
