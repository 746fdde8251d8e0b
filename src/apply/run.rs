//! Runs a plan.

use super::compile;
use super::transaction;
use crate::action::{Plan, RunId, Stage, Step, Wave};
use crate::fabric::NodeName;
use crate::remote::{self, ExecError, Session};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What happens while a plan runs, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A stage begins on these nodes, with that many steps each.
    Stage {
        /// Which.
        wave: Wave,
        /// Which part of it, where it has several.
        place: Option<Place>,
        /// Nodes and their numbers of steps.
        nodes: Vec<(NodeName, usize)>,
    },
    /// A step begins.
    Begin {
        /// Where.
        node: NodeName,
        /// What is done.
        step: String,
    },
    /// A step ended well.
    Done {
        /// Where.
        node: NodeName,
        /// What was done.
        step: String,
        /// How long it took.
        elapsed: Duration,
    },
    /// A step failed; the node's later ones are not begun.
    Failed {
        /// Where.
        node: NodeName,
        /// What was being done; none when the script didn't even begin.
        step: Option<String>,
        /// How long it took.
        elapsed: Duration,
        /// What the device, or the way to it, said.
        said: String,
    },
    /// A node is through with its stage.
    Node {
        /// Where.
        node: NodeName,
        /// Whether every step ended well.
        ok: bool,
        /// How long the node's steps took.
        elapsed: Duration,
    },
}

/// Which part of a wave: the first is number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// A step that failed.
#[derive(Debug)]
pub struct StepFailure {
    /// Where.
    pub node: NodeName,
    /// What was being done; none when the script didn't even begin.
    pub step: Option<String>,
    /// What went wrong.
    pub cause: FailureCause,
}

impl StepFailure {
    /// The same for whoever is told.
    fn event(&self, elapsed: Duration) -> Event {
        let (node, step) = (self.node.clone(), self.step.clone());
        Event::Failed { node, step, elapsed, said: self.cause.to_string() }
    }
}

/// What makes a step fail.
#[derive(Debug, thiserror::Error)]
pub enum FailureCause {
    /// The device could not do it.
    #[error("{}", if output.is_empty() { "it failed without a word" } else { output.as_str() })]
    Device {
        /// What its programs said.
        output: String,
    },
    /// The way to the device failed.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// There is no connection to the device.
    #[error("there is no connection")]
    NoSession,
}

/// What a step that failed means for what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Later stages don't begin: they build on this one.
    Stop,
    /// The node is left alone from there on, the others go on.
    GoOn,
}

/// The wish to end a run: what is under way comes to its end, nothing more begins.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The wish that such a channel carries.
    pub fn new(wish: watch::Receiver<bool>) -> Self {
        Self(wish)
    }

    /// Whether it was uttered.
    pub fn wished(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is; for ever, if nobody is left who could.
    pub async fn wish(&mut self) {
        if self.0.wait_for(|wished| *wished).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// How a plan ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Steps that ended well.
    pub done: usize,
    /// Steps that failed, at most one a node.
    pub failures: Vec<StepFailure>,
    /// Steps that were not begun.
    pub skipped: usize,
    /// Nodes that have all their steps behind them.
    pub finished: BTreeSet<NodeName>,
    /// Nodes on which steps were begun.
    pub touched: BTreeSet<NodeName>,
    /// It was stopped by wish before its end.
    pub stopped: bool,
    /// Steps that are not yet behind them, by node.
    open: BTreeMap<NodeName, usize>,
}

impl Outcome {
    /// Of a plan that is about to begin.
    pub fn of(plan: &Plan) -> Self {
        let mut outcome = Self::default();
        for step in plan.steps() {
            *outcome.open.entry(step.node.clone()).or_default() += 1;
        }
        outcome
    }
}

/// How plans are run.
pub struct Run<'a> {
    /// The fabric's name, which marks what is made.
    pub fabric: &'a str,
    /// The run, which must have the devices' locks.
    pub run: &'a RunId,
    /// Whether the devices have a snapshot of it: then what is removed is only put aside.
    pub guarded: bool,
    /// The wish to end.
    pub stop: Stop,
    /// Connections to the nodes.
    pub sessions: &'a BTreeMap<NodeName, Arc<Session>>,
    /// Longest time for one node's part of a stage.
    pub timeout: Duration,
    /// How many nodes are worked on at the same time.
    pub parallel: usize,
    /// What a failure means for the rest.
    pub on_failure: OnFailure,
}

