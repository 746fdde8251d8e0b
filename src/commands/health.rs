//! What the routers had before a run, and whether they have it again: asked between its batches.

use super::fleet::Fleet;
use super::{round, verify};
use crate::cli::WaveArgs;
use crate::fabric::{Fabric, NodeName};
use crate::observe::Observation;
use crate::output::{Problem, chain, several};
use crate::planner;
use crate::verify::routes::{self, Answers, Check, Excuse, Expectations, Kind, RouteReport, Standing};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What was there must be there this long after a change: FRR, for one, applies a route-map a second after it read it.
const REST: Duration = Duration::from_secs(2);
/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(200);
/// So many lost routes of a node are named.
const NAMED: usize = 3;

/// What the routers of a run had before it.
pub(super) struct Health<'a> {
    fabric: &'a Fabric,
    fleet: &'a Fleet,
    routers: BTreeSet<NodeName>,
    expectations: Expectations,
    standing: Standing,
    wait: Duration,
    routed: bool,
}

/// Routes that stay away.
pub(super) struct Lost(Vec<Check>);

impl<'a> Health<'a> {
    /// Looks once at what `counts`. A router whose FRR isn't `running` has nothing to lose and isn't asked.
    pub(super) async fn before(
        fabric: &'a Fabric,
        fleet: &'a Fleet,
        (nodes, running): (&BTreeSet<NodeName>, impl Fn(&NodeName) -> bool),
        (waves, wait): (&WaveArgs, Duration),
        counts: impl Fn(&Check) -> bool,
    ) -> Self {
        let routers = verify::routers(fabric, nodes);
        let running: BTreeSet<NodeName> = routers.iter().filter(|name| running(name)).cloned().collect();
        let expectations = routes::expect(fabric).only(|name| nodes.contains(name));
        let routed = !running.is_empty();
        let standing = Standing::default();
        let mut health = Self { fabric, fleet, routers, expectations, standing, wait, routed };
        if routed && !waves.all_at_once {
            let answers = health.ask(&running).await;
            let mut report = routes::judge(&health.expectations, &answers);
            report.checks.retain(counts);
            health.standing = Standing::of(&report);
        }
        health
    }

    /// Whether a router's FRR ran when it was observed.
    pub(super) fn ran(fabric: &Fabric, observed: &BTreeMap<NodeName, Observation>, name: &NodeName) -> bool {
        let daemon = fabric.nodes.get(name).map(|node| planner::daemon_of(node.platform));
        let services = observed.get(name).map(|found| &found.state.services);
        daemon.zip(services).is_some_and(|(daemon, services)| services.get(daemon) == Some(&true))
    }

    /// What there was.
    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Waits until it can be seen what a change did that was made at some time.
    pub(super) async fn rest(&self, since: Instant) {
        if self.routed {
            tokio::time::sleep_until((since + REST).into()).await;
        }
    }

    /// Waits until everything that was there is there again after a change, but for workloads that are still `coming`
    /// and what nodes that are `out` excuse; returns how long it took.
    pub(super) async fn regained(
        &self,
        since: Instant,
        coming: &BTreeSet<&str>,
        out: &BTreeSet<NodeName>,
    ) -> Result<Duration, Lost> {
        self.rest(since).await;
        let excuse = Excuse { fabric: self.fabric, nodes: out };
        let expected =
            |check: &Check| check.kind != Kind::Workload || !coming.contains(check.subject.as_str());
        let lost = |check: &Check| self.standing.misses(check) && expected(check) && !excuse.covers(check);
        let (report, fine) = self.until(self.wait, lost).await;
        let lost: Vec<Check> = report.checks.into_iter().filter(lost).collect();
        if fine { Ok(since.elapsed()) } else { Err(Lost(lost)) }
    }

    /// Waits until nodes that were put back have again what they had, for a while.
    pub(super) async fn recovered(&self, nodes: &BTreeSet<NodeName>, patience: Duration) {
        let lost = |check: &Check| nodes.contains(&check.node) && self.standing.misses(check);
        self.until(self.wait.min(patience), lost).await;
    }

    /// Waits until the routes are as the model says, but for what nodes that failed excuse; the time counts from `since`.
    pub(super) async fn converged(&self, since: Instant, failed: &BTreeSet<NodeName>) -> (RouteReport, bool) {
        let excuse = Excuse { fabric: self.fabric, nodes: failed };
        let (mut report, fine) = self.until(self.wait, |check| !check.ok && !excuse.covers(check)).await;
        report.converged_after_ms =
            report.ok.then(|| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX));
        (report, fine)
    }

    /// Asks until nothing is wrong at one moment, or the time is over.
    async fn until(&self, wait: Duration, wrong: impl Fn(&Check) -> bool) -> (RouteReport, bool) {
        let deadline = Instant::now() + wait;
        let mut answers = Answers::new();
        let mut open = self.routers.clone();
        loop {
            let whole_round = open.len() == self.routers.len();
            answers.extend(self.ask(&open).await);
            let report = routes::judge(&self.expectations, &answers);
            open =
                report.checks.iter().filter(|check| wrong(check)).map(|check| check.node.clone()).collect();
            let fine = open.is_empty();
            if fine && whole_round || !fine && Instant::now() >= deadline {
                return (report, fine);
            }
            if fine {
                open.clone_from(&self.routers);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn ask(&self, nodes: &BTreeSet<NodeName>) -> Answers {
        let answers = round::routes(self.fleet, nodes).await.into_iter();
        let said = |error: Option<_>| error.map_or("it can't be reached".to_owned(), |error| chain(&error));
        answers.map(|(node, answer)| (node, answer.map_err(said))).collect()
    }
}

impl Lost {
    /// One problem a node that lost routes.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut by_node: BTreeMap<&NodeName, Vec<&Check>> = BTreeMap::new();
        for check in &self.0 {
            by_node.entry(&check.node).or_default().push(check);
        }
        let problem = |(node, lost): (&NodeName, Vec<&Check>)| {
            let reason = |check: &&Check| {
                let reason = check.reason.as_deref().unwrap_or("wrong");
                format!("{} ({}): {reason}", check.prefix, check.subject)
            };
            let mut lines =
                vec![format!("{} that were there before didn't come back:", several(lost.len(), "routes"))];
            lines.extend(lost.iter().take(NAMED).map(reason));
            if lost.len() > NAMED {
                lines.push(format!("and {} more", lost.len() - NAMED));
            }
            let hint = "see what the change does to BGP there; --wait gives the routes longer, --all-at-once is for \
                        changes that can't but interrupt";
            Problem { message: lines.join("\n"), ..Problem::default() }.on(node).during("wait").hint(hint)
        };
        by_node.into_iter().map(problem).collect()
    }
}
