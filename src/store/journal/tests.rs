//! The journal on a real folder.

use super::*;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc;

fn start() -> RunStart {
    RunStart {
        run: None,
        verb: "deploy".to_owned(),
        of: None,
        arguments: vec!["deploy".to_owned(), "--yes".to_owned()],
        fabric: "reference".to_owned(),
        lab: None,
        nodes: vec!["leaf01".to_owned()],
        inventory: "fabric.yml".to_owned(),
        inventory_digest: "0".to_owned(),
    }
}

fn plan() -> serde_json::Value {
    json!({ "changes": true, "summary": { "steps": 2, "nodes": 1 } })
}

fn ended(outcome: Outcome) -> End {
    End { outcome, exit: 0, ms: 7, errors: Vec::new(), lost: 0 }
}

fn no_warning() -> Box<dyn FnOnce(JournalError) + Send> {
    Box::new(|error| panic!("{error}"))
}

fn begin(journal: &Journal, keep: usize) -> Recorder {
    journal.begin(keep, &start(), plan(), no_warning()).unwrap()
}

fn begun(step: &str) -> Record {
    Record::StepBegun { node: "leaf01".to_owned(), step: step.to_owned() }
}

fn done(step: &str) -> Record {
    Record::StepDone { node: "leaf01".to_owned(), step: step.to_owned(), ms: 3 }
}

/// A run of the past; returns its name.
fn past(journal: &Journal, outcome: Outcome) -> String {
    let recorder = begin(journal, usize::MAX);
    recorder.end(ended(outcome));
    recorder.run().to_owned()
}

#[test]
fn a_run_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().join("deep/.fabricctl"));
    assert_eq!(journal.runs().unwrap(), [""; 0]);
    let recorder = begin(&journal, 100);
    let run = recorder.run().to_owned();
    recorder.record(begun("write /etc/a"));
    recorder.record(done("write /etc/a"));
    recorder.record(begun("reload frr"));
    let failed = Record::StepFailed {
        node: "leaf01".to_owned(),
        step: Some("reload frr".to_owned()),
        ms: 5,
        said: "no\nway".to_owned(),
    };
    recorder.record(failed);
    let what = Safety::RolledBack;
    recorder.record(Record::Safety { node: "leaf01".to_owned(), what, ok: true, said: None });
    recorder.end(ended(Outcome::RolledBack));
    recorder.record(begun("after the end"));
    recorder.end(ended(Outcome::Done));

    let Entry { run: name, status, story } = journal.read(&run).unwrap();
    assert_eq!((name, status), (run.clone(), Status::Ended(Outcome::RolledBack)));
    assert_eq!(
        (story.header.schema, &story.header.run, story.header.verb.as_str()),
        (SCHEMA, &run, "deploy")
    );
    assert_eq!((story.plan.clone(), story.planned(), story.done()), (plan(), 2, 1));
    let fates: Vec<&Fate> = story.steps.iter().map(|step| &step.fate).collect();
    assert_eq!(fates, [&Fate::Done { ms: 3 }, &Fate::Failed { ms: 5, said: "no\nway".to_owned() }]);
    assert_eq!((story.safety.len(), story.unreadable, story.open().count()), (1, 0, 0));

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(journal.folder()), 0o700);
    assert_eq!(mode(&journal.runs_folder()), 0o700);
    assert_eq!(mode(&journal.file_of(&run)), 0o600);
    assert_eq!(fs::read_to_string(journal.folder().join(".gitignore")).unwrap(), "*\n");
    assert_eq!(fs::read_dir(journal.runs_folder()).unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn a_run_without_an_end_runs_as_long_as_its_lock_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    let recorder = begin(&journal, 100);
    let run = recorder.run().to_owned();
    recorder.record(begun("write /etc/a"));
    assert_eq!(journal.read(&run).unwrap().status, Status::Running);
    assert!(matches!(journal.add(&run, done("x")), Err(JournalError::Running { .. })));
    drop(recorder);
    // The writer ends by itself, a moment later.
    let patience = std::time::Instant::now();
    while journal.read(&run).unwrap().status == Status::Running {
        assert!(patience.elapsed().as_secs() < 60, "the lock stays held");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let entry = journal.read(&run).unwrap();
    assert_eq!(entry.status, Status::Interrupted);
    let open: Vec<&str> = entry.story.open().map(|step| step.step.as_str()).collect();
    assert_eq!(open, ["write /etc/a"]);
}

#[test]
fn a_torn_line_is_dropped_and_the_next_record_does_not_continue_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    let run = past(&journal, Outcome::Done);
    let path = journal.file_of(&run);
    let whole = fs::read(&path).unwrap();
    let lines: Vec<usize> =
        whole.iter().enumerate().filter(|(_, octet)| **octet == b'\n').map(|(at, _)| at + 1).collect();
    assert_eq!(lines.len(), 3);
    // Wherever the power goes, what was whole before is read.
    for length in 0..whole.len() {
        let story = Story::read(&String::from_utf8_lossy(&whole[..length]));
        assert_eq!(story.is_ok(), length >= lines[0], "{length}");
        let Ok(story) = story else { continue };
        assert_eq!(story.plan.is_null(), length < lines[1], "{length}");
        assert_eq!((story.end.is_none(), story.unreadable), (true, 0), "{length}");
    }
    fs::write(&path, &whole[..lines[1] + 5]).unwrap();
    drop(File::open(&path));
    journal.add(&run, done("late")).unwrap();
    let entry = journal.read(&run).unwrap();
    assert_eq!((entry.status, entry.story.unreadable), (Status::Interrupted, 0));
    assert_eq!(entry.story.steps.len(), 1);
    assert!(fs::read(&path).unwrap().starts_with(&whole[..lines[1]]));
}

