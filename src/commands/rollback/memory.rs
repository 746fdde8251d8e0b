//! What devices remember, and the way back that follows from it.

use super::which::Undone;
use crate::action::RunId;
use crate::apply::transaction::{self, KEPT_MIB, KEPT_RUNS, Memory, TransactionError, Wanted};
use crate::commands::deeds::deed_problem;
use crate::commands::fleet::Fleet;
use crate::commands::troubles::Troubles;
use crate::commands::workbench;
use crate::fabric::{Fabric, Node, NodeName, Secrets};
use crate::observe::Question;
use crate::output::{self, Exit, Problem};
use crate::planner::{self, Back, IMAGES_DIRECTORY, Lost, RDNBRD_PATH, WayBack};
use crate::remote;
use crate::state::{NodeState, Present, SHOWN_OCTETS, Saved};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Below this directory a device keeps what stood where this tool writes; as large as that was.
const ORIGINALS: &str = "/var/lib/fabricctl/original/";
/// The list of what is this tool's on a device.
const MANIFEST: &str = "/var/lib/fabricctl/manifest";

/// Why a device can't go back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Forgotten {
    #[error(
        "it no longer remembers run {0}: a device keeps what was there before its last {KEPT_RUNS} runs, at most {KEPT_MIB} MiB"
    )]
    Run(RunId),
    #[error("run {0}, a teardown, took away what it remembered of the runs before")]
    Teardown(RunId),
    #[error("it has forgotten runs that came after run {0}: it keeps {KEPT_RUNS}, at most {KEPT_MIB} MiB")]
    Earlier(RunId),
}

/// How the nodes were before the run, as far as it and later ones changed them.
pub(super) async fn remember(
    fleet: &Fleet,
    of: &Undone,
    nodes: &BTreeSet<NodeName>,
    troubles: &mut Troubles,
) -> BTreeMap<NodeName, Arc<Saved>> {
    let timeout = fleet.timeout;
    let sessions = fleet.sessions.iter().filter(|(node, _)| nodes.contains(*node));
    let sessions = sessions.map(|(node, session)| (node.clone(), Arc::clone(session)));
    let run = of.run.clone();
    let answers = remote::each(sessions, fleet.parallel, move |_, session| {
        let run = run.clone();
        async move { transaction::since(&session, &run, timeout).await }
    })
    .await;
    let mut pasts = BTreeMap::new();
    let mut secrets = Secrets::default();
    for (node, answer) in answers {
        match answer.map(|memory| (forgotten(&node, &memory, of), memory)) {
            Ok((None, memory)) => {
                let saved = Saved::before_all(memory.before.into_values());
                let texts = saved.containers.values().flat_map(|container| container.spec.secrets.values());
                texts.for_each(|secret| secrets.add(secret.reveal()));
                pasts.insert(node, Arc::new(saved));
            }
            Ok((Some(forgotten), _)) => {
                let problem = Problem::from_error(&forgotten).on(&node).during("remember");
                let hint = format!(
                    "nothing was changed there; bring it to the inventory's state with `fabricctl deploy -l {node}`, \
                     or to that before the first deployment with `fabricctl teardown -l {node}`"
                );
                troubles.add(Exit::NotAsDesired, problem.hint(hint));
            }
            Err(error) => troubles.add(exit_of(&error), deed_problem(&node, "remember", &error)),
        }
    }
    // They come from the devices: nobody has told this process of them yet.
    output::hide(&secrets);
    pasts
}

/// What of the runs to be undone a device doesn't know any more.
fn forgotten(node: &NodeName, memory: &Memory, of: &Undone) -> Option<Forgotten> {
    let known: BTreeSet<&RunId> = memory.runs.iter().map(|run| &run.record.run).collect();
    for (run, nodes) in of.changed.iter().rev() {
        if nodes.contains(node.as_str()) && !known.contains(run) {
            let run = run.clone();
            return Some(if of.teardowns.contains(&run) {
                Forgotten::Teardown(run)
            } else {
                Forgotten::Run(run)
            });
        }
    }
    // Runs of other journals: they are forgotten from the oldest on.
    let newest = memory.forgotten.as_ref()?;
    (*newest >= of.run).then(|| Forgotten::Earlier(of.run.clone()))
}

