//! Who was heard of and has proven nothing yet: many, in little room, each in turn.
//!
//! A flood of invented addresses fills this and nothing else. When it is full, the newcomer takes the room of one
//! that is drawn by lot from the port that has the most here. So a real host behind another port isn't touched, and
//! one behind the same port gets in with one of its next packets: it needs its room for one round trip only.

use super::host::Place;
use super::{IfIndex, Moment};
use crate::fabric::Mac;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Somebody who claims an address at a port.
pub(super) type Claimant = (IpAddr, Mac);

/// What is known of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Probes that may still be sent.
    pub(super) left: u32,
    /// Whether one was sent, so that a reply is an answer.
    pub(super) asked: bool,
    /// When it was first heard of.
    pub(super) since: Moment,
    due: Moment,
    /// Its place among those that lots are drawn of.
    lot: usize,
}

/// Those behind one port.
#[derive(Debug, Default)]
struct Lane {
    known: super::Map<Claimant, Candidate>,
    lots: Vec<Claimant>,
    queue: BTreeSet<(Moment, Claimant)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    lanes: BTreeMap<IfIndex, Lane>,
    count: usize,
    /// Whose turn it was last.
    turn: Option<IfIndex>,
    dice: u64,
}

impl Candidates {
    pub(super) fn get(&self, address: IpAddr, place: Place) -> Option<Candidate> {
        self.lanes.get(&place.interface)?.known.get(&(address, place.mac?)).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (IpAddr, Place, Candidate)> + '_ {
        self.lanes.iter().flat_map(|(interface, lane)| {
            lane.known.iter().map(|((address, mac), candidate)| {
                (*address, Place { interface: *interface, mac: Some(*mac) }, *candidate)
            })
        })
    }

    /// Takes one in that is to be asked at `due`; true when another had to go for it, because there were `most`.
    pub(super) fn insert(
        &mut self,
        address: IpAddr,
        place: Place,
        left: u32,
        (now, due): (Moment, Moment),
        most: usize,
    ) -> bool {
        let Some(mac) = place.mac else { return false };
        let full = self.count >= most;
        if full {
            self.evict();
        }
        let lane = self.lanes.entry(place.interface).or_default();
        let candidate = Candidate { left, asked: false, since: now, due, lot: lane.lots.len() };
        if lane.known.insert((address, mac), candidate).is_none() {
            lane.lots.push((address, mac));
            lane.queue.insert((due, (address, mac)));
            self.count += 1;
        }
        full
    }

    /// Whether more than half of the room for `most` is taken.
    pub(super) fn is_crowded(&self, most: usize) -> bool {
        self.count > most / 2
    }

    /// Notes that it is asked, and when to come back to it.
    pub(super) fn ask(&mut self, interface: IfIndex, claimant: Claimant, due: Moment) {
        self.wake(interface, claimant, due);
        let lane = self.lanes.get_mut(&interface);
        if let Some(candidate) = lane.and_then(|lane| lane.known.get_mut(&claimant)) {
            candidate.left = candidate.left.saturating_sub(1);
            candidate.asked = true;
        }
    }

    /// Makes it due no later than that.
    pub(super) fn hurry(&mut self, interface: IfIndex, claimant: Claimant, due: Moment) {
        let lane = self.lanes.get(&interface);
        if lane.and_then(|lane| lane.known.get(&claimant)).is_some_and(|candidate| candidate.due > due) {
            self.wake(interface, claimant, due);
        }
    }

    fn wake(&mut self, interface: IfIndex, claimant: Claimant, due: Moment) {
        let Some(lane) = self.lanes.get_mut(&interface) else { return };
        if let Some(candidate) = lane.known.get_mut(&claimant) {
            lane.queue.remove(&(candidate.due, claimant));
            candidate.due = due;
            lane.queue.insert((due, claimant));
        }
    }

    pub(super) fn remove(&mut self, interface: IfIndex, claimant: Claimant) -> Option<Candidate> {
        let lane = self.lanes.get_mut(&interface)?;
        let candidate = lane.known.remove(&claimant)?;
        lane.queue.remove(&(candidate.due, claimant));
        lane.lots.swap_remove(candidate.lot);
        if let Some(moved) = lane.lots.get(candidate.lot)
            && let Some(moved) = lane.known.get_mut(moved)
        {
            moved.lot = candidate.lot;
        }
        if lane.known.is_empty() {
            // Gives back what a flood took.
            self.lanes.remove(&interface);
        }
        self.count -= 1;
        Some(candidate)
    }

