//! The verdicts of all checks, on a page and in the picture.

use super::CELLS;
use super::marks::clean;
use crate::fabric::{Endpoint, Fabric, IfName};
use crate::output::page::{Block, Matrix, MatrixRow, Row, Section, Table, Verdict};
use crate::output::verify::{Group, groups, last_line};
use crate::picture::{Marks, State};
use crate::verify::{CheckName, Finding, Report, Status, Summary};
use std::collections::BTreeMap;

pub(super) fn section(report: &Report) -> Section {
    let mut blocks = vec![summary(&report.summary)];
    for (status, title) in [(Status::Failed, "Not as desired"), (Status::Skipped, "Not decided")] {
        blocks.extend(table(title, state(status), &groups(report, status)));
    }
    blocks.extend(reachability(report));
    let state = report.summary.iter().map(of_check).max().unwrap_or(State::Unknown);
    let state = Some(if report.ok { state } else { State::Failed });
    Section { id: "checks", title: "Checks".to_owned(), state, summary: last_line(report), blocks }
}

fn state(status: Status) -> State {
    match status {
        Status::Ok => State::Ok,
        Status::Failed => State::Failed,
        Status::Skipped => State::Unknown,
    }
}

fn of_check(one: &Summary) -> State {
    match (one.ok, one.passed) {
        (false, _) => State::Failed,
        (true, 0) => State::Unknown,
        (true, _) => State::Ok,
    }
}

fn summary(checks: &[Summary]) -> Block {
    let row = |one: &Summary| {
        let numbers = [one.passed, one.failed, one.skipped].map(|number| number.to_string());
        let words = [one.check.as_str().to_owned(), one.check.about().to_owned()];
        Row { state: Some(of_check(one)), cells: words.into_iter().chain(numbers).collect() }
    };
    let columns = ["check", "what is verified", "as desired", "failed", "not decided"].map(str::to_owned);
    let rows = checks.iter().map(row).collect();
    Block::Table(Table { title: "What was verified".to_owned(), columns: columns.to_vec(), rows })
}

/// Verdicts that say the same of several things are one row.
fn table(title: &str, state: State, groups: &[Group<'_>]) -> Option<Block> {
    let row = |group: &Group<'_>| Row {
        state: Some(state),
        cells: vec![
            group.first.check.to_string(),
            group.first.node.to_string(),
            group.subject(),
            group.reason(),
            group.hint().unwrap_or_default(),
        ],
    };
    let columns = ["check", "node", "of it", "why", "what to do"].map(str::to_owned).to_vec();
    let rows: Vec<Row> = groups.iter().map(row).collect();
    (!rows.is_empty()).then(|| Block::Table(Table { title: title.to_owned(), columns, rows }))
}

/// Rows ask, columns answer.
fn reachability(report: &Report) -> Option<Block> {
    let of_pairs = report.checks.iter().filter(|finding| finding.check == CheckName::Reachability);
    let pairs: BTreeMap<(&str, &str), &Finding> =
        of_pairs.filter_map(|finding| Some((finding.subject.split_once(" → ")?, finding))).collect();
    let mut names: Vec<&str> = pairs.keys().flat_map(|(from, to)| [*from, *to]).collect();
    names.sort_unstable();
    names.dedup();
    let row = |from: &&str| MatrixRow {
        name: (*from).to_owned(),
        address: String::new(),
        cells: names.iter().map(|to| pairs.get(&(*from, *to)).map(|finding| verdict(finding))).collect(),
    };
    let mut rows: Vec<MatrixRow> = names.iter().map(row).collect();
    let (all, mut title) = (rows.len(), "Who reaches whom: rows ask, columns answer".to_owned());
    if all * all > CELLS {
        rows.retain(|row| row.cells.iter().flatten().any(|cell| cell.state == State::Failed));
        title = format!("{title}; {} of {all} rows, those with something wrong", rows.len());
    }
    let columns = names.iter().map(|name| (*name).to_owned()).collect();
    let empty = "nobody was asked".to_owned();
    (!rows.is_empty()).then_some(Block::Matrix(Matrix { title, columns, rows, empty }))
}

fn verdict(finding: &Finding) -> Verdict {
    let note = finding.reason.as_ref().or(finding.found.as_ref()).cloned().unwrap_or_default();
    Verdict { state: state(finding.status), note }
}

/// Colours what the verdicts are about. Routes are told of by those who judge them together.
pub(super) fn mark(fabric: &Fabric, report: &Report, marks: &mut Marks) {
    for finding in report.checks.iter().filter(|finding| finding.check != CheckName::Routes) {
        let state = match finding.status {
            Status::Ok => State::Ok,
            Status::Failed => State::Failed,
            Status::Skipped => continue,
        };
        let why = match finding.status {
            Status::Failed => clean(finding.reason.as_deref().unwrap_or_default()),
            _ => String::new(),
        };
        let told = if why.is_empty() { String::new() } else { clean(&format!("{}: {why}", finding.subject)) };
        // What is wrong with a part of a node doesn't mean that the node doesn't work.
        let limited = state.min(State::Warning);
        match finding.check {
            CheckName::Links | CheckName::Bgp => {
                let port = IfName::new(finding.subject.as_str()).ok();
                let node = fabric.nodes.get(&finding.node);
                let port = port.filter(|port| node.is_some_and(|node| node.port(port).is_some()));
                if let Some(port) = port {
                    marks.end(&Endpoint { node: finding.node.clone(), port }, state, &why);
                }
                marks.node(&finding.node, limited, &told);
            }
            CheckName::Workloads | CheckName::Reachability => {
                let words = finding.subject.split_whitespace();
                // A pair that fails is the trouble of one of both.
                let grave = if finding.check == CheckName::Workloads { state } else { limited };
                for workload in words.filter(|word| fabric.workloads.contains_key(*word)) {
                    marks.workload(workload, grave, &told);
                }
            }
            CheckName::Services => marks.node(&finding.node, state, &told),
            CheckName::Time | CheckName::Neighbors | CheckName::Drift | CheckName::Routes => {
                marks.node(&finding.node, limited, &told);
            }
        }
    }
}
