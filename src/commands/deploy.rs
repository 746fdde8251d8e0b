//! `plan` and `deploy`.

use super::fleet::Fleet;
use super::workbench::{self, Workbench};
use super::{context, finish, verify};
use crate::action::Plan;
use crate::apply;
use crate::cli::{DeployArgs, Format, Global, PlanArgs, Target};
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
    let bench = Workbench::load(global, &fabric, &nodes)?;
    let (fleet, plan) = prepare(global, &args.target, &bench).await?;
    fleet.close().await;
    show(global, &plan)?;
    Ok(if args.exit_code && !plan.is_empty() { Exit::Changes } else { Exit::Ok })
}

/// Deploys.
pub(super) async fn deploy(global: &Global, args: &DeployArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let fabric = context::load(global)?;
    let nodes = context::selected(global, &fabric)?;
    let bench = Workbench::load(global, &fabric, &nodes)?;
    let (fleet, plan) = prepare(global, &args.target, &bench).await?;
    if args.dry_run {
        fleet.close().await;
        show(global, &plan)?;
        return Ok(Exit::Ok);
    }
    let ended = carry_out(global, args, &bench, &fleet, &plan).await;
    fleet.close().await;
    let routes = ended?;
    report(global, &plan, routes.as_ref(), started);
    Ok(match routes {
        Some(report) if !report.ok => Exit::NotAsDesired,
        _ => Exit::Ok,
    })
}

async fn prepare(global: &Global, target: &Target, bench: &Workbench<'_>) -> Result<(Fleet, Plan), Failure> {
    let fleet = Fleet::connect(global, target, bench.fabric, bench.nodes).await?;
    match current_plan(bench, &fleet, bench.nodes).await {
        Ok(plan) => Ok((fleet, plan)),
        Err(failure) => {
            fleet.close().await;
            Err(failure)
        }
    }
}

/// Observes nodes and plans what they need.
async fn current_plan(
    bench: &Workbench<'_>,
    fleet: &Fleet,
    nodes: &BTreeSet<NodeName>,
) -> Result<Plan, Failure> {
    let members = nodes.iter().filter_map(|name| bench.fabric.nodes.get(name));
    let questions = members.map(|node| (node.name.clone(), bench.question(node)));
    let observed = workbench::observe(fleet, questions).await?;
    bench.plan(&observed)
}

async fn carry_out(
    global: &Global,
    args: &DeployArgs,
    bench: &Workbench<'_>,
    fleet: &Fleet,
    plan: &Plan,
) -> Result<Option<RouteReport>, Failure> {
    let progress = Arc::new(Progress::new(global.quiet, global.verbose > 0));
    if !plan.is_empty() {
        progress.say(output::plan_text(plan, Diffs::Existing).trim_end());
        finish::confirm(args.yes, "Apply this plan?")?;
        apply_plan(bench.fabric, fleet, plan, &progress).await?;
    }
    let applied = Instant::now();
    let settled = async { if plan.is_empty() { Ok(()) } else { settle(bench, fleet, plan).await } };
    let routes = async {
        if args.no_verify {
            return None;
        }
        progress.say("verify: waiting for the routes");
        Some(verify::converge(bench.fabric, fleet, bench.nodes, args.wait, INTERVAL, applied).await)
    };
    // First the one, then the other: routes spread meanwhile, and asking for them would slow that down.
    settled.await?;
    Ok(routes.await)
}

/// Runs a plan and turns its failures into problems.
pub(super) async fn apply_plan(
    fabric: &Fabric,
    fleet: &Fleet,
    plan: &Plan,
    progress: &Arc<Progress>,
) -> Result<(), Failure> {
    let teller = Arc::clone(progress);
    let tell: Arc<dyn Fn(apply::Event) + Send + Sync> = Arc::new(move |event| teller.event(&event));
    let outcome = apply::run(&fabric.name, plan, &fleet.sessions, fleet.timeout, fleet.parallel, tell).await;
    if outcome.failures.is_empty() {
        return Ok(());
    }
    let mut problems: Vec<Problem> = outcome.failures.iter().map(finish::step_problem).collect();
    problems.push(Problem {
        message: format!("{} steps were done, {} were not begun", outcome.done, outcome.skipped),
        hint: Some("mend the cause, then run the same command again: it goes on from here".to_owned()),
        ..Problem::default()
    });
    Err(Failure { exit: Exit::NotAsDesired, problems })
}

/// Asks the changed nodes again: what was applied must be what is there.
async fn settle(bench: &Workbench<'_>, fleet: &Fleet, plan: &Plan) -> Result<(), Failure> {
    let touched: BTreeSet<NodeName> = plan.steps().map(|step| step.node.clone()).collect();
    let left = current_plan(bench, fleet, &touched).await?;
    if left.is_empty() {
        return Ok(());
    }
    let problems = left.steps().map(|step| {
        let message = format!("after applying, still to do: {} ({})", step.action, step.reason);
        let hint = "look at the device's logs: something there undid or refused the change";
        Problem { message, ..Problem::default() }.on(&step.node).hint(hint)
    });
    Err(Failure { exit: Exit::NotAsDesired, problems: problems.collect() })
}

fn show(global: &Global, plan: &Plan) -> Result<(), Failure> {
    if global.output == Format::Json {
        return output::json(&output::plan_json(plan));
    }
    output::document(&output::plan_text(plan, Diffs::All));
    Ok(())
}

fn report(global: &Global, plan: &Plan, routes: Option<&RouteReport>, started: Instant) {
    let elapsed = started.elapsed();
    if global.output == Format::Json {
        let document = json!({
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
    let what = if plan.is_empty() { "nothing changed" } else { "deployed" };
    output::document(&format!(
        "{what}: {} ({:.1} s)",
        output::summary_text(plan).trim_end(),
        elapsed.as_secs_f64()
    ));
}
