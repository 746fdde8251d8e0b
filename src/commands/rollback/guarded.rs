//! The plan of a rollback carried out, as that of a deployment is: guarded, looked at, and confirmed or undone.

use super::{Work, memory};
use crate::action::{Action, Plan, Step};
use crate::apply::{OnFailure, Outcome, Stop};
use crate::cli::{self, Confirm};
use crate::commands::deployment::{Scope, apply_plan, interrupted};
use crate::commands::journal::RunLog;
use crate::commands::locks::Held;
use crate::commands::runtime::Orderly;
use crate::commands::transaction::{Guarded, Undo};
use crate::commands::troubles::Troubles;
use crate::fabric::NodeName;
use crate::output::{Exit, Failure, Problem, Progress};
use crate::planner;
use crate::state::Saved;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How nodes were.
pub(super) type Pasts = BTreeMap<NodeName, Arc<Saved>>;

impl Work<'_> {
    /// Carries a plan out; returns until when it must be confirmed, if that is left to a person.
    pub(super) async fn guarded(
        &self,
        (held, log): (&Held, &RunLog),
        plan: &Plan,
        pasts: &Pasts,
        progress: &Arc<Progress>,
    ) -> Result<Option<String>, Failure> {
        let stop = self.interrupts.orderly(self.orderly());
        let within = self.args.confirm_within;
        let guarded = Guarded::open(self.fabric, self.fleet, (held, log), plan, within).await?;
        let scope = Scope { fabric: self.fabric, fleet: self.fleet, run: &held.run, guarded: true, log };
        let (outcome, failed) = apply_plan(&scope, plan, progress, OnFailure::Stop, &stop).await;
        let mut wish = stop.clone();
        let changed = match failed.into_failure() {
            Ok(()) => tokio::select! {
                looked = self.settled(plan, pasts) => looked,
                () = wish.wish() => Err(interrupted()),
            },
            failed => failed,
        };
        if let Err(cause) = changed {
            return Err(self.undo(&guarded, &outcome, cause, progress, &stop).await);
        }
        if self.args.confirm == Confirm::Manual {
            return Ok(Some(guarded.deadline()));
        }
        match guarded.confirm().await {
            Ok(()) => Ok(None),
            Err((failure, Undo::Over)) => Err(failure),
            Err((cause, Undo::Possible)) => Err(self.undo(&guarded, &outcome, cause, progress, &stop).await),
        }
    }

    /// Asks the changed nodes again: nothing may be left that differs from how they were.
    async fn settled(&self, plan: &Plan, pasts: &Pasts) -> Result<(), Failure> {
        let touched: BTreeSet<&NodeName> = plan.steps().map(|step| &step.node).collect();
        let pasts: Pasts = pasts
            .iter()
            .filter(|(node, _)| touched.contains(node))
            .map(|(node, past)| (node.clone(), Arc::clone(past)))
            .collect();
        let mut troubles = Troubles::default();
        let left = memory::ways_back(self.fabric, self.fleet, &self.of.run, &pasts, &mut troubles).await;
        let aside: BTreeSet<&NodeName> = plan
            .steps()
            .filter(|step| matches!(step.action, Action::RemoveContainer { .. }))
            .map(|step| &step.node)
            .collect();
        // With containers aside it stops when the run is confirmed.
        let waits = |step: &Step| match &step.action {
            Action::StopService { service } => service == planner::ENGINE && aside.contains(&step.node),
            _ => false,
        };
        for step in left.values().flat_map(|back| &back.steps).filter(|step| !waits(step)) {
            let message = format!("it was done and is still to do ({})", step.reason);
            let hint = "look at the device's logs: something there undid or refused the change";
            let problem = Problem { message, ..Problem::default() };
            let problem = problem.on(&step.node).during(&step.action.to_string()).hint(hint);
            troubles.add(Exit::NotAsDesired, problem);
        }
        troubles.into_failure()
    }

    /// Ends a rollback that failed: what it did goes, or stays if that was asked for.
    async fn undo(
        &self,
        guarded: &Guarded<'_>,
        outcome: &Outcome,
        cause: Failure,
        progress: &Progress,
        stop: &Stop,
    ) -> Failure {
        if self.args.on_failure == cli::OnFailure::Keep {
            guarded.keep().await;
            return cause;
        }
        guarded.roll_back(&outcome.touched, progress).await.into_failure(cause, stop.wished())
    }

    /// What Ctrl-C does once devices are being changed.
    fn orderly(&self) -> Orderly {
        let then = match self.args.on_failure {
            cli::OnFailure::Rollback => "then everything is as before this rollback",
            cli::OnFailure::Keep => "what was done stays",
        };
        let within = self.args.confirm_within.as_secs();
        Orderly {
            first: format!(
                "interrupted: the steps that have begun come to their end, {then}; once more to stop at once"
            ),
            second: format!(
                "stopped at once; the devices put back by themselves what was there before, within {within} s"
            ),
        }
    }
}
