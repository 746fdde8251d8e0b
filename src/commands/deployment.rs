//! A deployment to devices that are its alone: changed, looked at, and confirmed or undone.

use super::fleet::Fleet;
use super::journal::RunLog;
use super::locks::Held;
use super::runtime::{Interrupts, Orderly};
use super::transaction::{Guarded, Undo};
use super::troubles::{Troubles, listed};
use super::workbench::{self, Workbench};
use super::{finish, verify};
use crate::action::{Plan, RunId};
use crate::apply::{self, OnFailure, Outcome, Stop};
use crate::cli::{self, Confirm, DeployArgs, Global};
use crate::fabric::{Fabric, NodeName};
use crate::observe::Observation;
use crate::output::{self, Exit, Failure, Problem, Progress};
use crate::verify::routes::RouteReport;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pause between two looks at the routes.
const INTERVAL: Duration = Duration::from_millis(100);

/// Asks nodes what is on them.
pub(super) async fn observe(
    bench: &Workbench<'_>,
    fleet: &Fleet,
    nodes: &BTreeSet<NodeName>,
    troubles: &mut Troubles,
) -> BTreeMap<NodeName, Observation> {
    let members = nodes.iter().filter_map(|name| bench.fabric.nodes.get(name));
    let questions = members.map(|node| (node.name.clone(), bench.question(node)));
    workbench::observe(fleet, questions, troubles).await
}

/// How a deployment ended.
#[derive(Default)]
pub(super) struct Ended {
    /// What was seen of the routes, where they were looked at.
    pub routes: Option<RouteReport>,
    /// What kept routers from answering.
    pub unheard: Troubles,
    /// Why it was undone, or why not all of it was done.
    pub failure: Option<Failure>,
    /// Until when it must be confirmed, if that is left to a person.
    pub confirm_before: Option<String>,
}

/// A deployment to devices that are its alone.
pub(super) struct Deployment<'a> {
    pub global: &'a Global,
    pub args: &'a DeployArgs,
    pub bench: &'a Workbench<'a>,
    pub fleet: &'a Fleet,
    pub held: &'a Held,
}

impl Deployment<'_> {
    pub(super) async fn run(
        &self,
        plan: &Plan,
        log: &mut RunLog,
        interrupts: &Interrupts,
    ) -> Result<Ended, Failure> {
        let progress = Arc::new(finish::progress(self.global));
        if plan.is_empty() {
            log.begin(&self.held.run, plan, &progress)?;
            return Ok(self.verify(&progress, Instant::now()).await);
        }
        let yes = self.args.change.yes;
        progress.say(output::plan_text(plan, finish::diffs(self.global, yes)).trim_end());
        finish::confirm(yes, "Apply this plan?").await?;
        log.begin(&self.held.run, plan, &progress)?;
        let log = &*log;
        let stop = interrupts.orderly(orderly(self.args));
        let Self { bench, fleet, held, args, .. } = self;
        let guarded = Guarded::open(bench.fabric, fleet, (held, log), plan, args.confirm_within).await?;
        let (outcome, mut ended) = self.change(plan, log, &progress, &stop).await;
        if let Some(cause) = ended.failure.take() {
            ended.failure = Some(self.undo(&guarded, &outcome, cause, &progress, &stop).await);
            return Ok(ended);
        }
        if args.confirm == Confirm::Manual {
            ended.confirm_before = Some(guarded.deadline());
            return Ok(ended);
        }
        match guarded.confirm().await {
            Ok(()) => {}
            Err((failure, Undo::Over)) => ended.failure = Some(failure),
            Err((cause, Undo::Possible)) => {
                ended.failure = Some(self.undo(&guarded, &outcome, cause, &progress, &stop).await);
            }
        }
        Ok(ended)
    }

    /// Applies the plan and looks whether all is well; the failure in the end is the reason to undo it.
    async fn change(
        &self,
        plan: &Plan,
        log: &RunLog,
        progress: &Arc<Progress>,
        stop: &Stop,
    ) -> (Outcome, Ended) {
        let scope =
            Scope { fabric: self.bench.fabric, fleet: self.fleet, run: &self.held.run, guarded: true, log };
        let (outcome, failed) = apply_plan(&scope, plan, progress, OnFailure::Stop, stop).await;
        let failure = |failure| Ended { failure: Some(failure), ..Ended::default() };
        if let Err(failed) = failed.into_failure() {
            return (outcome, failure(failed));
        }
        let applied = Instant::now();
        // First the devices, then the routes: those spread meanwhile, and asking for them would slow that down.
        let mut wish = stop.clone();
        let looked = async {
            match settle(self.bench, self.fleet, plan).await {
                Ok(()) => self.verify(progress, applied).await,
                Err(failed) => failure(failed),
            }
        };
        let mut ended = tokio::select! {
            ended = looked => ended,
            () = wish.wish() => failure(interrupted()),
        };
        if let Some(routes) = ended.routes.as_ref().filter(|routes| !routes.ok) {
            let wrong = routes.checks.iter().filter(|check| !check.ok).count();
            let message = format!(
                "the routes didn't become right within {} s: {} of {} checks failed",
                self.args.wait.as_secs_f32(),
                wrong,
                routes.checks.len()
            );
            let hint = "see what is missing above; --wait gives the routes longer";
            let mut failed = Failure::say(Exit::NotAsDesired, message, hint);
            if let Err(unheard) = std::mem::take(&mut ended.unheard).into_failure() {
                failed.exit = failed.exit.max(unheard.exit);
                failed.problems.extend(unheard.problems);
            }
            ended.failure = Some(failed);
        }
        (outcome, ended)
    }

    async fn verify(&self, progress: &Progress, since: Instant) -> Ended {
        if self.args.no_verify {
            return Ended::default();
        }
        progress.say("verify: waiting for the routes");
        let Self { bench, fleet, args, .. } = self;
        let (report, unheard) =
            verify::converge(bench.fabric, fleet, bench.nodes, args.wait, INTERVAL, since).await;
        Ended { routes: Some(report), unheard, ..Ended::default() }
    }

    /// Ends a run that failed: what it did goes, or stays if that was asked for.
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
}

