//! Recordings: what the machine was told, and what it wanted done, exactly.
//!
//! Each folder of `tests/replay` holds `events.jsonl` (`{"at": MILLISECONDS, "event": …}` a line), `effects.jsonl`
//! (the same with `effect`) and, where it isn't the default, `rdnbrd.conf`. The machine gets its ticks when it
//! asked for them; a `tick` event in the recording says how long to go on. `UPDATE_GOLDEN=1` rewrites the effects.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]
#![expect(clippy::disallowed_methods, reason = "tests read and write their own files")]

use fabricctl::neighbor::{Config, Effect, Event, Machine, Moment};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    at: Moment,
    event: Event,
}

#[derive(Serialize)]
struct Wanted {
    at: Moment,
    effect: Effect,
}

fn replay(case: &Path) -> String {
    let settings = match fs::read_to_string(case.join("rdnbrd.conf")) {
        Ok(text) => Config::parse("rdnbrd.conf", &text).unwrap().settings,
        Err(_) => Config::default().settings,
    };
    let mut machine = Machine::new(settings);
    let mut wanted = String::new();
    let mut note = |at: Moment, effects: Vec<Effect>| {
        for effect in effects {
            wanted.push_str(&serde_json::to_string(&Wanted { at, effect }).unwrap());
            wanted.push('\n');
        }
    };
    let events = fs::read_to_string(case.join("events.jsonl")).unwrap();
    for (number, line) in (1..).zip(events.lines()) {
        let told: Told = serde_json::from_str(line).unwrap_or_else(|error| {
            panic!("{}: line {number}: {error}", case.display());
        });
        while let Some(deadline) = machine.deadline().filter(|deadline| *deadline <= told.at) {
            note(deadline, machine.on(Event::Tick, deadline));
        }
        note(told.at, machine.on(told.event, told.at));
    }
    wanted
}

#[test]
fn every_recording_gives_its_effects() {
    let mut cases: Vec<_> =
        fs::read_dir("tests/replay").unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let (found, file) = (replay(&case), case.join("effects.jsonl"));
        if std::env::var("UPDATE_GOLDEN").is_ok() {
            fs::write(&file, &found).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            found == expected,
            "{}:\n{}",
            case.display(),
            similar::TextDiff::from_lines(&expected, &found).unified_diff()
        );
    }
}
