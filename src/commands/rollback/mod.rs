//! `rollback`: devices go back to the state before a run.

mod guarded;
mod memory;
mod open;
mod which;

use super::context::Inventory;
use super::fleet::Fleet;
use super::journal::{self, RunLog};
use super::locks::Held;
use super::runtime::Interrupts;
use super::troubles::{Troubles, listed};
use super::{context, finish};
use crate::action::Plan;
use crate::cli::{Format, Global, RollbackArgs};
use crate::fabric::{Fabric, NodeName};
use crate::inventory::Absent;
use crate::output::{self, Diffs, Exit, Failure, Problem};
use crate::planner;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use which::Undone;

/// Undoes a run, and those after it.
pub(super) async fn rollback(
    global: &Global,
    args: &RollbackArgs,
    interrupts: Interrupts,
) -> Result<Exit, Failure> {
    let started = Instant::now();
    // What devices get comes from themselves: the inventory says how to reach them, its secrets aren't needed.
    let Inventory { fabric, digest: inventory, .. } = context::read(global, Absent::IsFine)?;
    let target = &args.change.target;
    let lab = target.lab_name(&fabric.name);
    let of = Undone::find(&journal::of(global), args.run.as_deref(), &fabric.name, lab.as_deref())?;
    let mut troubles = Troubles::default();
    let nodes = nodes(global, &fabric, &of, &mut troubles)?;
    let mut log =
        RunLog::new(global, "rollback", target, (&fabric, &inventory), &nodes, started).undoing(&of.run);
    if !args.change.dry_run {
        log.prepare()?;
    }
    let (fleet, unreachable) = Fleet::reach(global, target, &fabric, &nodes).await?;
    troubles.append(unreachable);
    let work = Work { global, args, fabric: &fabric, fleet: &fleet, of: &of, interrupts: &interrupts };
    let ended = work.on_fleet(&nodes, &mut log, &mut troubles).await;
    fleet.close().await;
    let ended = ended.map_err(|mut failure| {
        // What was wrong with the other nodes is told as well.
        let others = std::mem::take(&mut troubles).into_failure();
        failure.problems.extend(others.err().into_iter().flat_map(|others| others.problems));
        failure
    });
    let ended = ended.and_then(|done| {
        let rest = rest(&nodes, &troubles);
        report(&work_words(global, args, &of, &log), &done, &rest, started)?;
        if !rest.is_empty() {
            let message = format!("not rolled back: {}", listed(&rest));
            let hint = format!("finish it later: fabricctl rollback {}", of.run);
            troubles.add(Exit::Ok, Problem { message, ..Problem::default() }.hint(hint));
        }
        troubles.into_failure().map(|()| Exit::Ok)
    });
    if args.change.dry_run { ended } else { log.end(ended) }
}

/// The nodes of the run that are meant and that the inventory still has.
fn nodes(
    global: &Global,
    fabric: &Fabric,
    of: &Undone,
    troubles: &mut Troubles,
) -> Result<BTreeSet<NodeName>, Failure> {
    let selected = context::selected(global, fabric)?;
    if global.limit.is_none() {
        for gone in of.nodes.iter().filter(|name| !selected.iter().any(|node| node.as_str() == *name)) {
            let message = format!("run {} was about it, and the inventory no longer has it", of.run);
            let hint = "it stays as it is; an inventory that still has it can be named with --inventory";
            let problem = Problem { message, node: Some(gone.clone()), ..Problem::default() };
            troubles.add(Exit::NotAsDesired, problem.hint(hint));
        }
    }
    let nodes: BTreeSet<NodeName> =
        selected.into_iter().filter(|node| of.nodes.contains(node.as_str())).collect();
    if nodes.is_empty() {
        let all: Vec<&str> = of.nodes.iter().map(String::as_str).collect();
        let message = format!("run {} was about none of these nodes, but about {}", of.run, listed(&all));
        return Err(Failure::say(Exit::Usage, message, "name some of those with --limit, or none for all"));
    }
    Ok(nodes)
}

/// The nodes that something is wrong with.
fn rest<'a>(nodes: &'a BTreeSet<NodeName>, troubles: &Troubles) -> Vec<&'a str> {
    let fine = troubles.spare(nodes);
    nodes.iter().map(NodeName::as_str).filter(|node| !fine.contains(node)).collect()
}

/// What was done.
#[derive(Default)]
struct Done {
    plan: Plan,
    /// Nodes on which something was put back that another run had left open.
    put_back: BTreeSet<NodeName>,
    /// Until when it must be confirmed, if that is left to a person.
    confirm_before: Option<String>,
}

