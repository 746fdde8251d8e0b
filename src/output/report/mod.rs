//! From what was found out about a fabric to a page about it.

mod checks;
mod drift;
mod marks;
mod run;

use super::page::{Block, Matrix, MatrixRow, Page, Row, Section, Table, Verdict};
use super::{printable, several};
use crate::fabric::{Fabric, NodeName};
use crate::picture::{State, draw};
use crate::store::journal::Entry;
use crate::verify::Report;
use crate::verify::drift::DriftReport;
use crate::verify::neighbors::{KnownHost, NeighborReport, Owner};
use crate::verify::routes::{Check, Kind, RouteReport};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Most cells of a matrix that is shown whole; of a larger one only the rows with something wrong are.
const CELLS: usize = 20_000;
/// Most hosts that are listed one by one; of more only those that something is to be told of.
const HOSTS: usize = 1000;

/// What is known of a fabric.
pub struct Known<'a> {
    /// The part of it that was asked for.
    pub fabric: &'a Fabric,
    /// When, and about which devices.
    pub facts: Vec<(String, String)>,
    /// The verdicts of all checks.
    pub report: &'a Report,
    /// What differs from what was put there.
    pub drift: &'a DriftReport,
    /// What the routers' tables say.
    pub routes: &'a RouteReport,
    /// What the leafs' daemons know.
    pub neighbors: &'a NeighborReport,
    /// The devices that could not be reached or did not answer, and why.
    pub silent: Vec<(NodeName, String)>,
    /// The last run of the journal.
    pub last: Option<&'a Entry>,
}

/// The page about all of it.
pub fn report_page(known: &Known) -> Page {
    let marks = marks::of(known);
    let mut sections = vec![checks::section(known.report), routes(known.routes), hosts(known.neighbors)];
    sections.push(drift::section(known.drift));
    sections.extend(known.last.map(run::section));
    if !known.silent.is_empty() {
        sections.insert(0, silent(&known.silent));
    }
    // How the last run went says nothing about how things are.
    let judged = sections.iter().filter(|section| section.id != run::ID);
    let wrong: Vec<&str> = judged
        .clone()
        .filter(|section| section.state.is_some_and(|state| state > State::Ok))
        .map(|section| section.title.as_str())
        .collect();
    let state = judged.filter_map(|section| section.state).max().unwrap_or(State::Unknown);
    let summary = match wrong.as_slice() {
        [] => "everything that was asked for is as desired".to_owned(),
        wrong => format!("not all is as desired: {}", wrong.join(", ")),
    };
    Page {
        title: format!("Fabric {}", known.fabric.name),
        state: Some(state),
        summary,
        facts: known.facts.clone(),
        picture: Some(draw(known.fabric, Some(&marks))),
        sections,
    }
}

fn silent(silent: &[(NodeName, String)]) -> Section {
    let rows = silent
        .iter()
        .map(|(node, why)| Row { state: Some(State::Failed), cells: vec![node.to_string(), why.clone()] })
        .collect();
    let columns = ["node", "reason"].map(str::to_owned).to_vec();
    Section {
        id: "silent",
        title: "Devices without an answer".to_owned(),
        state: Some(State::Failed),
        summary: format!("{} could not be asked", several(silent.len(), "devices")),
        blocks: vec![Block::Table(Table { title: "Devices without an answer".to_owned(), columns, rows })],
    }
}

fn routes(report: &RouteReport) -> Section {
    let mut blocks = Vec::new();
    let wrong: Vec<&Check> = report.checks.iter().filter(|check| !check.ok).collect();
    if !wrong.is_empty() {
        blocks.push(Block::Table(failures(&wrong)));
    }
    let mut nodes: Vec<&NodeName> = report.checks.iter().map(|check| &check.node).collect();
    nodes.dedup();
    for (kind, title) in [(Kind::Workload, "Containers' /32s"), (Kind::Loopback, "Loopbacks")] {
        blocks.extend(matrix(report, kind, title, &nodes));
    }
    let (state, summary) = match (report.checks.is_empty(), wrong.len()) {
        (true, _) => (State::Unknown, "no spine or leaf was asked".to_owned()),
        (_, 0) => {
            let all = several(report.checks.len(), "checks");
            (State::Ok, format!("{all}, all as desired, on {}", several(nodes.len(), "nodes")))
        }
        (_, number) => {
            (State::Failed, format!("{number} of {} failed", several(report.checks.len(), "checks")))
        }
    };
    Section { id: "routes", title: "Routes".to_owned(), state: Some(state), summary, blocks }
}

/// What is wrong, one row for all prefixes of a node that have the same thing wrong with them.
fn failures(wrong: &[&Check]) -> Table {
    let mut groups: Vec<(&NodeName, &str, Vec<String>)> = Vec::new();
    for check in wrong {
        let reason = check.reason.as_deref().unwrap_or_default();
        let what = format!("{} {}", check.subject, check.prefix.addr()).trim().to_owned();
        match groups.iter_mut().find(|(node, said, _)| *node == &check.node && *said == reason) {
            Some((_, _, all)) => all.push(what),
            None => groups.push((&check.node, reason, vec![what])),
        }
    }
    let rows = groups
        .into_iter()
        .map(|(node, reason, all)| Row {
            state: Some(State::Failed),
            cells: vec![node.to_string(), reason.to_owned(), all.join(", ")],
        })
        .collect();
    let columns = ["node", "what is wrong", "routes"].map(str::to_owned).to_vec();
    Table { title: "Not as desired".to_owned(), columns, rows }
}

