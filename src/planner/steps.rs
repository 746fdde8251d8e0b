//! From differences to ordered steps, each with its reason.

use super::activations::Activations;
use super::blockers::{Blocker, blockers};
use super::workloads::workloads;
use super::{Desired, RDNBRD_PATH, daemon_of};
use crate::action::{Action, File, How, Plan, Stage, Step, Wave};
use crate::fabric::{Fabric, Facts, Node, Secrets};
use crate::state::{Change, FileState, NodeState, Veil, diff};
use similar::TextDiff;
use std::collections::BTreeMap;

/// The steps of one node, by wave.
pub type NodePlan = BTreeMap<Wave, Vec<Step>>;

/// The steps that take one node from its current state to the desired one.
///
/// # Errors
/// With everything that stands in the way; then nothing may be touched.
pub fn node_steps(
    fabric: &Fabric,
    node: &Node,
    facts: &Facts,
    current: &NodeState,
    wanted: &Desired,
) -> Result<NodePlan, Vec<Blocker>> {
    let blockers = blockers(node, facts, current, wanted, fabric);
    if !blockers.is_empty() {
        return Err(blockers);
    }
    let changes = diff(current, &wanted.state);
    let mut plan = NodePlan::new();
    let configuration = configuration(fabric, node, current, wanted, &changes);
    if !configuration.is_empty() {
        plan.insert(Wave::of(node.role), configuration);
    }
    let workloads = workloads(node, current, wanted, &changes);
    if !workloads.is_empty() {
        plan.insert(Wave::Workloads, workloads);
    }
    Ok(plan)
}

/// Joins the nodes' steps into stages, in the order of the waves.
pub fn assemble(nodes: impl IntoIterator<Item = NodePlan>, order: &[Wave]) -> Plan {
    let mut waves: BTreeMap<Wave, Vec<Step>> = BTreeMap::new();
    for (wave, steps) in nodes.into_iter().flatten() {
        waves.entry(wave).or_default().extend(steps);
    }
    let stages = order
        .iter()
        .filter_map(|wave| waves.remove(wave).map(|steps| Stage { wave: *wave, steps }))
        .collect();
    Plan { stages }
}

/// Files, then what must take them up.
fn configuration(
    fabric: &Fabric,
    node: &Node,
    current: &NodeState,
    wanted: &Desired,
    changes: &[Change],
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut activations = Activations::default();
    for change in changes {
        match change {
            Change::WriteFile { path, before, after } => {
                if let Some(file) = wanted.files.get(path) {
                    activations.file(file);
                    steps.push(write_step(&fabric.secrets, node, file, before.as_ref(), after));
                }
            }
            Change::DropFile { path } => {
                let action = Action::RestoreFile { path: path.clone() };
                steps.push(Step::new(&node.name, action, "nothing in the inventory asks for it any more"));
            }
            Change::Service { name, run: true } => activations.start(name, "it isn't running"),
            Change::Service { name, run: false } => {
                steps.push(Step::new(
                    &node.name,
                    Action::StopService { service: name.clone() },
                    "it isn't wanted",
                ));
            }
            Change::Interfaces(wrong) => {
                activations.reload("interfaces", path_of(wanted, "interfaces"), &wrong.join(", "));
            }
            Change::Sysctls(wrong) => {
                activations.reload("sysctl", path_of(wanted, "sysctl"), &wrong.join(", "));
            }
            Change::Routing { missing, extra } => {
                let service = daemon_of(node.platform);
                let veil = Veil::new(&fabric.secrets, wanted.state.routing.iter().map(String::as_str));
                activations.reload(service, path_of(wanted, service), &routing_reason(&veil, missing, extra));
            }
            Change::Network { .. } | Change::Image { .. } | Change::Container { .. } => {}
        }
    }
    // The daemon's binary first: the check of its configuration runs it.
    steps.sort_by_key(
        |step| !matches!(&step.action, Action::PutFile { file, .. } if file.path == RDNBRD_PATH),
    );
    steps.extend(activations.into_steps(node, current));
    steps
}

/// The file that a service reloads, where one says so.
fn path_of<'a>(wanted: &'a Desired, service: &str) -> &'a str {
    wanted
        .files
        .values()
        .find(|file| {
            file.activates.as_ref().is_some_and(|act| act.service == service && act.how == How::Reload)
        })
        .map_or("", |file| file.path.as_str())
}

fn routing_reason(veil: &Veil<'_>, missing: &[String], extra: &[String]) -> String {
    let some = |lines: &[String]| match lines {
        [one] => format!("{:?}", veil.found(one)),
        [first, rest @ ..] => format!("{:?} and {} more", veil.found(first), rest.len()),
        [] => String::new(),
    };
    match (missing.is_empty(), extra.is_empty()) {
        (false, true) => format!("the running configuration lacks {}", some(missing)),
        (true, _) => format!("the running configuration has {}, which the file hasn't", some(extra)),
        (false, false) => {
            format!("the running configuration has {} in place of {}", some(extra), some(missing))
        }
    }
}

fn write_step(
    secrets: &Secrets,
    node: &Node,
    file: &File,
    before: Option<&FileState>,
    after: &FileState,
) -> Step {
    let (reason, old) = match before {
        None => ("it doesn't exist".to_owned(), ""),
        Some(before) if before.digest != after.digest => {
            ("its content differs".to_owned(), before.text.as_deref().unwrap_or_default())
        }
        Some(before)
            if (&before.owner, &before.group, before.mode) != (&after.owner, &after.group, after.mode) =>
        {
            let reason = format!(
                "it is {}:{} {:04o}, not {}:{} {:04o}",
                before.owner, before.group, before.mode, after.owner, after.group, after.mode
            );
            (reason, after.text.as_deref().unwrap_or_default())
        }
        Some(_) => (
            "it is as desired but not under fabricctl's care yet".to_owned(),
            after.text.as_deref().unwrap_or_default(),
        ),
    };
    let diff = after.text.as_deref().filter(|new| *new != old).map(|new| {
        let lines = TextDiff::from_lines(old, new);
        let diff = lines.unified_diff().header(&file.path, &file.path).to_string();
        Veil::new(secrets, new.lines()).diff(&diff)
    });
    Step {
        node: node.name.clone(),
        action: Action::PutFile { file: file.clone(), replaces: before.is_some() },
        reason,
        diff,
    }
}
