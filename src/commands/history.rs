//! `history`: what runs have done, from the journal alone; no device is asked.

use super::journal::{failure, of};
use crate::cli::{Format, Global, HistoryArgs, HistoryVerb};
use crate::output::{self, Exit, Failure};
use crate::store::journal::{Entry, Journal};

/// Runs the verb.
///
/// # Errors
/// When the journal can't be read, or has no such run.
pub(super) fn run(global: &Global, args: &HistoryArgs) -> Result<Exit, Failure> {
    let journal = of(global);
    match &args.verb {
        None => list(global, &journal, args.limit_runs),
        Some(HistoryVerb::Show { run }) => show(global, &journal, run),
    }
}

fn list(global: &Global, journal: &Journal, most: usize) -> Result<Exit, Failure> {
    let runs = journal.runs().map_err(|error| failure(&error))?;
    let mut entries: Vec<Entry> = Vec::new();
    for run in runs.iter().rev().take(most) {
        match journal.read(run) {
            Ok(entry) => entries.push(entry),
            // One file that is damaged doesn't hide the others.
            Err(error) => output::note(&failure(&error).to_text()),
        }
    }
    if global.output == Format::Json {
        return output::json(&output::history_json(&entries)).map(|()| Exit::Ok);
    }
    if runs.is_empty() {
        let folder = journal.folder().display();
        output::document(&format!(
            "no run is recorded in {folder}: `fabricctl deploy`, `rollback` and `teardown` leave one each"
        ));
    } else if !entries.is_empty() {
        output::document(&output::history_table(&entries));
    }
    Ok(Exit::Ok)
}

fn show(global: &Global, journal: &Journal, run: &str) -> Result<Exit, Failure> {
    let entry = journal.find(run).and_then(|run| journal.read(&run)).map_err(|error| failure(&error))?;
    if global.output == Format::Json {
        output::json(&output::run_json(&entry))?;
    } else {
        output::document(&output::run_text(&entry));
    }
    Ok(Exit::Ok)
}
