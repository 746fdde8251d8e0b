//! What the tool says that became of the devices of a run.

use super::support::Ran;
use std::collections::BTreeMap;

/// What a device is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// As it was before the run.
    Old,
    /// As it was meant to be.
    New,
    /// As it was, once its guard's time is over; or it was never changed.
    OldSoon,
    /// The tool says that it doesn't know, or that something is left to mend.
    Open,
}

/// Reads a run's last words, for each device of its plan. None where it says nothing.
pub fn read(ran: &Ran, nodes: &[&'static str]) -> BTreeMap<&'static str, Option<Claim>> {
    nodes.iter().map(|node| (*node, of(ran, node))).collect()
}

fn of(ran: &Ran, node: &str) -> Option<Claim> {
    if ran.code == 0 && (ran.stdout.contains("deployed: ") || ran.stdout.contains("nothing changed")) {
        return Some(Claim::New);
    }
    let text = &ran.stderr;
    let lines = || text.lines();
    if let Some(line) = lines().find(|line| line.contains("rolled back: everything is as it was"))
        && line.contains(node)
    {
        return Some(Claim::Old);
    }
    // A problem begins with its node; what follows it is indented.
    let mut words = String::new();
    let mut mine = false;
    for line in lines() {
        if line.starts_with("error: ") {
            mine =
                line.starts_with("error: ") && line.split(": ").nth(1).is_some_and(|who| who.contains(node));
        }
        if mine {
            words.push_str(line);
            words.push('\n');
        }
    }
    if words.contains("not as before") || words.contains("whether it is confirmed isn't known") {
        return Some(Claim::Open);
    }
    if words.contains("its guard puts everything back")
        || words.contains("has put back what was there before")
    {
        return Some(Claim::OldSoon);
    }
    lines().find_map(|line| match line {
        _ if line.contains("nothing was changed there") => line.contains(node).then_some(Claim::Old),
        _ if line.contains("nothing was changed") => Some(Claim::Old),
        _ if line.contains("confirmed: what was deployed stays") => line.contains(node).then_some(Claim::New),
        _ => None,
    })
}
