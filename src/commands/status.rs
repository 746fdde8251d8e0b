//! `status`: ask the devices what they know, and show it by the inventory's names.

use super::fleet::Fleet;
use super::troubles::Troubles;
use super::{context, round, workbench};
use crate::cli::{Format, Global, NeighborsArgs};
use crate::fabric::{Fabric, NodeName, Role};
use crate::output::{self, Exit, Failure, chain};
use crate::verify::neighbors::{self, NeighborAnswers, NeighborReport, Silence};
use std::collections::BTreeSet;

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
