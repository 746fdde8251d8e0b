//! How fast, how often, how many.

use super::Moment;
use super::pace::{slot_after, slot_before};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// How often the addresses that nobody is known to have are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepEvery {
    /// Never: hosts that never speak stay unknown.
    Off,
    /// Quickly at start and after link-up, then at a gentle pace with this much time from start to start.
    Interval(Duration),
}

/// What the machine can be told to do differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Time between two probes of a host that answers.
    pub keepalive: Duration,
    /// Time that one probe has for its answer.
    pub retry_interval: Duration,
    /// How many more probes follow one that was missed. Not used where `holdtime` is given.
    pub retries: u32,
    /// How long a host may be silent; without it, as long as the retries take.
    pub holdtime: Option<Duration>,
    /// Whether known hosts are asked by unicast.
    pub unicast: bool,
    /// Search for silent hosts.
    pub sweep: SweepEvery,
    /// After how long at its place a host's route becomes a settled one; without it, never.
    pub settle: Option<Duration>,
    /// Where it isn't empty, only addresses of these prefixes may be hosts.
    pub allow: Vec<IpNet>,
    /// Addresses of these prefixes may not.
    pub deny: Vec<IpNet>,
    /// How many hosts have routes at most.
    pub max_hosts: usize,
    /// How many of them behind one port.
    pub max_hosts_per_port: usize,
    /// How many packets are sent in a second at most, all kinds together.
    pub probe_rate: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keepalive: Duration::from_secs(1),
            retry_interval: Duration::from_millis(200),
            retries: 3,
            holdtime: None,
            unicast: true,
            sweep: SweepEvery::Interval(Duration::from_secs(60)),
            settle: Some(Duration::from_secs(10)),
            allow: Vec::new(),
            deny: Vec::new(),
            max_hosts: 16_384,
            max_hosts_per_port: 4096,
            probe_rate: 20_000,
        }
    }
}

/// Probes a candidate has to answer one of, before it is forgotten.
pub(super) const CANDIDATE_PROBES: u32 = 3;
/// Probes a known place has to answer one of, when another one answers for its address.
pub(super) const CONTEST_PROBES: u32 = 4;
/// The longest that a route left by an earlier instance may stay unproven, however patient the settings are.
const PROVING_TIME: Duration = Duration::from_secs(5);
/// Candidates at most, where as many hosts are allowed.
const CANDIDATES: usize = 16_384;

impl Settings {
    /// The longest a host can be silent before it is withdrawn: 1.9 s with the defaults.
    pub fn detection_time(&self) -> Duration {
        self.holdtime.unwrap_or(self.longest_pause() + self.retry_interval * (self.retries + 1))
    }

    /// The time between two probes of one host, at most: the keepalive and its jitter.
    fn longest_pause(&self) -> Duration {
        self.keepalive + self.keepalive / 10
    }

    /// How many probes follow the first one, sent `now`, of a host last heard at `heard`; at least one.
    pub(super) fn retries_after(&self, heard: Moment, now: Moment) -> u32 {
        match self.holdtime {
            None => self.retries.max(1),
            Some(holdtime) => probes_within(holdtime.saturating_sub(now.since(heard)), self.retry_interval),
        }
    }

    /// How long a route that an earlier instance left may stay unproven.
    pub(super) fn proving_time(&self) -> Duration {
        self.detection_time().min(PROVING_TIME)
    }

    /// How many probes follow the first one of such a route.
    pub(super) fn retries_of_adopted(&self) -> u32 {
        self.retries.max(1)
    }

    /// Time that a probe of such a route, sent `now`, has for its answer: with those that may follow it fills the time
    /// since the route was found, at `found`.
    pub(super) fn proving_interval(&self, found: Moment, now: Moment, following: u32) -> Duration {
        let left = (found + self.proving_time()).since(now);
        (left / (following + 1)).max(self.contest_interval())
    }

    /// Time that a probe has for its answer when another place answers for the address: a packet is there and
    /// back in well under a millisecond, and who really lives there has several tries.
    pub(super) fn contest_interval(&self) -> Duration {
        self.retry_interval / 4
    }

    /// How many candidates there may be.
    pub(super) fn max_candidates(&self) -> usize {
        self.max_hosts.min(CANDIDATES)
    }

