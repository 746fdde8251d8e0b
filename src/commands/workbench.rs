//! What a deployment needs at hand: the fabric, its templates, and the binaries it sends.

use super::exposed::exposed;
use super::fleet::{Fleet, exec_problem};
use super::troubles::Troubles;
use crate::action::{File, Plan, Wave};
use crate::cli::{DaemonArgs, Global};
use crate::fabric::{Fabric, Facts, ImageSource, Node, NodeName, Role};
use crate::observe::{self, AskError, Observation, Question};
use crate::output::{Exit, Failure, Problem};
use crate::planner::{self, Blocker, Desired, Digests, Fingerprint, NodePlan, RDNBRD_PATH};
use crate::remote::{self, ExecError};
use crate::render::Templates;
use crate::state::digest;
use crate::store;
use std::collections::{BTreeMap, BTreeSet};

/// Everything a plan is made from but the devices' own answers.
pub(super) struct Workbench<'a> {
    pub fabric: &'a Fabric,
    pub nodes: &'a BTreeSet<NodeName>,
    templates: Templates,
    rdnbrd: Option<Vec<u8>>,
    archives: BTreeMap<String, Vec<u8>>,
    /// Files as they would be on a device of assumed facts: they tell what to ask the real one for.
    assumed: BTreeMap<NodeName, Desired>,
}

impl<'a> Workbench<'a> {
    /// Reads what is local and renders every template once, so that nothing is touched if one is wrong.
    pub(super) fn load(
        global: &Global,
        daemon: &DaemonArgs,
        fabric: &'a Fabric,
        nodes: &'a BTreeSet<NodeName>,
    ) -> Result<Self, Failure> {
        let templates = super::render::templates(global)?;
        let members = || nodes.iter().filter_map(|name| fabric.nodes.get(name));
        let pushed = members().any(|node| node.role == Role::Leaf && !node.platform.has_own_rdnbrd());
        let rdnbrd = if pushed {
            Some(store::rdnbrd_binary(daemon.rdnbrd.as_deref()).map_err(|error| local(&error))?)
        } else {
            None
        };
        let mut bench =
            Self { fabric, nodes, templates, rdnbrd, archives: archives(fabric)?, assumed: BTreeMap::new() };
        let mut problems = Vec::new();
        for node in members() {
            match bench.desired(node, &Facts::assumed(node.platform)) {
                Ok(desired) => drop(bench.assumed.insert(node.name.clone(), desired)),
                Err(errors) => problems.extend(errors),
            }
        }
        if !problems.is_empty() {
            return Err(Failure { exit: Exit::Usage, problems });
        }
        let files =
            bench.assumed.iter().flat_map(|(node, made)| made.files.values().map(move |file| (node, file)));
        super::context::warn(global, exposed(&fabric.secrets, files));
        Ok(bench)
    }

    fn desired(&self, node: &Node, facts: &Facts) -> Result<Desired, Vec<Problem>> {
        let files: Vec<File> = self
            .templates
            .render(self.fabric, node, facts)
            .map_err(|errors| errors.iter().map(super::render::problem).collect::<Vec<_>>())?;
        Ok(planner::desired(self.fabric, node, files, self.rdnbrd.as_deref(), &self.archives))
    }

    /// Digests of all that is read here: what a plan is made from besides the devices' answers.
    pub(super) fn inputs(&self, inventory_digest: &str) -> Digests {
        let mut inputs = Digests::from([("the inventory".to_owned(), inventory_digest.to_owned())]);
        let templates = self.templates.sources();
        inputs
            .extend(templates.map(|(path, text)| (format!("the template {path}"), digest(text.as_bytes()))));
        inputs.extend(self.rdnbrd.iter().map(|binary| ("rdnbrd".to_owned(), digest(binary))));
        let archives = self.archives.iter();
        inputs.extend(
            archives.map(|(name, content)| (format!("the archive of image {name}"), digest(content))),
        );
        inputs
    }

    /// The fingerprint of a plan that was made from what was observed.
    pub(super) fn fingerprint(
        &self,
        inputs: Digests,
        observed: &BTreeMap<NodeName, Observation>,
        plan: &Plan,
    ) -> Fingerprint {
        let print = |(name, found): (&NodeName, &Observation)| {
            let node = self.fabric.nodes.get(name)?;
            Some((name.to_string(), planner::observed_prints(node, &found.facts, &found.state)))
        };
        let observed = observed.iter().filter_map(print).collect();
        Fingerprint { inputs, observed, steps: planner::step_prints(plan) }
    }

