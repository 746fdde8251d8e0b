//! Networks, images and containers.

use super::Desired;
use crate::action::{Action, ContainerSpec, Step};
use crate::fabric::{Node, NodeName};
use crate::state::{Change, Container, NodeState, spec_hash};
use std::collections::BTreeSet;

/// Containers to remove first, then networks and images, then containers to run; images nobody needs go last.
pub(super) fn workloads(node: &Node, current: &NodeState, wanted: &Desired, changes: &[Change]) -> Vec<Step> {
    let name = &node.name;
    let (mut first, mut middle, mut run, mut last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let replaced: BTreeSet<&str> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Network { name, exists: true, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    for change in changes {
        match change {
            Change::Network { name: network, exists, wanted: want } => {
                if *exists {
                    let reason =
                        if *want { "its specification changed" } else { "nothing asks for it any more" };
                    middle.push(Step::new(name, Action::RemoveNetwork { name: network.clone() }, reason));
                }
                if let Some(spec) = wanted.specs.networks.get(network) {
                    let reason = if *exists { "its specification changed" } else { "it doesn't exist" };
                    middle.push(Step::new(name, Action::CreateNetwork { network: spec.clone() }, reason));
                }
            }
            Change::Image { tag, wanted: true, .. } => {
                if let Some(image) = wanted.specs.images.get(tag) {
                    let action = Action::ProvideImage { image: image.clone() };
                    middle.push(Step::new(name, action, "the server doesn't have it"));
                }
            }
            Change::Image { tag, wanted: false, .. } => {
                let action = Action::RemoveImage { tag: tag.clone() };
                last.push(Step::new(name, action, "no workload needs it any more"));
            }
            Change::Container { name: container, before, after } => {
                let spec = wanted.specs.containers.get(container);
                container_steps(
                    name,
                    container,
                    before.as_ref(),
                    after.as_ref().and(spec),
                    &mut first,
                    &mut run,
                );
            }
            _ => {}
        }
    }
    // A network can only be replaced without the containers on it, even those that are as desired.
    for (container, spec) in &wanted.specs.containers {
        let untouched = current.containers.get(container) == wanted.state.containers.get(container);
        if untouched && replaced.contains(spec.network.as_str()) {
            let reason = format!("its network {} is replaced", spec.network);
            first.push(Step::new(name, Action::RemoveContainer { name: container.clone() }, &*reason));
            run.push(Step::new(name, Action::RunContainer { container: spec.clone() }, &*reason));
        }
    }
    [first, middle, run, last].concat()
}

fn container_steps(
    node: &NodeName,
    name: &str,
    before: Option<&Container>,
    after: Option<&ContainerSpec>,
    first: &mut Vec<Step>,
    run: &mut Vec<Step>,
) {
    let remove = || Action::RemoveContainer { name: name.to_owned() };
    let Some(spec) = after else {
        if before.is_some() {
            first.push(Step::new(node, remove(), "no workload of the inventory"));
        }
        return;
    };
    let Some(before) = before else {
        run.push(Step::new(node, Action::RunContainer { container: spec.clone() }, "it doesn't exist"));
        return;
    };
    let fabric = &before.mark.fabric;
    let as_specified = Container { running: true, ..before.clone() } == Container::of(spec, fabric);
    if as_specified {
        run.push(Step::new(node, Action::StartContainer { name: name.to_owned() }, "it isn't running"));
        return;
    }
    let reason = if before.address != Some(spec.address) {
        let was = before.address.map_or("no address".to_owned(), |address| address.to_string());
        format!("its address changes: {was} → {}", spec.address)
    } else if before.image != spec.image {
        format!("its image changes: {} → {}", before.image, spec.image)
    } else if before.network != spec.network {
        format!("its network changes: {} → {}", before.network, spec.network)
    } else if before.mark.hash == spec_hash(spec) {
        "a secret in its environment changes".to_owned()
    } else {
        "its command or environment changes".to_owned()
    };
    first.push(Step::new(node, remove(), reason.clone()));
    run.push(Step::new(node, Action::RunContainer { container: spec.clone() }, reason));
}
