//! What was found, for people.

use super::cell::{Cell, Fault, Found};
use super::rig::{CHANGED, Rig};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A boundary as a person calls it.
pub fn name(boundary: &str) -> String {
    let words: Vec<&str> = boundary.trim_end().split(' ').collect();
    match words.as_slice() {
        ["step", "put_file", _, path, ..] => format!("before: write {path}"),
        ["step", "run_container", rest @ ..] => {
            let name = rest.iter().skip_while(|word| **word != "--name").nth(1);
            format!("before: run {}", name.unwrap_or(&""))
        }
        ["step", deed, what, ..] => {
            format!("before: {} {what}", deed.replace("_service", "").replace('_', " "))
        }
        ["open"] => "locked".to_owned(),
        ["saved"] => "snapshot taken".to_owned(),
        ["armed"] => "guard armed".to_owned(),
        ["end"] => "end of the stage".to_owned(),
        ["close"] => "before confirming".to_owned(),
        ["closing"] => "confirmed".to_owned(),
        ["closed"] => "guard gone".to_owned(),
        _ => boundary.to_owned(),
    }
}

fn outcome(found: &Found) -> String {
    let states: Vec<&str> = found.states.values().copied().collect();
    let same = states.windows(2).all(|pair| pair[0] == pair[1]);
    let text = match states.first() {
        Some(state) if same => (*state).to_owned(),
        Some(_) => {
            found.states.iter().map(|(node, state)| format!("{node} {state}")).collect::<Vec<_>>().join(", ")
        }
        None => "?".to_owned(),
    };
    if found.wrong.is_empty() { text } else { format!("{text} WRONG") }
}

/// One cell, as soon as it is known.
pub fn line(cell: &Cell, rig: &Rig, found: &Found) -> String {
    let at = &rig.boundaries[cell.node][cell.boundary - 1];
    format!(
        "{:<16} {:<9} {:>2} {at:<48} {:<28} closed after {:>4.1} s, {:>4.1} s in all",
        cell.fault.name(),
        cell.node,
        cell.boundary,
        outcome(found),
        found.closed.as_secs_f32(),
        found.elapsed.as_secs_f32(),
    )
}

/// Faults across, boundaries down.
pub fn table(boundaries: &BTreeMap<&'static str, Vec<String>>, results: &[(Cell, Found)]) -> String {
    let faults: Vec<Fault> =
        Fault::ALL.into_iter().filter(|fault| results.iter().any(|(cell, _)| cell.fault == *fault)).collect();
    let mut text = String::from("| device | boundary |");
    for fault in &faults {
        let _ = write!(text, " {} |", fault.name());
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(faults.len()));
    for node in CHANGED {
        for (number, boundary) in boundaries[node].iter().enumerate() {
            let _ = write!(text, "\n| {node} | {boundary} |");
            for fault in &faults {
                let cell = Cell { fault: *fault, node, boundary: number + 1 };
                let found = results.iter().find(|(other, _)| *other == cell).map(|(_, found)| outcome(found));
                let _ = write!(text, " {} |", found.unwrap_or_else(|| "·".to_owned()));
            }
        }
    }
    text
}
