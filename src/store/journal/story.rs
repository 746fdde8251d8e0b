//! From a run's file to what happened in it. Text in, words out.

use super::record::{End, Header, Line, Outcome, Record, SCHEMA, Safety};
use serde_json::Value;

/// What happened in a run, as far as its file tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// What run it is.
    pub header: Box<Header>,
    /// What it was about to do, in the form of `plan -o json`; null if the file ends before.
    pub plan: Value,
    /// Steps, in the order in which they began.
    pub steps: Vec<StepStory>,
    /// Nodes that are through with a wave, and whether every step of it ended well.
    pub nodes: Vec<(String, bool)>,
    /// Locks, snapshots, guards and roll-backs.
    pub safety: Vec<SafetyStory>,
    /// How it ended; none if nobody wrote it down.
    pub end: Option<End>,
    /// Time of the last record, in milliseconds since the first.
    pub last_ms: u64,
    /// Lines that can't be read, apart from a torn last one.
    pub unreadable: usize,
}

/// A step that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepStory {
    /// Where.
    pub node: String,
    /// What; empty when the device didn't even begin.
    pub step: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It began; nobody wrote down how it ended.
    Begun,
    /// It ended well.
    Done {
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// It failed.
    Failed {
        /// How long it took, in milliseconds.
        ms: u64,
        /// What the device said.
        said: String,
    },
}

/// Something that kept a change from being half done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyStory {
    /// Where.
    pub node: String,
    /// What.
    pub what: Safety,
    /// Whether it worked.
    pub ok: bool,
    /// What there is to know about it.
    pub said: Option<String>,
}

/// Why a file tells of no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoryError {
    /// The first line says nothing about a run.
    #[error("it doesn't begin with what run it is")]
    NoHeader,
    /// A later version of this tool wrote it.
    #[error("it was written by a newer fabricctl (format {0}, this one reads {SCHEMA})")]
    Newer(u32),
}

impl Story {
    /// Reads the text of a run's file. A last line without its end was being written when the power went, or is just
    /// being written: it doesn't count. Other lines that can't be read are counted and left out.
    ///
    /// # Errors
    /// When the first line doesn't say what run it is, or a newer version wrote it.
    pub fn read(text: &str) -> Result<Self, StoryError> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = whole.split('\n').map(|line| serde_json::from_str::<Line>(line).ok());
        let Some(Some(Line { record: Record::Run(header), .. })) = lines.next() else {
            return Err(StoryError::NoHeader);
        };
        if header.schema > SCHEMA {
            return Err(StoryError::Newer(header.schema));
        }
        let mut story = Self {
            header,
            plan: Value::Null,
            steps: Vec::new(),
            nodes: Vec::new(),
            safety: Vec::new(),
            end: None,
            last_ms: 0,
            unreadable: 0,
        };
        for line in lines {
            match line {
                Some(line) => story.add(line),
                None => story.unreadable += 1,
            }
        }
        Ok(story)
    }

    fn add(&mut self, line: Line) {
        self.last_ms = self.last_ms.max(line.after_ms);
        match line.record {
            Record::Plan { plan } => self.plan = plan,
            Record::StepBegun { node, step } => {
                self.steps.push(StepStory { node, step, fate: Fate::Begun });
            }
            Record::StepDone { node, step, ms } => self.ended(node, step, Fate::Done { ms }),
            Record::StepFailed { node, step, ms, said } => {
                self.ended(node, step.unwrap_or_default(), Fate::Failed { ms, said });
            }
            Record::Node { node, ok, .. } => self.nodes.push((node, ok)),
            Record::Safety { node, what, ok, said } => {
                self.safety.push(SafetyStory { node, what, ok, said });
            }
            Record::End(end) => self.end = Some(end),
            Record::Run(_) | Record::Unknown => {}
        }
    }

    /// A node does one step at a time, so it is its last one that ended.
    fn ended(&mut self, node: String, step: String, fate: Fate) {
        let open = self.steps.iter_mut().rev().find(|begun| begun.node == node && begun.fate == Fate::Begun);
        match open.filter(|begun| begun.step == step) {
            Some(begun) => begun.fate = fate,
            None => self.steps.push(StepStory { node, step, fate }),
        }
    }

    /// How many steps ended well.
    pub fn done(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.fate, Fate::Done { .. })).count()
    }

    /// How many steps were planned.
    pub fn planned(&self) -> usize {
        let steps = self.plan["summary"]["steps"].as_u64().unwrap_or_default();
        usize::try_from(steps).unwrap_or(usize::MAX)
    }

    /// Steps that began and of which nobody knows how they ended.
    pub fn open(&self) -> impl Iterator<Item = &StepStory> {
        self.steps.iter().filter(|step| step.fate == Fate::Begun)
    }

    /// Whether it is known that nothing was changed.
    pub fn is_unchanged(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.outcome == Outcome::Unchanged)
    }
}
