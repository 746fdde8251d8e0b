//! `exec`, `ssh`, `shell`, `report` and `inventory graph` without a device that answers.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a panic is how a test fails")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Where nobody listens.
const NOWHERE: &str = "Host *\n  HostName 127.0.0.1\n  Port 1\n  ConnectTimeout 5\n";

fn fabricctl(folder: &Path, args: &[&str]) -> Output {
    std::fs::write(folder.join("ssh_config"), NOWHERE).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabricctl"));
    let command = command.arg("--ssh-config").arg(folder.join("ssh_config")).args(args);
    command.env("FABRICCTL_JOURNAL", folder.join("journal")).env("NO_COLOR", "1").output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn devices_that_cannot_be_reached_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = fabricctl(folder.path(), &["exec", "-l", "leafs", "-o", "json", "true"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["ok"], said["silent"].as_array().unwrap().len()), (&false.into(), 4));
    assert!(text(&output.stderr).contains("Connection refused"), "{}", text(&output.stderr));

    let output = fabricctl(folder.path(), &["ssh", "leaf01"]);
    assert_eq!(output.status.code(), Some(255), "{}", text(&output.stderr));
}

#[test]
fn a_report_is_written_whatever_the_devices_say() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let output = fabricctl(folder.path(), &["report", "--out", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.contains("10 devices could not be asked") && page.ends_with("</html>\n"), "{page}");
}

#[test]
fn a_misspelt_name_is_nobody() {
    let folder = tempfile::tempdir().unwrap();
    for (args, said) in [
        (&["ssh", "leaf1"][..], "did you mean leaf01?"),
        (&["ssh", "leaf01", "-l", "spine"], "--limit leaves leaf01 out"),
        (&["shell", "wab11"], "did you mean web11?"),
        (&["shell", "server01"], "there is no container server01"),
    ] {
        let output = fabricctl(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[test]
fn a_picture_has_the_form_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let graph = |args: &[&str]| {
        let output = fabricctl(folder.path(), &[&["inventory", "graph"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    for (form, start) in [
        ("svg", "<svg "),
        ("dot", "graph \"reference\" {"),
        ("mermaid", "flowchart TB"),
        ("html", "<!DOCTYPE html>"),
        ("json", "{\n  \"title\": \"reference\""),
    ] {
        assert!(graph(&["-o", form]).starts_with(start), "{form}");
    }
    assert!(graph(&[]).starts_with("<svg "));
    assert!(!graph(&["-l", "spines,leaf01"]).contains("node-leaf02"));
    // Before the verb, it is every command's option.
    let output = fabricctl(folder.path(), &["-o", "json", "inventory", "graph"]);
    assert!(text(&output.stdout).starts_with('{'));
    let output = fabricctl(folder.path(), &["inventory", "list", "-o", "svg"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("[possible values: table, json, junit, markdown, tap]"),
        "{}",
        text(&output.stderr)
    );

    let file = folder.path().join("fabric.svg");
    assert_eq!(graph(&["--out", file.to_str().unwrap()]), "");
    assert!(std::fs::read_to_string(&file).unwrap().ends_with("</svg>\n"));
    let output = fabricctl(folder.path(), &["inventory", "graph", "--out", "/nonexistent/x.svg"]);
    assert_eq!(output.status.code(), Some(2));
}
