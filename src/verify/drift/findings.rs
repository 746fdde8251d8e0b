//! The verdicts about drift in the shape of all checks.

use super::{Difference, NodeDrift, Standing, judge};
use crate::fabric::NodeName;
use crate::verify::facts::World;
use crate::verify::finding::{CheckName, Finding};
use crate::verify::scope::Scope;

/// What a verdict about a whole device is about.
const DEVICE: &str = "device";

/// One verdict a device that is as it was left, one a difference on the others. What was never deployed to has nothing to
/// be held against.
pub(in crate::verify) fn findings(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, facts) in scope.answered(world) {
        match &facts.drift {
            None => {}
            Some(Err(fault)) => findings.push(Finding::of_fault(CheckName::Drift, &node.name, DEVICE, fault)),
            Some(Ok(evidence)) => {
                findings.extend(verdicts(&judge(&node.name, evidence, &scope.fabric.secrets)));
            }
        }
    }
    findings
}

fn verdicts(drift: &NodeDrift) -> Vec<Finding> {
    let skipped = |reason: &str| vec![Finding::skipped(CheckName::Drift, &drift.node, DEVICE, reason)];
    match drift.standing {
        Standing::NeverDeployed => skipped("not available: it was never deployed to"),
        Standing::Unrecorded => {
            skipped("not available: it was deployed to by a version that kept no record of what it did")
        }
        Standing::Unknown => skipped("not available: it gave no answer"),
        Standing::AsDeployed => {
            let run = drift.run.as_ref().map(|run| format!("as the run {} left it", run.run));
            vec![Finding { found: run, ..Finding::ok(CheckName::Drift, &drift.node, DEVICE) }]
        }
        Standing::Drifted => drift.differences.iter().map(|one| difference(&drift.node, one)).collect(),
    }
}

fn difference(node: &NodeName, one: &Difference) -> Finding {
    let subject = format!("{} {}", one.kind, one.name);
    Finding::failed(CheckName::Drift, node, subject, &one.message)
        .expected("as the last run left it")
        .hint(format!("fabricctl verify drift -l {node} shows what differs; fabricctl deploy puts it right"))
}