fn matrix(report: &RouteReport, kind: Kind, title: &str, nodes: &[&NodeName]) -> Option<Block> {
    let place: BTreeMap<&NodeName, usize> = nodes.iter().enumerate().map(|(at, node)| (*node, at)).collect();
    let mut rows: BTreeMap<Ipv4Net, MatrixRow> = BTreeMap::new();
    for check in report.checks.iter().filter(|check| check.kind == kind) {
        let row = rows.entry(check.prefix).or_insert_with(|| MatrixRow {
            name: check.subject.clone(),
            address: check.prefix.addr().to_string(),
            cells: vec![None; nodes.len()],
        });
        row.cells[place[&check.node]] = Some(verdict(check));
    }
    let (all, mut rows) = (rows.len(), rows.into_values().collect::<Vec<_>>());
    let mut title = title.to_owned();
    if all * nodes.len() > CELLS {
        rows.retain(|row| row.cells.iter().flatten().any(|cell| cell.state != State::Ok));
        title = format!("{title}: {} of {all}, those with something wrong", rows.len());
    }
    let columns = nodes.iter().map(ToString::to_string).collect();
    let empty =
        "not expected: no BGP path leads there; spines of one AS refuse each other's routes".to_owned();
    (!rows.is_empty()).then_some(Block::Matrix(Matrix { title, columns, rows, empty }))
}

fn verdict(check: &Check) -> Verdict {
    let via = |ports: String| if ports.is_empty() { ports } else { format!(" via {ports}") };
    let found = check
        .found
        .as_ref()
        .map(|found| format!("from {}{}", found.protocol, via(found.next_hops.join(", "))));
    let note = check.reason.clone().or(found).unwrap_or_default();
    Verdict { state: if check.ok { State::Ok } else { State::Failed }, note }
}

fn hosts(report: &NeighborReport) -> Section {
    let mut blocks = Vec::new();
    if !report.missing.is_empty() {
        let rows = report.missing.iter().map(|one| Row {
            state: Some(State::Failed),
            cells: vec![
                one.workload.clone(),
                one.address.to_string(),
                one.server.to_string(),
                one.expected_at.join(", "),
            ],
        });
        let columns = ["container", "address", "server", "expected behind"].map(str::to_owned).to_vec();
        blocks.push(Block::Table(Table {
            title: "Containers that no leaf advertises".to_owned(),
            columns,
            rows: rows.collect(),
        }));
    }
    let odd: Vec<(&KnownHost, Option<String>)> =
        report.hosts.iter().map(|host| (host, oddity(host))).collect();
    let number = odd.iter().filter(|(_, why)| why.is_some()).count();
    let listed = odd.iter().filter(|(_, why)| report.hosts.len() <= HOSTS || why.is_some());
    let rows: Vec<Row> = listed.map(|(host, why)| host_row(host, why.as_deref())).collect();
    if !rows.is_empty() {
        let columns =
            ["leaf", "port", "address", "name", "MAC", "known as", "remarks"].map(str::to_owned).to_vec();
        blocks.push(Block::Table(Table { title: "Hosts behind the leafs' ports".to_owned(), columns, rows }));
    }
    let state = if !report.ok || !report.missing.is_empty() {
        State::Failed
    } else if number > 0 {
        State::Warning
    } else if report.leafs.iter().all(|leaf| !leaf.answered) {
        State::Unknown
    } else {
        State::Ok
    };
    let answered = report.leafs.iter().filter(|leaf| leaf.answered).count();
    let mut summary = format!("{} on {}", several(report.hosts.len(), "hosts"), several(answered, "leafs"));
    if !report.missing.is_empty() {
        let _ = write!(summary, ", {} missing", several(report.missing.len(), "containers"));
    }
    if number > 0 {
        let _ = write!(summary, ", {} with remarks", several(number, "hosts"));
    }
    Section { id: "hosts", title: "Neighbours".to_owned(), state: Some(state), summary, blocks }
}

fn host_row(host: &KnownHost, why: Option<&str>) -> Row {
    let mac = host.mac.map_or(String::new(), |mac| mac.to_string());
    let name = host.name.clone().unwrap_or_else(|| "unknown".to_owned());
    Row {
        state: Some(if why.is_some() { State::Warning } else { State::Ok }),
        cells: vec![
            host.node.to_string(),
            host.port.clone(),
            host.address.to_string(),
            name,
            mac,
            host.state.to_string(),
            printable(why.unwrap_or_default()),
        ],
    }
}

/// What is to be told of a host, if anything.
fn oddity(host: &KnownHost) -> Option<String> {
    let mut said = Vec::new();
    if host.owner == Owner::Unknown {
        said.push("nobody's in the inventory".to_owned());
    }
    if !host.expected_at.is_empty() {
        said.push(format!("expected behind {}", host.expected_at.join(", ")));
    }
    if !host.also_on.is_empty() {
        let others: Vec<&str> = host.also_on.iter().map(NodeName::as_str).collect();
        said.push(format!("also advertised by {}", others.join(", ")));
    }
    if host.rival.is_some() {
        said.push("another place answers for it".to_owned());
    }
    (!said.is_empty()).then(|| said.join("; "))
}