    /// What to ask of a node.
    pub(super) fn question(&self, node: &Node) -> Question {
        let mut question = base_question(self.fabric, node);
        if let Some(desired) = self.assumed.get(&node.name) {
            let paths = self.templates.paths(node).into_iter().filter(|path| path != RDNBRD_PATH);
            question.files = paths.collect();
            question.hashed = desired.files.keys().filter(|path| *path == RDNBRD_PATH).cloned().collect();
            question.sysctls = desired.state.sysctls.keys().cloned().collect();
            question.names.extend(desired.state.networks.keys().cloned());
            question.names.extend(desired.state.containers.keys().cloned());
            question.names.extend(desired.state.images.keys().cloned());
            let containers = desired.state.containers.iter().filter(|(_, found)| !found.secrets.is_empty());
            let variables =
                containers.map(|(name, found)| (name.clone(), found.secrets.keys().cloned().collect()));
            question.variables = variables.collect();
        }
        question
    }

    /// The plan that leads from what was observed to what is desired, for all nodes where nothing stands in its way.
    pub(super) fn plan(&self, observed: &BTreeMap<NodeName, Observation>, troubles: &mut Troubles) -> Plan {
        let mut plans: Vec<NodePlan> = Vec::new();
        for (name, observation) in observed {
            let Some(node) = self.fabric.nodes.get(name) else { continue };
            let desired = match self.desired(node, &observation.facts) {
                Ok(desired) => desired,
                Err(errors) => {
                    troubles.extend(Exit::Usage, errors);
                    continue;
                }
            };
            match planner::node_steps(self.fabric, node, &observation.facts, &observation.state, &desired) {
                Ok(plan) => plans.push(plan),
                Err(blockers) => {
                    let problem = |blocker| {
                        let hint = Blocker::hint(blocker);
                        Problem::from_error(blocker).on(name).during("check").hint(hint)
                    };
                    troubles.extend(Exit::NotAsDesired, blockers.iter().map(problem));
                }
            }
        }
        planner::assemble(plans, &Wave::ALL)
    }
}

/// What is asked of every node.
pub(super) fn base_question(fabric: &Fabric, node: &Node) -> Question {
    Question {
        services: planner::services(node).into_keys().collect(),
        fabric: fabric.name.clone(),
        role: Some(node.role),
        ..Question::default()
    }
}

/// Asks every node there is a connection to.
pub(super) async fn observe(
    fleet: &Fleet,
    questions: impl IntoIterator<Item = (NodeName, Question)>,
    troubles: &mut Troubles,
) -> BTreeMap<NodeName, Observation> {
    let timeout = fleet.timeout;
    let work = questions.into_iter().filter_map(|(name, question)| {
        let session = fleet.sessions.get(&name).cloned()?;
        Some((name, (session, question)))
    });
    let answers = remote::each(work, fleet.parallel, move |_, (session, question)| async move {
        observe::ask(&session, &question, timeout).await
    })
    .await;
    let mut observed = BTreeMap::new();
    for (name, answer) in answers {
        match answer {
            Ok(observation) => drop(observed.insert(name, observation)),
            Err(error) => troubles.add(exit_of(&error), ask_problem(&name, "observe", &error)),
        }
    }
    observed
}

/// A node that was lost while it was asked is one that can't be reached.
pub(super) fn exit_of(error: &AskError) -> Exit {
    match error {
        AskError::Exec(ExecError::Lost(_)) => Exit::Unreachable,
        _ => Exit::NotAsDesired,
    }
}

/// A question that got no answer, as a problem.
pub(super) fn ask_problem(node: &NodeName, step: &str, error: &AskError) -> Problem {
    let hint = match error {
        AskError::Exec(error) => return exec_problem(node, step, error),
        AskError::Busy => "wait until it is through, then run the same command again",
        AskError::Router(_) => "see whether FRR runs there: service frr status; vtysh -c 'show version'",
        AskError::Daemon(_) => {
            "see whether it runs there, and is of this version: service rdnbrd status; rdnbrd --version; \
             `fabricctl deploy` brings it there and starts it"
        }
        AskError::Answer(_) => "see what the device's own programs print: ip -j addr, docker inspect, vtysh",
    };
    Problem::from_error(error).on(node).during(step).hint(hint)
}

fn local(error: &store::StoreError) -> Failure {
    super::context::store_failure(error)
}

fn archives(fabric: &Fabric) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let used: BTreeSet<&String> = fabric.workloads.values().map(|workload| &workload.image).collect();
    let images = fabric.images.values().filter(|image| used.contains(&image.name));
    images
        .filter_map(|image| match &image.source {
            ImageSource::Archive { path } => Some((&image.name, path)),
            _ => None,
        })
        .map(|(name, path)| {
            let content = store::read_archive(path).map_err(|error| local(&error))?;
            Ok((name.clone(), content))
        })
        .collect()
}
