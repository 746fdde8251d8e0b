//! `teardown`.

use super::context::Inventory;
use super::fleet::Fleet;
use super::journal::RunLog;
use super::locks::Held;
use super::runtime::{Interrupts, Orderly};
use super::scope::{Scope as Place, apply_plan};
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
pub(super) async fn teardown(
    global: &Global,
    args: &TeardownArgs,
    interrupts: Interrupts,
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let Inventory { fabric, digest: inventory, .. } = context::read(global, Absent::IsFine)?;
    let nodes = context::selected(global, &fabric)?;
    let mut log =
        RunLog::new(global, "teardown", &args.change.target, (&fabric, &inventory), &nodes, started);
    if !args.change.dry_run {
        log.prepare()?;
    }
    let (fleet, mut troubles) = Fleet::reach(global, &args.change.target, &fabric, &nodes).await?;
    let work = Work { global, args, fabric: &fabric, fleet: &fleet, interrupts: &interrupts };
    let ended = work.on_fleet(&nodes, &mut log, &mut troubles).await;
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

/// What a teardown works with.
struct Work<'a> {
    global: &'a Global,
    args: &'a TeardownArgs,
    fabric: &'a Fabric,
    fleet: &'a Fleet,
    interrupts: &'a Interrupts,
}

impl Work<'_> {
    async fn on_fleet(
        &self,
        nodes: &BTreeSet<NodeName>,
        log: &mut RunLog,
        troubles: &mut Troubles,
    ) -> Result<Plan, Failure> {
        if self.args.change.dry_run {
            return Ok(plan(self.args, self.fabric, nodes, self.fleet, troubles).await);
        }
        let (mut held, locked) = Held::take(self.fleet, self.args.change.break_lock).await;
        troubles.append(locked);
        held.settle_open(self.global, self.fleet, troubles).await;
        let ended = self.remove(&held, log, troubles).await;
        held.release().await;
        ended
    }

    /// Removes what is on the devices that are this run's alone, and that no other run is about to change.
    async fn remove(&self, held: &Held, log: &mut RunLog, troubles: &mut Troubles) -> Result<Plan, Failure> {
        let mut nodes = held.nodes();
        nodes.retain(|node| !held.open.contains_key(node));
        let plan = plan(self.args, self.fabric, &nodes, self.fleet, troubles).await;
        let progress = Arc::new(finish::progress(self.global));
        if plan.is_empty() {
            log.begin(&held.run, &plan, &progress)?;
            return Ok(plan);
        }
        let yes = self.args.change.yes;
        progress.say(output::plan_text(&plan, finish::diffs(self.global, yes)).trim_end());
        if !troubles.is_empty() {
            progress.say("the other nodes stay as they are; the errors at the end say why");
        }
        finish::confirm(yes, "Remove all this?").await?;
        log.begin(&held.run, &plan, &progress)?;
        let stop = self.interrupts.orderly(Orderly {
            first: "interrupted: the steps that have begun come to their end; once more to stop at once"
                .to_owned(),
            second: "stopped at once; a step that had begun may still come to its end on a device".to_owned(),
        });
        let place = Place { fabric: self.fabric, fleet: self.fleet, run: &held.run, guarded: false, log };
        let (_, failed) = apply_plan(&place, &plan, &progress, OnFailure::GoOn, &stop).await;
        if !failed.is_empty() {
            troubles.append(failed);
            std::mem::take(troubles).into_failure()?;
        }
        Ok(plan)
    }
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
