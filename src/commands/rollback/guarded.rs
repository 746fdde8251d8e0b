//! The plan of a rollback carried out, as that of a deployment is: guarded, looked at, and confirmed or undone.

use super::{Work, memory};
use crate::action::{Action, Plan, Step};
use crate::cli::{self, Confirm, WaveArgs};
use crate::commands::deployment::{interrupted, orderly};
use crate::commands::finish;
use crate::commands::health::Health;
use crate::commands::journal::RunLog;
use crate::commands::locks::Held;
use crate::commands::scope::Scope;
use crate::commands::transaction::{Guarded, Undo};
use crate::commands::troubles::Troubles;
use crate::commands::waves::Waves;
use crate::fabric::NodeName;
use crate::output::{Exit, Failure, Progress};
use crate::planner;
use crate::state::Saved;
use crate::verify::routes::{Check, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How nodes were.
pub(super) type Pasts = BTreeMap<NodeName, Arc<Saved>>;

/// Where a rollback leads.
pub(super) struct Past {
    /// How nodes were.
    pub nodes: Pasts,
    /// Those among them that don't route now, or will not any more.
    pub idle: BTreeSet<NodeName>,
}

/// How long what carries traffic may take to be back, before the next batch goes.
const WAIT: Duration = Duration::from_secs(30);

impl Work<'_> {
    /// Carries a plan out; returns until when it must be confirmed, if that is left to a person.
    pub(super) async fn guarded(
        &self,
        (held, log): (&Held, &RunLog),
        plan: &Plan,
        past: &Past,
        progress: &Arc<Progress>,
    ) -> Result<Option<String>, Failure> {
        let Self { fabric, fleet, args, .. } = self;
        let stop = self.interrupts.orderly(orderly(&args.end, "everything is as before this rollback"));
        let (guarded, health) =
            tokio::join!(Guarded::open(fabric, fleet, (held, log), plan, &args.end), self.health(plan, past));
        let mut guarded = guarded?;
        let scope = Scope { fabric, fleet, run: &held.run, guarded: true, log };
        let keep = args.end.on_failure == cli::OnFailure::Keep;
        let waves = Waves { scope, args: &WaveArgs::default(), keep, health: &health, progress, stop: &stop };
        let way = waves.run(plan, &mut guarded).await;
        let mut wish = stop.clone();
        let changed = match way.troubles.into_failure() {
            Ok(()) => tokio::select! {
                looked = self.settled(plan, &past.nodes) => looked,
                () = wish.wish() => Err(interrupted()),
            },
            failed => failed,
        };
        let cause = match changed {
            Err(cause) => cause,
            Ok(()) if args.end.confirm == Confirm::Manual => return Ok(Some(guarded.deadline())),
            Ok(()) => match guarded.confirm().await {
                Ok(()) => return Ok(None),
                Err((failure, Undo::Over)) => return Err(failure),
                Err((cause, Undo::Possible)) => cause,
            },
        };
        if keep {
            guarded.keep().await;
            return Err(cause);
        }
        let back = guarded.roll_back(&way.outcome.touched, &health, progress).await;
        Err(back.into_failure(cause, stop.wished()))
    }

    /// What must live through the rollback: routes of, and to, what routes before and after it, but for containers that
    /// it touches. What the inventory of now wants besides is another matter.
    async fn health(&self, plan: &Plan, past: &Past) -> Health<'_> {
        let touched: BTreeSet<&str> = plan.steps().filter_map(|step| step.action.container()).collect();
        let idle = |name: &str| past.idle.iter().any(|node| node.as_str() == name);
        let server = |workload: &str| self.fabric.workloads.get(workload).map(|known| &known.server);
        let counts = |check: &Check| match check.kind {
            Kind::Loopback => !idle(&check.subject),
            _ => {
                !touched.contains(check.subject.as_str())
                    && server(&check.subject).is_some_and(|server| !idle(server.as_str()))
            }
        };
        let nodes = self.fleet.sessions.keys().cloned().collect();
        let running = |name: &NodeName| !past.idle.contains(name);
        let waves = WaveArgs::default();
        Health::before(self.fabric, self.fleet, (&nodes, running), (&waves, WAIT), counts).await
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
        let undone = left.values().flat_map(|back| &back.steps).filter(|step| !waits(step));
        troubles.extend(Exit::NotAsDesired, undone.map(finish::undone));
        troubles.into_failure()
    }
}
