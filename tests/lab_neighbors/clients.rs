//! Containers that ask another one for an answer ten times a second.

use super::bench::Bench;
use super::shell::Stream;
use super::truth::Host;
use std::time::{Duration, Instant};

/// Silence between two answers that is more than a lost one or a busy machine.
const SILENCE: Duration = Duration::from_millis(400);
/// Answers for so long are no luck.
const LASTING: Duration = Duration::from_secs(2);

/// Where a client is, seen from the leaf that a host leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the same port: it reaches the host without any router.
    RackMate,
    /// In a rack that has nothing to do with it.
    Elsewhere,
    /// In the rack that the host comes to.
    NewRack,
}

impl Place {
    pub(crate) const ALL: [Self; 3] = [Self::RackMate, Self::Elsewhere, Self::NewRack];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RackMate => "rack-mate on the old port",
            Self::Elsewhere => "slowest of four elsewhere",
            Self::NewRack => "in the new rack",
        }
    }
}

/// Each with its server: flows of several take both ways where there are two.
const CLIENTS: [(Place, &str, &str); 6] = [
    (Place::RackMate, "server01", "web12"),
    (Place::Elsewhere, "server02", "web21"),
    (Place::Elsewhere, "server02", "web22"),
    (Place::Elsewhere, "server04", "web41"),
    (Place::Elsewhere, "server04", "web42"),
    (Place::NewRack, "server03", "web32"),
];

/// All of them.
pub(crate) struct Clients(Vec<(Place, Stream)>);

impl Clients {
    /// Starts them, and waits until each has answers.
    pub(crate) fn ask(bench: &Bench, host: Host) -> Self {
        let start = |(place, server, container): (Place, &str, &str)| {
            let process = format!("$(docker inspect -f '{{{{.State.Pid}}}}' {container})");
            let inside = format!("nsenter -t {process} -n");
            // By itself, a rack-mate doubts a hardware address after 15 to 45 s: sometimes soon enough to pass.
            let believe = format!("{inside} sysctl -qw net.ipv4.neigh.eth0.base_reachable_time_ms=600000");
            let forget = format!("{inside} ip neigh flush to 172.16.1.{host}");
            let command = format!("{believe}; {forget}; {inside} ping -n -i 0.1 172.16.1.{host}");
            (place, bench.stream(server, &command))
        };
        let clients = Self(CLIENTS.map(start).into());
        super::support::eventually("every client has answers", || {
            clients.0.iter().all(|(_, stream)| answers(stream).len() >= 5)
        });
        clients
    }

    /// Since when all of a place have answers without a break, none as long as one hasn't. A break that was over
    /// before `since` doesn't count.
    pub(crate) fn answered(&self, place: Place, since: Instant) -> Option<Instant> {
        let those = self.0.iter().filter(|(at, _)| *at == place);
        let each: Option<Vec<Instant>> = those.map(|(_, stream)| unbroken(&answers(stream), since)).collect();
        each?.into_iter().max()
    }
}

fn answers(stream: &Stream) -> Vec<Instant> {
    let lines = stream.lines();
    lines.iter().filter(|(_, line)| line.contains("bytes from")).map(|(at, _)| *at).collect()
}

/// The first answer after the last silence, if it has been going on for long enough.
fn unbroken(answers: &[Instant], since: Instant) -> Option<Instant> {
    let last = *answers.last()?;
    let begin =
        answers.windows(2).rev().find(|pair| pair[1] - pair[0] > SILENCE).map_or(since, |pair| pair[1]);
    (last.elapsed() < SILENCE && begin.elapsed() > LASTING).then_some(begin)
}
