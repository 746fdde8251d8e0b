//! A deployment to devices that are its alone: changed, looked at, and confirmed or undone.

use super::fleet::Fleet;
use super::health::Health;
use super::journal::RunLog;
use super::locks::Held;
use super::runtime::{Interrupts, Orderly};
use super::scope::Scope;
use super::transaction::{Guarded, Undo};
use super::troubles::Troubles;
use super::waves::{Waves, Way};
use super::workbench::{self, Workbench};
use super::{finish, verify};
use crate::action::Plan;
use crate::apply::Stop;
use crate::cli::{self, Confirm, DeployArgs, EndArgs, Global};
use crate::fabric::{Fabric, NodeName};
use crate::observe::Observation;
use crate::output::{self, Exit, Failure, Progress};
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
    /// Nodes that failed while the others went on to their end, and why.
    pub part: Option<(BTreeSet<NodeName>, Failure)>,
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
    /// What was seen on the devices.
    pub observed: &'a BTreeMap<NodeName, Observation>,
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
        self.check_canary(plan)?;
        let yes = self.args.change.yes;
        progress.say(output::plan_text(plan, finish::diffs(self.global, yes)).trim_end());
        finish::confirm(yes, "Apply this plan?").await?;
        log.begin(&self.held.run, plan, &progress)?;
        let log = &*log;
        let stop = interrupts.orderly(orderly(&self.args.end, "everything is put back"));
        let Self { bench, fleet, held, args, observed, .. } = self;
        let (guarded, health) = tokio::join!(
            Guarded::open(bench.fabric, fleet, (held, log), plan, &args.end),
            Health::before(
                bench.fabric,
                fleet,
                (bench.nodes, |name: &NodeName| Health::ran(bench.fabric, observed, name)),
                (&args.waves, args.wait),
                |_| true,
            ),
        );
        let mut run = Change { guarded: guarded?, health, progress, stop, log };
        let (touched, mut ended) = self.change(plan, &mut run).await;
        if ended.failure.is_none() {
            match args.end.confirm {
                Confirm::Manual => ended.confirm_before = Some(run.guarded.deadline()),
                Confirm::Auto => match run.guarded.confirm().await {
                    Ok(()) => {}
                    Err((failure, Undo::Over)) => {
                        ended.failure = Some(failure);
                        return Ok(ended);
                    }
                    Err((cause, Undo::Possible)) => ended.failure = Some(cause),
                },
            }
        }
        let back = match (&ended.failure, args.end.on_failure) {
            (Some(_), cli::OnFailure::Rollback) => {
                run.guarded.roll_back(&touched, &run.health, &run.progress).await
            }
            (Some(_), cli::OnFailure::Keep) => {
                run.guarded.keep().await;
                return Ok(ended);
            }
            (None, _) => run.guarded.into_back(),
        };
        if let Some(cause) = ended.failure.take() {
            ended.failure = Some(back.into_failure(cause, run.stop.wished()));
        } else if let Some((nodes, cause)) = ended.part.take() {
            ended.part = Some((nodes, back.into_part(cause)));
        }
        Ok(ended)
    }

    /// A canary that has nothing to do would tell nothing.
    fn check_canary(&self, plan: &Plan) -> Result<(), Failure> {
        let Some(canary) = &self.args.waves.canary else { return Ok(()) };
        if plan.steps().any(|step| step.node == *canary) {
            return Ok(());
        }
        let message =
            format!("nothing is to change on {canary}, so it can't be the canary; nothing was changed");
        Err(Failure::say(
            Exit::Usage,
            message,
            "name a node of the plan with --canary: fabricctl plan shows it",
        ))
    }

    /// Applies the plan and looks whether all is well; the failure in the end is the reason to undo it. Returns the
    /// nodes on which steps were begun, too.
    async fn change(&self, plan: &Plan, run: &mut Change<'_>) -> (BTreeSet<NodeName>, Ended) {
        let Change { guarded, health, progress, stop, log } = run;
        let scope =
            Scope { fabric: self.bench.fabric, fleet: self.fleet, run: &self.held.run, guarded: true, log };
        let keep = self.args.end.on_failure == cli::OnFailure::Keep;
        let waves = Waves { scope, args: &self.args.waves, keep, health, progress, stop };
        let Way { outcome, failed, troubles, complete } = waves.run(plan, guarded).await;
        let troubles = troubles.into_failure();
        let failure = |failure| Ended { failure: Some(failure), ..Ended::default() };
        let cause = match troubles {
            Err(cause) if !complete => return (outcome.touched, failure(cause)),
            troubles => troubles.err(),
        };
        let applied = Instant::now();
        // First the devices, then the routes: those spread meanwhile, and asking for them would slow that down.
        let mut wish = stop.clone();
        let looked = async {
            if let Err(failed) = settle(self.bench, self.fleet, plan, &failed).await {
                return failure(failed);
            }
            if !self.args.no_verify && changes_routers(self.bench.fabric, plan) {
                health.rest(applied).await;
            }
            if !failed.is_empty() {
                return self.verify_others(progress, health, (applied, &failed)).await;
            }
            let mut ended = self.verify(progress, applied).await;
            let unheard = std::mem::take(&mut ended.unheard);
            ended.failure =
                ended.routes.as_ref().filter(|routes| !routes.ok).map(|routes| self.wrong(routes, unheard));
            ended
        };
        let mut ended = tokio::select! {
            ended = looked => ended,
            () = wish.wish() => failure(interrupted()),
        };
        ended.part = cause.map(|cause| (failed, cause));
        (outcome.touched, ended)
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

    /// The same without what nodes that failed excuse; what is wrong then is the failure.
    async fn verify_others(
        &self,
        progress: &Progress,
        health: &Health<'_>,
        (since, failed): (Instant, &BTreeSet<NodeName>),
    ) -> Ended {
        if self.args.no_verify {
            return Ended::default();
        }
        progress.say("verify: waiting for the routes of the others");
        let (report, fine) = health.converged(since, failed).await;
        let failure = (!fine).then(|| self.wrong(&report, Troubles::default()));
        Ended { routes: Some(report), failure, ..Ended::default() }
    }

    fn wrong(&self, report: &RouteReport, unheard: Troubles) -> Failure {
        let wrong = report.checks.iter().filter(|check| !check.ok).count();
        let message = format!(
            "the routes didn't become right within {} s: {} of {} checks failed",
            self.args.wait.as_secs_f32(),
            wrong,
            report.checks.len()
        );
        let hint = "see what is missing above; --wait gives the routes longer";
        let mut failed = Failure::say(Exit::NotAsDesired, message, hint);
        if let Err(unheard) = unheard.into_failure() {
            failed.exit = failed.exit.max(unheard.exit);
            failed.problems.extend(unheard.problems);
        }
        failed
    }
}

