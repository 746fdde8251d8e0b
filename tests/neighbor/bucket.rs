//! Whether packets stay within a rate, in every span of time.

use fabricctl::neighbor::Moment;

/// A leaky bucket: it overflows exactly when in some span more came in than `rate` times the span and the burst.
pub struct Bucket {
    rate: u128,
    room: u128,
    level: u128,
    at: Moment,
}

/// One packet, so that a rate of packets a second leaks whole units in a nanosecond.
const PACKET: u128 = 1_000_000_000;

impl Bucket {
    /// The bound that the configuration promises: 20 ms of the rate may leave at once, and two packets always.
    pub fn new(rate: u32) -> Self {
        let burst = (u128::from(rate) / 50).max(3);
        Self { rate: rate.into(), room: burst * PACKET, level: 0, at: Moment::default() }
    }

    pub fn packet(&mut self, now: Moment) {
        let leaked = now.since(self.at).as_nanos() * self.rate;
        self.at = now;
        self.level = self.level.saturating_sub(leaked) + PACKET;
        assert!(self.level <= self.room, "too many packets until {now:?}: {} over", self.level - self.room);
    }
}
