//! The life of a host with a route: learned, asked, silent, settled, moved, lost.

use super::event::{Effect, HostRoute, Kind, Level, Moment};
use super::host::{Haste, Host, Phase, Place, Proof};
use super::limit::Topic;
use super::machine::Machine;
use super::pace::{Share, round_up};
use super::settings::CONTEST_PROBES;
use super::tick::PACKETS;
use std::net::IpAddr;
use std::time::Duration;

/// Between two routes that settle: 500 a second, each of them one route added and one deleted.
const SETTLE_PAUSE: Duration = Duration::from_millis(2);

impl Machine {
    /// A candidate is proven.
    pub(super) fn learn(&mut self, address: IpAddr, place: Place, now: Moment) {
        if self.is_full(place.interface, now) {
            self.counters.refused_full += 1;
            return;
        }
        self.move_in(address, Host::new(place, Proof::Answered, now), now);
        let route = HostRoute { address, interface: place.interface, settled: false };
        self.effects.push(Effect::AddRoute { route });
        self.counters.learned += 1;
        self.log(Topic::Learned, Level::Info, now, |machine| {
            format!("event=learned {}", machine.describe(address, place))
        });
        self.departures.arrived(address, place.interface, now);
    }

    /// Puts a proven host there, with its next probe in its slot.
    fn move_in(&mut self, address: IpAddr, mut host: Host, now: Moment) {
        host.slot = self.settings.next_probe(address, host.heard.max(now));
        host.due = self.next_wish(&host, now);
        self.insert(address, host);
    }

    /// When something is to be done for a live host: its slot, or before that the time to settle.
    fn next_wish(&self, host: &Host, now: Moment) -> Moment {
        self.settle_at(host).map_or(host.slot, |at| host.slot.min(round_up(at.max(now))))
    }

    fn settle_at(&self, host: &Host) -> Option<Moment> {
        let after = self.settings.settle.filter(|_| host.proven() && !host.settled)?;
        Some(host.turn.unwrap_or(host.since + after))
    }

    /// The known place spoke. What is not proven must answer, for anybody can announce anything.
    pub(super) fn spoke(&mut self, address: IpAddr, kind: Option<Kind>, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let counts = match kind {
            Some(Kind::Reply) => host.proof >= Proof::Asked,
            Some(Kind::Request | Kind::Announcement) => host.proven(),
            Some(Kind::Claim) | None => false,
        };
        if !counts {
            if kind.is_some() && !host.proven() && host.phase == Phase::Live {
                // It is there: no need to wait for its turn.
                self.ask_now(address, now);
            }
            return;
        }
        host.phase = Phase::Live;
        host.haste = Haste::None;
        host.proof = Proof::Answered;
        host.reprieved = false;
        host.heard = now;
        host.slot = self.settings.next_probe(address, now);
        let due = match self.hosts.get(&address) {
            Some(host) => self.next_wish(host, now),
            None => return,
        };
        self.wake(address, due);
        self.report_duplicate(address, now);
    }

    /// Asks as soon as the pace allows.
    pub(super) fn ask_now(&mut self, address: IpAddr, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        host.slot = now;
        self.wake(address, now);
        if self.pace.grants(Share::Proven, PACKETS, now) {
            self.step(address, now);
        }
    }

    /// Whether the host's next step sends anything.
    pub(super) fn needs_packets(&self, address: IpAddr, now: Moment) -> bool {
        self.hosts.get(&address).is_some_and(|host| match host.phase {
            Phase::Live => host.slot <= now,
            Phase::Probing { left: 0 } => host.haste == Haste::Contest || self.is_spared(host, now),
            Phase::Probing { .. } => true,
        })
    }

    /// Whether it gets another chance: the daemon slept while the last answer was due, and may not have read it.
    fn is_spared(&self, host: &Host, now: Moment) -> bool {
        let interval = self.settings.retry_interval;
        !host.reprieved && self.stalled.is_some_and(|stalled| now.since(stalled) <= interval)
    }

    /// The host's time has come: to settle, for its next probe, or for the end of its patience.
    pub(super) fn step(&mut self, address: IpAddr, now: Moment) {
        let Some(host) = self.hosts.get_mut(&address) else { return };
        match host.phase {
            Phase::Live if host.slot > now => self.settle(address, now),
            Phase::Live => self.first_probe(address, now),
            Phase::Probing { left: 0 } => self.unanswered(address, now),
            Phase::Probing { left } => {
                host.phase = Phase::Probing { left: left - 1 };
                self.counters.retries += 1;
                self.send(address, now);
            }
        }
    }

    fn first_probe(&mut self, address: IpAddr, now: Moment) {
        self.forget_silent_rival(address, now);
        let Some(host) = self.hosts.get_mut(&address) else { return };
        let contested = host.rival.as_ref().is_some_and(|rival| !rival.reported);
        let left = if contested && host.haste == Haste::None {
            host.haste = Haste::Contest;
            host.contested = Some(now);
            CONTEST_PROBES - 1
        } else if host.proven() {
            self.settings.retries_after(host.heard, now)
        } else {
            self.settings.retries_of_adopted()
        };
        if let Some(rival) = &mut host.rival {
            rival.answered = None;
        }
        host.proof = host.proof.max(Proof::Asked);
        host.phase = Phase::Probing { left };
        self.send(address, now);
    }

