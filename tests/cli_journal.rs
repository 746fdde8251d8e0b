//! The journal and saved plans on the command line, as far as no device is needed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests read and write files, and fail by panicking"
)]

use assert_cmd::Command;
use fabricctl::store::SavedPlan;
use fabricctl::store::journal::{End, Journal, Outcome, Record, Recorder, RunStart, Safety, Status};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

/// An inventory of a test's own.
fn inventory() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory/reference/fabric.yml");
    fs::copy(reference, folder.path().join("fabric.yml")).unwrap();
    folder
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(inventory: &Path, args: &[&str]) -> Ran {
    let mut command = Command::cargo_bin("fabricctl").unwrap();
    let output = command.env_clear().arg("-i").arg(inventory).args(args).output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[track_caller]
fn refused(inventory: &Path, args: &[&str], message: &str) {
    let ran = run(inventory, args);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(message), "no {message:?} in {}", ran.stderr);
    assert!(ran.stderr.contains("\n  help: "), "no advice in {}", ran.stderr);
}

fn start(verb: &str) -> RunStart {
    RunStart {
        run: None,
        verb: verb.to_owned(),
        of: None,
        arguments: vec![verb.to_owned(), "--yes".to_owned()],
        fabric: "reference".to_owned(),
        lab: Some("two".to_owned()),
        nodes: vec!["leaf01".to_owned(), "leaf02".to_owned()],
        inventory: "my/fabric".to_owned(),
        inventory_digest: "0123456789abcdef".to_owned(),
    }
}

fn plan() -> Value {
    let step = |what: &str, diff: Option<&str>| json!({ "what": what, "reason": "it differs", "diff": diff });
    let steps = [step("write /etc/a", Some("@@ -1 +1 @@\n-old\n+new\n")), step("reload frr", None)];
    let node = |name: &str| json!({ "node": name, "steps": steps });
    json!({
        "changes": true,
        "summary": { "steps": 4, "nodes": 2 },
        "waves": [{ "wave": "leafs", "nodes": [node("leaf01"), node("leaf02")] }],
    })
}

fn begin(journal: &Journal, verb: &str, plan: Value) -> Recorder {
    journal.begin(100, &start(verb), plan, Box::new(|error| panic!("{error}"))).unwrap()
}

fn begun(node: &str, step: &str) -> Record {
    Record::StepBegun { node: node.to_owned(), step: step.to_owned() }
}

fn done(node: &str, step: &str) -> Record {
    Record::StepDone { node: node.to_owned(), step: step.to_owned(), ms: 1250 }
}

/// A run with a failure that was undone, one that changed nothing, and one that was killed; in this order.
fn a_past(journal: &Journal) -> [String; 3] {
    let failed = begin(journal, "deploy", plan());
    failed.record(begun("leaf01", "write /etc/a"));
    failed.record(done("leaf01", "write /etc/a"));
    failed.record(begun("leaf01", "reload frr"));
    let (node, step) = ("leaf01".to_owned(), Some("reload frr".to_owned()));
    failed.record(Record::StepFailed { node, step, ms: 500, said: "% Unknown\u{7} command".to_owned() });
    let (node, what) = ("leaf01".to_owned(), Safety::RolledBack);
    failed.record(Record::Safety { node, what, ok: true, said: None });
    let errors = vec!["leaf01: reload frr: % Unknown command".to_owned()];
    failed.end(End { outcome: Outcome::RolledBack, exit: 5, ms: 2000, errors, lost: 0 });
    let unchanged =
        begin(journal, "deploy", json!({ "changes": false, "summary": { "steps": 0 }, "waves": [] }));
    unchanged.end(End { outcome: Outcome::Unchanged, exit: 0, ms: 700, errors: Vec::new(), lost: 0 });
    let killed = begin(journal, "teardown", plan());
    killed.record(begun("leaf02", "write /etc/a"));
    let names = [&failed, &unchanged, &killed].map(|run| run.run().to_owned());
    drop(killed);
    while journal.read(&names[2]).unwrap().status != Status::Interrupted {
        std::thread::yield_now();
    }
    names
}

