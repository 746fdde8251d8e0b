//! `status`: ask the devices once, and show the fabric on one screen; or the neighbours that leafs know.

use super::fleet::Fleet;
use super::troubles::Troubles;
use super::{context, journal, round, runtime, workbench};
use crate::cli::{Format, Global, NeighborsArgs, StatusArgs};
use crate::fabric::{Fabric, NodeName, Role};
use crate::observe::Inquiry;
use crate::output::{self, Exit, Failure, Status, chain};
use crate::verify::neighbors::{self, NeighborAnswers, NeighborReport, Silence};
use crate::verify::overview::{self, overview};
use crate::verify::{OpenRun, Scope, Section, Sections, World};
use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

/// Shows the fabric, or describes the document that does.
pub(super) fn run(global: &Global, args: &StatusArgs) -> Result<Exit, Failure> {
    if args.schema {
        output::document(output::STATUS_SCHEMA);
        return Ok(Exit::Ok);
    }
    runtime::block_on(|_| status(global, args))
}

async fn status(global: &Global, args: &StatusArgs) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let scope = Scope { fabric: &fabric, nodes: &nodes };
    let (began, at) = (Instant::now(), humantime::format_rfc3339_seconds(SystemTime::now()).to_string());
    let questions = questions(&scope, true);
    let asked = questions.keys().cloned().collect();
    let (fleet, troubles) = Fleet::reach(global, &args.target, &fabric, &asked).await?;
    let mut troubles = troubles.only(&nodes);
    let mut world = World::new();
    for (node, answer) in round::ask(&fleet, inquiries(&fabric, &questions)).await {
        let answer = answer.map_err(|error| {
            let Some(error) = error else { return unreached(&troubles, &node) };
            if nodes.contains(&node) {
                troubles.add(workbench::exit_of(&error), workbench::ask_problem(&node, "status", &error));
            }
            chain(&error)
        });
        world.insert(node, answer);
    }
    fleet.close().await;
    let overview = overview(&scope, &world);
    let (lab, last) = (args.target.lab_name(&fabric.name), journal::last(global, &args.target, &fabric));
    let open = open(&world);
    let shown = Status {
        fabric: &fabric.name,
        lab: lab.as_deref(),
        at: &at,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        overview: &overview,
        last: last.as_ref(),
        open: &open,
    };
    if global.output == Format::Json {
        output::json(&output::status_json(&shown))?;
    } else {
        output::document(&output::status_table(&shown));
    }
    troubles.into_failure()?;
    Ok(if overview.ok() { Exit::Ok } else { Exit::NotAsDesired })
}

/// What is asked of the selected nodes, and of their neighbours about the links between them.
pub(super) fn questions(scope: &Scope<'_>, with_runs: bool) -> Sections {
    let checks = overview::CHECKS.into_iter().collect();
    let mut sections = crate::verify::sections(scope, &checks);
    for name in scope.nodes {
        sections.entry(name.clone()).or_default().insert(Section::Release);
    }
    for wanted in sections.values_mut() {
        wanted.retain(|section| overview::SECTIONS.contains(section));
    }
    if with_runs {
        for name in scope.nodes {
            sections.entry(name.clone()).or_default().insert(Section::Runs);
        }
    }
    sections
}

/// The same as questions.
pub(super) fn inquiries<'a>(
    fabric: &'a Fabric,
    questions: &'a Sections,
) -> impl Iterator<Item = (NodeName, Inquiry)> + 'a {
    questions.iter().filter_map(|(name, sections)| {
        Some((name.clone(), Inquiry::of(fabric, fabric.nodes.get(name)?, sections)))
    })
}

/// Why there is no connection.
fn unreached(troubles: &Troubles, node: &NodeName) -> String {
    let said = troubles.problems().find(|problem| problem.node.as_deref() == Some(node.as_str()));
    said.map_or("it can't be reached".to_owned(), |problem| problem.message.clone())
}

/// The runs that devices hold open.
fn open(world: &World) -> Vec<(OpenRun, BTreeSet<NodeName>)> {
    let mut open: Vec<(OpenRun, BTreeSet<NodeName>)> = Vec::new();
    for (node, facts) in world {
        let Ok(facts) = facts else { continue };
        let Some(Ok(runs)) = &facts.runs else { continue };
        for run in runs {
            match open.iter_mut().find(|(known, _)| known.run == run.run) {
                Some((known, nodes)) => {
                    known.left_s = known.left_s.min(run.left_s);
                    nodes.insert(node.clone());
                }
                None => open.push((run.clone(), BTreeSet::from([node.clone()]))),
            }
        }
    }
    open
}

/// Shows the hosts that the leafs' daemons know.
pub(super) async fn neighbors(global: &Global, args: &NeighborsArgs) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let (_, asked) = leafs(&fabric, &nodes);
    let (fleet, mut troubles) = Fleet::reach(global, &args.target, &fabric, &asked).await?;
    let report = report(&fabric, &fleet, &nodes, &mut troubles).await;
    fleet.close().await;
    if global.output == Format::Json {
        output::json(&report)?;
    } else {
        output::document(&output::neighbors_table(&report));
    }
    troubles.into_failure()?;
    Ok(Exit::Ok)
}

/// Asks the selected leafs; what kept one from answering goes to the troubles.
pub(super) async fn report(
    fabric: &Fabric,
    fleet: &Fleet,
    nodes: &BTreeSet<NodeName>,
    troubles: &mut Troubles,
) -> NeighborReport {
    let (mut answers, asked) = leafs(fabric, nodes);
    for (node, answer) in round::neighbors(fleet, &asked).await {
        let answer = answer.map_err(|error| {
            let Some(error) = error else { return Silence::Failed("it can't be reached".to_owned()) };
            troubles.add(workbench::exit_of(&error), workbench::ask_problem(&node, "status", &error));
            Silence::Failed(chain(&error))
        });
        answers.insert(node, answer);
    }
    neighbors::report(fabric, &answers)
}

/// The selected leafs: those whose platform brings a daemon without a status, and those to ask.
pub(super) fn leafs(fabric: &Fabric, nodes: &BTreeSet<NodeName>) -> (NeighborAnswers, BTreeSet<NodeName>) {
    let (mut others, mut asked) = (NeighborAnswers::new(), BTreeSet::new());
    for leaf in fabric.with_role(Role::Leaf).filter(|leaf| nodes.contains(&leaf.name)) {
        if leaf.platform.has_own_rdnbrd() {
            let why = format!("no status: {} brings a daemon of its own", leaf.platform);
            others.insert(leaf.name.clone(), Err(Silence::Unasked(why)));
        } else {
            asked.insert(leaf.name.clone());
        }
    }
    (others, asked)
}
