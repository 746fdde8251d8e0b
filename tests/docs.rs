//! What docs/rdnbrd.md tells of is what the daemon has: keys with their defaults, and events of the log.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests read files and may panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first two cells of each row, without marks, of the tables whose header begins with that word.
fn rows(text: &str, header: &str) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect();
        match cells.as_slice() {
            [first, ..] if line.starts_with('|') && first == header => inside = true,
            [first, second, _, ..] if line.starts_with('|') && inside && !first.starts_with('-') => {
                rows.push((first.clone(), second.clone()));
            }
            _ => inside &= line.starts_with('|'),
        }
    }
    rows
}

#[test]
fn every_key_is_told_with_its_default() {
    // The reader's own table, which its tests hold against what it takes.
    let source = read("src/neighbor/config.rs");
    let head: String = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .fold(String::new(), |text, line| text + line + "\n");
    let keys = rows(&head, "key");
    assert!(keys.len() > 12, "{keys:?}");
    let told = rows(&read("docs/rdnbrd.md"), "key");
    for key in keys {
        assert!(
            told.contains(&key),
            "docs/rdnbrd.md has {:?} for {key:?}",
            told.iter().find(|(name, _)| *name == key.0)
        );
    }
}

/// The names after `event=` in the sources of a folder, tests included.
fn events(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        for rest in text.split("event=").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(rest.len());
            found.extend((end > 0).then(|| rest[..end].to_owned()));
        }
    }
    found
}

#[test]
fn every_event_of_the_log_is_told() {
    let told: BTreeSet<String> = rows(&read("docs/rdnbrd.md"), "event")
        .into_iter()
        .flat_map(|(names, _)| names.split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut logged = events("src/neighbor");
    logged.extend(events("src/daemon"));
    assert!(logged.len() > 15, "{logged:?}");
    let missing: Vec<&String> = logged.difference(&told).collect();
    assert!(missing.is_empty(), "docs/rdnbrd.md lacks {missing:?}");
}
