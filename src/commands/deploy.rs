//! `plan` and `deploy`.

use super::fleet::Fleet;
use super::journal::RunLog;
use super::saved::{self, Given};
use super::troubles::{Troubles, listed};
use super::workbench::{self, Workbench};
use super::{context, finish, verify};
use crate::action::Plan;
use crate::apply::{self, Detail, OnFailure};
use crate::cli::{DeployArgs, Format, Global, PlanArgs, Target};
use crate::fabric::{Fabric, NodeName};
use crate::observe::Observation;
use crate::output::{self, Diffs, Exit, Failure, Problem, Progress};
use crate::verify::routes::RouteReport;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Pause between two looks at the routes.
const INTERVAL: std::time::Duration = std::time::Duration::from_millis(100);

/// Shows what a deployment would change.
pub(super) async fn plan(global: &Global, args: &PlanArgs) -> Result<Exit, Failure> {
    let (fabric, inventory) = context::load_with_digest(global)?;
    let nodes = context::selected(global, &fabric)?;
    let bench = Workbench::load(global, &args.daemon, &fabric, &nodes)?;
    let Prepared { fleet, plan, observed, mut troubles } = prepare(global, &args.target, &bench).await?;
    fleet.close().await;
    let detail = args.detail.then(|| apply::detail(&fabric.name, &plan));
    show(global, &plan, detail.as_ref(), &nodes, &troubles)?;
    if let Some(file) = &args.out {
        if troubles.is_empty() {
            let print = bench.fingerprint(bench.inputs(&inventory), &observed, &plan);
            saved::save(file, args.target.lab_name(&fabric.name), &fabric, print)?;
            finish::progress(global).say(&saved::how_to_deploy(file, args.target.lab.as_deref()));
        } else {
            // A plan for some of the nodes is another plan: who wants that says so with --limit.
            let message = format!("the plan was not saved in {}", file.display());
            troubles.add(Exit::Ok, Problem { message, ..Problem::default() });
        }
    }
    troubles.into_failure()?;
    Ok(if args.exit_code && !plan.is_empty() { Exit::Changes } else { Exit::Ok })
}

/// Deploys.
pub(super) async fn deploy(global: &Global, args: &DeployArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let given = Given::read(args)?;
    let (fabric, inventory) = context::load_with_digest(global)?;
    let target = &args.change.target;
    let nodes = match &given {
        Some(given) => given.nodes(global, target, &fabric)?,
        None => context::selected(global, &fabric)?,
    };
    let bench = Workbench::load(global, &args.daemon, &fabric, &nodes)?;
    if let Some(given) = &given {
        given.check_inputs(&bench.inputs(&inventory))?;
    }
    let mut log = RunLog::new(global, "deploy", target, (&fabric, &inventory), &nodes, started);
    if !args.change.dry_run {
        log.prepare()?;
    }
    let Prepared { fleet, plan, observed, troubles } = prepare(global, target, &bench).await?;
    if let Some(given) = given.filter(|_| troubles.is_empty())
        && let Err(failure) = given.check(&bench.fingerprint(bench.inputs(&inventory), &observed, &plan))
    {
        fleet.close().await;
        return Err(failure);
    }
    if args.change.dry_run {
        fleet.close().await;
        show(global, &plan, None, &nodes, &troubles)?;
        return troubles.into_failure().map(|()| Exit::Ok);
    }
    if !troubles.is_empty() {
        // What changes devices begins with all of them or not at all.
        fleet.close().await;
        return troubles.before_changes(&nodes).map(|()| Exit::Ok);
    }
    let ended = carry_out(global, args, &bench, &fleet, &plan, &mut log).await;
    fleet.close().await;
    let ended = ended.and_then(|(routes, unheard)| {
        report(global, &plan, routes.as_ref(), log.run(), started)?;
        unheard.into_failure()?;
        Ok(match routes {
            Some(report) if !report.ok => Exit::NotAsDesired,
            _ => Exit::Ok,
        })
    });
    log.end(ended)
}

/// The devices, what those need that nothing is wrong with, and what is wrong with the others.
struct Prepared {
    fleet: Fleet,
    plan: Plan,
    observed: BTreeMap<NodeName, Observation>,
    troubles: Troubles,
}

async fn prepare(global: &Global, target: &Target, bench: &Workbench<'_>) -> Result<Prepared, Failure> {
    let (fleet, mut troubles) = Fleet::reach(global, target, bench.fabric, bench.nodes).await?;
    let observed = observe(bench, &fleet, bench.nodes, &mut troubles).await;
    let plan = bench.plan(&observed, &mut troubles);
    Ok(Prepared { fleet, plan, observed, troubles })
}

