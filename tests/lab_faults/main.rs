//! A deployment meets every fault at every boundary between two of its deeds; afterwards each device is wholly as it was
//! or wholly as it was meant to be, and the tool has said which.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a panic is how a test fails; tests start processes, write and read files, and tell how long things took"
)]

mod cell;
mod claim;
mod node;
mod rig;
#[path = "../support/mod.rs"]
mod support;
mod table;

use cell::{Cell, Fault, Found};
use rig::{CHANGED, Rig};
use std::sync::Mutex;
use std::time::Instant;

/// Labs side by side: most of the time each of them waits.
const LABS: usize = 6;

/// Which part of all cells is tried where nobody asks for more.
const SHARE: usize = 6;

#[test]
fn every_fault_at_every_boundary() {
    let began = Instant::now();
    let labs = wish("FAULTS_LABS").and_then(|labs| labs.parse().ok()).unwrap_or(LABS);
    let suite = wish("FABRICCTL_LAB_SUITE").unwrap_or_else(|| "bookworm".to_owned());
    let cells = Mutex::new(None::<Vec<Cell>>);
    let results: Mutex<Vec<(Cell, Found)>> = Mutex::default();
    let boundaries = Mutex::new(None);
    let broken = std::thread::scope(|scope| {
        let work = |number: usize| {
            let (cells, results, boundaries, suite) = (&cells, &results, &boundaries, suite.as_str());
            scope.spawn(move || {
                let mut rig = Rig::up(number, suite);
                let known = boundaries.lock().unwrap().get_or_insert_with(|| rig.boundaries.clone()).clone();
                assert_eq!(rig.boundaries, known, "two labs, two runs");
                loop {
                    let next = cells.lock().unwrap().get_or_insert_with(|| all(&rig)).pop();
                    let Some(cell) = next else { break };
                    let found = cell::run(&mut rig, &cell);
                    println!("{}", (table::line(&cell, &rig, &found) + "\n" + &found.wrong).trim_end());
                    results.lock().unwrap().push((cell, found));
                }
            })
        };
        // What a lab that breaks was about to try is missing in the table; the others go on.
        let workers: Vec<_> = (0..labs).map(work).collect();
        workers.into_iter().map(std::thread::ScopedJoinHandle::join).filter(Result::is_err).count()
    });
    let results = results.into_inner().unwrap();
    let boundaries = boundaries.into_inner().unwrap().unwrap();
    println!("{}", table::table(&boundaries, &results));
    let seconds = began.elapsed().as_secs();
    let longest = results.iter().map(|(_, found)| found.closed).max().unwrap_or_default();
    let (cells, longest, guard) = (results.len(), longest.as_secs_f32(), rig::GUARD.as_secs());
    println!("{cells} cells in {labs} labs took {seconds} s");
    println!("no device had an open run later than {longest:.1} s after the run's end (guards of {guard} s)");
    let wrong: Vec<String> = results
        .iter()
        .filter(|(_, found)| !found.wrong.is_empty())
        .map(|(cell, found)| {
            format!("{} {} {}\n{}", cell.fault.name(), cell.node, cell.boundary, found.wrong)
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cells are wrong:\n{}", wrong.len(), results.len(), wrong.join("\n"));
    assert!(broken == 0 && !results.is_empty(), "{broken} labs broke");
}

fn wish(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|wish| !wish.is_empty())
}

/// The cells that are wanted. `FAULTS` is `all`, or names faults; `FAULTS_AT` names a device, with numbers of its boundaries
/// if they are not all meant (`leaf01:3,4`). Without either it is a sixth of them: each boundary with every sixth
/// fault, the next one with the next ones, so that every boundary and every fault has its turn.
fn all(rig: &Rig) -> Vec<Cell> {
    let (faults, at) = (wish("FAULTS"), wish("FAULTS_AT"));
    let is_wanted = |cell: &Cell, number: usize| match faults.as_deref() {
        Some("all") => true,
        Some(names) => names.split(',').any(|name| name == cell.fault.name()),
        None => at.is_some() || (cell.boundary + number).is_multiple_of(SHARE),
    };
    let is_there = |cell: &Cell| {
        at.as_deref().is_none_or(|at| {
            let (node, numbers) = at.split_once(':').unwrap_or((at, ""));
            let mut numbers = numbers.split(',').filter(|number| !number.is_empty()).peekable();
            let every = numbers.peek().is_none();
            node == cell.node && (every || numbers.any(|number| number == cell.boundary.to_string()))
        })
    };
    let mut cells = Vec::new();
    for (number, fault) in Fault::ALL.into_iter().enumerate() {
        for node in CHANGED.into_iter().filter(|node| fault.concerns(node)) {
            let of_node = (1..=rig.boundaries[node].len()).map(|boundary| Cell { fault, node, boundary });
            cells.extend(of_node.filter(|cell| is_wanted(cell, number) && is_there(cell)));
        }
    }
    // Taken from the end.
    cells.reverse();
    cells
}
