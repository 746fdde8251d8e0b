//! Asks what was put on a device, and what of it is there.

use super::answer::{ObserveError, files, from_root};
use super::sections::{Answers, draw_word};
use super::{AskError, BUSY, Question, script};
use crate::action::{ContainerSpec, NetworkSpec};
use crate::parse;
use crate::remote::{Output, Script, Session};
use crate::verify::drift::{Evidence, Found, LastRun, Record, RecordedContainer};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

/// Asks one device for both; nothing on it changes.
///
/// # Errors
/// When the script can't run or its answer can't be read.
pub async fn drift(session: &Session, question: &Question, timeout: Duration) -> Result<Evidence, AskError> {
    let word = draw_word();
    let script = Script {
        text: script::drift_text(question, &word, script::PATIENCE),
        attachments: Vec::new(),
        timeout,
    };
    let output = session.run(&script, |_| {}).await?;
    if output.status == BUSY {
        return Err(AskError::Busy);
    }
    Ok(read(&word, &output)?)
}

fn read(word: &str, output: &Output) -> Result<Evidence, ObserveError> {
    evidence(word, &output.stdout, &output.stderr)
}

/// Reads what the script printed.
pub(super) fn evidence(word: &str, said: &[u8], complaint: &str) -> Result<Evidence, ObserveError> {
    let answers = Answers::split(word, said);
    if answers.get("end").is_none() {
        return Err(ObserveError::Short(complaint.trim().to_owned()));
    }
    let record = if answers.yes("record") { Some(record(&answers)?) } else { None };
    Ok(Evidence { known: answers.yes("manifest"), record, found: found(&answers)? })
}

fn record(answers: &Answers) -> Result<Record, ObserveError> {
    let outcome = answers.text("outcome").trim().to_owned();
    let run = json::<LastRun>(&answers.text("run"))
        .map(|run| LastRun { outcome: (!outcome.is_empty()).then_some(outcome), ..run });
    let containers = objects(answers, "containers")?.into_iter().filter_map(|(name, text)| {
        let (id, spec) = text.split_once('\n')?;
        Some((name, RecordedContainer { id: id.to_owned(), spec: json::<ContainerSpec>(spec)? }))
    });
    let networks = objects(answers, "networks")?.into_iter();
    Ok(Record {
        run,
        files: files(answers, "kept-hashes", "kept")?,
        services: services(answers).map(|(name, _)| name).collect(),
        containers: containers.collect(),
        networks: networks.filter_map(|(name, text)| Some((name, json::<NetworkSpec>(&text)?))).collect(),
    })
}

fn found(answers: &Answers) -> Result<Found, ObserveError> {
    let objects = parse::docker_objects(&answers.text("docker"))?;
    // What ifupdown2 can't say is no difference: the kernel was asked as well.
    let failed = parse::ifquery_check(&answers.text("ifupdown")).unwrap_or_default();
    let routing = answers.text("routing");
    Ok(Found {
        files: files(answers, "found-hashes", "found")?,
        back: answers.text("back").lines().filter(|line| !line.is_empty()).map(from_root).collect(),
        services: services(answers).filter(|(_, runs)| *runs).map(|(name, _)| name).collect(),
        settings: parse::sysctl_values(&answers.text("settings")).into_iter().collect(),
        interfaces: parse::ip_addresses(&answers.text("addresses"))?,
        failed,
        routing: (!routing.trim().is_empty()).then_some(routing),
        engine: answers.yes("engine"),
        containers: objects.containers,
        networks: objects.networks,
    })
}

/// Lines of a service's name and whether it runs.
fn services(answers: &Answers) -> impl Iterator<Item = (String, bool)> {
    let text = answers.text("services");
    let lines: Vec<(String, bool)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, runs)| (name.to_owned(), runs == "yes"))
        .collect();
    lines.into_iter()
}