/// A run that changes devices, with what it needs until its end.
struct Change<'a> {
    guarded: Guarded<'a>,
    health: Health<'a>,
    progress: Arc<Progress>,
    stop: Stop,
    log: &'a RunLog,
}

/// Whether a plan does something on a spine or leaf.
fn changes_routers(fabric: &Fabric, plan: &Plan) -> bool {
    plan.steps().any(|step| fabric.nodes.get(&step.node).is_some_and(|node| node.role.routes()))
}

/// What Ctrl-C does once devices are being changed.
pub(super) fn orderly(end: &EndArgs, undone: &str) -> Orderly {
    let then = match end.on_failure {
        cli::OnFailure::Rollback => format!("then {undone}"),
        cli::OnFailure::Keep => "what was done stays".to_owned(),
    };
    Orderly {
        first: format!(
            "interrupted: the steps that have begun come to their end, {then}; once more to stop at once"
        ),
        second: format!(
            "stopped at once; the devices put back by themselves what was there before, within {} s",
            end.confirm_within.as_secs()
        ),
    }
}

pub(super) fn interrupted() -> Failure {
    Failure::say(Exit::Interrupted, "interrupted", "run the same command again")
}

/// Asks the changed nodes again: what was applied must be what is there.
async fn settle(
    bench: &Workbench<'_>,
    fleet: &Fleet,
    plan: &Plan,
    failed: &BTreeSet<NodeName>,
) -> Result<(), Failure> {
    let mut touched: BTreeSet<NodeName> = plan.steps().map(|step| step.node.clone()).collect();
    touched.retain(|node| !failed.contains(node));
    let mut troubles = Troubles::default();
    let observed = observe(bench, fleet, &touched, &mut troubles).await;
    let left = bench.plan(&observed, &mut troubles);
    troubles.extend(Exit::NotAsDesired, left.steps().map(finish::undone));
    troubles.into_failure()
}
