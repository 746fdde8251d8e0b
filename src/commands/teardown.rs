//! `teardown`.

use super::context::Inventory;
use super::deploy::apply_plan;
use super::fleet::Fleet;
use super::journal::RunLog;
use super::troubles::{Troubles, listed};
use super::{context, finish, workbench};
use crate::action::Plan;
use crate::apply::OnFailure;
use crate::cli::{Format, Global, TeardownArgs};
use crate::fabric::{Fabric, NodeName};
use crate::inventory::Absent;
use crate::output::{self, Diffs, Exit, Failure};
use crate::planner::{self, Scope, TEARDOWN_ORDER};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Removes what this tool made.
pub(super) async fn teardown(global: &Global, args: &TeardownArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let Inventory { fabric, digest: inventory, .. } = context::read(global, Absent::IsFine)?;
    let nodes = context::selected(global, &fabric)?;
    let mut log =
        RunLog::new(global, "teardown", &args.change.target, (&fabric, &inventory), &nodes, started);
    if !args.change.dry_run {
        log.prepare()?;
    }
    let (fleet, mut troubles) = Fleet::reach(global, &args.change.target, &fabric, &nodes).await?;
    let ended = on_fleet(global, args, (&fabric, &nodes), &fleet, &mut log, &mut troubles).await;
    fleet.close().await;
    log.end(ended.and_then(|plan| {
        report(global, args, &nodes, &plan, &troubles, started)?;
        troubles.into_failure().map(|()| Exit::Ok)
    }))
}

fn report(
    global: &Global,
    args: &TeardownArgs,
    nodes: &BTreeSet<NodeName>,
    plan: &Plan,
    troubles: &Troubles,
    started: Instant,
) -> Result<(), Failure> {
    if global.output == Format::Json {
        output::json(&output::plan_json(plan))?;
    } else if args.change.dry_run {
        output::document(&output::plan_text(plan, Diffs::All));
    } else if !plan.is_empty() {
        let summary = output::summary_text(plan);
        let elapsed = started.elapsed().as_secs_f64();
        output::document(&format!("torn down: {} ({elapsed:.1} s)", summary.trim_end()));
    } else {
        let fine = troubles.spare(nodes);
        let where_ = if troubles.is_empty() { "its nodes".to_owned() } else { listed(&fine) };
        if !fine.is_empty() {
            output::document(&format!("nothing to do: there is nothing of this fabric on {where_}"));
        }
    }
    Ok(())
}

async fn on_fleet(
    global: &Global,
    args: &TeardownArgs,
    (fabric, nodes): (&Fabric, &BTreeSet<NodeName>),
    fleet: &Fleet,
    log: &mut RunLog,
    troubles: &mut Troubles,
) -> Result<Plan, Failure> {
    let plan = plan(args, fabric, nodes, fleet, troubles).await;
    if args.change.dry_run {
        return Ok(plan);
    }
    let progress = Arc::new(finish::progress(global));
    if plan.is_empty() {
        log.begin(&plan, &progress)?;
        return Ok(plan);
    }
    progress.say(output::plan_text(&plan, finish::diffs(global, args.change.yes)).trim_end());
    if !troubles.is_empty() {
        progress.say("the other nodes can't be asked and stay as they are; the errors at the end say why");
    }
    finish::confirm(args.change.yes, "Remove all this?").await?;
    log.begin(&plan, &progress)?;
    let failed = apply_plan(fabric, fleet, &plan, &progress, log, OnFailure::GoOn).await;
    if !failed.is_empty() {
        troubles.append(failed);
        std::mem::take(troubles).into_failure()?;
    }
    Ok(plan)
}

async fn plan(
    args: &TeardownArgs,
    fabric: &Fabric,
    nodes: &BTreeSet<NodeName>,
    fleet: &Fleet,
    troubles: &mut Troubles,
) -> Plan {
    let members = || nodes.iter().filter_map(|name| fabric.nodes.get(name));
    let questions = members().map(|node| (node.name.clone(), workbench::base_question(fabric, node)));
    let observed = workbench::observe(fleet, questions, troubles).await;
    let scope = if args.keep_config { Scope::Workloads } else { Scope::Everything };
    let plans = members().filter_map(|node| {
        let observation = observed.get(&node.name)?;
        Some(planner::teardown_steps(fabric, node, &observation.state, scope))
    });
    planner::assemble(plans, &TEARDOWN_ORDER)
}
