//! `report`: ask the devices, and write one page about what they say and what the last run did.

use super::fleet::Fleet;
use super::troubles::Troubles;
use super::verification::{Patience, Verification};
use super::{context, journal, status};
use crate::cli::{Format, Global, ReportArgs};
use crate::fabric::{Fabric, NodeName};
use crate::output::{self, Exit, Failure, Known, report_page};
use crate::picture::State;
use crate::verify::drift::{self, DriftReport};
use crate::verify::neighbors::{self, NeighborReport, Silence};
use crate::verify::{self, CheckName, Facts, Scope, World, routes};
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

/// How long to rest between two questions.
const INTERVAL: Duration = Duration::from_millis(250);

/// Writes the page; it is written whatever the devices say.
pub(super) async fn report(global: &Global, args: &ReportArgs) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let checks: BTreeSet<CheckName> = CheckName::all().collect();
    let scope = Scope { fabric: &fabric, nodes: &nodes };
    let asked = verify::sections(&scope, &checks).into_keys().collect();
    let since = Instant::now();
    let (fleet, troubles) = Fleet::reach(global, &args.target, &fabric, &asked).await?;
    let mut troubles = troubles.only(&nodes);
    // What can't be reached doesn't come by itself; how much longer it would have taken is another verb's question.
    let wait = if troubles.is_empty() { args.wait } else { Duration::ZERO };
    let patience = Patience { wait, grace: Duration::ZERO, interval: INTERVAL, quiet: global.quiet };
    let mut run = Verification::new(scope, &checks, &fleet, patience);
    let verdict = run.settle().await;
    troubles.append(run.troubles());
    let world = std::mem::take(&mut run.world);
    drop(run);
    fleet.close().await;
    let last = journal::last(global, &args.target, &fabric);
    let shown = context::limited(&nodes, fabric.clone());
    let page = report_page(&Known {
        fabric: &shown,
        facts: facts(global, args, &fabric, since),
        report: &verdict,
        drift: &drifted(&fabric, &nodes, &world),
        routes: &routes::report(&scope, &world),
        neighbors: &hosts(&fabric, &nodes, &world),
        silent: silent(&troubles),
        last: last.as_ref(),
    });
    let text =
        if global.output == Format::Json { output::json_text(&page)? } else { output::page_html(&page) };
    output::write_out(global.quiet, args.out.as_deref(), &text)?;
    troubles.into_failure()?;
    Ok(if page.state.is_some_and(|state| state > State::Ok) { Exit::NotAsDesired } else { Exit::Ok })
}

/// What the leafs' daemons said.
fn hosts(fabric: &Fabric, nodes: &BTreeSet<NodeName>, world: &World) -> NeighborReport {
    let (mut answers, asked) = status::leafs(fabric, nodes);
    for leaf in asked {
        let answer = match world.get(&leaf) {
            Some(Ok(Facts { daemon: Some(answer), .. })) => answer.clone().map_err(|fault| fault.to_string()),
            Some(Err(why)) => Err(why.clone()),
            _ => Err("it said nothing".to_owned()),
        };
        answers.insert(leaf, answer.map_err(Silence::Failed));
    }
    neighbors::report(fabric, &answers)
}

fn drifted(fabric: &Fabric, nodes: &BTreeSet<NodeName>, world: &World) -> DriftReport {
    let evidence = |node: &NodeName| world.get(node)?.as_ref().ok()?.drift.as_ref()?.as_ref().ok().cloned();
    drift::report(&nodes.iter().map(|node| (node.clone(), evidence(node))).collect(), &fabric.secrets)
}

fn facts(global: &Global, args: &ReportArgs, fabric: &Fabric, since: Instant) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let devices =
        args.target.lab_name(&fabric.name).map_or("real ones".to_owned(), |lab| format!("lab {lab}"));
    let mut facts = vec![
        fact("asked", humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        fact("devices", devices),
        fact("inventory", global.inventory.display().to_string()),
        fact("took", format!("{:.1} s", since.elapsed().as_secs_f32())),
    ];
    facts.extend(global.limit.as_ref().map(|limit| fact("limited to", limit.clone())));
    facts.push(fact("fabricctl", env!("CARGO_PKG_VERSION").to_owned()));
    facts
}

/// Devices that something was wrong with before they could answer.
fn silent(troubles: &Troubles) -> Vec<(NodeName, String)> {
    let mut silent: Vec<(NodeName, String)> = Vec::new();
    for problem in troubles.problems() {
        let name = problem.node.clone().and_then(|node| NodeName::new(node).ok());
        silent.extend(name.map(|name| (name, problem.message.clone())));
    }
    silent
}
