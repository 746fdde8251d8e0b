//! Which run is to be undone, and which runs came after it: from the journal.

use crate::action::RunId;
use crate::commands::journal::failure;
use crate::output::{Exit, Failure, Problem};
use crate::store::journal::{Entry, Journal, JournalError, Safety, Status, Story};
use std::collections::{BTreeMap, BTreeSet};

/// How many of the newest runs are named to whoever named one that isn't there.
const NAMED: usize = 5;

/// A run that is to be undone.
#[derive(Debug)]
pub struct Undone {
    /// Its name.
    pub run: RunId,
    /// Who ran it, when, and what it was, as a person reads it.
    pub what: String,
    /// The nodes that it was about.
    pub nodes: BTreeSet<String>,
    /// The nodes that this run and the later ones changed, as far as the journal knows.
    pub changed: BTreeMap<RunId, BTreeSet<String>>,
    /// Teardowns among the later ones.
    pub teardowns: BTreeSet<RunId>,
}

impl Undone {
    /// The run that is meant, of those that a fabric in a lab (or outside of any) has had.
    ///
    /// # Errors
    /// When there is none, it can't be undone, or the journal can't be read ([`Exit::Usage`]).
    pub fn find(
        journal: &Journal,
        given: Option<&str>,
        fabric: &str,
        lab: Option<&str>,
    ) -> Result<Self, Failure> {
        let all = journal.runs().map_err(|error| failure(&error))?;
        let here =
            |entry: &Entry| entry.story.header.fabric == fabric && entry.story.header.lab.as_deref() == lab;
        let run = match given {
            Some(given) => journal.find(given).map_err(|error| unknown(&error, &all))?,
            None => last(journal, &all, here)?,
        };
        let entry = journal.read(&run).map_err(|error| failure(&error))?;
        refuse(&entry, here(&entry))?;
        let since: Vec<&String> = all.iter().filter(|name| **name >= run).collect();
        let mut undone = Self {
            run: RunId::new(run).map_err(|error| Failure::from_error(Exit::Usage, &error))?,
            what: what(&entry.story),
            nodes: entry.story.header.nodes.iter().cloned().collect(),
            changed: BTreeMap::new(),
            teardowns: BTreeSet::new(),
        };
        for entry in since.into_iter().filter_map(|name| journal.read(name).ok()).filter(here) {
            let (changed, Ok(run)) = (changed(&entry.story), RunId::new(entry.run)) else { continue };
            if entry.story.header.verb == "teardown" {
                undone.teardowns.insert(run.clone());
            }
            undone.changed.insert(run, changed);
        }
        Ok(undone)
    }
}

/// The last run that changed something and wasn't undone at once.
fn last(journal: &Journal, all: &[String], here: impl Fn(&Entry) -> bool) -> Result<String, Failure> {
    for run in all.iter().rev() {
        let Ok(entry) = journal.read(run) else { continue };
        if here(&entry) && (!changed(&entry.story).is_empty() || entry.status == Status::Running) {
            return Ok(run.clone());
        }
    }
    let message = format!("the journal {} has no run that changed this fabric", journal.folder().display());
    let hint = "name the journal of whoever ran it with --journal DIR (or FABRICCTL_JOURNAL); \
                what was there before the first deployment comes back with `fabricctl teardown`";
    Err(Failure::say(Exit::Usage, message, hint))
}

fn refuse(entry: &Entry, here: bool) -> Result<(), Failure> {
    let run = &entry.run;
    let header = &entry.story.header;
    let (message, hint) = if !here {
        let lab = header.lab.as_ref().map_or("no lab".to_owned(), |lab| format!("lab {lab}"));
        let message = format!("run {run} was about fabric {} in {lab}, not about this one", header.fabric);
        (message, "name the same inventory and the same --lab as then")
    } else if entry.status == Status::Running {
        (format!("run {run} is still under way"), "interrupt it with Ctrl-C, or wait until it is through")
    } else if header.verb == "teardown" {
        let message = format!("run {run} was a teardown, which leaves nothing to go back with");
        (message, "`fabricctl deploy` brings the fabric back; `fabricctl history` lists the other runs")
    } else {
        return Ok(());
    };
    Err(Failure::say(Exit::Usage, message, hint))
}

/// The nodes on which a run began steps and that it didn't put back to what they were.
fn changed(story: &Story) -> BTreeSet<String> {
    let began = story.steps.iter().map(|step| step.node.clone());
    let whole = |node: &String| {
        story
            .safety
            .iter()
            .any(|safety| safety.node == *node && safety.what == Safety::RolledBack && safety.ok)
    };
    began.filter(|node| !whole(node)).collect()
}

fn what(story: &Story) -> String {
    let header = &story.header;
    let time = header.at.get(..16).unwrap_or(&header.at).replace('T', " ");
    format!("{} of {} on {time} UTC", header.verb, header.who)
}

fn unknown(error: &JournalError, all: &[String]) -> Failure {
    let mut hint = error.hint().to_owned();
    if matches!(error, JournalError::NoRun { .. }) {
        let newest: Vec<&str> = all.iter().rev().take(NAMED).map(String::as_str).collect();
        hint = if newest.is_empty() {
            "no run is recorded there; name another journal with --journal DIR (or FABRICCTL_JOURNAL)"
                .to_owned()
        } else {
            format!("{hint}; the newest are {}", newest.join(", "))
        };
    }
    Failure::one(Exit::Usage, Problem::from_error(error).hint(hint))
}
