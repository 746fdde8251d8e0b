//! A plan in the parts that follow one another: its stages, each in batches.

use super::{Pace, batches};
use crate::action::{Action, Plan, Stage};
use crate::fabric::{Fabric, NodeName};
use std::collections::BTreeSet;

/// What may be in flight together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its steps, and the wave they belong to.
    pub stage: Stage,
    /// Which part of its wave it is, from 1.
    pub number: usize,
    /// How many parts its wave has.
    pub of: usize,
}

impl Part {
    /// Its nodes.
    pub fn nodes(&self) -> BTreeSet<NodeName> {
        self.stage.steps.iter().map(|step| step.node.clone()).collect()
    }

    /// Whether it can cost traffic: files alone change nothing until something takes them up.
    pub fn disturbs(&self) -> bool {
        let idle = |action: &Action| {
            matches!(
                action,
                Action::PutFile { .. }
                    | Action::RestoreFile { .. }
                    | Action::ProvideImage { .. }
                    | Action::RemoveImage { .. }
                    | Action::Forget
            )
        };
        !self.stage.steps.iter().all(|step| idle(&step.action))
    }
}

/// Splits a plan; the order of stages stays.
pub fn parts(fabric: &Fabric, plan: &Plan, in_service: &BTreeSet<NodeName>, pace: &Pace) -> Vec<Part> {
    let mut parts = Vec::new();
    for stage in &plan.stages {
        let mut wave: Vec<NodeName> = Vec::new();
        for step in &stage.steps {
            if !wave.contains(&step.node) {
                wave.push(step.node.clone());
            }
        }
        let batches = batches(fabric, &wave, in_service, pace);
        let of = batches.len();
        parts.extend(batches.into_iter().enumerate().map(|(at, nodes)| {
            let steps = stage.steps.iter().filter(|step| nodes.contains(&step.node)).cloned().collect();
            Part { stage: Stage { wave: stage.wave, steps }, number: at + 1, of }
        }));
    }
    parts
}

/// The workloads that these parts will start or remove: until then nobody can count on them.
pub fn coming(parts: &[Part]) -> BTreeSet<&str> {
    parts.iter().flat_map(|part| &part.stage.steps).filter_map(|step| step.action.container()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Step, Wave};
    use crate::inventory;
    use std::path::Path;

    fn step(node: &str, action: Action) -> Step {
        Step::new(&NodeName::new(node).unwrap(), action, "")
    }

    fn reload(node: &str) -> Step {
        step(node, Action::ReloadService { service: "frr".to_owned(), path: "/etc/frr/frr.conf".to_owned() })
    }

    fn start(node: &str, name: &str) -> Step {
        step(node, Action::StartContainer { name: name.to_owned() })
    }

    #[test]
    fn parts_keep_every_step_in_the_order_of_its_node() {
        let text = include_str!("../../inventory/reference/fabric.yml");
        let fabric = inventory::read("fabric.yml", text, Path::new(".")).unwrap();
        let file = |node| step(node, Action::RestoreFile { path: "/etc/frr/frr.conf".to_owned() });
        let spines = vec![file("spine01"), reload("spine01"), reload("spine02")];
        let workloads = vec![start("server01", "web11"), start("server02", "web21")];
        let stage = |wave, steps| Stage { wave, steps };
        let plan = Plan {
            stages: vec![stage(Wave::Spines, spines.clone()), stage(Wave::Workloads, workloads.clone())],
        };
        let busy = ["spine01", "spine02"].map(|name| NodeName::new(name).unwrap()).into();
        let parts = parts(&fabric, &plan, &busy, &Pace::default());
        let steps: Vec<&[Step]> = parts.iter().map(|part| part.stage.steps.as_slice()).collect();
        assert_eq!(steps, [&spines[..2], &spines[2..], &workloads[..]]);
        let places: Vec<(Wave, usize, usize)> =
            parts.iter().map(|part| (part.stage.wave, part.number, part.of)).collect();
        assert_eq!(places, [(Wave::Spines, 1, 2), (Wave::Spines, 2, 2), (Wave::Workloads, 1, 1)]);
        assert_eq!(coming(&parts[1..]), BTreeSet::from(["web11", "web21"]));
        assert!(coming(&parts[..2]).is_empty());
    }

    #[test]
    fn files_alone_disturb_nobody() {
        let part = |steps| Part { stage: Stage { wave: Wave::Leafs, steps }, number: 1, of: 1 };
        let file = step("leaf01", Action::RestoreFile { path: "/etc/motd".to_owned() });
        assert!(!part(vec![file.clone()]).disturbs());
        assert!(part(vec![file, reload("leaf01")]).disturbs());
        assert!(part(vec![start("server01", "web11")]).disturbs());
    }
}