/// What Ctrl-C does once devices are being changed.
fn orderly(args: &DeployArgs) -> Orderly {
    let then = match args.on_failure {
        cli::OnFailure::Rollback => "then everything is put back",
        cli::OnFailure::Keep => "what was done stays",
    };
    Orderly {
        first: format!(
            "interrupted: the steps that have begun come to their end, {then}; once more to stop at once"
        ),
        second: format!(
            "stopped at once; the devices put back by themselves what was there before, within {} s",
            args.confirm_within.as_secs()
        ),
    }
}

pub(super) fn interrupted() -> Failure {
    Failure::say(Exit::Interrupted, "interrupted", "run the same command again")
}

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
    let (record, teller) = (scope.log.teller(), Arc::clone(progress));
    let tell: Arc<dyn Fn(apply::Event) + Send + Sync> = Arc::new(move |event| {
        record(&event);
        teller.event(&event);
    });
    let run = apply::Run {
        fabric: &scope.fabric.name,
        run: scope.run,
        guarded: scope.guarded,
        stop: stop.clone(),
        sessions: &scope.fleet.sessions,
        timeout: scope.fleet.timeout,
        parallel: scope.fleet.parallel,
        on_failure,
    };
    let outcome = run.plan(plan, tell).await;
    let mut troubles = Troubles::default();
    if outcome.failures.is_empty() && !outcome.stopped {
        return (outcome, troubles);
    }
    troubles.extend(Exit::NotAsDesired, outcome.failures.iter().map(finish::step_problem));
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
    let hint = "mend the cause, then run the same command again: it goes on from here";
    troubles.add(exit, Problem { message, ..Problem::default() }.hint(hint));
    (outcome, troubles)
}

/// Asks the changed nodes again: what was applied must be what is there.
async fn settle(bench: &Workbench<'_>, fleet: &Fleet, plan: &Plan) -> Result<(), Failure> {
    let touched: BTreeSet<NodeName> = plan.steps().map(|step| step.node.clone()).collect();
    let mut troubles = Troubles::default();
    let observed = observe(bench, fleet, &touched, &mut troubles).await;
    let left = bench.plan(&observed, &mut troubles);
    let undone = left.steps().map(|step| {
        let message = format!("it was done and is still to do ({})", step.reason);
        let hint = "look at the device's logs: something there undid or refused the change";
        Problem { message, ..Problem::default() }.on(&step.node).during(&step.action.to_string()).hint(hint)
    });
    troubles.extend(Exit::NotAsDesired, undone);
    troubles.into_failure()
}
