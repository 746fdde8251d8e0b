//! Every change of a router's routes, as the kernel announces it.

use super::bench::Bench;
use super::shell::{Line, Stream};
use super::support::eventually;
use super::truth::Host;
use std::time::Instant;

/// A route that nobody else touches, to find out whether the listener listens.
const KNOCK: &str = "192.0.2.1";

/// Listens to a router.
pub(crate) struct Watch {
    pub(crate) node: &'static str,
    stream: Stream,
    since: Instant,
}

/// One change.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) at: Instant,
    pub(crate) host: Host,
    pub(crate) gone: bool,
    /// What `ip monitor` said.
    pub(crate) text: String,
}

impl Watch {
    /// From now on, no change is missed.
    pub(crate) fn open(bench: &mut Bench, node: &'static str) -> Self {
        let stream = bench.stream(node, "ip -o monitor route");
        let knock = format!("blackhole {KNOCK}/32 table 4242");
        eventually("the listener listens", || {
            bench.run(node, &format!("ip route add {knock}; ip route del {knock}"));
            stream.lines().iter().any(|(_, line)| line.contains(KNOCK))
        });
        Self { node, stream, since: Instant::now() }
    }

    /// Forgets what was up to now.
    pub(crate) fn forget(&mut self) {
        self.since = Instant::now();
    }

    /// All changes of routes to hosts.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.stream.lines().iter().filter(|(at, _)| *at >= self.since).filter_map(change).collect()
    }

    /// Those of one host.
    pub(crate) fn changes_of(&self, host: Host) -> Vec<Change> {
        self.changes().into_iter().filter(|change| change.host == host).collect()
    }
}

fn change((at, line): &Line) -> Option<Change> {
    let (gone, route) = match line.strip_prefix("Deleted ") {
        Some(rest) => (true, rest),
        None => (false, line.as_str()),
    };
    let host = route.split(' ').find_map(|word| word.strip_prefix("172.16.1."))?.parse().ok()?;
    Some(Change { at: *at, host, gone, text: line.clone() })
}
