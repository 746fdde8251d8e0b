//! The waves of a run: batch after batch, each only when nothing was lost by the one before.

use super::finish;
use super::health::Health;
use super::scope::{Scope, left_over};
use super::transaction::Guarded;
use super::troubles::{Troubles, listed};
use crate::action::Plan;
use crate::apply::{OnFailure, Outcome, Place, Stop};
use crate::cli::WaveArgs;
use crate::fabric::NodeName;
use crate::output::{Exit, Problem, Progress, several};
use crate::planner::{self, Pace, Part};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// How a run goes through its waves.
pub(super) struct Waves<'a> {
    pub scope: Scope<'a>,
    pub args: &'a WaveArgs,
    /// Nodes that fail while others go on stay as they are.
    pub keep: bool,
    pub health: &'a Health<'a>,
    pub progress: &'a Arc<Progress>,
    pub stop: &'a Stop,
}

/// How far a run came.
pub(super) struct Way {
    /// What the devices did.
    pub outcome: Outcome,
    /// The nodes that failed.
    pub failed: BTreeSet<NodeName>,
    /// What is wrong with these.
    pub troubles: Troubles,
    /// Whether the others went on to their end all the same.
    pub complete: bool,
}

impl Waves<'_> {
    /// Runs a plan as far as its stop rules allow.
    pub(super) async fn run(&self, plan: &Plan, guarded: &mut Guarded<'_>) -> Way {
        let WaveArgs { serial, canary, all_at_once, max_fail } = self.args.clone();
        let pace = Pace { serial, canary, all_at_once };
        let parts = planner::parts(self.scope.fabric, plan, self.health.standing().in_service(), &pace);
        let nodes: BTreeSet<&NodeName> = plan.steps().map(|step| &step.node).collect();
        let bound = max_fail.map_or(0, |share| share.of(nodes.len()));
        let mut way = Way {
            outcome: Outcome::of(plan),
            failed: BTreeSet::new(),
            troubles: Troubles::default(),
            complete: true,
        };
        let mut rest = parts.as_slice();
        while let Some((part, later)) = rest.split_first() {
            rest = later;
            if self.stop.wished() || !way.complete {
                way.outcome.skipped += part.stage.steps.len();
                continue;
            }
            self.part(part, bound, &mut way, guarded).await;
            let matters = part.disturbs() && (bound > 0 || !later.is_empty());
            if matters && way.complete && !self.stop.wished() {
                self.wait(part, later, bound, &mut way, guarded).await;
            }
        }
        way.outcome.stopped = self.stop.wished() && way.outcome.skipped > 0;
        if !way.complete || way.outcome.stopped {
            way.complete = false;
            left_over(plan, &way.outcome, &mut way.troubles);
        }
        way
    }

    /// Runs a part of the plan on those of its nodes that haven't failed.
    async fn part(&self, part: &Part, bound: usize, way: &mut Way, guarded: &mut Guarded<'_>) {
        let mut stage = part.stage.clone();
        stage.steps.retain(|step| !way.failed.contains(&step.node));
        way.outcome.skipped += part.stage.steps.len() - stage.steps.len();
        if stage.steps.is_empty() {
            return;
        }
        let before = way.outcome.failures.len();
        let place = (part.of > 1).then_some(Place { number: part.number, of: part.of });
        let run = self.scope.executor(OnFailure::GoOn, self.stop);
        run.stage(&stage, place, &mut way.outcome, &self.scope.teller(self.progress)).await;
        let failures = way.outcome.failures.get(before..).unwrap_or_default();
        let failed: BTreeSet<NodeName> = failures.iter().map(|failure| failure.node.clone()).collect();
        let problems: Vec<Problem> = failures.iter().map(finish::step_problem).collect();
        self.fail(failed, problems, bound, way, guarded).await;
    }

    /// Waits until nothing is lost any more that was there before the run.
    async fn wait(
        &self,
        part: &Part,
        later: &[Part],
        bound: usize,
        way: &mut Way,
        guarded: &mut Guarded<'_>,
    ) {
        let standing = self.health.standing();
        if standing.is_empty() {
            return;
        }
        let coming = planner::coming(later);
        self.progress
            .say(&format!("  waiting for the {} that were there before", several(standing.len(), "routes")));
        let Some(first) = self.regained(&coming, guarded).await else { return };
        let Err(lost) = first else { return };
        let nodes: BTreeSet<NodeName> = part.nodes().difference(&way.failed).cloned().collect();
        self.fail(nodes, lost.problems(), bound, way, guarded).await;
        if !way.complete {
            return;
        }
        // They are as they were: if it isn't all there now, something else is wrong.
        if let Some(Err(lost)) = self.regained(&coming, guarded).await {
            way.troubles.extend(Exit::NotAsDesired, lost.problems());
            way.complete = false;
        }
    }

    /// None when the run is to end.
    async fn regained(
        &self,
        coming: &BTreeSet<&str>,
        guarded: &Guarded<'_>,
    ) -> Option<Result<(), super::health::Lost>> {
        let mut wish = self.stop.clone();
        let back = tokio::select! {
            back = self.health.regained(Instant::now(), coming, guarded.out()) => back,
            () = wish.wish() => return None,
        };
        Some(back.map(|elapsed| {
            self.progress.say(&format!("  they are back ({:.1} s)", elapsed.as_secs_f64()));
        }))
    }

    /// Nodes failed: the run stops, or goes on without them.
    async fn fail(
        &self,
        nodes: BTreeSet<NodeName>,
        problems: Vec<Problem>,
        bound: usize,
        way: &mut Way,
        guarded: &mut Guarded<'_>,
    ) {
        way.troubles.extend(Exit::NotAsDesired, problems);
        if nodes.is_empty() {
            return;
        }
        let canary = self.args.canary.as_ref().is_some_and(|canary| nodes.contains(canary));
        way.failed.extend(nodes.iter().cloned());
        way.complete = !canary && way.failed.len() <= bound;
        if way.complete && !self.stop.wished() {
            let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
            self.progress.say(&format!("{} failed; --max-fail lets the others go on", listed(&names)));
            guarded.give_up(&nodes, self.keep, self.progress).await;
        }
    }
}
