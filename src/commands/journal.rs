//! What a run leaves in the journal: prepared before a device is contacted, begun before the first change, ended on every
//! way out.

use crate::action::{Plan, RunId};
use crate::apply::Event;
use crate::cli::{Global, Target};
use crate::fabric::{Fabric, NodeName};
use crate::output::{self, Exit, Failure, Problem, Progress};
use crate::store;
use crate::store::journal::{
    End, Entry, JOURNAL_FOLDER, Journal, JournalError, Outcome, Record, Recorder, RunStart, Safety,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The journal that the command line means.
pub(super) fn of(global: &Global) -> Journal {
    let beside = || store::inventory_folder(&global.inventory).join(JOURNAL_FOLDER);
    Journal::new(global.journal.clone().unwrap_or_else(beside))
}

/// Adds to an open run's record that another one put a device back. A run of another journal is none of this one's.
pub(super) fn put_back(global: &Global, open: &RunId, node: &NodeName, by: &RunId) {
    let (what, said) = (Safety::RolledBack, Some(format!("by run {by}")));
    drop(of(global).add(open.as_str(), Record::Safety { node: node.to_string(), what, ok: true, said }));
}

/// A failure of the journal, with what to do.
pub(super) fn failure(error: &JournalError) -> Failure {
    Failure::one(Exit::Usage, Problem::from_error(error).hint(error.hint()))
}

/// The last run that changed these devices, or tried to; a journal that can't be read is told and left out.
pub(super) fn last(global: &Global, target: &Target, fabric: &Fabric) -> Option<Entry> {
    let journal = of(global);
    let lab = target.lab_name(&fabric.name);
    let runs = journal.runs().map_err(|error| output::note(&failure(&error).to_text())).ok()?;
    let mut read = runs.iter().rev().filter_map(|run| journal.read(run).ok());
    read.find(|entry| entry.story.header.fabric == fabric.name && entry.story.header.lab == lab)
}

/// The record of this run.
pub(super) struct RunLog {
    journal: Journal,
    keep: usize,
    start: RunStart,
    started: Instant,
    begun: Option<Begun>,
}

struct Begun {
    recorder: Arc<Recorder>,
    unchanged: bool,
}

impl RunLog {
    /// The record of a run that is still to begin.
    pub(super) fn new(
        global: &Global,
        verb: &str,
        target: &Target,
        (fabric, inventory_digest): (&Fabric, &str),
        nodes: &BTreeSet<NodeName>,
        started: Instant,
    ) -> Self {
        let start = RunStart {
            verb: verb.to_owned(),
            of: None,
            arguments: std::env::args_os()
                .skip(1)
                .map(|word| output::masked(&word.to_string_lossy()).into_owned())
                .collect(),
            fabric: fabric.name.clone(),
            lab: target.lab_name(&fabric.name),
            nodes: nodes.iter().map(ToString::to_string).collect(),
            inventory: global.inventory.display().to_string(),
            inventory_digest: inventory_digest.to_owned(),
            run: None,
        };
        Self { journal: of(global), keep: global.journal_keep, start, started, begun: None }
    }

    /// The record of a run that undoes another one.
    pub(super) fn undoing(mut self, of: &RunId) -> Self {
        self.start.of = Some(of.to_string());
        self
    }

    /// Makes sure that the run can be recorded; nothing is yet.
    ///
    /// # Errors
    /// When the journal can't be written ([`Exit::Usage`]): then no device may be contacted.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        self.journal.prepare().map_err(|error| failure(&error))
    }

    /// Writes down what run this is and what it is about to do. What can't be written later is told by `progress`.
    ///
    /// # Errors
    /// When it can't be written ([`Exit::Usage`]): then no device may be changed.
    pub(super) fn begin(
        &mut self,
        run: &RunId,
        plan: &Plan,
        progress: &Arc<Progress>,
    ) -> Result<(), Failure> {
        self.start.run = Some(run.to_string());
        let progress = Arc::clone(progress);
        let warn = Box::new(move |error: JournalError| {
            let said = output::chain(&error);
            progress.say(&format!("warning: {said}; the run goes on, its record has a gap"));
        });
        let recorder = self
            .journal
            .begin(self.keep, &self.start, output::masked_json(output::plan_json(plan)), warn)
            .map_err(|error| failure(&error))?;
        self.begun = Some(Begun { recorder: Arc::new(recorder), unchanged: plan.is_empty() });
        Ok(())
    }

    /// Writes down what happens to devices from now on.
    pub(super) fn teller(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let recorder = self.begun.as_ref().map(|begun| Arc::clone(&begun.recorder));
        move |event| {
            if let (Some(recorder), Some(record)) = (&recorder, record(event)) {
                recorder.record(record);
            }
        }
    }

    /// Writes down what keeps a device from being half changed.
    pub(super) fn safety(&self, node: &NodeName, what: Safety, ok: bool, said: Option<String>) {
        if let Some(begun) = &self.begun {
            let said = said.map(|said| output::masked(&said).into_owned());
            begun.recorder.record(Record::Safety { node: node.to_string(), what, ok, said });
        }
    }

    /// The run did something, whatever its plan says.
    pub(super) fn changed(&mut self) {
        if let Some(begun) = &mut self.begun {
            begun.unchanged = false;
        }
    }

    /// The run's name, once it has begun.
    pub(super) fn run(&self) -> Option<&str> {
        self.begun.as_ref().map(|begun| begun.recorder.run())
    }

    /// Writes down how the run ended, and returns just that.
    pub(super) fn end(mut self, ended: Result<Exit, Failure>) -> Result<Exit, Failure> {
        let unchanged = self.begun.as_ref().is_some_and(|begun| begun.unchanged);
        let (exit, errors) = match &ended {
            Ok(exit) => (*exit, Vec::new()),
            Err(failure) => (failure.exit, failure.problems.iter().map(sentence).collect()),
        };
        let outcome = match exit {
            Exit::Ok if unchanged => Outcome::Unchanged,
            Exit::Ok => Outcome::Done,
            Exit::RolledBack => Outcome::RolledBack,
            Exit::Interrupted => Outcome::Interrupted,
            _ => Outcome::Failed,
        };
        self.write_end(outcome, exit, errors);
        ended
    }

    fn write_end(&mut self, outcome: Outcome, exit: Exit, errors: Vec<String>) {
        if let Some(Begun { recorder, .. }) = self.begun.take() {
            recorder.end(End { outcome, exit: exit.code(), ms: ms(self.started.elapsed()), errors, lost: 0 });
        }
    }
}

