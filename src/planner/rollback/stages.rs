//! In which order nodes go back.

use crate::action::{Plan, Stage, Step, Wave};
use crate::fabric::{Fabric, NodeName};
use crate::planner::{Pace, batches};
use std::collections::{BTreeMap, BTreeSet};

/// The order of waves on the way back: that of a deployment, reversed. Containers go with their servers.
const ORDER: [Wave; 3] = [Wave::Servers, Wave::Leafs, Wave::Spines];

/// One node's way back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Back {
    /// Its steps.
    pub steps: Vec<Step>,
    /// It routes before and after, so that what stands in for it must not go back in the same moment.
    pub in_service: bool,
}

/// Joins the nodes' ways into stages; those that stand in for one another are in different ones.
pub fn stages(fabric: &Fabric, nodes: &BTreeMap<NodeName, Back>) -> Plan {
    let busy: BTreeSet<NodeName> =
        nodes.iter().filter(|(_, back)| back.in_service).map(|(name, _)| name.clone()).collect();
    let mut plan = Plan::default();
    for wave in ORDER {
        let of_wave = |name: &&NodeName| {
            fabric.nodes.get(*name).is_some_and(|node| Wave::of(node.role) == wave)
                && !nodes[*name].steps.is_empty()
        };
        let names: Vec<NodeName> = nodes.keys().filter(of_wave).cloned().collect();
        for batch in batches(fabric, &names, &busy, &Pace::default()) {
            let steps = batch.iter().filter_map(|name| nodes.get(name)).flat_map(|back| back.steps.clone());
            plan.stages.push(Stage { wave, steps: steps.collect() });
        }
    }
    plan
}