    /// Asks the known place, everybody when it is the last time (the host may have a new MAC), and the rival.
    fn send(&mut self, address: IpAddr, now: Moment) {
        let Some(host) = self.hosts.get(&address) else { return };
        let unicast = self.settings.unicast && host.phase != Phase::Probing { left: 0 };
        let known = Place { mac: host.place.mac.filter(|_| unicast), ..host.place };
        let rival = host.rival.as_ref().map(|rival| rival.place);
        let interval = match (host.haste, host.phase) {
            (Haste::Contest, _) => self.settings.contest_interval(),
            (_, Phase::Probing { left }) if !host.proven() => {
                self.settings.proving_interval(host.since, now, left)
            }
            _ => self.settings.retry_interval,
        };
        self.ask(address, known, Share::Proven);
        if let Some(rival) = rival {
            self.ask(address, rival, Share::Proven);
        }
        self.wake(address, round_up(now + interval));
    }

    /// None of the probes was answered in time.
    fn unanswered(&mut self, address: IpAddr, now: Moment) {
        let Some(host) = self.hosts.get(&address) else { return };
        let spared = self.is_spared(host, now);
        let successor = self.successor(address, host, now).filter(|rival| rival.answered.is_some());
        let Some(host) = self.hosts.get_mut(&address) else { return };
        if spared {
            host.reprieved = true;
            self.counters.retries += 1;
            self.send(address, now);
        } else if host.haste == Haste::Contest && successor.is_none() {
            // Nobody is there to take over, so it has the time that every host has.
            host.haste = Haste::Spent;
            self.first_probe(address, now);
        } else {
            self.lost(address, "silent", now);
        }
    }

    /// Gives a host that lived long enough its settled route, not more than so many in a second.
    fn settle(&mut self, address: IpAddr, now: Moment) {
        let Some(host) = self.hosts.get(&address) else { return };
        let due = self.settle_at(host).is_some_and(|at| at <= now);
        let (waits, free) = (host.turn.is_none(), self.settling.max(now));
        let Some(host) = self.hosts.get_mut(&address) else { return };
        if due && waits {
            self.settling = free + SETTLE_PAUSE;
            host.turn = Some(free);
        }
        if due && (free == now || !waits) {
            let before = host.route(address);
            host.settled = true;
            let route = host.route(address);
            // In this order there is no gap: the kernel keeps both, for their metrics differ.
            self.effects.push(Effect::AddRoute { route });
            self.effects.push(Effect::DeleteRoute { route: before });
        }
        let Some(host) = self.hosts.get(&address) else { return };
        let due = self.next_wish(host, now);
        self.wake(address, due);
    }

    /// The known place is no more: the rival takes over when it answered, and gets its chance when it only spoke.
    pub(super) fn lost(&mut self, address: IpAddr, reason: &'static str, now: Moment) {
        let Some(host) = self.remove(address) else { return };
        let rival = self.successor(address, &host, now);
        if let Some(rival) = rival.filter(|rival| rival.answered.is_some()) {
            return self.take_over(address, &host, rival.place, now);
        }
        self.effects.push(Effect::DeleteRoute { route: host.route(address) });
        match reason {
            "silent" => self.counters.withdrawn_silent += 1,
            "link-down" | "address-removed" => self.counters.withdrawn_link += 1,
            _ => self.counters.withdrawn_other += 1,
        }
        self.log(Topic::Withdrawn, Level::Info, now, |machine| {
            let silent = now.since(host.heard).as_millis();
            let place = machine.describe(address, host.place);
            format!("event=withdrawn {place} reason={reason} silent_ms={silent}")
        });
        self.depart(address, &host, now);
        if let Some(rival) = rival {
            self.heard_again(address, rival.place, now);
        }
    }

    /// The address is at `place` now; on the same interface its route stays untouched.
    fn take_over(&mut self, address: IpAddr, old: &Host, place: Place, now: Moment) {
        let mut host = Host::new(place, Proof::Answered, now);
        host.moves = old.moves + 1;
        host.contested = Some(now);
        if place.interface == old.place.interface {
            (host.settled, host.turn) = (old.settled, old.turn);
        } else {
            let (gone, new) = (old.route(address), host.route(address));
            let (delete, add) = (Effect::DeleteRoute { route: gone }, Effect::AddRoute { route: new });
            // Without a gap where the kernel can have both; where it can't, one must go before the other comes.
            let both = old.settled && self.settings.settle.is_some();
            self.effects.extend(if both { [add, delete] } else { [delete, add] });
            self.depart(address, old, now);
            self.departures.arrived(address, place.interface, now);
        }
        self.move_in(address, host, now);
        self.counters.moves += 1;
        self.log(Topic::Moved, Level::Info, now, |machine| {
            let (to, from) = (machine.describe(address, place), machine.name(old.place.interface));
            let from_mac = old.place.mac.map(|mac| mac.to_string()).unwrap_or_default();
            format!("event=moved {to} from_port={from} from_mac={from_mac}")
        });
    }
}
