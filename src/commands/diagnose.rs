//! `diagnose`: ask every device once, and find the first place that isn't as it should be.

use super::fleet::Fleet;
use super::troubles::Troubles;
use super::{context, round, workbench};
use crate::cli::{DiagnoseArgs, Format, Global};
use crate::fabric::NodeName;
use crate::observe::Inquiry;
use crate::output::{self, Exit, Failure, Problem, chain};
use crate::verify::diagnose::{self, Interest, Target, UnknownTarget, Walk};
use crate::verify::{Scope, World};
use std::collections::BTreeSet;

/// Walks the way to one subject, or explains everything that fails.
pub(super) async fn diagnose(global: &Global, args: &DiagnoseArgs) -> Result<Exit, Failure> {
    if args.schema {
        output::document(output::DIAGNOSE_SCHEMA);
        return Ok(Exit::Ok);
    }
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let subject = args.subject.as_deref().map(|text| diagnose::resolve(&fabric, text));
    let target = subject.transpose().map_err(|error| unknown(&error))?;
    let scope = Scope { fabric: &fabric, nodes: &nodes };
    let (fleet, mut troubles) = Fleet::reach(global, &args.target, &fabric, &nodes).await?;
    let ok = if let Some(target) = target {
        let walk = way(&scope, &fleet, &target, &mut troubles).await;
        match global.output {
            Format::Json => output::json(&walk)?,
            _ => output::document(&output::walk_text(&walk)),
        }
        walk.ok
    } else {
        let explanation = explain(&scope, &fleet, &mut troubles).await;
        match global.output {
            Format::Json => output::json(&explanation)?,
            _ => output::document(&output::explanation_text(&explanation)),
        }
        explanation.ok
    };
    fleet.close().await;
    troubles.into_failure()?;
    Ok(if ok { Exit::Ok } else { Exit::NotAsDesired })
}

/// Asks once, and once more where that shows routes that are to be traced.
async fn way(scope: &Scope<'_>, fleet: &Fleet, target: &Target, troubles: &mut Troubles) -> Walk {
    let mut interest = diagnose::interest(scope.fabric, target);
    let mut unheard = Troubles::default();
    let mut world = ask(scope, fleet, &interest, &mut unheard).await;
    let further = diagnose::further(scope, &world, target);
    if !further.is_subset(&interest.prefixes) {
        interest.prefixes.extend(further);
        unheard = Troubles::default();
        world = ask(scope, fleet, &interest, &mut unheard).await;
    }
    troubles.append(unheard);
    diagnose::walk(scope, &world, target)
}

/// Asks once whether anything fails, and if so once more, now with a look into what it is about: the verdict rests on
/// the second round alone.
async fn explain(scope: &Scope<'_>, fleet: &Fleet, troubles: &mut Troubles) -> diagnose::Explanation {
    let mut unheard = Troubles::default();
    let mut world = ask(scope, fleet, &Interest::default(), &mut unheard).await;
    let suspects = diagnose::suspects(scope, &world);
    if suspects != Interest::default() {
        unheard = Troubles::default();
        world = ask(scope, fleet, &suspects, &mut unheard).await;
    }
    troubles.append(unheard);
    diagnose::explain(scope, &world)
}

/// Asks every device at the same time.
async fn ask(scope: &Scope<'_>, fleet: &Fleet, interest: &Interest, troubles: &mut Troubles) -> World {
    let fabric = scope.fabric;
    let sections: BTreeSet<_> = diagnose::SECTIONS.into_iter().collect();
    let questions = scope.nodes.iter().filter_map(|name: &NodeName| {
        let inquiry = Inquiry::of(fabric, fabric.nodes.get(name)?, &sections)
            .tracing(interest.prefixes.iter().copied())
            .opening(&interest.containers);
        let inquiry = if interest.targets.is_empty() {
            inquiry
        } else {
            inquiry.probing(interest.targets.iter().copied())
        };
        Some((name.clone(), inquiry))
    });
    let mut world = World::new();
    for (node, answer) in round::ask(fleet, questions).await {
        let answer = answer.map_err(|error| {
            let Some(error) = error else { return "it can't be reached".to_owned() };
            troubles.add(workbench::exit_of(&error), workbench::ask_problem(&node, "diagnose", &error));
            chain(&error)
        });
        world.insert(node, answer);
    }
    world
}

fn unknown(error: &UnknownTarget) -> Failure {
    Failure::one(Exit::Usage, Problem::from_error(error).hint(error.hint()))
}
