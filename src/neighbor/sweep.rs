//! The search for hosts that never speak. IPv4 addresses are asked for one after the other; a prefix of IPv6 has too
//! many, so there everybody is asked at once.

use super::pace::{GRID, round_up};
use super::port::can_be_host;
use super::settings::SweepEvery;
use super::{Moment, Settings};
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Between two requests of the sweep at start and after link-up: a /24 is covered in 1.3 s.
const FAST_PACE: Duration = Duration::from_millis(5);
/// Between two requests of the sweeps that repeat: each is a broadcast that every container's host copies.
const GENTLE_PACE: Duration = Duration::from_millis(20);
/// Prefixes of more addresses than this are never swept at the fast pace.
const FAST_LIMIT: u64 = 4096;
/// Requests that may go out at once when the daemon slept past their time.
const CATCH_UP: u32 = 8;
/// Positions looked at in one go: most of a large prefix may be known or forbidden.
const SCAN: u64 = 8192;
/// When everybody is asked after a start or link-up; then once in every round.
const EVERYBODY_AT: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3)];

/// A round of the search for addresses of IPv4.
#[derive(Debug)]
pub(super) struct Sweep {
    /// When the next request, or the next round, is due.
    due: Option<Moment>,
    /// When this round began.
    began: Moment,
    /// How many addresses of the prefixes are done.
    done: u64,
    pace: Duration,
}

impl Sweep {
    /// The first round, where there is anything to search.
    pub(super) fn start(prefixes: &BTreeSet<IpNet>, settings: &Settings, now: Moment) -> Option<Self> {
        let size = size(prefixes);
        let pace = if size > FAST_LIMIT { GENTLE_PACE } else { FAST_PACE };
        let wanted = settings.sweep != SweepEvery::Off && size > 0;
        wanted.then_some(Self { due: Some(now), began: now, done: 0, pace })
    }

    /// When it goes on; none when there is nothing more to do.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// The addresses to ask for now, not more than `most`: those of the prefixes, in turn, that can be a host's and
    /// are not `known`.
    pub(super) fn go_on(
        &mut self,
        prefixes: &BTreeSet<IpNet>,
        settings: &Settings,
        now: Moment,
        most: usize,
        known: impl Fn(IpAddr) -> bool,
    ) -> Vec<IpAddr> {
        let mut asked = Vec::new();
        let size = size(prefixes);
        while let Some(due) = self.due.filter(|due| *due <= now && asked.len() < most) {
            let unknown = |position| {
                let address = IpAddr::V4(address_at(prefixes, position)?);
                let host = prefixes.iter().any(|prefix| can_be_host(*prefix, address));
                (host && !known(address)).then_some((position, address))
            };
            let end = size.min(self.done + SCAN);
            let Some((position, address)) = (self.done..end).find_map(unknown) else {
                self.done = end;
                if end == size {
                    self.next_round(settings, now);
                } else {
                    self.due = Some(round_up(now + GRID));
                }
                break;
            };
            self.done = position + 1;
            asked.push(address);
            let late = due + self.pace * CATCH_UP < now;
            self.due = Some(round_up(if late { now } else { due } + self.pace));
        }
        asked
    }

    /// After the last address: again from the first one, at the gentle pace.
    fn next_round(&mut self, settings: &Settings, now: Moment) {
        let due = match settings.sweep {
            SweepEvery::Interval(interval) => Some(next(self.began + interval, now)),
            SweepEvery::Off => None,
        };
        *self = Self { due, began: due.unwrap_or_default(), done: 0, pace: GENTLE_PACE };
    }
}

/// The same for IPv6.
#[derive(Debug)]
pub(super) struct Everybody {
    due: Option<Moment>,
    /// When this round began.
    began: Moment,
    /// How often they were asked in the first round.
    times: usize,
    /// How many of the prefixes are done this time.
    done: usize,
}

impl Everybody {
    /// The first round, where there is anybody to ask.
    pub(super) fn start(prefixes: &BTreeSet<IpNet>, settings: &Settings, now: Moment) -> Option<Self> {
        let wanted = settings.sweep != SweepEvery::Off && sources(prefixes).next().is_some();
        wanted.then_some(Self { due: Some(now), began: now, times: 0, done: 0 })
    }

    /// When it goes on; none when there is nothing more to do.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// From which of the interface's addresses everybody is to be asked now, not more than `most`.
    pub(super) fn go_on(
        &mut self,
        prefixes: &BTreeSet<IpNet>,
        settings: &Settings,
        now: Moment,
        most: usize,
    ) -> Vec<Ipv6Addr> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let asked: Vec<Ipv6Addr> = sources(prefixes).skip(self.done).take(most).collect();
        self.done += asked.len();
        if sources(prefixes).nth(self.done).is_none() {
            self.done = 0;
            self.times += 1;
            self.next_time(settings, now);
        }
        asked
    }

    fn next_time(&mut self, settings: &Settings, now: Moment) {
        self.due = match (EVERYBODY_AT.get(self.times), settings.sweep) {
            (_, SweepEvery::Off) => None,
            (Some(after), _) => Some(next(self.began + *after, now)),
            (None, SweepEvery::Interval(interval)) => {
                let due = next(self.began + interval, now);
                self.began = due;
                Some(due)
            }
        };
    }
}