/// What a rollback works with.
struct Work<'a> {
    global: &'a Global,
    args: &'a RollbackArgs,
    fabric: &'a Fabric,
    fleet: &'a Fleet,
    of: &'a Undone,
    interrupts: &'a Interrupts,
}

impl Work<'_> {
    async fn on_fleet(
        &self,
        nodes: &BTreeSet<NodeName>,
        log: &mut RunLog,
        troubles: &mut Troubles,
    ) -> Result<Done, Failure> {
        if self.args.change.dry_run {
            let nodes =
                nodes.iter().filter(|node| self.fleet.sessions.contains_key(*node)).cloned().collect();
            let (plan, _) = self.plan(&nodes, troubles).await;
            return Ok(Done { plan, ..Done::default() });
        }
        let (held, locked) = Held::take(self.fleet, self.args.change.break_lock).await;
        troubles.append(locked);
        let ended = self.on_held(&held, log, troubles).await;
        held.release().await;
        ended
    }

    /// On the devices that are this run's alone.
    async fn on_held(&self, held: &Held, log: &mut RunLog, troubles: &mut Troubles) -> Result<Done, Failure> {
        let progress = Arc::new(finish::progress(self.global));
        let (yes, of) = (self.args.change.yes, self.of);
        progress.say(&format!("back to the state before run {} ({})", of.run, of.what));
        let put_back = self.put_back_open(held, &progress, troubles).await?;
        let mut nodes = held.nodes();
        nodes.retain(|node| !held.open.contains_key(node) || put_back.contains(node));
        let (plan, past) = self.plan(&nodes, troubles).await;
        let confirm_before = if plan.is_empty() {
            log.begin(&held.run, &plan, &progress)?;
            None
        } else {
            progress.say(output::plan_text(&plan, finish::diffs(self.global, yes)).trim_end());
            if !troubles.is_empty() {
                progress.say("the other nodes stay as they are; the errors at the end say why");
            }
            finish::confirm(yes, "Roll all this back?").await?;
            log.begin(&held.run, &plan, &progress)?;
            self.guarded((held, log), &plan, &past, &progress).await?
        };
        if !put_back.is_empty() {
            log.changed();
        }
        Ok(Done { plan, put_back, confirm_before })
    }

    /// What leads back on these nodes, and how they were.
    async fn plan(&self, nodes: &BTreeSet<NodeName>, troubles: &mut Troubles) -> (Plan, guarded::Past) {
        let pasts = memory::remember(self.fleet, self.of, nodes, troubles).await;
        let ways = memory::ways_back(self.fabric, self.fleet, &self.of.run, &pasts, troubles).await;
        let idle = ways.iter().filter(|(_, back)| !back.in_service).map(|(name, _)| name.clone()).collect();
        (planner::stages(self.fabric, &ways), guarded::Past { nodes: pasts, idle })
    }
}

/// What the report needs besides what was done.
struct Words<'a> {
    global: &'a Global,
    dry_run: bool,
    of: &'a Undone,
    run: Option<String>,
}

fn work_words<'a>(global: &'a Global, args: &RollbackArgs, of: &'a Undone, log: &RunLog) -> Words<'a> {
    Words { global, dry_run: args.change.dry_run, of, run: log.run().map(str::to_owned) }
}

fn report(words: &Words<'_>, done: &Done, rest: &[&str], started: Instant) -> Result<(), Failure> {
    let Done { plan, put_back, confirm_before } = done;
    let elapsed = started.elapsed();
    if words.global.output == Format::Json {
        return output::json(&json!({
            "run": words.run,
            "of": words.of.run,
            "done": !words.dry_run,
            "confirm_before": confirm_before,
            "put_back": put_back,
            "plan": output::plan_json(plan),
            "rest": rest,
            "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }));
    }
    let (of, seconds) = (&words.of.run, elapsed.as_secs_f64());
    if words.dry_run && !plan.is_empty() {
        output::document(&output::plan_text(plan, Diffs::All));
    } else if !plan.is_empty() {
        let summary = output::summary_text(plan);
        output::document(&format!("rolled back to before run {of}: {} ({seconds:.1} s)", summary.trim_end()));
    } else if !put_back.is_empty() {
        let nodes: Vec<&str> = put_back.iter().map(NodeName::as_str).collect();
        output::document(&format!(
            "put back what was there before run {of} on {} ({seconds:.1} s)",
            listed(&nodes)
        ));
    } else if rest.is_empty() {
        output::document(&format!("nothing left to undo: every node is as it was before run {of}"));
    }
    if let Some(time) = confirm_before {
        finish::not_final(time);
    }
    Ok(())
}