    /// Whether the address may be a host at all: not one with a special meaning (RFC 6890), and not against the
    /// configuration.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        let within = |prefixes: &[IpNet]| prefixes.iter().any(|prefix| prefix.contains(&address));
        !is_special(address) && !within(&self.deny) && (self.allow.is_empty() || within(&self.allow))
    }

    /// When a host heard at `heard` is asked next, on the grid of wakeups.
    pub(super) fn next_probe(&self, address: IpAddr, heard: Moment) -> Moment {
        let slot = self.next_slot(address, heard);
        let early = slot_before(slot);
        if early > heard { early } else { slot_after(slot) }
    }

    /// When a host heard at `heard` is asked next: the last of its slots that is within the keepalive and a
    /// tenth. Slots repeat every keepalive, their phase follows from the address (so that the probes of all hosts
    /// are spread evenly, whenever they were learned), and each is off by up to a twentieth (so that two
    /// daemons with the same hosts don't march in step).
    fn next_slot(&self, address: IpAddr, heard: Moment) -> Moment {
        let keepalive = self.keepalive.as_nanos().max(1);
        let limit = (heard.0 + self.longest_pause()).as_nanos();
        // The golden ratio takes neighbouring addresses as far apart as possible.
        let spread = u128::from(bits(address).wrapping_mul(0x9E37_79B1));
        let phase = (spread * keepalive) >> 32;
        // Counted from one keepalive before the start, so that nothing is negative.
        let mut slot = (limit + keepalive - phase) / keepalive + 1;
        loop {
            let at = slot * keepalive + phase + jitter(address, slot, keepalive);
            if at <= limit + keepalive + keepalive / 20 || slot == 0 {
                let nanos = at.saturating_sub(keepalive + keepalive / 20);
                return Moment(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
            }
            slot -= 1;
        }
    }
}

/// Addresses that are no host's or not of one link only: link-local, multicast, loopback, unspecified, broadcast.
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            first == 0 || first >= 224 || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_unspecified()
                || address.is_loopback()
                || address.is_multicast()
                || address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some()
        }
    }
}

/// Retries after a first probe so that probes and their waits fill the span.
fn probes_within(span: Duration, interval: Duration) -> u32 {
    let steps = span.as_nanos().div_ceil(interval.as_nanos().max(1));
    u32::try_from(steps).unwrap_or(u32::MAX).saturating_sub(1).max(1)
}

/// The address as a number: of IPv6 what tells the hosts of a prefix apart.
fn bits(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let [.., a, b] = address.segments();
            let [_, _, _, _, c, d, ..] = address.segments();
            (u32::from(a ^ c) << 16) | u32::from(b ^ d)
        }
    }
}

/// Between nothing and a tenth of the keepalive, the same for the same address and slot.
fn jitter(address: IpAddr, slot: u128, keepalive: u128) -> u128 {
    let slot = u64::try_from(slot & u128::from(u32::MAX)).unwrap_or_default();
    let mut mixed = u64::from(bits(address)) ^ (slot << 32);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    (u128::from(mixed >> 32) * (keepalive / 10)) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn host(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn the_next_probe_is_never_later_than_the_keepalive_and_a_tenth() {
        let settings = Settings::default();
        for host in 0..500_u32 {
            let address = self::host(0xac10_0100 + host);
            let mut heard = Moment::millis(u64::from(host) * 7);
            for _ in 0..20 {
                let next = settings.next_slot(address, heard);
                assert!(next > heard, "{address} {heard:?} {next:?}");
                assert!(next.since(heard) <= Duration::from_millis(1100), "{address} {heard:?} {next:?}");
                heard = next + Duration::from_micros(80);
            }
        }
    }

    #[test]
    fn probes_of_many_hosts_are_spread_over_the_keepalive() {
        let settings = Settings::default();
        let mut tenths = [0_u32; 10];
        for host in 0..1000_u32 {
            let at = settings.next_slot(self::host(0xac10_0000 + host), Moment::millis(10_000));
            tenths[(at.0.subsec_millis() / 100) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (70..=130).contains(count)), "{tenths:?}");
    }

    #[test]
    fn a_probed_host_is_asked_about_once_per_keepalive() {
        let settings = Settings::default();
        let address = host(0xac10_010b);
        let mut at = Moment::millis(0);
        let mut probes = 0;
        while at < Moment::millis(100_000) {
            at = settings.next_slot(address, at) + Duration::from_micros(80);
            probes += 1;
        }
        assert!((95..=105).contains(&probes), "{probes}");
    }

    #[test]
    fn detection_takes_under_two_seconds_and_a_holdtime_replaces_it() {
        let mut settings = Settings::default();
        assert_eq!(settings.detection_time(), Duration::from_millis(1900));
        assert_eq!(settings.retries_after(Moment::millis(0), Moment::millis(1100)), 3);
        settings.holdtime = Some(Duration::from_secs(3));
        assert_eq!(settings.detection_time(), Duration::from_secs(3));
        // 1.1 s of silence, ten probes 200 ms apart: 3.1 s, the first multiple that reaches 3 s.
        assert_eq!(settings.retries_after(Moment::millis(0), Moment::millis(1100)), 9);
        assert_eq!(settings.retries_after(Moment::millis(0), Moment::millis(5000)), 1);
    }
}
