//! `report`: ask the devices, and write one page about what they say and what the last run did.

use super::fleet::Fleet;
use super::troubles::Troubles;
use super::{context, journal, status, verify};
use crate::cli::{Format, Global, ReportArgs};
use crate::fabric::{Fabric, NodeName, Role};
use crate::output::{self, Exit, Failure, Known, report_page};
use crate::picture::State;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

/// How long to rest between two questions.
const INTERVAL: Duration = Duration::from_millis(250);

/// Writes the page; it is written whatever the devices say.
pub(super) async fn report(global: &Global, args: &ReportArgs) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let asked: BTreeSet<NodeName> =
        nodes.iter().filter(|name| fabric.nodes[*name].role != Role::Server).cloned().collect();
    let since = Instant::now();
    let (fleet, mut troubles) = Fleet::reach(global, &args.target, &fabric, &asked).await?;
    let wait = if troubles.is_empty() { args.wait } else { Duration::ZERO };
    let (routes, unheard) = verify::converge(&fabric, &fleet, &nodes, wait, INTERVAL, since).await;
    troubles.append(unheard);
    let neighbors = status::report(&fabric, &fleet, &nodes, &mut troubles).await;
    fleet.close().await;
    let last = journal::last(global, &args.target, &fabric);
    let shown = context::limited(&nodes, fabric.clone());
    let page = report_page(&Known {
        fabric: &shown,
        facts: facts(global, args, &fabric, since),
        routes: &routes,
        neighbors: &neighbors,
        silent: silent(&troubles),
        last: last.as_ref(),
    });
    let text =
        if global.output == Format::Json { output::json_text(&page)? } else { output::page_html(&page) };
    output::write_out(global.quiet, args.out.as_deref(), &text)?;
    troubles.into_failure()?;
    Ok(if page.state.is_some_and(|state| state > State::Ok) { Exit::NotAsDesired } else { Exit::Ok })
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
