//! Who speaks for an address: the host that is known, one that wants to become known, or two at once.

use super::event::{IfIndex, Kind, Level, Moment};
use super::host::{Haste, Host, Phase, Place, Proof, Rival};
use super::limit::Topic;
use super::machine::Machine;
use super::pace::{Share, round_up};
use super::settings::CANDIDATE_PROBES;
use crate::fabric::Mac;
use std::net::IpAddr;
use std::time::Duration;

/// A rival that has been silent for this long is forgotten.
const RIVAL_MEMORY: Duration = Duration::from_secs(10);
/// Who asks whether an address is taken begins to answer for it about a second later (RFC 4862 §5.1, RFC 5227 §1.1).
const CLAIM_WAIT: Duration = Duration::from_millis(1100);
/// A host that spoke this lately is not asked because of a doubt.
const JUST_NOW: Duration = Duration::from_millis(50);

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
        self.counters.heard += 1;
        let ours = self.ports.get(&interface).is_some_and(|port| port.mac == Some(mac));
        let somebody = !ours && mac.is_station();
        if somebody && kind.is_some() {
            self.departures.spoke(address, interface);
        }
        if !somebody || !self.admits(interface, address) {
            self.counters.refused_address += 1;
            return;
        }
        let place = Place { interface, mac: Some(mac) };
        let Some(host) = self.hosts.get_mut(&address) else {
            return self.heard_candidate(address, place, kind, now);
        };
        if host.place == place {
            return self.spoke(address, kind, now);
        }
        if host.place.interface == interface && host.place.mac.is_none() {
            // The first sign of life of a route that was found: its own answer, or where to ask.
            host.place.mac = Some(mac);
            return self.spoke(address, kind, now);
        }
        match &host.rival {
            Some(rival) if rival.place == place => self.rival_spoke(address, kind, now),
            _ => {
                if kind == Some(Kind::Claim) {
                    self.ask_out_of_turn(address, self.settings.keepalive, now);
                }
                self.heard_candidate(address, place, kind, now);
            }
        }
    }

    /// The kernel gave the neighbour up: ask now rather than at the next slot.
    pub(super) fn doubt(&mut self, interface: IfIndex, address: IpAddr, now: Moment) {
        if self.hosts.get(&address).is_some_and(|host| host.place.interface == interface) {
            self.ask_out_of_turn(address, self.settings.keepalive, now);
        }
    }

    /// Asks the known place now rather than at its next slot, unless that was done less than `pause` ago.
    pub(super) fn ask_out_of_turn(&mut self, address: IpAddr, pause: Duration, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let just_spoke = host.proven() && now.since(host.heard) < JUST_NOW;
        if !just_spoke && host.may_be_asked(pause, now) {
            host.contested = Some(now);
            self.ask_now(address, now);
        }
    }

    /// Somebody without a route speaks for the address: that makes it a candidate, or proves it.
    fn heard_candidate(&mut self, address: IpAddr, place: Place, kind: Option<Kind>, now: Moment) {
        let Some(mac) = place.mac else { return };
        let claimant = (address, mac);
        match self.candidates.get(address, place) {
            Some(known) if known.asked => {
                if kind == Some(Kind::Reply) {
                    self.candidates.remove(place.interface, claimant);
                    self.proved(address, place, now);
                }
            }
            // It waited for the end of its claim, and speaks now.
            Some(_) if kind != Some(Kind::Claim) => self.ask_candidate(place.interface, claimant, now),
            Some(_) => {}
            None => self.new_candidate(address, place, kind, now),
        }
    }

    /// The place of a host that is no more spoke lately: it is a candidate like any other.
    pub(super) fn heard_again(&mut self, address: IpAddr, place: Place, now: Moment) {
        self.heard_candidate(address, place, None, now);
    }

    fn new_candidate(&mut self, address: IpAddr, place: Place, kind: Option<Kind>, now: Moment) {
        let Some(mac) = place.mac else { return };
        if self.has_no_room(address, place.interface, now) {
            self.counters.refused_full += 1;
            return;
        }
        let wait = if kind == Some(Kind::Claim) { CLAIM_WAIT } else { Duration::ZERO };
        let (due, most) = (now + wait, self.settings.max_candidates());
        if self.candidates.insert(address, place, CANDIDATE_PROBES, (now, due), most) {
            self.counters.refused_full += 1;
            self.log(Topic::Flood, Level::Warning, now, |machine| {
                let port = machine.name(place.interface);
                format!("event=flood port={port} candidates={most} effect=some-are-forgotten")
            });
        }
        self.log(Topic::Candidate, Level::Debug, now, |machine| {
            format!("event=candidate {}", machine.describe(address, place))
        });
        if wait.is_zero() {
            self.ask_candidate(place.interface, (address, mac), now);
        }
    }

    /// Whether there is no room for one more behind that interface; an address that has a host there takes none.
    fn has_no_room(&mut self, address: IpAddr, interface: IfIndex, now: Moment) -> bool {
        match self.hosts.get(&address).map(|host| host.place.interface) {
            None => self.is_full(interface, now),
            Some(known) => known != interface && self.is_port_full(interface),
        }
    }

    pub(super) fn is_port_full(&self, interface: IfIndex) -> bool {
        let most = self.settings.max_hosts_per_port;
        self.ports.get(&interface).is_some_and(|port| port.hosts >= most)
    }

    /// Asks a candidate, as soon as the pace allows.
    pub(super) fn ask_candidate(&mut self, interface: IfIndex, claimant: (IpAddr, Mac), now: Moment) {
        let (address, mac) = claimant;
        if self.pace.grants(Share::Unproven, 1, now) {
            self.ask(address, Place { interface, mac: Some(mac) }, Share::Unproven);
            let due = round_up(now + self.settings.retry_interval);
            self.candidates.ask(interface, claimant, due);
        } else {
            self.counters.deferred += 1;
            // In the order in which they came.
            self.candidates.hurry(interface, claimant, now);
        }
    }

    /// A candidate answered a unicast probe.
    fn proved(&mut self, address: IpAddr, place: Place, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else {
            return self.learn(address, place, now);
        };
        if !host.proven() && host.place.interface == place.interface {
            // The route that was found is right, and this is who lives there.
            host.place = place;
            host.proof = Proof::Answered;
            return self.spoke(address, Some(Kind::Reply), now);
        }
        let patience = self.settings.detection_time();
        if host.rival.as_ref().is_some_and(|rival| now.since(rival.heard) <= patience) {
            return;
        }
        let rival = Rival { place, heard: now, answered: Some(now), reported: false };
        host.rival = Some(Box::new(rival));
        self.log(Topic::Contested, Level::Debug, now, |machine| {
            format!("event=contested {}", machine.describe(address, place))
        });
        self.contest(address, now);
    }

    /// The rival of a host speaks.
    fn rival_spoke(&mut self, address: IpAddr, kind: Option<Kind>, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let Some(rival) = &mut host.rival else { return };
        match kind {
            None => return,
            Some(Kind::Claim) => return self.ask_out_of_turn(address, self.settings.keepalive, now),
            Some(Kind::Reply) => rival.answered = Some(now),
            Some(Kind::Request | Kind::Announcement) => {}
        }
        rival.heard = now;
        if !rival.reported && rival.answered.is_none() {
            self.contest(address, now);
        }
        self.report_duplicate(address, now);
    }

    /// Another place answers for the address: asks the known one and the other, quickly.
    fn contest(&mut self, address: IpAddr, now: Moment) {
        let (keepalive, interval) = (self.settings.keepalive, self.settings.contest_interval());
        let Some(host) = self.hosts.get_mut(&address) else { return };
        if host.haste != Haste::None || !host.not_contested_for(keepalive, now) {
            return;
        }
        host.contested = Some(now);
        if host.phase == Phase::Live {
            return self.ask_now(address, now);
        }
        // It is being asked already: what is left of that goes quickly.
        host.haste = Haste::Contest;
        let due = host.due.min(round_up(now + interval));
        self.wake(address, due);
    }

    /// Says once that two places answer for one address.
    pub(super) fn report_duplicate(&mut self, address: IpAddr, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let (place, live) = (host.place, host.phase == Phase::Live && host.proven());
        let Some(rival) = &mut host.rival else { return };
        if !live || rival.answered.is_none() || rival.reported {
            return;
        }
        rival.reported = true;
        let other = rival.place;
        self.counters.duplicates += 1;
        self.log(Topic::Duplicate, Level::Warning, now, |machine| {
            let mac = other.mac.map(|mac| mac.to_string()).unwrap_or_default();
            format!(
                "event=duplicate {} other_port={} other_mac={mac} effect=first-stays",
                machine.describe(address, place),
                machine.name(other.interface)
            )
        });
    }

    /// Forgets a rival that has been silent for long.
    pub(super) fn forget_silent_rival(&mut self, address: IpAddr, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let place = host.place;
        let Some(rival) = host.rival.take_if(|rival| now.since(rival.heard) > RIVAL_MEMORY) else { return };
        if rival.reported {
            self.log(Topic::Duplicate, Level::Info, now, |machine| {
                format!("event=duplicate-gone {}", machine.describe(address, place))
            });
        }
    }

    /// The rival to take over when the known place is no more: it must have answered lately, and be admitted.
    pub(super) fn successor(&self, address: IpAddr, host: &Host, now: Moment) -> Option<Rival> {
        let rival = *host.rival.as_deref()?;
        let interface = rival.place.interface;
        let fits = interface == host.place.interface || !self.is_port_full(interface);
        let fresh = now.since(rival.heard) <= self.settings.detection_time();
        (fits && fresh && self.admits(interface, address)).then_some(rival)
    }
}
