//! What differs on devices from what was put there, on a page.

use crate::output::page::{Block, Diff, Row, Section, Table};
use crate::output::several;
use crate::picture::State;
use crate::verify::drift::{DriftReport, NodeDrift, Standing};

pub(super) fn section(report: &DriftReport) -> Section {
    let rows: Vec<Row> = report.nodes.iter().flat_map(rows).collect();
    let diffs: Vec<Diff> = report.nodes.iter().flat_map(diffs).collect();
    let columns = ["node", "what", "how it is", "put there by"].map(str::to_owned).to_vec();
    let mut blocks = vec![Block::Table(Table { title: "Devices".to_owned(), columns, rows })];
    if !diffs.is_empty() {
        blocks.push(Block::Text { text: "From what was put there to what was found:".to_owned() });
        blocks.push(Block::Diffs { diffs });
    }
    let number = |standing| report.nodes.iter().filter(|node| node.standing == standing).count();
    let (left, drifted) = (number(Standing::AsDeployed), number(Standing::Drifted));
    let (state, summary) = match (left, drifted) {
        (0, 0) => (State::Unknown, "not available: no run left a record of what it put there".to_owned()),
        (left, 0) => (State::Ok, format!("{} as the last run left them", several(left, "devices"))),
        (_, some) => (State::Failed, format!("{} not as the last run left them", several(some, "devices"))),
    };
    Section { id: "drift", title: "Drift".to_owned(), state: Some(state), summary, blocks }
}

fn rows(node: &NodeDrift) -> Vec<Row> {
    let run = node.run.as_ref().map_or(String::new(), |run| format!("{}, {}", run.run, run.who));
    let row = |state, what: String, said: &str| Row {
        state: Some(state),
        cells: vec![node.node.to_string(), what, said.to_owned(), run.clone()],
    };
    let whole = |state, said| vec![row(state, "all".to_owned(), said)];
    match node.standing {
        Standing::AsDeployed => whole(State::Ok, "as deployed"),
        Standing::NeverDeployed => whole(State::Unknown, "never deployed to"),
        Standing::Unrecorded => whole(State::Unknown, "deployed to by a version that kept no record of it"),
        Standing::Unknown => whole(State::Unknown, "it gave no answer"),
        Standing::Drifted => node
            .differences
            .iter()
            .map(|one| row(State::Failed, format!("{} {}", one.kind, one.name), &one.message))
            .collect(),
    }
}

fn diffs(node: &NodeDrift) -> impl Iterator<Item = Diff> {
    node.differences.iter().filter_map(|one| {
        let text = one.diff.clone()?;
        Some(Diff { title: format!("{}: {} {}", node.node, one.kind, one.name), text })
    })
}
