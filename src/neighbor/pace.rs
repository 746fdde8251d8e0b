//! How many packets may leave, and when: a bound on all of them together, with a share for the unproven.

use super::Moment;
use std::time::Duration;

/// What is due is rounded to this, so that one wakeup serves many hosts.
pub(super) const GRID: Duration = Duration::from_millis(5);
/// The same for what repeats every keepalive: its moment matters little, and there is much of it.
const SLOTS: Duration = Duration::from_millis(20);

/// The next moment of the grid, `at` itself if it is one.
pub(super) fn round_up(at: Moment) -> Moment {
    ceiling(at, GRID)
}

/// The slot that begins then, or the next one.
pub(super) fn slot_after(at: Moment) -> Moment {
    ceiling(at, SLOTS)
}

fn ceiling(at: Moment, grid: Duration) -> Moment {
    let grid = grid.as_nanos();
    from_nanos(at.0.as_nanos().div_ceil(grid) * grid)
}

/// The slot that has begun then.
pub(super) fn slot_before(at: Moment) -> Moment {
    let grid = SLOTS.as_nanos();
    from_nanos(at.0.as_nanos() / grid * grid)
}

fn from_nanos(nanos: u128) -> Moment {
    Moment(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// For whom a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// Hosts that have a route: at least three quarters of the rate are theirs.
    Proven,
    /// Candidates and the search for silent hosts: at least a quarter, so that no number of known hosts keeps new ones
    /// out, and no flood of spoofed ones delays the known.
    Unproven,
}

/// One packet, in the unit of the accounts.
const PACKET: u64 = 1_000_000_000;

/// Two accounts that fill with time; what one has no room for flows into the other. In any span of time not more
/// packets leave than the rate allows in it and [`Pace::burst`].
#[derive(Debug)]
pub(super) struct Pace {
    rate: u64,
    filled: Moment,
    proven: u64,
    unproven: u64,
    /// Until when there is nothing for those who asked in vain.
    blocked: [Option<Moment>; 2],
    /// Since when hosts wait for their turn.
    behind: Option<Moment>,
}

impl Pace {
    /// A pace of that many packets a second, with full accounts.
    pub(super) fn new(rate: u32) -> Self {
        let mut pace = Self {
            rate: u64::from(rate.max(1)),
            filled: Moment::default(),
            proven: 0,
            unproven: 0,
            blocked: [None; 2],
            behind: None,
        };
        (pace.proven, pace.unproven) = pace.room();
        pace
    }

    /// Goes on at another rate.
    pub(super) fn change(&mut self, rate: u32) {
        self.rate = u64::from(rate.max(1));
        let (proven, unproven) = self.room();
        self.proven = self.proven.min(proven);
        self.unproven = self.unproven.min(unproven);
        self.blocked = [None; 2];
    }

    /// What the accounts hold: 20 ms of the rate, and enough for a host and its rival.
    fn room(&self) -> (u64, u64) {
        let burst = self.rate / 50;
        ((burst * 3 / 4).max(2) * PACKET, (burst / 4).max(1) * PACKET)
    }

    /// How many packets may leave at once after a pause.
    #[cfg(test)]
    pub(super) fn burst(&self) -> u64 {
        let (proven, unproven) = self.room();
        (proven + unproven) / PACKET
    }

    /// Fills the accounts with what the time since the last filling is worth.
    pub(super) fn fill(&mut self, now: Moment) {
        let elapsed = now.since(self.filled).min(Duration::from_secs(1));
        if now <= self.filled {
            return;
        }
        self.filled = now;
        let (room, small_room) = self.room();
        let income = u64::try_from(elapsed.as_nanos()).unwrap_or_default() * self.rate;
        let proven = self.proven + (income - income / 4);
        let unproven = self.unproven + income / 4;
        let over = proven.saturating_sub(room);
        let small_over = unproven.saturating_sub(small_room);
        self.proven = (proven.min(room) + small_over).min(room);
        self.unproven = (unproven.min(small_room) + over).min(small_room);
    }

    /// How many packets that share has left.
    pub(super) fn left(&self, share: Share) -> u64 {
        match share {
            Share::Proven => self.proven / PACKET,
            Share::Unproven => self.unproven / PACKET,
        }
    }

    /// Whether that share has so many left; when not, the wish is noted.
    pub(super) fn grants(&mut self, share: Share, packets: u64, now: Moment) -> bool {
        let granted = self.left(share) >= packets;
        if !granted {
            self.blocked[index(share)] = Some(self.ready(share, packets, now));
        }
        granted
    }

    /// Takes one packet out of the account.
    pub(super) fn spend(&mut self, share: Share) {
        let account = match share {
            Share::Proven => &mut self.proven,
            Share::Unproven => &mut self.unproven,
        };
        *account = account.saturating_sub(PACKET);
    }

    /// When the share has so many, at the latest.
    fn ready(&self, share: Share, packets: u64, now: Moment) -> Moment {
        let (account, income) = match share {
            Share::Proven => (self.proven, (self.rate - self.rate / 4).max(1)),
            Share::Unproven => (self.unproven, (self.rate / 4).max(1)),
        };
        let missing = (packets * PACKET).saturating_sub(account);
        round_up(now + Duration::from_nanos(missing.div_ceil(income).max(1)))
    }

    /// Not before this moment it makes sense to ask again.
    pub(super) fn blocked_until(&self, share: Share) -> Option<Moment> {
        self.blocked[index(share)]
    }

    /// Forgets who asked in vain: they ask again now.
    pub(super) fn unblock(&mut self) {
        self.blocked = [None; 2];
    }

    /// Takes note of whether hosts wait for their turn.
    pub(super) fn note_behind(&mut self, behind: bool, now: Moment) {
        match (behind, self.behind) {
            (true, None) => self.behind = Some(now),
            (false, _) => self.behind = None,
            (true, Some(_)) => {}
        }
    }

    /// Since when hosts wait for their turn, if they do.
    pub(super) fn behind(&self) -> Option<Moment> {
        self.behind
    }
}

fn index(share: Share) -> usize {
    match share {
        Share::Proven => 0,
        Share::Unproven => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all it gets, every `step` of `span`, and says when each packet left.
    fn greedy(rate: u32, step: Duration, span: Duration, shares: &[Share]) -> Vec<Moment> {
        let mut pace = Pace::new(rate);
        let mut left = Vec::new();
        let mut now = Moment::default();
        while now.0 < span {
            pace.fill(now);
            for share in shares {
                while pace.grants(*share, 1, now) {
                    pace.spend(*share);
                    left.push(now);
                }
            }
            now = now + step;
        }
        left
    }

    #[test]
    fn in_no_span_more_packets_leave_than_the_rate_allows() {
        for (rate, step) in [(20_000, 1), (20_000, 5), (20_000, 70), (100, 5), (7, 3), (1, 11)] {
            let burst = u128::from(Pace::new(rate).burst());
            let (step, span) = (Duration::from_millis(step), Duration::from_secs(2));
            let left = greedy(rate, step, span, &[Share::Proven, Share::Unproven]);
            for (index, from) in left.iter().enumerate().step_by(97) {
                for (count, to) in (1..).zip(&left[index..]).step_by(89) {
                    let allowed = to.since(*from).as_millis() * u128::from(rate) / 1000 + burst;
                    assert!(count <= allowed, "{rate} {from:?} {to:?}");
                }
            }
        }
    }

    #[test]
    fn what_one_share_leaves_the_other_gets_and_none_starves() {
        let (step, span) = (Duration::from_millis(5), Duration::from_secs(10));
        let alone = greedy(1000, step, span, &[Share::Unproven]).len();
        assert!((9_800..=10_020).contains(&alone), "{alone}");
        let mut pace = Pace::new(1000);
        let mut counts = [0_u32; 2];
        for millis in (0..10_000).step_by(5) {
            pace.fill(Moment::millis(millis));
            for (count, share) in counts.iter_mut().zip([Share::Proven, Share::Unproven]) {
                while pace.grants(share, 1, Moment::millis(millis)) {
                    pace.spend(share);
                    *count += 1;
                }
            }
        }
        assert!((7_400..=7_600).contains(&counts[0]) && (2_400..=2_600).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn who_asked_in_vain_is_told_when_to_ask_again() {
        for rate in [1, 7, 100, 20_000] {
            let mut pace = Pace::new(rate);
            let now = Moment::millis(1);
            pace.fill(now);
            while pace.grants(Share::Proven, 2, now) {
                pace.spend(Share::Proven);
            }
            let again = pace.blocked_until(Share::Proven).unwrap();
            pace.fill(again);
            assert!(again > now && pace.grants(Share::Proven, 2, again), "{rate}");
        }
    }
}
