//! The life of one host: heard of, proven, doubted, contested, lost.

use super::event::{Effect, HostRoute, IfIndex, Kind, Level, Moment};
use super::host::{Host, Place, Rival, State};
use super::machine::Machine;
use super::settings::CANDIDATE_PROBES;
use crate::fabric::Mac;
use std::net::IpAddr;
use std::time::Duration;

/// A rival that has been silent for this long is forgotten.
const RIVAL_MEMORY: Duration = Duration::from_secs(10);

impl Machine {
    /// Somebody at `mac` speaks for the address; `kind` is none for what the kernel merely believes.
    pub(super) fn heard(
        &mut self,
        interface: IfIndex,
        address: IpAddr,
        mac: Mac,
        kind: Option<Kind>,
        now: Moment,
    ) {
        let ours = self.ports.get(&interface).is_some_and(|port| port.mac == Some(mac));
        if ours || !mac.is_station() || !self.admits(interface, address) {
            return;
        }
        let place = Place { interface, mac: Some(mac) };
        let Some(host) = self.hosts.get_mut(&address) else {
            return self.candidate(address, place, now);
        };
        let known = host.place;
        if known == place {
            self.spoke(address, kind, now);
        } else if known.interface == interface && known.mac.is_none() {
            host.place = place;
            if kind == Some(Kind::Reply) {
                // It answered the broadcast for the route that was found.
                self.spoke(address, kind, now);
            } else {
                host.state = State::Probing { left: self.settings.retries_of_adopted() };
                self.probe(address, place, now);
            }
        } else {
            self.rival(address, place, kind, now);
        }
    }

    /// The kernel gave the neighbour up: ask now rather than at the next slot.
    pub(super) fn doubt(&mut self, interface: IfIndex, address: IpAddr, now: Moment) {
        let keepalive = self.settings.keepalive;
        if let Some(host) = self.hosts.get_mut(&address)
            && host.place.interface == interface
            && host.may_contest(keepalive, now)
        {
            host.contested = Some(now);
            self.verify(address, now);
        }
    }

    fn candidate(&mut self, address: IpAddr, place: Place, now: Moment) {
        if self.is_full(now) {
            return;
        }
        self.insert(address, Host::new(place, State::Candidate { left: CANDIDATE_PROBES - 1 }, now));
        self.probe(address, place, now);
        let text = format!("event=candidate {}", self.describe(address, place));
        self.log(Level::Debug, text);
    }

    /// The known place spoke. What is not proven must answer, for anybody can announce anything.
    fn spoke(&mut self, address: IpAddr, kind: Option<Kind>, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let counts = kind == Some(Kind::Reply) || (kind.is_some() && host.proven);
        if !counts {
            return;
        }
        let learned = !host.has_route();
        let place = host.place;
        host.state = State::Live;
        host.proven = true;
        host.heard = now;
        let slot = self.settings.next_slot(address, now);
        self.wake(address, slot);
        if learned {
            let route = HostRoute { address, interface: place.interface, settled: false };
            self.effects.push(Effect::AddRoute { route });
            let text = format!("event=learned {}", self.describe(address, place));
            self.log(Level::Info, text);
        }
        self.report_duplicate(address);
    }

    /// Another place speaks for an address that has one.
    fn rival(&mut self, address: IpAddr, place: Place, kind: Option<Kind>, now: Moment) {
        let (keepalive, interval) = (self.settings.keepalive, self.settings.retry_interval);
        let Some(host) = self.hosts.get_mut(&address) else { return };
        match &mut host.rival {
            Some(rival) if rival.place == place => {
                rival.heard = now;
                if kind == Some(Kind::Reply) && rival.probed {
                    rival.answered = Some(now);
                }
                let settled = rival.answered.is_some() || rival.reported;
                if !settled && host.may_contest(keepalive, now) {
                    self.contest(address, now);
                }
                return self.report_duplicate(address);
            }
            // The one before had its time to answer, or else a flood would never let anybody answer.
            Some(rival) if rival.answered.is_some() || now.since(rival.since) < interval => return,
            _ => {}
        }
        let rival = Rival { place, since: now, heard: now, probed: false, answered: None, reported: false };
        host.rival = Some(rival);
        if host.state != State::Live {
            self.ask_rival(address);
        } else if host.may_contest(keepalive, now) {
            let text = format!("event=contested {}", self.describe(address, place));
            self.log(Level::Debug, text);
            self.contest(address, now);
        }
    }

    /// Asks the known place and its rival.
    fn contest(&mut self, address: IpAddr, now: Moment) {
        if let Some(host) = self.hosts.get_mut(&address) {
            host.contested = Some(now);
        }
        self.verify(address, now);
        self.ask_rival(address);
    }

