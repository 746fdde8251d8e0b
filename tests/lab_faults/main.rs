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

#[test]
fn every_fault_at_every_boundary() {
    let began = Instant::now();
    let labs = wish("FAULTS_LABS").and_then(|labs| labs.parse().ok()).unwrap_or(LABS);
    let suite = wish("FABRICCTL_LAB_SUITE").unwrap_or_else(|| "bookworm".to_owned());
    let cells = Mutex::new(None::<Vec<Cell>>);
    let results: Mutex<Vec<(Cell, Found)>> = Mutex::default();
    let boundaries = Mutex::new(None);
    std::thread::scope(|scope| {
        for number in 0..labs {
            let (cells, results, boundaries, suite) = (&cells, &results, &boundaries, suite.as_str());
            scope.spawn(move || {
                let mut rig = Rig::up(number, suite);
                let known = boundaries.lock().unwrap().get_or_insert_with(|| rig.boundaries.clone()).clone();
                assert_eq!(rig.boundaries, known, "two labs, two runs");
                loop {
                    let next = cells.lock().unwrap().get_or_insert_with(|| all(&rig)).pop();
                    let Some(cell) = next else { break };
                    let found = cell::run(&mut rig, &cell);
                    println!("{}", table::line(&cell, &rig, &found));
                    results.lock().unwrap().push((cell, found));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let boundaries = boundaries.into_inner().unwrap().unwrap();
    println!("{}", table::table(&boundaries, &results));
    let seconds = began.elapsed().as_secs();
    println!("{} cells in {labs} labs took {seconds} s", results.len());
    let wrong: Vec<String> = results
        .iter()
        .filter(|(_, found)| !found.wrong.is_empty())
        .map(|(cell, found)| format!("{} {} {}\n{}", cell.fault.name(), cell.node, cell.boundary, found.wrong))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cells are wrong:\n{}", wrong.len(), results.len(), wrong.join("\n"));
    assert!(!results.is_empty());
}

fn wish(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|wish| !wish.is_empty())
}

/// All that are wanted: `FAULTS` names faults, `FAULTS_AT` a device with numbers of its boundaries (`leaf01:3,4`).
fn all(rig: &Rig) -> Vec<Cell> {
    let wanted = wish("FAULTS");
    let at = wish("FAULTS_AT");
    let is_wanted = |fault: &Fault| wanted.as_deref().is_none_or(|all| all.split(',').any(|name| name == fault.name()));
    let is_there = |node: &str, boundary: usize| {
        at.as_deref().is_none_or(|at| {
            let (there, numbers) = at.split_once(':').unwrap_or((at, ""));
            there == node && (numbers.is_empty() || numbers.split(',').any(|number| number == boundary.to_string()))
        })
    };
    let mut cells = Vec::new();
    for fault in Fault::ALL.into_iter().filter(is_wanted) {
        for node in CHANGED.into_iter().filter(|node| fault.concerns(node)) {
            let numbers = (1..=rig.boundaries[node].len()).filter(|number| is_there(node, *number));
            cells.extend(numbers.map(|boundary| Cell { fault, node, boundary }));
        }
    }
    // Taken from the end.
    cells.reverse();
    cells
}
