//! The neighbour daemon's mind: which hosts live behind which interface, decided from events alone.
//!
//! [`Machine::on`] takes an [`Event`] and the time, and returns [`Effect`]s; [`Machine::deadline`] says when it wants
//! the next [`Event::Tick`]. No clock, no socket: recordings of events replay exactly.
//!
//! ```text
//!             heard of: ARP, ND, kernel entry, sweep
//!   (unknown) ─────────────────────────────────▶ Candidate ── 3 unicast probes unanswered ──▶ (unknown)
//!       ▲                                            │ a unicast probe is answered: route added
//!       │                                            ▼
//!       │               any packet of it ┌────── Live ◀── its next slot: unicast probe ──┐
//!       │                                └────────▲                                      │
//!       │                                         │ answered                             ▼
//!       └── route deleted: 3 retries 200 ms apart, the last by broadcast, unanswered ── Probing ◀── left by an
//!                                                                                            earlier instance
//! ```
//!
//! A route is new for `settle` seconds; then it is replaced by a settled one, which has the worse metric.
//!
//! A second place (interface or MAC) that speaks for a known address is a candidate like any other. When it answers
//! a unicast probe it is the address's *rival*, and both are asked, the known place 4 times within 200 ms: when it is
//! silent and the rival answered again, the address moves; when both answer it is a duplicate, the first stays,
//! and that is said once. Who only claims to be about to take an address (duplicate address detection) makes the known
//! place be asked, and is asked itself when the claim is over.
//!
//! A route to the host that another leaf advertises makes it be asked at once. When it left, and nobody answers on
//! its old port, two announcements there make the stations on that port forget its MAC.
//!
//! Link down, an address removed from the interface or the interface gone withdraw at once.
//!
//! All packets together stay within `probe_rate`. Hosts with a route have three quarters of it, and what the others
//! leave; when that isn't enough all wait alike, and nobody is withdrawn for a probe that wasn't sent, nor in a tick
//! that came too late to have read the answers.

mod adopt;
mod candidates;
mod config;
mod contest;
mod counters;
mod elsewhere;
mod event;
mod host;
mod keys;
mod life;
mod limit;
mod machine;
mod pace;
mod pattern;
mod port;
mod settings;
mod sweep;
mod tick;
mod values;

pub use config::{Config, ConfigError, Fault, OnExit};
pub use counters::Counters;
pub use event::{Effect, Event, HostRoute, IfIndex, Kind, Level, Moment};
pub use host::{HostView, Place, State};
pub use keys::Key;
pub use machine::Machine;
pub use pattern::Pattern;
pub use settings::{Settings, SweepEvery};

/// A map whose order is the same in every run, as recordings need it. Its keys come from outside, so each one that grows
/// with what is heard has a bound.
type Map<K, V> = std::collections::HashMap<K, V, std::hash::BuildHasherDefault<std::hash::DefaultHasher>>;