    /// Removes those that are not kept.
    pub(super) fn retain(&mut self, keep: impl Fn(IfIndex, IpAddr) -> bool) {
        let gone: Vec<_> =
            self.iter().filter(|(address, place, _)| !keep(place.interface, *address)).collect();
        for (address, place, _) in gone {
            if let Some(mac) = place.mac {
                self.remove(place.interface, (address, mac));
            }
        }
    }

    /// When the first of them is due.
    pub(super) fn due(&self) -> Option<Moment> {
        self.lanes.values().filter_map(Lane::due).min()
    }

    /// One that is due, of each port in turn.
    pub(super) fn next_due(&mut self, now: Moment) -> Option<(IfIndex, Claimant, Candidate)> {
        let ready = |(_, lane): &(&IfIndex, &Lane)| lane.due().is_some_and(|due| due <= now);
        let after = self.turn.map_or(0, |turn| turn.0.saturating_add(1));
        let next = self.lanes.range(IfIndex(after)..).find(ready);
        let (interface, lane) = next.or_else(|| self.lanes.iter().find(ready))?;
        let (_, claimant) = lane.queue.first()?;
        let found = (*interface, *claimant, *lane.known.get(claimant)?);
        self.turn = Some(found.0);
        Some(found)
    }

    /// Removes one of the port that has the most, by lot.
    fn evict(&mut self) {
        let longest = self.lanes.iter().max_by_key(|(_, lane)| lane.lots.len());
        let Some((interface, count)) = longest.map(|(interface, lane)| (*interface, lane.lots.len())) else {
            return;
        };
        let roll = self.roll() % u64::try_from(count).unwrap_or(u64::MAX).max(1);
        let lots = self.lanes.get(&interface).map(|lane| &lane.lots);
        let drawn = lots.and_then(|lots| lots.get(usize::try_from(roll).unwrap_or_default())).copied();
        if let Some(claimant) = drawn {
            self.remove(interface, claimant);
        }
    }

    /// The same numbers in every run, for recordings; whoever guesses them gains no more than a little room.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Lane {
    fn due(&self) -> Option<Moment> {
        self.queue.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn place(interface: u32, mac: u32) -> Place {
        let [a, b, c, d] = mac.to_be_bytes();
        Place { interface: IfIndex(interface), mac: Some(Mac([2, 0, a, b, c, d])) }
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    fn fill(candidates: &mut Candidates, interface: u32, numbers: std::ops::Range<u32>, most: usize) {
        for number in numbers {
            let at = Moment::millis(u64::from(number));
            candidates.insert(address(number), place(interface, number), 3, (at, at), most);
        }
    }

    #[test]
    fn a_flood_on_one_port_takes_no_room_of_another() {
        let mut candidates = Candidates::default();
        fill(&mut candidates, 2, 0..100, 1000);
        fill(&mut candidates, 1, 1000..100_000, 1000);
        assert_eq!(candidates.iter().count(), 1000);
        assert_eq!(candidates.iter().filter(|(_, place, _)| place.interface == IfIndex(2)).count(), 100);
        for lane in candidates.lanes.values() {
            assert_eq!((lane.lots.len(), lane.queue.len()), (lane.known.len(), lane.known.len()));
            assert!(lane.lots.iter().enumerate().all(|(lot, claimant)| lane.known[claimant].lot == lot));
        }
    }

    #[test]
    fn a_newcomer_in_a_flood_keeps_its_room_for_a_while() {
        let survivors = (0..200_u32).filter(|round| {
            let mut candidates = Candidates { dice: u64::from(*round), ..Candidates::default() };
            fill(&mut candidates, 1, 0..1000, 1000);
            candidates.insert(address(5000), place(1, 7), 3, (Moment::default(), Moment::default()), 1000);
            // 1 ms of 100,000 packets a second.
            fill(&mut candidates, 1, 10_000..10_100, 1000);
            candidates.get(address(5000), place(1, 7)).is_some()
        });
        let survivors = survivors.count();
        assert!(survivors > 160, "{survivors} of 200");
    }

    #[test]
    fn each_port_has_its_turn() {
        let mut candidates = Candidates::default();
        fill(&mut candidates, 1, 0..10, 100);
        fill(&mut candidates, 7, 20..22, 100);
        let mut turns = Vec::new();
        while let Some((interface, claimant, _)) = candidates.next_due(Moment::millis(1000)) {
            candidates.remove(interface, claimant);
            turns.push(interface.0);
        }
        assert_eq!(turns, [1, 7, 1, 7, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!((candidates.count, candidates.due()), (0, None));
    }
}