/// Asks nodes what is on them.
async fn observe(
    bench: &Workbench<'_>,
    fleet: &Fleet,
    nodes: &BTreeSet<NodeName>,
    troubles: &mut Troubles,
) -> BTreeMap<NodeName, Observation> {
    let members = nodes.iter().filter_map(|name| bench.fabric.nodes.get(name));
    let questions = members.map(|node| (node.name.clone(), bench.question(node)));
    workbench::observe(fleet, questions, troubles).await
}

async fn carry_out(
    global: &Global,
    args: &DeployArgs,
    bench: &Workbench<'_>,
    fleet: &Fleet,
    plan: &Plan,
    log: &mut RunLog,
) -> Result<(Option<RouteReport>, Troubles), Failure> {
    let progress = Arc::new(finish::progress(global));
    if !plan.is_empty() {
        progress.say(output::plan_text(plan, finish::diffs(global, args.change.yes)).trim_end());
        finish::confirm(args.change.yes, "Apply this plan?").await?;
    }
    log.begin(plan, &progress)?;
    if !plan.is_empty() {
        apply_plan(bench.fabric, fleet, plan, &progress, log, OnFailure::Stop).await.into_failure()?;
    }
    let applied = Instant::now();
    // First the devices, then the routes: those spread meanwhile, and asking for them would slow that down.
    if !plan.is_empty() {
        settle(bench, fleet, plan).await?;
    }
    if args.no_verify {
        return Ok((None, Troubles::default()));
    }
    progress.say("verify: waiting for the routes");
    let (report, unheard) =
        verify::converge(bench.fabric, fleet, bench.nodes, args.wait, INTERVAL, applied).await;
    Ok((Some(report), unheard))
}

/// Runs a plan and turns its failures into problems, with what became of the other nodes.
pub(super) async fn apply_plan(
    fabric: &Fabric,
    fleet: &Fleet,
    plan: &Plan,
    progress: &Arc<Progress>,
    log: &RunLog,
    on_failure: OnFailure,
) -> Troubles {
    let (record, teller) = (log.teller(), Arc::clone(progress));
    let tell: Arc<dyn Fn(apply::Event) + Send + Sync> = Arc::new(move |event| {
        record(&event);
        teller.event(&event);
    });
    let run = apply::Run {
        fabric: &fabric.name,
        sessions: &fleet.sessions,
        timeout: fleet.timeout,
        parallel: fleet.parallel,
        on_failure,
    };
    let outcome = run.plan(plan, tell).await;
    let mut troubles = Troubles::default();
    if outcome.failures.is_empty() {
        return troubles;
    }
    troubles.extend(Exit::NotAsDesired, outcome.failures.iter().map(finish::step_problem));
    let all = plan.steps().count();
    let mut message =
        format!("{} of {all} steps were done, {} were not begun", outcome.done, outcome.skipped);
    if !outcome.finished.is_empty() {
        let finished: Vec<&str> = outcome.finished.iter().map(NodeName::as_str).collect();
        message = format!("{message}; all is done on {}", listed(&finished));
    }
    let hint = "mend the cause, then run the same command again: it goes on from here";
    troubles.add(Exit::Ok, Problem { message, ..Problem::default() }.hint(hint));
    troubles
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

/// Shows the plan for those nodes that nothing is wrong with.
fn show(
    global: &Global,
    plan: &Plan,
    detail: Option<&Detail>,
    nodes: &BTreeSet<NodeName>,
    troubles: &Troubles,
) -> Result<(), Failure> {
    if global.output == Format::Json {
        return output::json(&match detail {
            Some(detail) => output::plan_detail_json(plan, detail),
            None => output::plan_json(plan),
        });
    }
    let fine = troubles.spare(nodes);
    if troubles.is_empty() || !plan.is_empty() {
        output::document(&match detail {
            Some(detail) => output::plan_detail_text(plan, detail),
            None => output::plan_text(plan, Diffs::All),
        });
    } else if !fine.is_empty() {
        output::document(&format!("nothing to change on {}", listed(&fine)));
    }
    Ok(())
}

fn report(
    global: &Global,
    plan: &Plan,
    routes: Option<&RouteReport>,
    run: Option<&str>,
    started: Instant,
) -> Result<(), Failure> {
    let elapsed = started.elapsed();
    if global.output == Format::Json {
        let document = json!({
            "run": run,
            "plan": output::plan_json(plan),
            "routes": routes,
            "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        return output::json(&document);
    }
    if let Some(routes) = routes {
        output::document(&output::routes_table(routes, output::DEFAULT_WIDTH));
    }
    let seconds = elapsed.as_secs_f64();
    output::document(&if plan.is_empty() {
        format!("nothing changed: every node is as desired ({seconds:.1} s)")
    } else {
        format!("deployed: {} ({seconds:.1} s)", output::summary_text(plan).trim_end())
    });
    Ok(())
}
