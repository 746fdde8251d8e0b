//! `plan` and `deploy`.

use super::fleet::Fleet;
use super::locks::Held;
use super::runtime::{Interrupts, Orderly};
use super::transaction::{Guarded, Undo};
use super::troubles::{Troubles, listed};
use super::workbench::{self, Workbench};
use super::{context, finish, verify};
use crate::action::{Plan, RunId};
use crate::apply::{self, OnFailure, Outcome, Stop};
use crate::cli::{self, Confirm, DeployArgs, Format, Global, PlanArgs, Target};
use crate::fabric::{Fabric, NodeName};
use crate::output::{self, Diffs, Exit, Failure, Problem, Progress};
use crate::verify::routes::RouteReport;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Pause between two looks at the routes.
const INTERVAL: std::time::Duration = std::time::Duration::from_millis(100);

/// Shows what a deployment would change.
pub(super) async fn plan(global: &Global, args: &PlanArgs) -> Result<Exit, Failure> {
    let fabric = context::load(global)?;
    let nodes = context::selected(global, &fabric)?;
    let bench = Workbench::load(global, &args.daemon, &fabric, &nodes)?;
    let Prepared { fleet, plan, troubles } = prepare(global, &args.target, &bench).await?;
    fleet.close().await;
    show(global, &plan, &nodes, &troubles)?;
    troubles.into_failure()?;
    Ok(if args.exit_code && !plan.is_empty() { Exit::Changes } else { Exit::Ok })
}

/// Deploys.
pub(super) async fn deploy(
    global: &Global,
    args: &DeployArgs,
    interrupts: Interrupts,
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let fabric = context::load(global)?;
    let nodes = context::selected(global, &fabric)?;
    let bench = Workbench::load(global, &args.daemon, &fabric, &nodes)?;
    if args.change.dry_run {
        let Prepared { fleet, plan, troubles } = prepare(global, &args.change.target, &bench).await?;
        fleet.close().await;
        show(global, &plan, &nodes, &troubles)?;
        return troubles.into_failure().map(|()| Exit::Ok);
    }
    let (fleet, mut troubles) = Fleet::reach(global, &args.change.target, &fabric, &nodes).await?;
    let (held, locked) = Held::take(&fleet, args.change.break_lock).await;
    troubles.append(locked);
    held.refuse_open(&mut troubles);
    let plan = current_plan(&bench, &fleet, &held.nodes(), &mut troubles).await;
    let ended = if troubles.is_empty() {
        Deployment { global, args, bench: &bench, fleet: &fleet, held: &held }.run(&plan, &interrupts).await
    } else {
        // What changes devices begins with all of them or not at all.
        troubles.before_changes(&nodes).map(|()| Ended::default())
    };
    let run = held.run.clone();
    held.release().await;
    fleet.close().await;
    let ended = ended?;
    report(global, &plan, &run, &ended, started);
    let Ended { routes, unheard, failure, .. } = ended;
    if let Some(failure) = failure {
        return Err(failure);
    }
    unheard.into_failure()?;
    Ok(match routes {
        Some(report) if !report.ok => Exit::NotAsDesired,
        _ => Exit::Ok,
    })
}

/// The devices, what those need that nothing is wrong with, and what is wrong with the others.
struct Prepared {
    fleet: Fleet,
    plan: Plan,
    troubles: Troubles,
}

async fn prepare(global: &Global, target: &Target, bench: &Workbench<'_>) -> Result<Prepared, Failure> {
    let (fleet, mut troubles) = Fleet::reach(global, target, bench.fabric, bench.nodes).await?;
    let plan = current_plan(bench, &fleet, bench.nodes, &mut troubles).await;
    Ok(Prepared { fleet, plan, troubles })
}

/// Observes nodes and plans what they need.
async fn current_plan(
    bench: &Workbench<'_>,
    fleet: &Fleet,
    nodes: &BTreeSet<NodeName>,
    troubles: &mut Troubles,
) -> Plan {
    let members = nodes.iter().filter_map(|name| bench.fabric.nodes.get(name));
    let questions = members.map(|node| (node.name.clone(), bench.question(node)));
    let observed = workbench::observe(fleet, questions, troubles).await;
    bench.plan(&observed, troubles)
}

