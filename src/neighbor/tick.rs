//! Time passes: who is due, and whether there are packets for it.

use super::event::{Effect, Level, Moment};
use super::host::Place;
use super::limit::Topic;
use super::machine::Machine;
use super::pace::{Pace, Share};
use super::port::Port;
use std::net::IpAddr;
use std::time::Duration;

/// A tick that comes so much later than it was wanted may have left answers unread.
const STALL: Duration = Duration::from_millis(100);
/// How long hosts must have waited for packets before that is told.
const DEGRADED_AFTER: Duration = Duration::from_secs(1);
/// One host may take two packets: one for the known place, one for its rival.
pub(super) const PACKETS: u64 = 2;

impl Machine {
    pub(super) fn tick(&mut self, now: Moment) {
        if self.deadline().is_some_and(|due| due > Moment::default() && now.since(due) > STALL) {
            self.stalled = Some(now);
        }
        self.pace.unblock();
        self.tick_hosts(now);
        self.tick_departures(now);
        self.tick_sweeps(now);
        self.tick_candidates(now);
        for (topic, lines) in self.limits.held(now) {
            let text = format!("event=suppressed what={topic} lines={lines}");
            self.effects.push(Effect::Log { level: Level::Info, text });
        }
    }

    /// In the order in which they are due, so that with too few packets all wait alike.
    fn tick_hosts(&mut self, now: Moment) {
        let late = self.pace.behind().is_some();
        let mut behind = false;
        while let Some((due, address)) = self.queue.first().copied().filter(|(due, _)| *due <= now) {
            if self.needs_packets(address, now) && !self.pace.grants(Share::Proven, PACKETS, now) {
                behind = true;
                break;
            }
            if late && due < now {
                self.counters.deferred += 1;
            }
            self.step(address, now);
        }
        self.pace.note_behind(behind, now);
        let degraded = self.pace.behind().is_some_and(|since| now.since(since) >= DEGRADED_AFTER);
        if degraded && !self.degraded {
            self.degraded = true;
            self.log(Topic::Pace, Level::Warning, now, |machine| {
                format!(
                    "event=degraded probe_rate={} effect=keepalive-stretched",
                    machine.settings.probe_rate
                )
            });
        } else if !behind && self.degraded {
            self.degraded = false;
            self.log(Topic::Pace, Level::Info, now, |_| "event=not-degraded".to_owned());
        }
    }

    fn tick_sweeps(&mut self, now: Moment) {
        let mut asked = Vec::new();
        for (interface, port) in &mut self.ports {
            if port.sweep_due().is_none_or(|due| due > now) {
                continue;
            }
            let left = |spent: usize, pace: &Pace| {
                usize::try_from(pace.left(Share::Unproven)).unwrap_or_default().saturating_sub(spent)
            };
            let known = |address: IpAddr| {
                self.hosts.contains_key(&address)
                    || self.own.contains(&address)
                    || !self.settings.permits(address)
            };
            for (source, target) in port.sweep(&self.settings, now, left(asked.len(), &self.pace), known) {
                asked.push(Effect::SendProbe { interface: *interface, source, target, mac: None });
            }
            for source in port.ask_everybody(&self.settings, now, left(asked.len(), &self.pace)) {
                asked.push(Effect::AskEverybody { interface: *interface, source });
            }
        }
        for effect in asked {
            self.pace.spend(Share::Unproven);
            self.counters.sweep_requests += 1;
            self.effects.push(effect);
        }
        if self.ports.values().filter_map(Port::sweep_due).any(|due| due <= now) {
            // It ran out of packets, and goes on when there are some.
            self.pace.grants(Share::Unproven, 1, now);
        }
    }

    fn tick_candidates(&mut self, now: Moment) {
        while let Some((interface, (address, mac), candidate)) = self.candidates.next_due(now) {
            // In a flood one probe must do, so that there is one for everybody.
            let crowded = candidate.asked && self.candidates.is_crowded(self.settings.max_candidates());
            if candidate.left == 0 || crowded {
                self.candidates.remove(interface, (address, mac));
                self.counters.unproven += 1;
                let place = Place { interface, mac: Some(mac) };
                self.log(Topic::Unproven, Level::Debug, now, |machine| {
                    format!("event=unproven {}", machine.describe(address, place))
                });
                continue;
            }
            if !self.pace.grants(Share::Unproven, 1, now) {
                break;
            }
            if candidate.asked {
                self.counters.retries += 1;
            }
            self.ask_candidate(interface, (address, mac), now);
        }
    }
}
