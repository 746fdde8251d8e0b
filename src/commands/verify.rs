//! `verify`: ask the devices, judge the answers.

use super::fleet::Fleet;
use super::troubles::Troubles;
use super::{context, round, workbench};
use crate::cli::{Format, Global, RoutesArgs};
use crate::fabric::{Fabric, NodeName};
use crate::output::{self, Exit, Failure, chain};
use crate::verify::routes::{self, Answers, RouteReport};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Checks that every spine and leaf has every container's /32 and every loopback.
pub(super) async fn routes(global: &Global, args: &RoutesArgs) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let routers = routers(&fabric, &nodes);
    let (fleet, mut troubles) = Fleet::reach(global, &args.target, &fabric, &routers).await?;
    let wait = if troubles.is_empty() { args.wait } else { Duration::ZERO };
    let (report, unheard) = converge(&fabric, &fleet, &nodes, wait, args.interval, Instant::now()).await;
    fleet.close().await;
    if global.output == Format::Json {
        output::json(&report)?;
    } else {
        output::document(&output::routes_table(&report, output::DEFAULT_WIDTH));
    }
    troubles.append(unheard);
    troubles.into_failure()?;
    Ok(if report.ok { Exit::Ok } else { Exit::NotAsDesired })
}

fn routers(fabric: &Fabric, nodes: &BTreeSet<NodeName>) -> BTreeSet<NodeName> {
    let routes = |name: &&NodeName| fabric.nodes.get(name).is_some_and(|node| node.role.routes());
    nodes.iter().filter(routes).cloned().collect()
}

/// Asks until everything is as expected or the time is over; the time counts from `since`.
///
/// Nodes that were as expected are not asked again until all are; then all are asked once more, so that the verdict
/// is about one moment and not about several. What kept nodes from answering the last time comes with the report.
pub(super) async fn converge(
    fabric: &Fabric,
    fleet: &Fleet,
    nodes: &BTreeSet<NodeName>,
    wait: Duration,
    interval: Duration,
    since: Instant,
) -> (RouteReport, Troubles) {
    let expectations = routes::expect(fabric).only(|name| nodes.contains(name));
    let all = routers(fabric, nodes);
    let deadline = Instant::now() + wait;
    let mut answers = Answers::new();
    let mut unheard = BTreeMap::new();
    let mut open = all.clone();
    loop {
        let whole_round = open.len() == all.len();
        for (node, answer) in round::routes(fleet, &open).await {
            unheard.remove(&node);
            let answer = answer.map_err(|error| {
                let said = error.as_ref().map_or("it can't be reached".to_owned(), |error| chain(error));
                unheard.extend(error.map(|error| (node.clone(), error)));
                said
            });
            answers.insert(node, answer);
        }
        let mut report = routes::judge(&expectations, &answers);
        if report.ok && whole_round {
            report.converged_after_ms = u64::try_from(since.elapsed().as_millis()).ok();
            return (report, Troubles::default());
        }
        if !report.ok && Instant::now() >= deadline {
            let mut troubles = Troubles::default();
            for (node, error) in &unheard {
                troubles.add(workbench::exit_of(error), workbench::ask_problem(node, "verify", error));
            }
            return (report, troubles);
        }
        open = if report.ok {
            all.clone()
        } else {
            report.checks.iter().filter(|check| !check.ok).map(|check| check.node.clone()).collect()
        };
        tokio::time::sleep(interval).await;
    }
}