/// How a deployment ended.
#[derive(Default)]
struct Ended {
    /// What was seen of the routes, where they were looked at.
    routes: Option<RouteReport>,
    /// What kept routers from answering.
    unheard: Troubles,
    /// Why it was undone, or why not all of it was done.
    failure: Option<Failure>,
    /// Until when it must be confirmed, if that is left to a person.
    confirm_before: Option<String>,
}

/// A deployment to devices that are its alone.
struct Deployment<'a> {
    global: &'a Global,
    args: &'a DeployArgs,
    bench: &'a Workbench<'a>,
    fleet: &'a Fleet,
    held: &'a Held,
}

impl Deployment<'_> {
    async fn run(&self, plan: &Plan, interrupts: &Interrupts) -> Result<Ended, Failure> {
        let progress = Arc::new(finish::progress(self.global));
        if plan.is_empty() {
            return Ok(self.verify(&progress, Instant::now()).await);
        }
        let yes = self.args.change.yes;
        progress.say(output::plan_text(plan, finish::diffs(self.global, yes)).trim_end());
        finish::confirm(yes, "Apply this plan?").await?;
        let stop = interrupts.orderly(orderly(self.args));
        let Self { bench, fleet, held, args, .. } = self;
        let guarded = Guarded::open(bench.fabric, fleet, held, plan, args.confirm_within).await?;
        let (outcome, mut ended) = self.change(plan, &progress, &stop).await;
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
    async fn change(&self, plan: &Plan, progress: &Arc<Progress>, stop: &Stop) -> (Outcome, Ended) {
        let scope =
            Scope { fabric: self.bench.fabric, fleet: self.fleet, run: &self.held.run, guarded: true };
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

fn interrupted() -> Failure {
    Failure::say(Exit::Interrupted, "interrupted", "run the same command again")
}

/// Where a plan is applied, and as whose run.
pub(super) struct Scope<'a> {
    pub fabric: &'a Fabric,
    pub fleet: &'a Fleet,
    pub run: &'a RunId,
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
    let teller = Arc::clone(progress);
    let tell: Arc<dyn Fn(apply::Event) + Send + Sync> = Arc::new(move |event| teller.event(&event));
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
    let left = current_plan(bench, fleet, &touched, &mut troubles).await;
    let undone = left.steps().map(|step| {
        let message = format!("it was done and is still to do ({})", step.reason);
        let hint = "look at the device's logs: something there undid or refused the change";
        Problem { message, ..Problem::default() }.on(&step.node).during(&step.action.to_string()).hint(hint)
    });
    troubles.extend(Exit::NotAsDesired, undone);
    troubles.into_failure()
}

/// Shows the plan for those nodes that nothing is wrong with.
fn show(
    global: &Global,
    plan: &Plan,
    nodes: &BTreeSet<NodeName>,
    troubles: &Troubles,
) -> Result<(), Failure> {
    if global.output == Format::Json {
        return output::json(&output::plan_json(plan));
    }
    let fine = troubles.spare(nodes);
    if troubles.is_empty() || !plan.is_empty() {
        output::document(&output::plan_text(plan, Diffs::All));
    } else if !fine.is_empty() {
        output::document(&format!("nothing to change on {}", listed(&fine)));
    }
    Ok(())
}

fn report(global: &Global, plan: &Plan, run: &RunId, ended: &Ended, started: Instant) {
    let elapsed = started.elapsed();
    let (routes, done) = (ended.routes.as_ref(), ended.failure.is_none());
    if !done && routes.is_none() {
        return;
    }
    if global.output == Format::Json {
        let document = json!({
            "run": run,
            "done": done,
            "confirm_before": ended.confirm_before,
            "plan": output::plan_json(plan),
            "routes": routes,
            "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        output::document(&format!("{document:#}"));
        return;
    }
    if let Some(routes) = routes {
        output::document(&output::routes_table(routes, output::DEFAULT_WIDTH));
    }
    if !done {
        return;
    }
    let seconds = elapsed.as_secs_f64();
    output::document(&if plan.is_empty() {
        format!("nothing changed: every node is as desired ({seconds:.1} s)")
    } else {
        format!("deployed: {} ({seconds:.1} s)", output::summary_text(plan).trim_end())
    });
    if let Some(time) = &ended.confirm_before {
        output::document(&format!(
            "not final yet: unless `fabricctl confirm` is run before {time}, the devices put back what was there"
        ));
    }
}
