//! Plans between `plan --out` and `deploy FILE`.

use super::context;
use crate::cli::{DeployArgs, Global, Target};
use crate::fabric::{Fabric, NodeName};
use crate::output::{Exit, Failure, Problem};
use crate::planner::{self, Difference, Digests, Fingerprint};
use crate::store::{SavedPlan, SavedPlanError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The plan that was given to `deploy`.
pub(super) struct Given {
    file: PathBuf,
    plan: SavedPlan,
}

impl Given {
    /// Reads the plan, if one was given.
    pub(super) fn read(args: &DeployArgs) -> Result<Option<Self>, Failure> {
        let Some(file) = &args.plan else {
            return not_a_lab(&args.change.target).map(|()| None);
        };
        let plan = SavedPlan::read(file).map_err(|error| failure(&error))?;
        Ok(Some(Self { file: file.clone(), plan }))
    }

    /// The nodes that the plan is for, if it is for this fabric and these devices.
    pub(super) fn nodes(
        &self,
        global: &Global,
        target: &Target,
        fabric: &Fabric,
    ) -> Result<BTreeSet<NodeName>, Failure> {
        let file = self.file.display();
        if self.plan.fabric != fabric.name {
            let message =
                format!("{file} is for fabric {}, the inventory for {}", self.plan.fabric, fabric.name);
            return Err(Failure::say(
                Exit::Usage,
                message,
                "name the inventory that it was made from with -i",
            ));
        }
        let lab = target.lab_name(&fabric.name);
        if self.plan.lab != lab {
            let devices = |lab: &Option<String>| {
                lab.as_ref().map_or("real devices".to_owned(), |lab| format!("lab {lab}"))
            };
            let message = format!("{file} is for {}, not for {}", devices(&self.plan.lab), devices(&lab));
            let hint = self.plan.lab.as_ref().map_or_else(
                || "leave out --lab (and FABRICCTL_LAB)".to_owned(),
                |lab| format!("add --lab {lab}"),
            );
            return Err(Failure::say(Exit::Usage, message, hint));
        }
        let planned = |name: &&NodeName| self.plan.print.observed.contains_key(name.as_str());
        let nodes: BTreeSet<NodeName> = fabric.nodes.keys().filter(planned).cloned().collect();
        if global.limit.is_some() && context::selected(global, fabric)? != nodes {
            let names: Vec<&str> = self.plan.print.observed.keys().map(String::as_str).collect();
            let message =
                format!("{file} is for {}, and --limit says otherwise", super::troubles::listed(&names));
            return Err(Failure::say(Exit::Usage, message, "leave out --limit, or plan again with it"));
        }
        Ok(nodes)
    }

    /// Whether what is read here is what the plan was made from.
    pub(super) fn check_inputs(&self, now: &Digests) -> Result<(), Failure> {
        self.refuse(&planner::inputs_since(&self.plan.print.inputs, now))
    }

    /// Whether the plan that was made anew is the one that was saved.
    pub(super) fn check(&self, now: &Fingerprint) -> Result<(), Failure> {
        self.refuse(&now.since(&self.plan.print))
    }

    /// Nothing was touched yet: what differs makes it a plan for another time.
    fn refuse(&self, differences: &[Difference]) -> Result<(), Failure> {
        if differences.is_empty() {
            return Ok(());
        }
        let SavedPlan { at, who, .. } = &self.plan;
        let problem = |difference: &Difference| {
            let message = match &difference.node {
                Some(_) => difference.how.to_string(),
                None => format!("{}: {}", difference.what, difference.how),
            };
            let step = difference.node.is_some().then(|| difference.what.clone());
            Problem { message, node: difference.node.clone(), step, ..Problem::default() }
        };
        let file = self.file.display();
        let message = format!(
            "{file} doesn't hold any more: this is different from when {who} planned at {at}; nothing was changed"
        );
        let hint = format!("look at what would change now and save it: fabricctl plan --out {file}");
        let last = Problem { message, ..Problem::default() }.hint(hint);
        let problems = differences.iter().map(problem).chain([last]).collect();
        Err(Failure { exit: Exit::Usage, problems })
    }
}

/// Saves a plan.
pub(super) fn save(
    file: &Path,
    lab: Option<String>,
    fabric: &Fabric,
    print: Fingerprint,
) -> Result<(), Failure> {
    SavedPlan::new(&fabric.name, lab, print).write(file).map_err(|error| failure(&error))
}

/// What to do with a plan that was saved.
pub(super) fn how_to_deploy(file: &Path, lab: Option<&str>) -> String {
    let lab = match lab {
        None => String::new(),
        Some(name) => format!(" --lab {name}").trim_end().to_owned(),
    };
    let file = file.display();
    format!("saved in {file}; with the same inventory and templates: fabricctl deploy {file}{lab}")
}

/// `--lab FILE` takes the file for the lab's name.
fn not_a_lab(target: &Target) -> Result<(), Failure> {
    match &target.lab {
        Some(lab) if Path::new(lab).is_file() && !target.lab_dir.join(lab).is_dir() => Err(Failure::say(
            Exit::Usage,
            format!("there is no lab {lab}, but a file of that name"),
            format!("write the plan before the option: fabricctl deploy {lab} --lab"),
        )),
        _ => Ok(()),
    }
}

fn failure(error: &SavedPlanError) -> Failure {
    let hint = match error {
        SavedPlanError::Write { .. } => "name another file with --out",
        SavedPlanError::Read { .. } | SavedPlanError::NoPlan { .. } => {
            "save a plan with `fabricctl plan --out FILE`, then `fabricctl deploy FILE`"
        }
        SavedPlanError::Version { .. } => "its steps may be others now: plan again with this version",
    };
    Failure::one(Exit::Usage, Problem::from_error(error).hint(hint))
}
