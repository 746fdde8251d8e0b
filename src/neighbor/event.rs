//! What the machine is told and what it wants done, as plain data.

use crate::fabric::Mac;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in monotonic time, counted from the start of the daemon. The machine never asks for one: it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Moment(pub Duration);

impl Moment {
    /// The moment that many milliseconds after the start.
    pub const fn millis(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }

    /// How long ago `earlier` was, zero when it wasn't.
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;
    fn add(self, span: Duration) -> Moment {
        Moment(self.0.saturating_add(span))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;
    fn sub(self, span: Duration) -> Moment {
        Moment(self.0.saturating_sub(span))
    }
}

/// Milliseconds, to the microsecond, in recordings.
impl From<f64> for Moment {
    fn from(millis: f64) -> Self {
        Moment(Duration::try_from_secs_f64((millis * 1e3).round() / 1e6).unwrap_or_default())
    }
}

impl From<Moment> for f64 {
    fn from(moment: Moment) -> f64 {
        (moment.0.as_secs_f64() * 1e6).round() / 1e3
    }
}

/// The kernel's number for an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IfIndex(pub u32);

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an ARP packet was for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArpKind {
    /// It asks for another address.
    Request,
    /// It answers somebody.
    Reply,
    /// It names itself (gratuitous ARP, RFC 5227 §3): nobody asked.
    Announcement,
}

/// A host route: the address, and the interface that leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostRoute {
    /// The /32.
    pub address: Ipv4Addr,
    /// The interface it leaves by.
    pub interface: IfIndex,
}

/// Something that happened outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A managed interface exists and has carrier.
    LinkUp {
        /// Its index.
        interface: IfIndex,
        /// Its name, for the log.
        name: String,
        /// Its own Ethernet address.
        mac: Mac,
    },
    /// A managed interface lost its carrier or was set down.
    LinkDown {
        /// Its index.
        interface: IfIndex,
    },
    /// An interface is deleted, or no longer managed.
    LinkGone {
        /// Its index.
        interface: IfIndex,
    },
    /// The IPv4 addresses of a managed interface, all of them.
    AddressesChanged {
        /// Its index.
        interface: IfIndex,
        /// Its addresses with the lengths of their prefixes.
        prefixes: BTreeSet<Ipv4Net>,
    },
    /// The node's own IPv4 addresses on all interfaces, managed or not.
    OwnAddresses {
        /// All of them.
        addresses: BTreeSet<Ipv4Addr>,
    },
    /// An ARP packet came in.
    ArpHeard {
        /// By this interface.
        interface: IfIndex,
        /// The sender's protocol address.
        address: Ipv4Addr,
        /// The sender's hardware address.
        mac: Mac,
        /// What it was for.
        kind: ArpKind,
    },
    /// The kernel has a neighbour entry: a hint where to look, never a proof.
    NeighbourSeen {
        /// On this interface.
        interface: IfIndex,
        /// The neighbour.
        address: Ipv4Addr,
        /// Its hardware address according to the kernel.
        mac: Mac,
    },
    /// The kernel gave a neighbour up: a reason to ask, never one to withdraw.
    NeighbourLost {
        /// On this interface.
        interface: IfIndex,
        /// The neighbour.
        address: Ipv4Addr,
    },
    /// A route of ours that an earlier instance left in the kernel.
    RouteFound {
        /// The route.
        route: HostRoute,
    },
    /// All routes of ours that the kernel has right now.
    RoutesDumped {
        /// The routes.
        routes: BTreeSet<HostRoute>,
    },
    /// Time passed.
    Tick,
}

/// Something that must be done outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Ask `target` by ARP.
    SendProbe {
        /// By this interface.
        interface: IfIndex,
        /// The address of the interface that asks.
        source: Ipv4Addr,
        /// The address that is asked for.
        target: Ipv4Addr,
        /// The station that is asked; all of them when it is none.
        mac: Option<Mac>,
    },
    /// Put the route into the kernel.
    AddRoute {
        /// The route.
        route: HostRoute,
    },
    /// Take the route out of the kernel.
    DeleteRoute {
        /// The route.
        route: HostRoute,
    },
    /// Say something.
    Log {
        /// How important it is.
        level: Level,
        /// `key=value` pairs.
        text: String,
    },
}

/// How important a log line is, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Something doesn't work.
    Error,
    /// Something needs a look.
    Warning,
    /// A change of what is advertised.
    Info,
    /// What led to it.
    Debug,
}

impl Level {
    /// The level in lower case, as the log shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}
