//! Do all spines and leafs have every container's /32 and every loopback, by the right next hops?

mod expect;
mod fib;
mod findings;
mod judge;
mod paths;
mod standing;

pub use expect::{Expectation, Expectations, Source, expect};
pub use fib::against_kernel;
pub(super) use findings::findings;
pub use findings::report;
pub use judge::{Answers, judge, judge_each};
pub use standing::{Excuse, Standing};

use crate::fabric::{IfName, NodeName};
use compact_str::CompactString;
use ipnet::Ipv4Net;
use serde::Serialize;

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The /32 of a container.
    Workload,
    /// The loopback of a spine or leaf.
    Loopback,
    /// The data address of a server inside a workload subnet: may be there, is listed, never wrong.
    Server,
    /// A /32 inside a workload subnet that belongs to nobody: always wrong.
    Unexpected,
}

/// The verdict about one prefix on one node. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The node that was asked.
    pub node: NodeName,
    /// The prefix.
    pub prefix: Ipv4Net,
    /// What it is.
    pub kind: Kind,
    /// Whose it is: a workload or a node; empty if nobody's.
    #[serde(skip)]
    pub subject: String,
    /// As desired.
    pub ok: bool,
    /// What the model wants.
    pub expected: Expected,
    /// What the node has: its selected route, else its first; `None` if it has none or did not answer.
    pub found: Option<Found>,
    /// What is wrong, or worth saying.
    pub reason: Option<String>,
}

/// What the model wants of a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Expected {
    /// The interfaces, in natural order; empty if any will do.
    pub next_hops: Vec<IfName>,
}

/// What a node has for a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Who brought it, as FRR calls it.
    pub protocol: CompactString,
    /// FRR chose it.
    pub selected: bool,
    /// The kernel has it.
    pub installed: bool,
    /// The interfaces that packets take, in natural order.
    pub next_hops: Vec<CompactString>,
}

/// The verdict about the fabric. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteReport {
    /// Everything is as desired.
    pub ok: bool,
    /// How long it took until it was, in milliseconds; `None` if it never was. Whoever asks sets it.
    pub converged_after_ms: Option<u64>,
    /// All checks: spines first, then leafs; on each workloads, loopbacks, then what else was found.
    pub checks: Vec<Check>,
    /// Not all spines and leafs were asked.
    #[serde(skip)]
    pub limited: bool,
}
