//! What is known of one address.

use super::{HostRoute, IfIndex, Moment};
use crate::fabric::Mac;
use std::net::IpAddr;
use std::time::Duration;

/// Where an address answers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The interface that leads there.
    pub interface: IfIndex,
    /// The hardware address. Unknown only for a route that an earlier instance left, until the first sign of life.
    pub mac: Option<Mac>,
}

/// How far the proof is. What has a route is `Live` or `Probing`, never a `Candidate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Heard of; it must answer a unicast probe. No route.
    Candidate {
        /// Probes that may still be sent.
        left: u32,
    },
    /// It answered; the next probe is due in time.
    Live,
    /// A probe is out, or about to, and not answered yet. The route stays until none are left.
    Probing {
        /// Probes that may still be sent.
        left: u32,
    },
}

/// One host, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostView {
    /// Its address.
    pub address: IpAddr,
    /// The interface it was heard on.
    pub interface: IfIndex,
    /// Its hardware address, unknown for a route left by an earlier instance until the first sign of life.
    pub mac: Option<Mac>,
    /// How far the proof is.
    pub state: State,
    /// Whether it ever answered; a route left by an earlier instance has yet to be proven.
    pub proven: bool,
    /// When it last spoke; of a candidate, when it was first heard of.
    pub heard: Moment,
    /// Since when it is at this place: when it was learned, adopted or moved, or first heard of.
    pub since: Moment,
    /// Whether its route is the settled one.
    pub settled: bool,
    /// Another place that answers, or lately answered, for the address as well.
    pub rival: Option<Place>,
    /// How often it changed its place since it was learned.
    pub moves: u32,
}

/// Somebody else who answered for the same address: where it moves to if the known place falls silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rival {
    pub(super) place: Place,
    /// When it last spoke.
    pub(super) heard: Moment,
    /// When it answered a probe of the present contest.
    pub(super) answered: Option<Moment>,
    /// Whether it was reported as a duplicate.
    pub(super) reported: bool,
}

/// Whether an answer is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No: it is believed in until its slot.
    Live,
    /// Yes; so many probes may still be sent.
    Probing { left: u32 },
}

/// Whether the known place is asked at the quick pace because another one answers for its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// No.
    None,
    /// Yes.
    Contest,
    /// It was, but the other one fell silent too: now it has all the time it would have had.
    Spent,
}

/// What speaks for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    /// Only the route that an earlier instance left.
    Found,
    /// It was asked, so that a reply is an answer.
    Asked,
    /// It answered.
    Answered,
}

/// An address with a route.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) place: Place,
    pub(super) phase: Phase,
    pub(super) haste: Haste,
    pub(super) proof: Proof,
    /// Whether it got one more chance for the probes that nobody had the time to hear the answer of.
    pub(super) reprieved: bool,
    pub(super) settled: bool,
    /// When its turn to settle is, where many want to.
    pub(super) turn: Option<Moment>,
    pub(super) since: Moment,
    /// When it last spoke, or was believed in without proof.
    pub(super) heard: Moment,
    /// When it is to be asked next.
    pub(super) slot: Moment,
    /// When something must be done: its place in the queue.
    pub(super) due: Moment,
    /// When the known place was last asked out of turn.
    pub(super) contested: Option<Moment>,
    /// When another leaf last advertised it.
    pub(super) elsewhere: Option<Moment>,
    pub(super) moves: u32,
    pub(super) rival: Option<Box<Rival>>,
}

impl Host {
    /// A host that is at `place` since `now`.
    pub(super) fn new(place: Place, proof: Proof, now: Moment) -> Self {
        Self {
            place,
            phase: Phase::Live,
            haste: Haste::None,
            proof,
            reprieved: false,
            settled: false,
            turn: None,
            since: now,
            heard: now,
            slot: now,
            due: now,
            contested: None,
            elsewhere: None,
            moves: 0,
            rival: None,
        }
    }

    /// Whether it ever answered.
    pub(super) fn proven(&self) -> bool {
        self.proof == Proof::Answered
    }

    /// Its route, where the address is `address`.
    pub(super) fn route(&self, address: IpAddr) -> HostRoute {
        HostRoute { address, interface: self.place.interface, settled: self.settled }
    }

    /// Whether it may be asked out of turn now: nothing is under way, and the last time was that long ago.
    pub(super) fn may_be_asked(&self, pause: Duration, now: Moment) -> bool {
        self.phase == Phase::Live && self.not_contested_for(pause, now)
    }

    pub(super) fn not_contested_for(&self, pause: Duration, now: Moment) -> bool {
        self.contested.is_none_or(|last| now.since(last) >= pause)
    }

    /// Whether two places answer for it and that was said.
    pub(super) fn is_duplicate(&self) -> bool {
        self.rival.as_ref().is_some_and(|rival| rival.reported)
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Probing { left } => State::Probing { left },
            Phase::Live if self.proven() => State::Live,
            Phase::Live => State::Probing { left: 0 },
        }
    }

    pub(super) fn view(&self, address: IpAddr) -> HostView {
        HostView {
            address,
            interface: self.place.interface,
            mac: self.place.mac,
            state: self.state(),
            proven: self.proven(),
            heard: self.heard,
            since: self.since,
            settled: self.settled,
            rival: self.rival.as_ref().map(|rival| rival.place),
            moves: self.moves,
        }
    }
}
