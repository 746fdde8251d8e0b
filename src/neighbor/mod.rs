//! The neighbour daemon's mind: which hosts live behind which interface, decided from events alone.
//!
//! [`Machine::on`] takes an [`Event`] and the time, and returns [`Effect`]s; [`Machine::deadline`] says when it wants
//! the next [`Event::Tick`]. No clock, no socket: recordings of events replay exactly.
//!
//! ```text
//!             heard of: ARP, kernel entry, sweep
//!   (unknown) ─────────────────────────────────▶ Candidate ── 3 unicast probes unanswered ──▶ (unknown)
//!       ▲                                            │ a unicast probe is answered: route added
//!       │                                            ▼
//!       │                   any ARP of it ┌────── Live ◀── its next slot: unicast probe ──┐
//!       │                                 └────────▲                                      │
//!       │                                          │ answered                             ▼
//!       └── route deleted: 3 retries 200 ms apart, the last by broadcast, unanswered ── Probing ◀── left by an
//!                                                                                             earlier instance
//! ```
//!
//! A second place (interface or MAC) that speaks for a known address is its *rival*: both are asked at once. When
//! the known place falls silent and the rival has answered, the address moves; when both answer it is a duplicate,
//! the first stays, and that is said once. Link down, an address removed from the interface or the interface gone
//! withdraw at once.

mod config;
mod contest;
mod counters;
mod event;
mod host;
mod machine;
mod pattern;
mod port;
mod settings;

pub use config::{Config, ConfigError, Fault, OnExit};
pub use counters::Counters;
pub use event::{Effect, Event, HostRoute, IfIndex, Kind, Level, Moment};
pub use host::State;
pub use machine::{HostView, Machine};
pub use pattern::Pattern;
pub use settings::{Settings, SweepEvery};
