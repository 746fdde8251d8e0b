//! `verify`: ask the devices, judge the answers.

use super::fleet::Fleet;
use super::troubles::Troubles;
use super::verification::{Patience, Verification};
use super::{context, drift, round, runtime, workbench};
use crate::cli::{Format, Global, VerifyArgs, VerifyWhat};
use crate::fabric::{Fabric, NodeName};
use crate::output::{self, Exit, Failure, chain};
use crate::verify::routes::{self, Answers, RouteReport};
use crate::verify::{self, CheckName, Report, Scope, World};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Between two questions while it is waited for something.
const WAITING: Duration = Duration::from_millis(250);
/// Between two questions while it is watched whether it stays.
const WATCHING: Duration = Duration::from_secs(1);

/// Verifies what was chosen, or tells what there is.
pub(super) fn run(global: &Global, args: &VerifyArgs) -> Result<Exit, Failure> {
    if args.schema {
        output::document(output::VERIFY_SCHEMA);
        return Ok(Exit::Ok);
    }
    // Alone it shows what differs, line by line.
    if args.checks == [VerifyWhat::Drift] && !args.list {
        return runtime::block_on(|_| drift::drift(global, &args.target));
    }
    let checks = args.chosen();
    if args.list {
        if global.output == Format::Json {
            output::json(
                &checks
                    .iter()
                    .map(|check| json!({ "check": check, "about": check.about() }))
                    .collect::<Vec<_>>(),
            )?;
        } else {
            output::document(&output::checks_table(&checks));
        }
        return Ok(Exit::Ok);
    }
    if checks.is_empty() {
        let hint = "fabricctl verify --list names the checks";
        return Err(Failure::say(Exit::Usage, "every check is left out", hint));
    }
    runtime::block_on(|_| verify(global, args, &checks))
}

async fn verify(global: &Global, args: &VerifyArgs, checks: &BTreeSet<CheckName>) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let scope = Scope { fabric: &fabric, nodes: &nodes };
    let asked = verify::sections(&scope, checks).into_keys().collect();
    let (fleet, troubles) = Fleet::reach(global, &args.target, &fabric, &asked).await?;
    let mut troubles = troubles.only(&nodes);
    let patience = Patience {
        // What can't be reached doesn't come by itself.
        wait: if troubles.is_empty() { args.wait } else { Duration::ZERO },
        grace: args.grace,
        interval: args.interval.unwrap_or(if args.watch.is_some() { WATCHING } else { WAITING }),
        quiet: global.quiet,
    };
    let mut run = Verification::new(scope, checks, &fleet, patience);
    let mut report = run.settle().await;
    if let Some(span) = args.watch.filter(|_| report.ok) {
        report = run.stays(span, report).await;
    }
    troubles.append(run.troubles());
    let world = std::mem::take(&mut run.world);
    drop(run);
    show(global, &scope, &report, &world)?;
    fleet.close().await;
    troubles.into_failure()?;
    Ok(if report.ok { Exit::Ok } else { Exit::NotAsDesired })
}

/// Prints the one document.
fn show(global: &Global, scope: &Scope<'_>, report: &Report, world: &World) -> Result<(), Failure> {
    match global.output {
        Format::Json => output::json(report)?,
        Format::Junit => output::document(&output::verify_junit(report)?),
        Format::Markdown => output::document(&output::verify_markdown(report)),
        Format::Tap => output::document(&output::verify_tap(report)),
        // Pictures are another command's.
        _ => {
            let of_routes = report.summary.iter().any(|one| one.check == CheckName::Routes);
            let routes = of_routes.then(|| {
                let routes = routes::report(scope, world);
                RouteReport { converged_after_ms: report.converged_after_ms, ..routes }
            });
            output::document(&output::verify_table(report, routes.as_ref(), output::DEFAULT_WIDTH));
        }
    }
    Ok(())
}

/// The spines and leafs among some nodes.
pub(super) fn routers(fabric: &Fabric, nodes: &BTreeSet<NodeName>) -> BTreeSet<NodeName> {
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
