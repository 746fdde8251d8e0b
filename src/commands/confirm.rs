//! `confirm`: the changes of runs that wait for it become final.

use super::context;
use super::deeds::{deed_problem, end};
use super::fleet::Fleet;
use super::locks::Held;
use super::runtime::{Interrupts, Orderly};
use super::troubles::Troubles;
use crate::action::RunId;
use crate::apply::transaction::{Closed, How, TransactionError};
use crate::cli::{ConfirmArgs, Format, Global};
use crate::fabric::NodeName;
use crate::output::{self, Exit, Failure, Problem, several};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Confirms what runs left open on the devices.
pub(super) async fn confirm(
    global: &Global,
    args: &ConfirmArgs,
    interrupts: Interrupts,
) -> Result<Exit, Failure> {
    let fabric = context::load(global)?;
    let nodes = context::selected(global, &fabric)?;
    let _stop = interrupts.orderly(Orderly {
        first: "interrupted: the devices are being told, which takes a moment".to_owned(),
        second: "stopped at once; devices that were not told put back what was there before".to_owned(),
    });
    let (fleet, mut troubles) = Fleet::reach(global, &args.target, &fabric, &nodes).await?;
    // A run that is still at work confirms itself.
    let (held, locked) = Held::take(&fleet, false).await;
    troubles.append(locked);
    let confirmed = close_open(&fleet, &held, &mut troubles).await;
    held.release().await;
    fleet.close().await;
    if global.output == Format::Json {
        let runs: Vec<_> =
            confirmed.iter().map(|(run, nodes)| json!({ "run": run, "nodes": nodes })).collect();
        output::json(&json!({ "confirmed": runs }))?;
    } else if confirmed.is_empty() && troubles.is_empty() {
        output::document("nothing to confirm: no run is open");
    } else {
        for (run, nodes) in &confirmed {
            output::document(&format!("run {run} is confirmed on {}", several(nodes.len(), "nodes")));
        }
    }
    troubles.into_failure().map(|()| Exit::Ok)
}

/// Closes every open run; returns the runs and where they were closed.
async fn close_open(
    fleet: &Fleet,
    held: &Held,
    troubles: &mut Troubles,
) -> BTreeMap<RunId, BTreeSet<NodeName>> {
    let open: BTreeSet<&RunId> = held.open.values().flatten().map(|open| &open.run).collect();
    let mut confirmed: BTreeMap<RunId, BTreeSet<NodeName>> = BTreeMap::new();
    for run in open {
        let has = |node: &&NodeName| {
            held.open.get(*node).is_some_and(|runs| runs.iter().any(|open| open.run == *run))
        };
        let sessions = fleet
            .sessions
            .iter()
            .filter(|(node, _)| has(node))
            .map(|(node, session)| (node.clone(), Arc::clone(session)));
        for (node, closed) in end(sessions.collect(), fleet.parallel, run, How::Confirmed, &held.who).await {
            match told(&node, run, closed) {
                None => drop(confirmed.entry(run.clone()).or_default().insert(node)),
                Some((exit, problem)) => troubles.add(exit, problem),
            }
        }
    }
    confirmed
}

/// What keeps a run from being confirmed on a node, if anything does.
fn told(node: &NodeName, run: &RunId, closed: Result<Closed, TransactionError>) -> Option<(Exit, Problem)> {
    match closed {
        Ok(Closed::Done | Closed::Before) => None,
        Ok(Closed::PutBack) => {
            let message = format!("too late: the device has put back what was there before run {run}");
            let hint = "deploy again; --confirm-within gives you more time to look around";
            let problem = Problem { message, ..Problem::default() };
            Some((Exit::RolledBack, problem.on(node).during("confirm").hint(hint)))
        }
        Err(error) => Some((Exit::NotAsDesired, deed_problem(node, "confirm", &error))),
    }
}
