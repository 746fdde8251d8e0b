//! What is known of one address.

use super::{IfIndex, Moment};
use crate::fabric::Mac;
use std::time::Duration;

/// Where an address answers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) interface: IfIndex,
    /// Unknown only for a route that an earlier instance left, until the first answer.
    pub(super) mac: Option<Mac>,
}

/// How far the proof is. What has a route is `Live` or `Probing`, never a `Candidate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Heard of; a unicast probe is out. No route.
    Candidate {
        /// Probes that may still be sent.
        left: u32,
    },
    /// It answered; the next probe is due in time.
    Live,
    /// A probe is out and not answered yet. The route stays until none are left.
    Probing {
        /// Probes that may still be sent.
        left: u32,
    },
}

/// Somebody else who speaks for the same address: where it moves to if the known place falls silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rival {
    pub(super) place: Place,
    /// When it first spoke up.
    pub(super) since: Moment,
    /// When it last spoke.
    pub(super) heard: Moment,
    /// Whether a unicast probe went to it, so that a reply is an answer.
    pub(super) probed: bool,
    /// When it answered a probe of the present contest.
    pub(super) answered: Option<Moment>,
    /// Whether it was reported as a duplicate.
    pub(super) reported: bool,
}

/// One address.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) place: Place,
    pub(super) state: State,
    /// Whether it ever answered; a route that an earlier instance left has yet to be proven.
    pub(super) proven: bool,
    /// When it last spoke, or was believed in without proof.
    pub(super) heard: Moment,
    /// When something must be done.
    pub(super) due: Moment,
    pub(super) rival: Option<Rival>,
    /// When the known place was last asked because of a rival.
    pub(super) contested: Option<Moment>,
}

impl Host {
    /// A host of which nothing is proven, with its first probe sent `now`.
    pub(super) fn new(place: Place, state: State, now: Moment) -> Self {
        Self { place, state, proven: false, heard: now, due: now, rival: None, contested: None }
    }

    pub(super) fn has_route(&self) -> bool {
        !matches!(self.state, State::Candidate { .. })
    }

    /// Whether a rival may make it ask the known place now: not more than once per keepalive.
    pub(super) fn may_contest(&self, keepalive: Duration, now: Moment) -> bool {
        self.state == State::Live && self.contested.is_none_or(|last| now.since(last) >= keepalive)
    }
}
