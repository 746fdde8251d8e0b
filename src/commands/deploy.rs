//! `plan` and `deploy`.

use super::deployment::{self, Deployment, Ended};
use super::fleet::Fleet;
use super::journal::RunLog;
use super::locks::Held;
use super::runtime::Interrupts;
use super::saved::{self, Given};
use super::troubles::{Troubles, listed};
use super::workbench::Workbench;
use super::{context, finish};
use crate::action::Plan;
use crate::apply::{self, Detail};
use crate::cli::{DeployArgs, Format, Global, PlanArgs, Target};
use crate::fabric::{Fabric, NodeName};
use crate::observe::Observation;
use crate::output::{self, Diffs, Exit, Failure, Problem};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

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
pub(super) async fn deploy(
    global: &Global,
    args: &DeployArgs,
    interrupts: Interrupts,
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let given = Given::read(args)?;
    let (fabric, inventory) = context::load_with_digest(global)?;
    let target = &args.change.target;
    let nodes = match &given {
        Some(given) => given.nodes(global, target, &fabric)?,
        None => context::selected(global, &fabric)?,
    };
    check_canary(args, &fabric, &nodes)?;
    let bench = Workbench::load(global, &args.daemon, &fabric, &nodes)?;
    if let Some(given) = &given {
        given.check_inputs(&bench.inputs(&inventory))?;
    }
    let as_given = |prepared: &Prepared| match given.as_ref().filter(|_| prepared.troubles.is_empty()) {
        Some(given) => {
            given.check(&bench.fingerprint(bench.inputs(&inventory), &prepared.observed, &prepared.plan))
        }
        None => Ok(()),
    };
    if args.change.dry_run {
        let prepared = prepare(global, target, &bench).await?;
        let same = as_given(&prepared);
        prepared.fleet.close().await;
        same?;
        show(global, &prepared.plan, None, &nodes, &prepared.troubles)?;
        return prepared.troubles.into_failure().map(|()| Exit::Ok);
    }
    let mut log = RunLog::new(global, "deploy", target, (&fabric, &inventory), &nodes, started);
    log.prepare()?;
    let (fleet, mut troubles) = Fleet::reach(global, target, &fabric, &nodes).await?;
    let (mut held, locked) = Held::take(&fleet, args.change.break_lock).await;
    troubles.append(locked);
    held.settle_open(global, &fleet, &mut troubles).await;
    let prepared = look(&bench, fleet, &held.nodes(), troubles).await;
    let same = as_given(&prepared);
    let Prepared { fleet, plan, troubles, observed } = prepared;
    let ended = match same {
        Err(failure) => Err(failure),
        Ok(()) if troubles.is_empty() => {
            let deployment =
                Deployment { global, args, bench: &bench, fleet: &fleet, held: &held, observed: &observed };
            deployment.run(&plan, &mut log, &interrupts).await
        }
        // What changes devices begins with all of them or not at all.
        Ok(()) => troubles.before_changes(&nodes).map(|()| Ended::default()),
    };
    held.release().await;
    fleet.close().await;
    let ended = ended.and_then(|ended| {
        report(global, &plan, &ended, log.run(), started)?;
        let Ended { routes, unheard, failure, part, .. } = ended;
        failure.or(part.map(|(_, failure)| failure)).map_or(Ok(()), Err)?;
        unheard.into_failure()?;
        Ok(match routes {
            Some(report) if !report.ok => Exit::NotAsDesired,
            _ => Exit::Ok,
        })
    });
    log.end(ended)
}

/// A canary must be one of the nodes that the run is about.
fn check_canary(args: &DeployArgs, fabric: &Fabric, nodes: &BTreeSet<NodeName>) -> Result<(), Failure> {
    let Some(canary) = &args.waves.canary else { return Ok(()) };
    if nodes.contains(canary) {
        return Ok(());
    }
    let (message, hint) = if fabric.nodes.contains_key(canary) {
        (
            format!("the canary {canary} is none of the nodes that this run is about"),
            "widen --limit, or name another",
        )
    } else {
        (
            format!("the canary {canary} is no node of the inventory"),
            "fabricctl inventory list shows its nodes",
        )
    };
    Err(Failure::say(Exit::Usage, message, hint))
}

/// The devices, what those need that nothing is wrong with, and what is wrong with the others.
struct Prepared {
    fleet: Fleet,
    plan: Plan,
    observed: BTreeMap<NodeName, Observation>,
    troubles: Troubles,
}

async fn prepare(global: &Global, target: &Target, bench: &Workbench<'_>) -> Result<Prepared, Failure> {
    let (fleet, troubles) = Fleet::reach(global, target, bench.fabric, bench.nodes).await?;
    Ok(look(bench, fleet, bench.nodes, troubles).await)
}

/// Observes nodes and plans what they need.
async fn look(
    bench: &Workbench<'_>,
    fleet: Fleet,
    nodes: &BTreeSet<NodeName>,
    mut troubles: Troubles,
) -> Prepared {
    let observed = deployment::observe(bench, &fleet, nodes, &mut troubles).await;
    let plan = bench.plan(&observed, &mut troubles);
    Prepared { fleet, plan, observed, troubles }
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
    ended: &Ended,
    run: Option<&str>,
    started: Instant,
) -> Result<(), Failure> {
    let elapsed = started.elapsed();
    let (routes, kept) = (ended.routes.as_ref(), ended.failure.is_none());
    let failed = ended.part.as_ref().map(|(nodes, _)| nodes.clone()).unwrap_or_default();
    let done = kept && failed.is_empty();
    if !kept && routes.is_none() {
        return Ok(());
    }
    if global.output == Format::Json {
        let document = json!({
            "run": run,
            "done": done,
            "failed": failed,
            "confirm_before": ended.confirm_before,
            "plan": output::plan_json(plan),
            "routes": routes,
            "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        return output::json(&document);
    }
    if let Some(routes) = routes {
        output::document(&output::routes_table(routes, output::DEFAULT_WIDTH));
    }
    if !kept {
        return Ok(());
    }
    let seconds = elapsed.as_secs_f64();
    output::document(&if plan.is_empty() {
        format!("nothing changed: every node is as desired ({seconds:.1} s)")
    } else if !done {
        let names: Vec<&str> = failed.iter().map(NodeName::as_str).collect();
        format!("deployed, but not on {} ({seconds:.1} s)", listed(&names))
    } else {
        format!("deployed: {} ({seconds:.1} s)", output::summary_text(plan).trim_end())
    });
    if let Some(time) = &ended.confirm_before {
        finish::not_final(time);
    }
    Ok(())
}