/// Asks the nodes how they are now, and finds the steps that lead back; none on nodes that are as they were.
pub(super) async fn ways_back(
    fabric: &Fabric,
    fleet: &Fleet,
    run: &RunId,
    pasts: &BTreeMap<NodeName, Arc<Saved>>,
    troubles: &mut Troubles,
) -> BTreeMap<NodeName, Back> {
    let members = || {
        // What no run touched is as it was.
        let touched = pasts.iter().filter(|(_, past)| !past.files.is_empty());
        touched.filter_map(|(name, past)| Some((fabric.nodes.get(name)?, past)))
    };
    let questions = members().map(|(node, past)| (node.name.clone(), question(fabric, node, past)));
    let (observed, presents) = tokio::join!(
        async {
            let mut troubles = Troubles::default();
            (workbench::observe(fleet, questions, &mut troubles).await, troubles)
        },
        ask(fabric, fleet, run, members())
    );
    let (observed, unheard) = observed;
    troubles.append(unheard);
    let mut ways = BTreeMap::new();
    for (node, past) in members() {
        let name = &node.name;
        let (Some(observation), Some(present)) = (observed.get(name), presents.get(name)) else {
            continue;
        };
        let present = match present {
            Ok(present) => present,
            Err(error) => {
                troubles.add(exit_of(error), deed_problem(name, "observe", error));
                continue;
            }
        };
        let current: &NodeState = &observation.state;
        let way = WayBack { fabric, node, run, past, current, present };
        match way.steps() {
            Ok(steps) => {
                let router = planner::daemon_of(node.platform);
                let runs = current.services.get(router).copied().unwrap_or(false);
                let ran = past.services.get(router).is_none_or(|router| router.ran);
                ways.insert(name.clone(), Back { steps, in_service: runs && ran });
            }
            Err(lost) => {
                let problem =
                    |lost: &Lost| Problem::from_error(lost).on(name).during("check").hint(lost.hint());
                troubles.extend(Exit::NotAsDesired, lost.iter().map(problem));
            }
        }
    }
    ways
}

async fn ask<'a>(
    fabric: &Fabric,
    fleet: &Fleet,
    run: &RunId,
    members: impl Iterator<Item = (&'a Node, &'a Arc<Saved>)>,
) -> BTreeMap<NodeName, Result<Present, TransactionError>> {
    let timeout = fleet.timeout;
    let work = members.filter_map(|(node, past)| {
        let session = Arc::clone(fleet.sessions.get(&node.name)?);
        Some((node.name.clone(), (session, Arc::clone(past))))
    });
    let common = Arc::new((fabric.name.clone(), run.clone()));
    remote::each(work, fleet.parallel, move |_, (session, past)| {
        let common = Arc::clone(&common);
        async move {
            let (fabric, run) = &*common;
            let wanted = Wanted { fabric, run, past: &past };
            transaction::present(&session, &wanted, timeout).await
        }
    })
    .await
}

/// What to ask of a node: all that its snapshots tell of.
fn question(fabric: &Fabric, node: &Node, past: &Saved) -> Question {
    let mut question = workbench::base_question(fabric, node);
    let services: BTreeSet<String> =
        question.services.drain(..).chain(past.services.keys().cloned()).collect();
    question.services = services.into_iter().collect();
    let large = |path: &str, octets: usize| {
        path == RDNBRD_PATH || path.starts_with(ORIGINALS) || octets > SHOWN_OCTETS
    };
    let mut files: BTreeSet<String> = images(past);
    for (path, file) in &past.files {
        let octets = file.as_ref().map_or(0, |file| file.content.len());
        if large(path, octets) {
            question.hashed.push(path.clone());
        } else {
            files.insert(path.clone());
        }
    }
    question.files = files.into_iter().collect();
    question.names.extend(past.networks.keys().chain(past.containers.keys()).cloned());
    for (name, container) in &past.containers {
        question.names.insert(container.spec.image.clone());
        if !container.spec.secrets.is_empty() {
            question.variables.insert(name.clone(), container.spec.secrets.keys().cloned().collect());
        }
    }
    question
}

/// The files from which images were built, touched or not: an image that is gone is built of all of them.
fn images(past: &Saved) -> BTreeSet<String> {
    let manifest = past.files.get(MANIFEST).and_then(Option::as_ref);
    let text = manifest.map(|manifest| String::from_utf8_lossy(&manifest.content).into_owned());
    let text = text.unwrap_or_default();
    let paths = text.lines().filter_map(|line| line.strip_prefix("file ")?.split_once(' '));
    paths.map(|(_, path)| path.to_owned()).filter(|path| path.starts_with(IMAGES_DIRECTORY)).collect()
}

fn exit_of(error: &TransactionError) -> Exit {
    match error {
        TransactionError::Exec(crate::remote::ExecError::Lost(_)) => Exit::Unreachable,
        _ => Exit::NotAsDesired,
    }
}