impl Run<'_> {
    /// Runs a plan, stage by stage; all nodes of a stage at the same time, at most `parallel` of them.
    pub async fn plan(&self, plan: &Plan, tell: Arc<dyn Fn(Event) + Send + Sync>) -> Outcome {
        let mut outcome = Outcome::of(plan);
        for stage in &plan.stages {
            self.stage(stage, None, &mut outcome, &tell).await;
        }
        outcome
    }

    /// Runs one stage of a plan or a part of it, as far as what was before it allows.
    pub async fn stage(
        &self,
        stage: &Stage,
        place: Option<Place>,
        outcome: &mut Outcome,
        tell: &Arc<dyn Fn(Event) + Send + Sync>,
    ) {
        let left_alone = |node: &NodeName| match self.on_failure {
            _ if self.stop.wished() => true,
            OnFailure::Stop => !outcome.failures.is_empty(),
            OnFailure::GoOn => outcome.failures.iter().any(|failure| failure.node == *node),
        };
        let mut by_node = by_node(stage);
        by_node.retain(|node, _| !left_alone(node));
        outcome.skipped += stage.steps.len() - by_node.values().map(Vec::len).sum::<usize>();
        if !by_node.is_empty() {
            outcome.touched.extend(by_node.keys().cloned());
            for (node, (done, skipped, failure)) in self.on_nodes((stage.wave, place), by_node, tell).await {
                outcome.done += done;
                outcome.skipped += skipped;
                outcome.failures.extend(failure);
                if let Some(open) = outcome.open.get_mut(&node) {
                    *open -= done.min(*open);
                }
            }
        }
        let finished = outcome.open.iter().filter(|(_, open)| **open == 0);
        outcome.finished = finished.map(|(node, _)| node.clone()).collect();
        outcome.stopped = self.stop.wished() && outcome.skipped > 0;
    }

    async fn on_nodes(
        &self,
        (wave, place): (Wave, Option<Place>),
        by_node: BTreeMap<NodeName, Vec<&Step>>,
        tell: &Arc<dyn Fn(Event) + Send + Sync>,
    ) -> BTreeMap<NodeName, (usize, usize, Option<StepFailure>)> {
        let nodes = by_node.iter().map(|(node, steps)| (node.clone(), steps.len())).collect();
        tell(Event::Stage { wave, place, nodes });
        let at_work: Vec<(NodeName, Arc<Session>)> = by_node
            .keys()
            .filter_map(|node| Some((node.clone(), Arc::clone(self.sessions.get(node)?))))
            .collect();
        let work = by_node.into_iter().map(|(node, steps)| {
            let steps_of = steps.iter().copied();
            let script = compile::script(self.fabric, self.run, self.guarded, steps_of, self.timeout);
            let names = steps.iter().map(|step| step.action.to_string()).collect();
            (node.clone(), (self.sessions.get(&node).cloned(), script, names))
        });
        let work = remote::each(work, self.parallel, |node, (session, script, names)| {
            on_node(node, session, script, names, Arc::clone(tell))
        });
        tokio::pin!(work);
        let mut wish = self.stop.clone();
        tokio::select! {
            ended = &mut work => return ended,
            () = wish.wish() => {}
        }
        // The scripts look for this between two steps. A device that can't be told goes on to the stage's end.
        let told = remote::each(at_work, self.parallel, |_, session| {
            let run = self.run.clone();
            let timeout = self.timeout;
            async move { drop(transaction::stop(&session, &run, timeout).await) }
        });
        tokio::join!(work, told).0
    }
}

fn by_node(stage: &Stage) -> BTreeMap<NodeName, Vec<&Step>> {
    let mut nodes: BTreeMap<NodeName, Vec<&Step>> = BTreeMap::new();
    for step in &stage.steps {
        nodes.entry(step.node.clone()).or_default().push(step);
    }
    nodes
}

/// Runs one node's steps; returns how many ended well, how many never began, and what failed.
async fn on_node(
    node: NodeName,
    session: Option<Arc<Session>>,
    script: remote::Script,
    names: Vec<String>,
    tell: Arc<dyn Fn(Event) + Send + Sync>,
) -> (usize, usize, Option<StepFailure>) {
    let Some(session) = session else {
        let failure = StepFailure { node, step: None, cause: FailureCause::NoSession };
        tell(failure.event(Duration::ZERO));
        return (0, names.len(), Some(failure));
    };
    let started = Instant::now();
    let mut progress = Progress {
        done: 0,
        current: None,
        failed: false,
        stopped: false,
        output: String::new(),
        since: started,
    };
    let ran = session.run(&script, |line| progress.line(line, &node, &names, &*tell)).await;
    let complete = progress.done == names.len();
    let failure = match ran {
        Ok(_) if complete || progress.stopped => None,
        Ok(output) => {
            let said = if progress.failed { whole_lines(&progress.output) } else { &output.stderr };
            Some(FailureCause::Device { output: said.trim().to_owned() })
        }
        Err(error) => Some(FailureCause::Exec(error)),
    };
    let begun = progress.current.map_or(progress.done, |number| number + 1);
    let step = progress.current.and_then(|number| names.get(number).cloned());
    let failure = failure.map(|cause| StepFailure { node: node.clone(), step, cause });
    if let Some(failure) = &failure {
        tell(failure.event(progress.since.elapsed()));
    }
    tell(Event::Node { node, ok: failure.is_none(), elapsed: started.elapsed() });
    (progress.done, names.len().saturating_sub(begun), failure)
}

/// What a device said, which sends no more than its end: without a line cut in two, whose rest could be that of a secret.
fn whole_lines(said: &str) -> &str {
    const SENT: usize = 4000;
    match said.split_once('\n') {
        Some((_, rest)) if said.len() >= SENT => rest,
        _ => said,
    }
}

/// What the script's marks have told so far.
struct Progress {
    done: usize,
    current: Option<usize>,
    failed: bool,
    stopped: bool,
    output: String,
    since: Instant,
}

impl Progress {
    fn line(&mut self, line: &[u8], node: &NodeName, names: &[String], tell: &(dyn Fn(Event) + Send + Sync)) {
        let text = String::from_utf8_lossy(line);
        let mut words = text.trim_end().split(' ');
        let (mark, number) = (words.next(), words.next().and_then(|word| word.parse().ok()));
        let step = || number.and_then(|number: usize| names.get(number).cloned()).unwrap_or_default();
        match (mark, number) {
            (Some("@begin"), Some(number)) => {
                self.current = Some(number);
                self.since = Instant::now();
                tell(Event::Begin { node: node.clone(), step: step() });
            }
            (Some("@ok"), Some(_)) => {
                self.done += 1;
                self.current = None;
                tell(Event::Done { node: node.clone(), step: step(), elapsed: self.since.elapsed() });
            }
            (Some("@failed"), Some(_)) => self.failed = true,
            (Some("@stopped"), None) => self.stopped = true,
            _ if self.failed => self.output.push_str(&text),
            _ => {}
        }
    }
}
