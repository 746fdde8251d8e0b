//! A managed interface: which addresses may live there, and the search for those that never speak.

use super::settings::SweepEvery;
use super::{Moment, Settings};
use crate::fabric::Mac;
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Between two requests of the sweep at start and after link-up: a /24 is covered in 1.3 s.
const FAST_PACE: Duration = Duration::from_millis(5);
/// Between two requests of the sweeps that repeat: each is a broadcast that every container's host copies.
const GENTLE_PACE: Duration = Duration::from_millis(20);
/// Prefixes of more addresses than this are never swept at the fast pace.
const FAST_LIMIT: u64 = 4096;
/// Requests that may go out at once when the daemon slept past their time.
const CATCH_UP: u32 = 8;

/// A managed interface.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) name: String,
    /// Its own address, unknown until the link was up once.
    pub(super) mac: Option<Mac>,
    pub(super) up: bool,
    pub(super) prefixes: BTreeSet<IpNet>,
    sweep: Option<Sweep>,
}

/// A round of the search.
#[derive(Debug, Clone, Copy)]
struct Sweep {
    /// When the next request, or the next round, is due.
    due: Moment,
    /// When this round began.
    began: Moment,
    /// How many addresses of the prefixes are done.
    done: u64,
    pace: Duration,
}

impl Port {
    pub(super) fn new(name: String) -> Self {
        Self { name, mac: None, up: false, prefixes: BTreeSet::new(), sweep: None }
    }

    /// Whether a host with that address may be reached by this interface now.
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        self.up && self.source_for(address).is_some()
    }

    /// The interface's own address in the prefix that holds `address`.
    pub(super) fn source_for(&self, address: IpAddr) -> Option<IpAddr> {
        self.prefixes.iter().find(|prefix| can_be_host(**prefix, address)).map(IpNet::addr)
    }

    /// Starts the search anew, quickly.
    pub(super) fn start_sweep(&mut self, settings: &Settings, now: Moment) {
        let wanted = self.up && settings.sweep != SweepEvery::Off && self.size() > 0;
        let pace = if self.size() > FAST_LIMIT { GENTLE_PACE } else { FAST_PACE };
        self.sweep = wanted.then_some(Sweep { due: now, began: now, done: 0, pace });
    }

    pub(super) fn stop_sweep(&mut self) {
        self.sweep = None;
    }

    /// When the search wants to go on.
    pub(super) fn sweep_due(&self) -> Option<Moment> {
        self.sweep.map(|sweep| sweep.due)
    }

    /// The addresses to ask for now: those of the prefixes, in turn, that are not `known`.
    pub(super) fn sweep(
        &mut self,
        settings: &Settings,
        now: Moment,
        known: impl Fn(IpAddr) -> bool,
    ) -> Vec<IpAddr> {
        let mut asked = Vec::new();
        let Some(mut sweep) = self.sweep else { return asked };
        let size = self.size();
        while sweep.due <= now {
            let next = (sweep.done..size).find_map(|position| {
                let address = IpAddr::V4(self.address_at(position)?);
                (!known(address)).then_some((position, address))
            });
            let Some((position, address)) = next else {
                self.sweep = next_round(sweep, settings, now);
                return asked;
            };
            sweep.done = position + 1;
            asked.push(address);
            sweep.due = sweep.due + sweep.pace;
            if sweep.due + sweep.pace * CATCH_UP < now {
                sweep.due = now;
            }
        }
        self.sweep = Some(sweep);
        asked
    }

    /// The prefixes that can be asked through: those of IPv4.
    fn swept(&self) -> impl Iterator<Item = Ipv4Net> + '_ {
        self.prefixes.iter().filter_map(|prefix| match prefix {
            IpNet::V4(prefix) => Some(*prefix),
            IpNet::V6(_) => None,
        })
    }

    /// How many addresses those have together.
    fn size(&self) -> u64 {
        self.swept().map(addresses_in).sum()
    }

    /// The address at that position of the prefixes, laid end to end.
    fn address_at(&self, mut position: u64) -> Option<Ipv4Addr> {
        for prefix in self.swept() {
            let size = addresses_in(prefix);
            if position < size {
                let offset = u32::try_from(position).ok()?;
                let address = Ipv4Addr::from_bits(prefix.network().to_bits().checked_add(offset)?);
                return Some(address);
            }
            position -= size;
        }
        None
    }
}

/// The round after a finished one, at the gentle pace.
fn next_round(finished: Sweep, settings: &Settings, now: Moment) -> Option<Sweep> {
    let SweepEvery::Interval(interval) = settings.sweep else { return None };
    let due = (finished.began + interval).max(now + GENTLE_PACE);
    Some(Sweep { due, began: due, done: 0, pace: GENTLE_PACE })
}

fn addresses_in(prefix: Ipv4Net) -> u64 {
    1 << (32 - prefix.prefix_len())
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
        let port = port("172.16.1.1/24");
        for good in ["172.16.1.2", "172.16.1.254"] {
            assert!(port.admits(good.parse().unwrap()), "{good}");
        }
        for bad in ["172.16.1.0", "172.16.1.255", "172.16.1.1", "172.16.2.1", "0.0.0.0", "224.0.0.1"] {
            assert!(!port.admits(bad.parse().unwrap()), "{bad}");
        }
    }

    #[test]
    fn a_point_to_point_prefix_has_one_other_address_and_a_host_prefix_none() {
        assert!(port("10.1.1.0/31").admits("10.1.1.1".parse().unwrap()));
        assert!(!port("10.1.1.0/31").admits("10.1.1.0".parse().unwrap()));
        assert!(!port("10.1.1.1/32").admits("10.1.1.1".parse().unwrap()));
    }

    #[test]
    fn the_first_sweep_of_a_24_takes_less_than_two_seconds_and_asks_each_address_once() {
        let settings = Settings::default();
        let mut port = port("172.16.1.1/24");
        port.start_sweep(&settings, Moment::millis(0));
        let known = |address: IpAddr| !can_be_host("172.16.1.1/24".parse().unwrap(), address);
        let mut asked = Vec::new();
        for millis in (0..2000).step_by(5) {
            asked.extend(port.sweep(&settings, Moment::millis(millis), known));
        }
        assert_eq!(asked.len(), 253);
        assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), 253);
        assert_eq!(port.sweep_due(), Some(Moment::millis(60_000)));
    }

    #[test]
    fn a_late_or_large_sweep_stays_within_its_pace() {
        let settings = Settings::default();
        let mut port = port("10.0.0.1/8");
        port.start_sweep(&settings, Moment::millis(0));
        let asked: usize =
            (0..1000).map(|millis| port.sweep(&settings, Moment::millis(millis), |_| false).len()).sum();
        assert!((50..=51).contains(&asked), "{asked}");
        assert!(port.sweep(&settings, Moment::millis(100_000), |_| false).len() <= 10);
    }
}
