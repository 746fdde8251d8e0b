//! What a person sees when an inventory is wrong: every case in `tests/errors` against its `expected.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test --test errors` writes the files anew; read the difference before it is committed.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests read their golden files")]

use assert_cmd::Command;
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn cases() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(Path::new(ROOT).join("tests/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_message_is_as_written_down() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut different = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    for name in cases {
        let folder = format!("tests/errors/{name}");
        let output = Command::cargo_bin("fabricctl")
            .unwrap()
            .current_dir(ROOT)
            .args(["inventory", "validate", "-i", &folder])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: exit code");
        assert!(output.stdout.is_empty(), "{name}: nothing goes to stdout");
        let found = String::from_utf8(output.stderr).unwrap();
        assert!(!found.contains('\u{1b}'), "{name}: no colours without a terminal");
        let golden = Path::new(ROOT).join(&folder).join("expected.txt");
        if update {
            fs::write(&golden, &found).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != found {
            different.push(format!("{name}:\n{found}"));
        }
    }
    assert!(different.is_empty(), "{} cases differ:\n{}", different.len(), different.join("\n"));
}