    /// Sends the first probe of a live host.
    fn verify(&mut self, address: IpAddr, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        host.state = State::Probing { left: self.settings.retries_after(host.heard, now) };
        if let Some(rival) = &mut host.rival {
            rival.probed = false;
            rival.answered = None;
        }
        let place = Place { mac: host.place.mac.filter(|_| self.settings.unicast), ..host.place };
        self.probe(address, place, now);
    }

    fn ask_rival(&mut self, address: IpAddr) {
        let rival = self.hosts.get_mut(&address).and_then(|host| host.rival.as_mut());
        if let Some(rival) = rival {
            rival.probed = true;
            let place = rival.place;
            self.ask(address, place);
        }
    }

    /// Says once that two places answer for one address.
    fn report_duplicate(&mut self, address: IpAddr) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let place = host.place;
        let Some(rival) = &mut host.rival else { return };
        if host.state != State::Live || rival.answered.is_none() || rival.reported {
            return;
        }
        rival.reported = true;
        let other = rival.place;
        let mac = other.mac.map(|mac| mac.to_string()).unwrap_or_default();
        let text = format!(
            "event=duplicate {} other_port={} other_mac={mac} effect=first-stays",
            self.describe(address, place),
            self.name(other.interface)
        );
        self.log(Level::Warning, text);
    }

    /// The host's time has come: its next probe, or the end of its patience.
    pub(super) fn step(&mut self, address: IpAddr, now: Moment) {
        let unicast = self.settings.unicast;
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let place = host.place;
        match host.state {
            State::Live => {
                if host.rival.as_ref().is_some_and(|rival| now.since(rival.heard) > RIVAL_MEMORY) {
                    host.rival = None;
                }
                self.verify(address, now);
            }
            State::Candidate { left: 0 } | State::Probing { left: 0 } => self.lost(address, "silent", now),
            State::Candidate { left } => {
                host.state = State::Candidate { left: left - 1 };
                self.probe(address, place, now);
                self.ask_rival(address);
            }
            State::Probing { left } => {
                host.state = State::Probing { left: left - 1 };
                // The last one asks everybody: the host may have a new MAC.
                let mac = place.mac.filter(|_| unicast && left > 1);
                self.probe(address, Place { mac, ..place }, now);
                self.ask_rival(address);
            }
        }
    }

    /// The known place is no more: the rival takes over when it answered, and gets its chance when it only spoke.
    pub(super) fn lost(&mut self, address: IpAddr, reason: &str, now: Moment) {
        let Some(host) = self.remove(address) else { return };
        let rival = host.rival.filter(|rival| {
            self.admits(rival.place.interface, address)
                && now.since(rival.heard) <= self.settings.detection_time()
        });
        let interface = host.place.interface;
        let proven = rival.filter(|rival| rival.answered.is_some());
        if let Some(rival) = proven {
            return self.take_over(address, &host, rival.place, now);
        }
        if host.has_route() {
            self.effects
                .push(Effect::DeleteRoute { route: HostRoute { address, interface, settled: false } });
            let silent = now.since(host.heard).as_millis();
            let place = self.describe(address, host.place);
            self.log(Level::Info, format!("event=withdrawn {place} reason={reason} silent_ms={silent}"));
        } else {
            let text = format!("event=unproven {}", self.describe(address, host.place));
            self.log(Level::Debug, text);
        }
        if let Some(rival) = rival {
            self.candidate(address, rival.place, now);
        }
    }

    /// The address is at `place` now; on the same interface its route stays untouched.
    fn take_over(&mut self, address: IpAddr, old: &Host, place: Place, now: Moment) {
        let route = HostRoute { address, interface: place.interface, settled: false };
        let before = HostRoute { address, interface: old.place.interface, settled: false };
        if old.has_route() && before != route {
            self.effects.push(Effect::DeleteRoute { route: before });
        }
        if !old.has_route() || before != route {
            self.effects.push(Effect::AddRoute { route });
        }
        let mut host = Host::new(place, State::Live, now);
        host.proven = true;
        host.due = self.settings.next_slot(address, now);
        self.insert(address, host);
        let (to, from) = (self.describe(address, place), self.name(old.place.interface));
        let from_mac = old.place.mac.map(|mac| mac.to_string()).unwrap_or_default();
        self.log(Level::Info, format!("event=moved {to} from_port={from} from_mac={from_mac}"));
    }

    fn describe(&self, address: IpAddr, place: Place) -> String {
        let port = self.name(place.interface);
        match place.mac {
            Some(mac) => format!("host={address} port={port} mac={mac}"),
            None => format!("host={address} port={port}"),
        }
    }
}
