//! The five forms of a verification's document. Snapshots are in `tests/snapshots`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::name;
use fabricctl::output::{VERIFY_SCHEMA, verify_junit, verify_markdown, verify_table, verify_tap};
use fabricctl::verify::{CheckName, Finding, Report, Unreachable, Violation};
use serde_json::Value;
use std::collections::BTreeSet;

fn checks() -> BTreeSet<CheckName> {
    BTreeSet::from([CheckName::Links, CheckName::Bgp, CheckName::Reachability])
}

fn healthy() -> Report {
    let findings = vec![
        Finding::ok(CheckName::Links, &name("leaf01"), "swp51").found("up, MTU 9216"),
        Finding::ok(CheckName::Bgp, &name("leaf01"), "swp51"),
        Finding::ok(CheckName::Reachability, &name("server01"), "web11 → web21"),
        Finding::ok(CheckName::Reachability, &name("server02"), "web21 → web11"),
    ];
    let mut report = Report::of(&checks(), findings, Vec::new());
    report.converged_after_ms = Some(1812);
    report
}

/// Everything that can be said at once, with texts that mean something in one form or another.
fn broken() -> Report {
    let mut late =
        Finding::failed(CheckName::Bgp, &name("leaf01"), "swp51", "down, in state Idle # not \\ yet")
            .expected("Established with spine01 (AS 65020)")
            .found("Idle")
            .hint("vtysh -c 'show bgp neighbors swp51' | less")
            .with(&name("spine01"));
    late.true_after_ms = Some(34_200);
    let failed = |subject: &str| {
        Finding::failed(
            CheckName::Links,
            &name("leaf02"),
            subject,
            "<its> MTU is 1500 & not 9216 \u{1b}[31m\u{7}",
        )
    };
    let findings = vec![
        failed("swp51"),
        failed("swp52"),
        Finding::skipped(
            CheckName::Links,
            &name("spine01"),
            "swp4",
            "no carrier: leaf04 swp51 is switched off",
        ),
        late,
        Finding::ok(CheckName::Reachability, &name("server01"), "web11 → web21"),
        Finding::failed(CheckName::Reachability, &name("server02"), "web21 → web11", "no answer"),
    ];
    let reason = "Connection refused".to_owned();
    let mut report = Report::of(&checks(), findings, vec![Unreachable { node: name("leaf03"), reason }]);
    report.late_after_ms = Some(34_200);
    report.watched_ms = Some(300_000);
    report.violations.push(Violation {
        check: CheckName::Bgp,
        node: name("leaf04"),
        subject: "swp52".to_owned(),
        reason: "down: swp52 is switched off".to_owned(),
        at: "2026-01-02T03:04:05.678Z".to_owned(),
        from_ms: 12_000,
        lasted_ms: 3_004,
        over: true,
    });
    report
}

fn plain(report: &Report) -> String {
    anstream::adapter::strip_str(&verify_table(report, None, 100)).to_string()
}

#[test]
fn tables() {
    insta::assert_snapshot!("verify_table_healthy", plain(&healthy()));
    insta::assert_snapshot!("verify_table_broken", plain(&broken()));
}

#[test]
fn markdown() {
    insta::assert_snapshot!("verify_markdown_healthy", verify_markdown(&healthy()));
    insta::assert_snapshot!("verify_markdown_broken", verify_markdown(&broken()));
}

#[test]
fn tap() {
    insta::assert_snapshot!("verify_tap_healthy", verify_tap(&healthy()));
    let text = verify_tap(&broken());
    let points = text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).count();
    assert!(text.contains(&format!("\n1..{points}\n")), "the plan counts the points:\n{text}");
    insta::assert_snapshot!("verify_tap_broken", text);
}

#[test]
fn json_is_as_the_schema_says() {
    let schema: Value = serde_json::from_str(VERIFY_SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for report in [healthy(), broken()] {
        let document = serde_json::to_value(&report).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}\n{document:#}");
    }
    // It can say no, too.
    let mut document = serde_json::to_value(broken()).unwrap();
    document["checks"][0]["status"] = "ok".into();
    assert!(!validator.is_valid(&document));
    // Every check is one that the schema knows.
    let known = schema["$defs"]["check"]["enum"].as_array().unwrap();
    let names: Vec<Value> = CheckName::all().map(|check| serde_json::to_value(check).unwrap()).collect();
    assert!(names.iter().all(|name| known.contains(name)) && names.len() == known.len());
    insta::assert_snapshot!("verify_json_broken", serde_json::to_string_pretty(&broken()).unwrap());
}

#[test]
fn junit_counts_what_it_holds() {
    insta::assert_snapshot!("verify_junit_broken", verify_junit(&broken()).unwrap());
    let text = verify_junit(&broken()).unwrap();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "what XML can't hold: {text}");
    let document = quick_junit::Report::deserialize_from_str(&text).unwrap();
    assert_eq!((document.tests, document.failures, document.errors), (8, 5, 1));
    let suites: Vec<&str> = document.test_suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(suites, ["devices", "links", "bgp", "reachability", "while it was watched"]);
    let healthy = verify_junit(&healthy()).unwrap();
    let document = quick_junit::Report::deserialize_from_str(&healthy).unwrap();
    assert_eq!((document.tests, document.failures, document.errors), (4, 0, 0));
}

/// What xmllint has against a document; nothing if it is as the schema says.
fn against_schema(document: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/junit.xsd");
    #[expect(clippy::disallowed_methods, reason = "xmllint reads a file")]
    std::fs::write(&file, document).unwrap();
    #[expect(clippy::disallowed_methods, reason = "nothing in Rust validates by such a schema")]
    let output = std::process::Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema", schema])
        .arg(&file)
        .output()
        .unwrap_or_else(|error| panic!("xmllint: {error}; `make xmllint` installs it"));
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn junit_is_as_the_schema_of_ci_systems_says() {
    for report in [healthy(), broken(), Report::of(&checks(), Vec::new(), Vec::new())] {
        let document = verify_junit(&report).unwrap();
        assert_eq!(against_schema(&document), None, "{document}");
    }
    // It can say no, too.
    let document = verify_junit(&broken()).unwrap();
    for (from, to) in [
        ("<testsuite name=\"links\"", "<testsuite"),
        ("<skipped ", "<omitted "),
        ("fabricctl verify\"", "fabricctl verify\" skipped=\"1\""),
        ("tests=\"3\"", "tests=\"some\""),
    ] {
        assert!(document.contains(from), "{from}");
        let wrong = against_schema(&document.replacen(from, to, 1));
        assert!(wrong.is_some_and(|wrong| wrong.contains("validity error")), "{from}");
    }
}

#[test]
fn what_devices_say_reaches_no_terminal_and_no_document_raw() {
    for text in [plain(&broken()), verify_markdown(&broken()), verify_tap(&broken())] {
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }
    assert!(verify_markdown(&broken()).contains("&lt;its> MTU is 1500 &amp; not 9216"));
}