#[test]
fn what_nobody_understands_is_counted_or_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    let run = past(&journal, Outcome::Done);
    let text = fs::read_to_string(journal.file_of(&run)).unwrap();
    let newer = r#"{"after_ms":1,"record":"weather","sun":true}"#;
    let what = r#"{"after_ms":1,"record":"safety","node":"a","what":"umbrella","ok":true}"#;
    let story = Story::read(&format!("{text}{newer}\n{what}\nrubbish\n")).unwrap();
    assert_eq!((story.unreadable, story.safety[0].what), (1, Safety::Unknown));
    let later = text.replacen("\"schema\":1", "\"schema\":2", 1);
    assert_eq!(Story::read(&later), Err(StoryError::Newer(2)));
    assert_eq!(Story::read("{}\n"), Err(StoryError::NoHeader));
    fs::write(journal.file_of("20200101T000000-0000"), "rubbish\n").unwrap();
    assert!(matches!(journal.read("20200101T000000-0000"), Err(JournalError::Story { .. })));
}

#[test]
fn a_run_is_found_by_its_beginning_or_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    journal.prepare().unwrap();
    let names = ["20261121T100000-2026", "20261122T084655-3fa9", "20261122T084655-3fb0"];
    for name in names {
        fs::write(journal.file_of(name), "").unwrap();
    }
    assert_eq!(journal.runs().unwrap(), names);
    let find = |given: &str| journal.find(given);
    assert_eq!(find("20261121").unwrap(), names[0]);
    assert_eq!(find("20261122T084655-3fa").unwrap(), names[1]);
    assert_eq!(find(names[2]).unwrap(), names[2]);
    assert_eq!(find("3fa9").unwrap(), names[1]);
    assert!(matches!(find("3f"), Err(JournalError::Ambiguous { runs, .. }) if runs == names[1..]));
    // A beginning counts before an end.
    assert!(matches!(find("2026"), Err(JournalError::Ambiguous { runs, .. }) if runs == names));
    assert!(matches!(find("2027"), Err(JournalError::NoRun { .. })));
    assert!(matches!(find("../x"), Err(JournalError::NoRun { .. })));
}

#[test]
fn old_runs_go_and_those_that_changed_nothing_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    let old = past(&journal, Outcome::Done);
    let unchanged = past(&journal, Outcome::Unchanged);
    let running = begin(&journal, usize::MAX);
    let failed = past(&journal, Outcome::Failed);
    let newest = begin(&journal, 4);
    assert_eq!(journal.runs().unwrap(), [&old, running.run(), &failed, newest.run()]);
    assert!(!journal.file_of(&unchanged).exists());
    let third = begin(&journal, 2);
    // Those that are under way stay, whatever the number.
    assert_eq!(journal.runs().unwrap(), [running.run(), newest.run(), third.run()]);
}

#[test]
fn runs_that_begin_together_have_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    let runs: Vec<String> = std::thread::scope(|scope| {
        let begin = || past(&journal, Outcome::Done);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(runs.iter().collect::<std::collections::BTreeSet<_>>().len(), 8, "{runs:?}");
    for run in runs {
        assert_eq!(journal.read(&run).unwrap().status, Status::Ended(Outcome::Done));
    }
}

#[test]
fn a_journal_that_can_not_be_written_says_so_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let journal = Journal::new(file.join(".fabricctl"));
    assert!(matches!(journal.prepare(), Err(JournalError::Write { .. })));
    assert!(matches!(Journal::new(file).prepare(), Err(JournalError::Write { .. })));
    let refused = journal.begin(1, &start(), plan(), no_warning());
    assert!(matches!(refused, Err(JournalError::Write { .. })));
}

#[test]
fn a_disk_that_is_full_in_the_middle_is_told_once_and_ends_no_run() {
    // A device that takes nothing, in place of the run's file.
    let (warned, warning) = mpsc::channel();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let recorder = Recorder::start(
        "run".to_owned(),
        PathBuf::from("/dev/full"),
        full,
        Box::new(move |error| warned.send(error.to_string()).unwrap()),
    )
    .unwrap();
    recorder.record(begun("a"));
    recorder.record(begun("b"));
    recorder.end(ended(Outcome::Done));
    assert!(warning.recv().unwrap().contains("journal"));
    drop(recorder);
    assert!(warning.recv().is_err(), "told once");
}
