//! What is shown: one document on stdout, everything else on stderr.

mod answers;
mod diagnose;
mod drift;
mod exit;
mod failure;
pub mod findings;
mod grid;
mod hidden;
mod history;
mod neighbors;
pub mod page;
mod plan;
mod progress;
mod report;
mod routes;
mod status;
pub mod tables;
mod verify;
pub mod watch;

pub use answers::{Answer, AnswerGroup, AnswerGroups};
pub use diagnose::{DIAGNOSE_SCHEMA, explanation_text, walk_text};
pub use drift::drift_text;
pub use exit::Exit;
pub use failure::{Failure, Location, Problem, chain, printable};
pub use hidden::{hide, masked, masked_json, watch_panics};
pub use history::{history_json, history_table, run_json, run_text};
pub use neighbors::neighbors_table;
pub use page::{Page, page_html};
pub use plan::{Diffs, plan_detail_json, plan_detail_text, plan_json, plan_text, several, summary_text};
pub use progress::Progress;
pub use report::{Known, report_page};
pub use routes::{DEFAULT_WIDTH, routes_table};
pub use status::{STATUS_SCHEMA, Status, status_json, status_table};
pub use verify::{VERIFY_SCHEMA, checks_table, verify_junit, verify_markdown, verify_table, verify_tap};

use crate::store;
use serde::Serialize;
use std::io::Write as _;
use std::path::Path;

/// Prints the document, the one thing that goes to stdout. A reader that went away is not an error.
pub fn document(text: &str) {
    print(&masked(text));
}

/// Prints what may be shown.
fn print(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    if !text.ends_with('\n') && !text.is_empty() {
        let _ = stdout.write_all(b"\n");
    }
    let _ = stdout.flush();
}

/// Prints a document for programs.
///
/// # Errors
/// When a value has no JSON form, which is a bug.
pub fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    print(&json_text(value)?);
    Ok(())
}

/// A document for programs, as [`json`] prints it.
///
/// # Errors
/// As [`json`].
pub fn json_text<T: Serialize>(value: &T) -> Result<String, Failure> {
    let bug = |error| Failure::from_error(Exit::Bug, &error);
    let value = hidden::masked_json(serde_json::to_value(value).map_err(bug)?);
    serde_json::to_string_pretty(&value).map_err(bug).map(|text| text + "\n")
}

/// A value for programs in one line, without its line feed.
///
/// # Errors
/// As [`json`].
pub fn json_line<T: Serialize>(value: &T) -> Result<String, Failure> {
    let bug = |error| Failure::from_error(Exit::Bug, &error);
    let value = hidden::masked_json(serde_json::to_value(value).map_err(bug)?);
    serde_json::to_string(&value).map_err(bug)
}

/// Prints one more line of a document that goes on; false when its reader went away.
pub fn next_line(text: &str) -> bool {
    let mut stdout = anstream::stdout().lock();
    writeln!(stdout, "{}", masked(text)).and_then(|()| stdout.flush()).is_ok()
}

/// Whether stdout takes colours.
pub fn has_colors() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Puts a document into a file where one is named, else on stdout.
///
/// # Errors
/// When the file can't be written ([`Exit::Usage`]).
pub fn write_out(quiet: bool, path: Option<&Path>, text: &str) -> Result<(), Failure> {
    let Some(path) = path else {
        document(text);
        return Ok(());
    };
    store::write_file(path, masked(text).as_bytes()).map_err(|error| {
        let message = format!("can't write {}: {error}", path.display());
        Failure::say(Exit::Usage, message, "name a file in a folder that you may write to")
    })?;
    if !quiet {
        note(&format!("written to {}", path.display()));
    }
    Ok(())
}

/// From now on nothing is printed in colours.
pub fn no_colors() {
    anstream::ColorChoice::Never.write_global();
}

/// Says something on stderr, for people.
pub fn note(text: &str) {
    tell(&masked(text));
}

/// Says on stderr how a run failed, for people or for programs.
pub fn failed(failure: &Failure, as_json: bool) {
    if as_json { tell(failure.to_json().trim_end()) } else { note(failure.to_text().trim_end()) }
}

/// Says what may be shown.
fn tell(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}