#[test]
fn without_a_journal_the_history_says_what_would_fill_it() {
    let inventory = inventory();
    let ran = run(inventory.path(), &["history"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("no run is recorded in ") && ran.stdout.contains("fabricctl deploy"));
    assert_eq!(run(inventory.path(), &["history", "-o", "json"]).stdout, "[]\n");
    refused(inventory.path(), &["history", "show", "3fa9"], "has no run \"3fa9\"");
    assert!(!inventory.path().join(".fabricctl").exists(), "looking makes nothing");
}

#[test]
fn the_history_lists_runs_from_the_newest() {
    let inventory = inventory();
    let journal = Journal::new(inventory.path().join(".fabricctl"));
    let [failed, unchanged, killed] = a_past(&journal);
    let running = begin(&journal, "deploy", plan());
    let ran = run(inventory.path(), &["history"]);
    let lines: Vec<Vec<&str>> = ran
        .stdout
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect())
        .collect();
    let row = |line: usize| (lines[line][0], lines[line][3], &lines[line][4..]);
    assert_eq!(lines[0], ["RUN", "WHEN", "WHO", "VERB", "NODES", "CHANGES", "OUTCOME", "DURATION"]);
    let lab = |verb: &str| format!("{verb} (lab two)");
    assert_eq!(row(1), (running.run(), &*lab("deploy"), &["2", "0 of 4", "running", "-"][..]));
    assert_eq!((row(2).0, row(2).1), (&*killed, &*lab("teardown")));
    assert_eq!(row(2).2[..3], ["2", "0 of 4", "interrupted"]);
    assert_eq!(row(3), (&*unchanged, &*lab("deploy"), &["2", "0", "unchanged", "0.7 s"][..]));
    assert_eq!(row(4), (&*failed, &*lab("deploy"), &["2", "1 of 4", "rolled-back", "2.0 s"][..]));

    let json: Value =
        serde_json::from_str(&run(inventory.path(), &["history", "-n2", "-o", "json"]).stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    let keys: Vec<&String> = json[1].as_object().unwrap().keys().collect();
    let expected = [
        "run",
        "at",
        "who",
        "verb",
        "of",
        "fabric",
        "lab",
        "nodes",
        "steps",
        "outcome",
        "exit",
        "elapsed_ms",
    ];
    assert_eq!(keys, expected);
    assert_eq!((&json[1]["outcome"], &json[1]["exit"]), (&json!("interrupted"), &Value::Null));
    // One damaged file doesn't hide the others.
    fs::write(journal.folder().join("runs/20990101T000000-0000.jsonl"), "rubbish\n").unwrap();
    let ran = run(inventory.path(), &["history"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 5));
    assert!(
        ran.stderr.contains("can't make out what happened in run 20990101T000000-0000"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_run_is_shown_with_what_became_of_each_step() {
    let inventory = inventory();
    let elsewhere = inventory.path().join("journal");
    let [failed, _, killed] = a_past(&Journal::new(elsewhere.clone()));
    let show = |args: &[&str]| {
        let journal = ["--journal", elsewhere.to_str().unwrap()];
        run(inventory.path(), &[&journal[..], &["history", "show"], args].concat())
    };
    let text = show(&[&failed]).stdout;
    for said in [
        "typed      fabricctl deploy --yes\n",
        "nodes      leaf01, leaf02\n",
        "    ✔ write /etc/a (1.2 s)  it differs\n        @@ -1 +1 @@\n        -old\n        +new\n",
        "    ✖ reload frr (FAILED, 0.5 s)  it differs\n        % Unknown command\n",
        "  leaf02\n      write /etc/a (not begun)  it differs\n",
        "safety\n  leaf01: rolled back\n",
        "rolled-back: exit code 5, 1 of 4 steps done (2.0 s)\n  leaf01: reload frr: % Unknown command\n",
    ] {
        assert!(text.contains(said), "no {said:?} in {text}");
    }
    let end = killed.rsplit('-').next().unwrap();
    let text = show(&[end]).stdout;
    assert!(text.contains("    ? write /etc/a (begun; how it ended is not known)"), "{text}");
    assert!(
        text.contains("interrupted: it ended without a word")
            && text.ends_with("  leaf02: write /etc/a was begun\n")
    );
    let json: Value = serde_json::from_str(&show(&[&failed, "-o", "json"]).stdout).unwrap();
    assert_eq!(json["plan"], plan());
    let step = json!({
        "node": "leaf01", "step": "reload frr", "outcome": "failed", "elapsed_ms": 500,
        "said": "% Unknown\u{7} command",
    });
    assert_eq!(json["progress"][1], step);
    assert_eq!(json["safety"][0]["what"], "rolled-back");
    assert_eq!(json["inventory"]["digest"], "0123456789abcdef");
    assert!(show(&["20"]).stderr.contains(" could be "), "several begin like this");
}

#[test]
fn without_a_journal_nothing_is_begun() {
    let inventory = inventory();
    let file = inventory.path().join("file");
    fs::write(&file, "").unwrap();
    for verb in ["deploy", "teardown"] {
        // There is no such lab: were devices looked for first, that would be the error.
        let args = [verb, "--yes", "--lab", "nonexistent", "--journal", file.to_str().unwrap()];
        refused(inventory.path(), &args, "can't write the journal");
    }
    refused(inventory.path(), &["plan", "--lab", "nonexistent"], "there is no lab nonexistent");
    assert!(!inventory.path().join(".fabricctl").exists(), "a plan leaves no record");
}

#[test]
fn the_journal_and_its_length_can_stand_in_the_environment() {
    let inventory = inventory();
    let folder = inventory.path().join("elsewhere");
    let journal = Journal::new(folder.clone());
    a_past(&journal);
    let with = |name: &str, value: &str| {
        let mut command = Command::cargo_bin("fabricctl").unwrap();
        command.env_clear().env(name, value).arg("-i").arg(inventory.path()).arg("history").output().unwrap()
    };
    let listed = with("FABRICCTL_JOURNAL", folder.to_str().unwrap());
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 4);
    assert_eq!(with("FABRICCTL_JOURNAL_KEEP", "0").status.code(), Some(2));
    assert_eq!(with("FABRICCTL_JOURNAL_KEEP", "5").status.code(), Some(0));
}

/// A saved plan as this version writes it, with what a test wants to be different.
fn saved(folder: &Path, change: impl Fn(&mut Value)) -> String {
    let path = folder.join("change.plan");
    SavedPlan::new("reference", None, fabricctl::planner::Fingerprint::default()).write(&path).unwrap();
    let mut plan: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut plan);
    fs::write(&path, plan.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_saved_plan_must_fit_before_a_device_is_contacted() {
    let inventory = inventory();
    let here = inventory.path();
    let deploy = |file: &str, more: &[&str], message: &str| {
        refused(here, &[&["deploy", file, "--yes"], more].concat(), message);
    };
    deploy("nonexistent.plan", &[], "can't read the plan nonexistent.plan");
    deploy(here.join("fabric.yml").to_str().unwrap(), &[], "is no plan that `plan --out` saved");
    deploy(&saved(here, |plan| plan["version"] = json!("0.0.1")), &[], "was made by fabricctl 0.0.1");
    deploy(
        &saved(here, |plan| plan["fabric"] = json!("other")),
        &[],
        "is for fabric other, the inventory for reference",
    );
    let in_lab = saved(here, |plan| plan["lab"] = json!("two"));
    deploy(&in_lab, &[], "is for lab two, not for real devices\n  help: add --lab two");
    deploy(&in_lab, &["--lab"], "is for lab two, not for lab reference");
    let of_leaf = saved(here, |plan| plan["observed"] = json!({ "leaf01": {} }));
    deploy(&of_leaf, &["--limit", "leaf02"], "is for leaf01, and --limit says otherwise");
    // Whatever is read here is named.
    let files = saved(here, |plan| {
        plan["inputs"] = json!({ "the inventory": "0", "the template debian/etc/x.j2": "0" });
    });
    deploy(&files, &[], "error: the inventory: it has changed\n");
    deploy(&files, &[], "error: the template debian/etc/x.j2: it is gone\n");
    deploy(&files, &[], "error: the template debian/etc/frr/frr.conf.j2: it is new\n");
    deploy(&files, &[], "nothing was changed\n  help: look at what would change now");
    // The option takes what stands behind it.
    refused(
        here,
        &["deploy", "--yes", "--lab", &files],
        "but a file of that name\n  help: write the plan before",
    );
    assert!(!here.join(".fabricctl").exists(), "a refused plan is no run");
}

#[test]
fn what_a_run_leaves_is_nobody_elses_business() {
    let inventory = inventory();
    let journal = Journal::new(inventory.path().join(".fabricctl"));
    a_past(&journal);
    for (path, mode) in [("", 0o700), ("runs", 0o700), (".gitignore", 0o600)] {
        let found = fs::metadata(journal.folder().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
    for file in fs::read_dir(journal.folder().join("runs")).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
