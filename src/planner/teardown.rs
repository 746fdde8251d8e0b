//! The way back: what is ours goes, what was there before returns.

use super::NodePlan;
use crate::action::{Action, Step, Wave};
use crate::fabric::{Fabric, Node};
use crate::state::NodeState;
use std::collections::BTreeMap;

/// How much a teardown takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything this tool made.
    Everything,
    /// Containers, networks and images only.
    Workloads,
}

/// The order in which a teardown takes devices: the reverse of a deployment.
pub const ORDER: [Wave; 4] = [Wave::Workloads, Wave::Servers, Wave::Leafs, Wave::Spines];

/// The steps that take this tool's work off one node; none when nothing of it is there.
pub fn teardown_steps(fabric: &Fabric, node: &Node, current: &NodeState, scope: Scope) -> NodePlan {
    let mut plan = BTreeMap::new();
    let workloads = workloads(fabric, node, current);
    if !workloads.is_empty() {
        plan.insert(Wave::Workloads, workloads);
    }
    if scope == Scope::Everything {
        let configuration = configuration(node, current);
        if !configuration.is_empty() {
            plan.insert(Wave::of(node.role), configuration);
        }
    }
    plan
}

fn workloads(fabric: &Fabric, node: &Node, current: &NodeState) -> Vec<Step> {
    let reason = format!("it belongs to fabric {}", fabric.name);
    let ours = |mark: &crate::state::Marked| mark.fabric == fabric.name;
    let containers = current.containers.iter().filter(|(_, container)| ours(&container.mark));
    let networks = current.networks.iter().filter(|(_, mark)| ours(mark));
    let images = current.images.iter().filter(|(_, mark)| ours(mark));
    containers
        .map(|(name, _)| Action::RemoveContainer { name: name.clone() })
        .chain(networks.map(|(name, _)| Action::RemoveNetwork { name: name.clone() }))
        .chain(images.map(|(tag, _)| Action::RemoveImage { tag: tag.clone() }))
        .map(|action| Step::new(&node.name, action, reason.clone()))
        .collect()
}

/// Daemons that didn't run before stop first, so that none sees files vanish below it; those that did take up
/// what was restored.
fn configuration(node: &Node, current: &NodeState) -> Vec<Step> {
    let mut steps = Vec::new();
    let runs = |service: &str| current.services.get(service).copied().unwrap_or(false);
    for (service, ran) in current.services_before.iter().rev() {
        if !ran && runs(service) {
            let action = Action::StopService { service: service.clone() };
            steps.push(Step::new(&node.name, action, "it didn't run before the first deployment"));
        }
    }
    for path in &current.owned {
        let action = Action::RestoreFile { path: path.clone() };
        steps.push(Step::new(&node.name, action, "it was written by fabricctl"));
    }
    if current.owned.iter().any(|path| path.contains("/network/interfaces")) {
        let action = Action::ReloadService { service: "interfaces".to_owned(), path: String::new() };
        steps.push(Step::new(&node.name, action, "its configuration was restored"));
    }
    for (service, ran) in &current.services_before {
        if *ran && runs(service) {
            let action = Action::RestartService { service: service.clone() };
            steps.push(Step::new(&node.name, action, "its configuration was restored"));
        }
    }
    if current.recorded {
        steps.push(Step::new(&node.name, Action::Forget, "nothing of it is left to care for"));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_teardown_goes_the_way_back() {
        let mut order = Wave::ALL;
        order.reverse();
        assert_eq!(order, ORDER);
    }
}