/// When a round begins that should begin at `at`, but not at once.
fn next(at: Moment, now: Moment) -> Moment {
    round_up(at.max(now + GENTLE_PACE))
}

/// The interface's own addresses in prefixes of IPv6 that have room for a host.
fn sources(prefixes: &BTreeSet<IpNet>) -> impl Iterator<Item = Ipv6Addr> + '_ {
    prefixes.iter().filter_map(|prefix| match prefix {
        IpNet::V6(prefix) if prefix.prefix_len() < 128 && !prefix.addr().is_unicast_link_local() => {
            Some(prefix.addr())
        }
        _ => None,
    })
}

/// The prefixes of IPv4.
fn swept(prefixes: &BTreeSet<IpNet>) -> impl Iterator<Item = Ipv4Net> + '_ {
    prefixes.iter().filter_map(|prefix| match prefix {
        IpNet::V4(prefix) => Some(*prefix),
        IpNet::V6(_) => None,
    })
}

/// How many addresses those have together.
fn size(prefixes: &BTreeSet<IpNet>) -> u64 {
    swept(prefixes).map(addresses_in).sum()
}

/// The address at that position of the prefixes, laid end to end.
fn address_at(prefixes: &BTreeSet<IpNet>, mut position: u64) -> Option<Ipv4Addr> {
    for prefix in swept(prefixes) {
        let size = addresses_in(prefix);
        if position < size {
            let offset = u32::try_from(position).ok()?;
            return Some(Ipv4Addr::from_bits(prefix.network().to_bits().checked_add(offset)?));
        }
        position -= size;
    }
    None
}

fn addresses_in(prefix: Ipv4Net) -> u64 {
    1 << (32 - prefix.prefix_len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(prefix: &str) -> BTreeSet<IpNet> {
        BTreeSet::from([prefix.parse().unwrap()])
    }

    #[test]
    fn the_first_sweep_of_a_24_takes_less_than_two_seconds_and_asks_each_address_once() {
        let (settings, prefixes) = (Settings::default(), prefixes("172.16.1.1/24"));
        let mut sweep = Sweep::start(&prefixes, &settings, Moment::millis(0)).unwrap();
        let mut asked = Vec::new();
        for millis in (0..2000).step_by(5) {
            asked.extend(sweep.go_on(&prefixes, &settings, Moment::millis(millis), 100, |_| false));
        }
        assert_eq!(asked.len(), 253);
        assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), 253);
        assert_eq!(sweep.due(), Some(Moment::millis(60_000)));
    }

    #[test]
    fn a_late_or_large_sweep_stays_within_its_pace_and_its_allowance() {
        let (settings, prefixes) = (Settings::default(), prefixes("10.0.0.1/8"));
        let mut sweep = Sweep::start(&prefixes, &settings, Moment::millis(0)).unwrap();
        let asked: usize = (0..1000)
            .map(|millis| sweep.go_on(&prefixes, &settings, Moment::millis(millis), 100, |_| false).len())
            .sum();
        assert!((50..=51).contains(&asked), "{asked}");
        assert!(sweep.go_on(&prefixes, &settings, Moment::millis(1100), 2, |_| false).len() == 2);
        assert!(sweep.go_on(&prefixes, &settings, Moment::millis(100_000), 100, |_| false).len() <= 10);
    }

    #[test]
    fn a_large_prefix_of_which_little_is_wanted_is_searched_bit_by_bit() {
        let (settings, prefixes) = (Settings::default(), prefixes("10.0.0.1/8"));
        let mut sweep = Sweep::start(&prefixes, &settings, Moment::millis(0)).unwrap();
        let wanted: IpAddr = "10.1.0.7".parse().unwrap();
        let looked = std::cell::Cell::new(0_u64);
        let known = |address: IpAddr| {
            looked.set(looked.get() + 1);
            address != wanted
        };
        let mut found = Vec::new();
        for millis in (0..500).step_by(5) {
            let before = looked.get();
            found.extend(sweep.go_on(&prefixes, &settings, Moment::millis(millis), 100, known));
            assert!(looked.get() - before <= SCAN);
        }
        assert_eq!(found, [wanted]);
    }

    #[test]
    fn everybody_is_asked_a_few_times_at_first_and_then_once_a_round() {
        let settings = Settings::default();
        let two = BTreeSet::from(["2001:db8::1/64".parse().unwrap(), "2001:db8:1::1/64".parse().unwrap()]);
        let mut everybody = Everybody::start(&two, &settings, Moment::millis(0)).unwrap();
        let mut asked = Vec::new();
        for millis in (0..130_000).step_by(5) {
            let from = everybody.go_on(&two, &settings, Moment::millis(millis), 1);
            asked.extend(from.iter().map(|_| millis));
        }
        let expected = [0, 5, 1000, 1005, 3000, 3005, 60_000, 60_005, 120_000, 120_005];
        assert_eq!(asked, expected, "one packet at a time was allowed");
        assert!(Everybody::start(&prefixes("172.16.1.1/24"), &settings, Moment::millis(0)).is_none());
        assert!(Sweep::start(&two, &settings, Moment::millis(0)).is_none());
    }
}