/// Small files of an archive by their names.
fn objects(answers: &Answers, name: &str) -> Result<BTreeMap<String, String>, ObserveError> {
    let mut found = BTreeMap::new();
    let mut archive = tar::Archive::new(answers.get(name).unwrap_or_default());
    for entry in archive.entries().map_err(ObserveError::Files)? {
        let mut entry = entry.map_err(ObserveError::Files)?;
        let path = from_root(&String::from_utf8_lossy(&entry.path_bytes()));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(ObserveError::Files)?;
        found.insert(path.trim_start_matches('/').to_owned(), String::from_utf8_lossy(&content).into_owned());
    }
    Ok(found)
}

/// What a run wrote down; what can't be read was written by another version, and is as good as not there.
fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o640);
            header.set_username("root").unwrap();
            header.set_groupname("frr").unwrap();
            // As tar(1) names what `find .` found.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, content.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn an_answer_is_read_with_what_was_put_there() {
        let container = "c1\n{\"name\":\"web11\",\"network\":\"n\",\"address\":\"172.16.1.11\",\"image\":\"i:1\",\
                         \"command\":[],\"environment\":{},\"secrets\":{\"TOKEN\":\"<secret>\"}}\n";
        let mut stdout = Vec::new();
        let mut say = |name: &str, answer: &[u8]| {
            stdout.extend_from_slice(format!("\n@@w {name}\n").as_bytes());
            stdout.extend_from_slice(answer);
        };
        say("manifest", b"yes\n");
        say("record", b"yes\n");
        say(
            "run",
            br#"{"run":"r1","fabric":"f","who":"a@b","began":"2026-11-22T09:08:34Z","version":"0.1.0"}"#,
        );
        say("outcome", b"confirmed\n");
        let mut hashes = String::new();
        let _ = writeln!(hashes, "755 root root ./usr/sbin/x\n640 root frr ./etc/a");
        let _ = writeln!(hashes, "{}  ./usr/sbin/x\n{}  ./etc/a", "0".repeat(64), "1".repeat(64));
        say("kept-hashes", hashes.as_bytes());
        say("kept", &archive(&[("./etc/a", "one\n")]));
        say("found", &archive(&[("./etc/a", "two\n")]));
        say("back", b"./etc/old\n");
        say("services", b"frr yes\nrdnbrd no\n");
        say("settings", b"net.ipv4.ip_forward = 1\n");
        say("addresses", b"[]");
        say("containers", &archive(&[("./web11", container)]));
        say("engine", b"");
        say("end", b"");
        let evidence = read("w", &Output { status: 0, stdout, stderr: String::new() }).unwrap();
        let record = evidence.record.unwrap();
        let run = record.run.unwrap();
        assert_eq!((run.run.as_str(), run.outcome.as_deref()), ("r1", Some("confirmed")));
        assert_eq!(record.files["/etc/a"].text.as_deref(), Some("one\n"));
        assert_eq!((record.files["/etc/a"].mode, record.files["/usr/sbin/x"].mode), (0o640, 0o755));
        assert_eq!(record.files["/usr/sbin/x"].digest, "0".repeat(64));
        assert_eq!(record.containers["web11"].id, "c1");
        assert_eq!(record.services.len(), 2);
        let found = evidence.found;
        assert_eq!(found.files["/etc/a"].text.as_deref(), Some("two\n"));
        assert!(found.back.contains("/etc/old") && found.services.contains("frr") && !found.engine);
        assert_eq!((found.services.len(), found.settings["net/ipv4/ip_forward"].as_str()), (1, "1"));
    }

    #[test]
    fn a_device_that_nobody_deployed_to_has_no_record() {
        let stdout = b"\n@@w manifest\n\n@@w record\n\n@@w addresses\n[]\n@@w end\n".to_vec();
        let evidence = read("w", &Output { status: 0, stdout, stderr: String::new() }).unwrap();
        assert!(!evidence.known && evidence.record.is_none());
        let short = Output { status: 1, stdout: b"\n@@w manifest\n".to_vec(), stderr: "sh: no".to_owned() };
        assert!(matches!(read("w", &short), Err(ObserveError::Short(said)) if said == "sh: no"));
    }
}
