//! `teardown`.

use super::deploy::apply_plan;
use super::fleet::Fleet;
use super::{context, finish, workbench};
use crate::action::Plan;
use crate::cli::{Format, Global, TeardownArgs};
use crate::fabric::{Fabric, NodeName};
use crate::output::{self, Diffs, Exit, Failure, Progress};
use crate::planner::{self, Scope, TEARDOWN_ORDER};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Removes what this tool made.
pub(super) async fn teardown(global: &Global, args: &TeardownArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let fabric = context::load(global)?;
    let nodes = context::selected(global, &fabric)?;
    let fleet = Fleet::connect(global, &args.change.target, &fabric, &nodes).await?;
    let ended = on_fleet(global, args, &fabric, &nodes, &fleet).await;
    fleet.close().await;
    let plan = ended?;
    if global.output == Format::Json {
        output::json(&output::plan_json(&plan))?;
    } else if args.change.dry_run {
        output::document(&output::plan_text(&plan, Diffs::All));
    } else if plan.is_empty() {
        output::document("nothing to do: there is nothing of this fabric on its nodes");
    } else {
        let summary = output::summary_text(&plan);
        let elapsed = started.elapsed().as_secs_f64();
        output::document(&format!("torn down: {} ({elapsed:.1} s)", summary.trim_end()));
    }
    Ok(Exit::Ok)
}

async fn on_fleet(
    global: &Global,
    args: &TeardownArgs,
    fabric: &Fabric,
    nodes: &BTreeSet<NodeName>,
    fleet: &Fleet,
) -> Result<Plan, Failure> {
    let plan = plan(args, fabric, nodes, fleet).await?;
    if args.change.dry_run || plan.is_empty() {
        return Ok(plan);
    }
    let progress = Arc::new(Progress::new(global.quiet, global.verbose > 0));
    progress.say(output::plan_text(&plan, Diffs::Existing).trim_end());
    finish::confirm(args.change.yes, "Remove all this?")?;
    apply_plan(fabric, fleet, &plan, &progress).await?;
    Ok(plan)
}

async fn plan(
    args: &TeardownArgs,
    fabric: &Fabric,
    nodes: &BTreeSet<NodeName>,
    fleet: &Fleet,
) -> Result<Plan, Failure> {
    let members = || nodes.iter().filter_map(|name| fabric.nodes.get(name));
    let questions = members().map(|node| (node.name.clone(), workbench::base_question(fabric, node)));
    let observed = workbench::observe(fleet, questions).await?;
    let scope = if args.keep_config { Scope::Workloads } else { Scope::Everything };
    let plans = members().filter_map(|node| {
        let observation = observed.get(&node.name)?;
        Some(planner::teardown_steps(fabric, node, &observation.state, scope))
    });
    Ok(planner::assemble(plans, &TEARDOWN_ORDER))
}
