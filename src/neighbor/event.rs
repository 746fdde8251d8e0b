//! What the machine is told and what it wants done, as plain data.

use crate::fabric::Mac;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
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

/// What a packet of ARP or neighbour discovery was for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It asks for another address: an ARP request, a neighbour solicitation (RFC 4861 §4.3).
    Request,
    /// It answers somebody: an ARP reply, a solicited neighbour advertisement (RFC 4861 §4.4).
    Reply,
    /// It names itself and nobody asked: gratuitous ARP (RFC 5227 §3), an unsolicited advertisement, any other packet
    /// with its address.
    Announcement,
    /// It is about to take the address and asks whether anybody has it: an ARP probe (RFC 5227 §2.1.1),
    /// duplicate address detection (RFC 4862 §5.4). It doesn't answer for it yet.
    Claim,
}

/// A host route: the address, and the interface that leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostRoute {
    /// The /32, or /128.
    pub address: IpAddr,
    /// The interface it leaves by.
    pub interface: IfIndex,
    /// Whether the host has been there for a while. A route that is not settled yet has the better metric, so that of two
    /// leafs which advertise one host the fabric chooses the one where it has just arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
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
    /// The addresses of a managed interface, all of them but link-local ones.
    AddressesChanged {
        /// Its index.
        interface: IfIndex,
        /// Its addresses with the lengths of their prefixes.
        prefixes: BTreeSet<IpNet>,
    },
    /// The node's own addresses on all interfaces, managed or not.
    OwnAddresses {
        /// All of them.
        addresses: BTreeSet<IpAddr>,
    },
    /// A packet of ARP or neighbour discovery came in.
    Heard {
        /// By this interface.
        interface: IfIndex,
        /// Whose hardware address it tells.
        address: IpAddr,
        /// That hardware address.
        mac: Mac,
        /// What it was for.
        kind: Kind,
    },
    /// The kernel has a neighbour entry: a hint where to look, never a proof.
    NeighbourSeen {
        /// On this interface.
        interface: IfIndex,
        /// The neighbour.
        address: IpAddr,
        /// Its hardware address according to the kernel.
        mac: Mac,
    },
    /// The kernel gave a neighbour up: a reason to ask, never one to withdraw.
    NeighbourLost {
        /// On this interface.
        interface: IfIndex,
        /// The neighbour.
        address: IpAddr,
    },
    /// The kernel got a route to this host that is not ours and leads away from our ports: another leaf
    /// advertises it.
    RouteElsewhere {
        /// The host.
        address: IpAddr,
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
    /// Ask `target` by ARP or by neighbour solicitation, as its address is.
    SendProbe {
        /// By this interface.
        interface: IfIndex,
        /// The address of the interface that asks.
        source: IpAddr,
        /// The address that is asked for.
        target: IpAddr,
        /// The station that is asked; all of them when it is none.
        mac: Option<Mac>,
    },
    /// Ask every IPv6 host behind the interface at once: an echo request to all nodes (`ff02::1`), which is
    /// answered from an address of the same prefix.
    AskEverybody {
        /// By this interface.
        interface: IfIndex,
        /// The address of the interface that asks.
        source: Ipv6Addr,
    },
    /// Say on the interface that the address is now reached by the interface's own hardware address: gratuitous ARP,
    /// an unsolicited neighbour advertisement that overrides. Hosts there forget the one they had.
    Announce {
        /// On this interface.
        interface: IfIndex,
        /// The address, which is not there any more.
        address: IpAddr,
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