/// A run that is dropped without an end was interrupted, or met a bug.
impl Drop for RunLog {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.write_end(Outcome::Failed, Exit::Bug, vec!["fabricctl met a bug of its own".to_owned()]);
        } else {
            self.write_end(Outcome::Interrupted, Exit::Interrupted, Vec::new());
        }
    }
}

fn record(event: &Event) -> Option<Record> {
    Some(match event {
        Event::Stage { .. } => return None,
        Event::Begin { node, step } => Record::StepBegun { node: node.to_string(), step: step.clone() },
        Event::Done { node, step, elapsed } => {
            Record::StepDone { node: node.to_string(), step: step.clone(), ms: ms(*elapsed) }
        }
        Event::Failed { node, step, elapsed, said } => Record::StepFailed {
            node: node.to_string(),
            step: step.clone(),
            ms: ms(*elapsed),
            said: output::masked(said).into_owned(),
        },
        Event::Node { node, ok, elapsed } => {
            Record::Node { node: node.to_string(), ok: *ok, ms: ms(*elapsed) }
        }
    })
}

fn sentence(problem: &Problem) -> String {
    let places = [&problem.node, &problem.step].into_iter().flatten();
    let text: String = places.map(|place| format!("{place}: ")).chain([problem.message.clone()]).collect();
    output::masked(&text).into_owned()
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
