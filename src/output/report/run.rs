//! The last run of the journal, on a page.

use crate::output::page::{Bar, Block, Diff, Row, Section, Table};
use crate::output::several;
use crate::picture::State;
use crate::store::journal::{Entry, Fate, Outcome, Status, StepStory};
use serde_json::Value;
use std::collections::BTreeMap;

/// The section's place in the page's address.
pub(super) const ID: &str = "last-run";
/// How many of the longest steps are shown.
const LONGEST: usize = 20;

pub(super) fn section(entry: &Entry) -> Section {
    let story = &entry.story;
    let header = &story.header;
    let took = story.end.as_ref().map_or(String::new(), |end| format!(" after {:.1} s", seconds(end.ms)));
    let lab = header.lab.as_ref().map_or(String::new(), |lab| format!(" on lab {lab}"));
    let summary = format!(
        "{} {}{lab}, begun {} by {}: {}{took}; {} of {} done",
        header.verb,
        entry.run,
        header.at,
        header.who,
        entry.status.as_str(),
        story.done(),
        several(story.planned(), "steps"),
    );
    let mut blocks = Vec::new();
    let failed: Vec<Row> = story.steps.iter().filter_map(trouble).collect();
    if !failed.is_empty() {
        let columns = ["node", "step", "what the device said"].map(str::to_owned).to_vec();
        blocks.push(Block::Table(Table { title: "Steps that failed".to_owned(), columns, rows: failed }));
    }
    blocks.extend(bars("Time by device", by_node(&story.steps)));
    blocks.extend(bars(&format!("The longest steps, at most {LONGEST}"), longest(&story.steps)));
    let diffs = diffs(&story.plan);
    if !diffs.is_empty() {
        blocks.push(Block::Text { text: format!("How {} changed:", several(diffs.len(), "files")) });
        blocks.push(Block::Diffs { diffs });
    }
    let state = Some(state(entry.status));
    Section { id: ID, title: "The last run".to_owned(), state, summary, blocks }
}

#[expect(clippy::cast_precision_loss, reason = "tenths of a second are shown")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn state(status: Status) -> State {
    match status {
        Status::Ended(Outcome::Done | Outcome::Unchanged) => State::Ok,
        Status::Ended(Outcome::Failed | Outcome::Interrupted) | Status::Interrupted => State::Failed,
        Status::Ended(Outcome::RolledBack) => State::Warning,
        Status::Running | Status::Ended(Outcome::Unknown) => State::Unknown,
    }
}

fn trouble(step: &StepStory) -> Option<Row> {
    let said = match &step.fate {
        Fate::Failed { said, .. } => said.clone(),
        Fate::Begun => "nobody knows how it ended".to_owned(),
        Fate::Done { .. } => return None,
    };
    let state = if step.fate == Fate::Begun { State::Unknown } else { State::Failed };
    Some(Row { state: Some(state), cells: vec![step.node.clone(), step.step.clone(), said] })
}

fn time(step: &StepStory) -> Option<(u64, State)> {
    match &step.fate {
        Fate::Begun => None,
        Fate::Done { ms } => Some((*ms, State::Ok)),
        Fate::Failed { ms, .. } => Some((*ms, State::Failed)),
    }
}

fn bars(title: &str, bars: Vec<Bar>) -> Option<Block> {
    (!bars.is_empty()).then(|| Block::Bars { title: title.to_owned(), bars })
}

fn by_node(steps: &[StepStory]) -> Vec<Bar> {
    let mut nodes: BTreeMap<&str, (u64, State)> = BTreeMap::new();
    for step in steps {
        let Some((ms, state)) = time(step) else { continue };
        let node = nodes.entry(&step.node).or_insert((0, State::Ok));
        *node = (node.0.saturating_add(ms), node.1.max(state));
    }
    nodes.into_iter().map(|(node, (ms, state))| Bar { label: node.to_owned(), ms, state }).collect()
}

fn longest(steps: &[StepStory]) -> Vec<Bar> {
    let bar = |step: &StepStory| {
        let (ms, state) = time(step)?;
        Some(Bar { label: format!("{}: {}", step.node, step.step), ms, state })
    };
    let mut bars: Vec<Bar> = steps.iter().filter_map(bar).collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.ms));
    bars.truncate(LONGEST);
    bars
}

/// The differences of files that the plan showed.
fn diffs(plan: &Value) -> Vec<Diff> {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let mut diffs = Vec::new();
    for wave in list(&plan["waves"]) {
        for node in list(&wave["nodes"]) {
            for step in list(&node["steps"]) {
                let (Some(name), Some(what), Some(diff)) =
                    (node["node"].as_str(), step["what"].as_str(), step["diff"].as_str())
                else {
                    continue;
                };
                diffs.push(Diff { title: format!("{name}: {what}"), text: diff.to_owned() });
            }
        }
    }
    diffs
}
