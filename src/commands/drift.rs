//! `verify drift`: ask the devices what was put there and what of it is there.

use super::fleet::Fleet;
use super::{context, workbench};
use crate::cli::{Format, Global, Target};
use crate::fabric::NodeName;
use crate::observe;
use crate::output::{self, Exit, Failure};
use crate::remote;
use crate::verify::drift::{self, Evidence};
use std::collections::BTreeMap;

/// Shows what differs on devices from what the last run put there.
pub(super) async fn drift(global: &Global, target: &Target) -> Result<Exit, Failure> {
    // The inventory says which devices there are, and what they are; not what is to be on them.
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let (fleet, mut troubles) = Fleet::reach(global, target, &fabric, &nodes).await?;
    let timeout = fleet.timeout;
    let work = nodes.iter().filter_map(|name| {
        let question = workbench::base_question(&fabric, fabric.nodes.get(name)?);
        Some((name.clone(), (fleet.sessions.get(name).cloned()?, question)))
    });
    let heard = remote::each(work, fleet.parallel, move |_, (session, question)| async move {
        observe::drift(&session, &question, timeout).await
    })
    .await;
    fleet.close().await;
    let mut answers: BTreeMap<NodeName, Option<Evidence>> =
        nodes.into_iter().map(|name| (name, None)).collect();
    for (node, answer) in heard {
        match answer {
            Ok(evidence) => drop(answers.insert(node, Some(evidence))),
            Err(error) => {
                troubles.add(workbench::exit_of(&error), workbench::ask_problem(&node, "verify", &error));
            }
        }
    }
    let report = drift::report(&answers, &fabric.secrets);
    if global.output == Format::Json {
        output::json(&report)?;
    } else {
        output::document(&output::drift_text(&report));
    }
    troubles.into_failure()?;
    Ok(if report.ok { Exit::Ok } else { Exit::NotAsDesired })
}
