//! A plan applied to devices, told to the journal and to the person.

use super::finish;
use super::fleet::Fleet;
use super::journal::RunLog;
use super::troubles::{Troubles, listed};
use crate::action::{Plan, RunId};
use crate::apply::{self, OnFailure, Outcome, Stop};
use crate::fabric::{Fabric, NodeName};
use crate::output::{Exit, Problem, Progress};
use std::sync::Arc;

/// Where a plan is applied, and as whose run.
pub(super) struct Scope<'a> {
    pub fabric: &'a Fabric,
    pub fleet: &'a Fleet,
    pub run: &'a RunId,
    pub log: &'a RunLog,
    /// Whether the devices have snapshots.
    pub guarded: bool,
}

/// Runs a plan and turns its failures into problems, with what became of the other nodes.
pub(super) async fn apply_plan(
    scope: &Scope<'_>,
    plan: &Plan,
    progress: &Arc<Progress>,
    on_failure: OnFailure,
    stop: &Stop,
) -> (Outcome, Troubles) {
    let outcome = scope.executor(on_failure, stop).plan(plan, scope.teller(progress)).await;
    let mut troubles = Troubles::default();
    if !outcome.failures.is_empty() || outcome.stopped {
        troubles.extend(Exit::NotAsDesired, outcome.failures.iter().map(finish::step_problem));
        left_over(plan, &outcome, &mut troubles);
    }
    (outcome, troubles)
}

impl Scope<'_> {
    /// What runs stages here.
    pub(super) fn executor(&self, on_failure: OnFailure, stop: &Stop) -> apply::Run<'_> {
        apply::Run {
            fabric: &self.fabric.name,
            run: self.run,
            guarded: self.guarded,
            stop: stop.clone(),
            sessions: &self.fleet.sessions,
            timeout: self.fleet.timeout,
            parallel: self.fleet.parallel,
            on_failure,
        }
    }

    /// Who is told what happens: the journal and the person.
    pub(super) fn teller(&self, progress: &Arc<Progress>) -> Arc<dyn Fn(apply::Event) + Send + Sync> {
        let (record, teller) = (self.log.teller(), Arc::clone(progress));
        Arc::new(move |event| {
            record(&event);
            teller.event(&event);
        })
    }
}

/// Says how far a run came that didn't come to its end.
pub(super) fn left_over(plan: &Plan, outcome: &Outcome, troubles: &mut Troubles) {
    let all = plan.steps().count();
    let mut message =
        format!("{} of {all} steps were done, {} were not begun", outcome.done, outcome.skipped);
    if !outcome.finished.is_empty() {
        let finished: Vec<&str> = outcome.finished.iter().map(NodeName::as_str).collect();
        message = format!("{message}; all is done on {}", listed(&finished));
    }
    let mut exit = Exit::Ok;
    if outcome.stopped {
        (exit, message) = (Exit::Interrupted, format!("interrupted: {message}"));
    }
    let hint = "mend the cause, then run the same command again";
    troubles.add(exit, Problem { message, ..Problem::default() }.hint(hint));
}
