//! What a device remembers of its runs, and of how it was before one of them.

use super::open::RECORD;
use super::{RUNS, TransactionError, directory};
use crate::action::{ContainerSpec, DEFINITION_LABEL, File, NetworkSpec, RunId};
use crate::parse;
use crate::remote::{Script, Session};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

/// What is known of a run besides what it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The run.
    pub run: RunId,
    /// The fabric.
    pub fabric: String,
    /// `user@host` of the machine that it ran on.
    pub who: String,
    /// When it began, RFC 3339 in UTC.
    pub began: String,
    /// The version of the tool.
    pub version: String,
}

/// A run as a device remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedRun {
    /// What it was.
    #[serde(flatten)]
    pub record: Record,
    /// How it ended: `confirmed`, `kept` or `restored`; none while it is open.
    pub outcome: Option<String>,
    /// Who ended it: `user@host`, or `guard`, `boot` or `controller` for the way back.
    pub by: Option<String>,
    /// When it ended, RFC 3339 in UTC.
    pub ended: Option<String>,
    /// What was not as before when everything had been put back.
    pub differs: Vec<String>,
}

/// How a device was before a run, as far as the run touched it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// Files by path; none where there was none. What takes them up isn't known here.
    pub files: BTreeMap<String, Option<File>>,
    /// Services by name.
    pub services: BTreeMap<String, SavedService>,
    /// Networks of the fabric by name, where the engine ran.
    pub networks: BTreeMap<String, NetworkSpec>,
    /// Containers of the fabric by name, where the engine ran.
    pub containers: BTreeMap<String, SavedContainer>,
}

/// A service before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedService {
    /// It ran.
    pub ran: bool,
    /// It was to start at boot.
    pub at_boot: bool,
}

/// A container before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedContainer {
    /// What it was made from.
    pub spec: ContainerSpec,
    /// It ran.
    pub ran: bool,
}

/// The runs that a device remembers, the oldest first; those that were closed as `restored` changed nothing in the end.
///
/// # Errors
/// When the device can't be asked or its answer can't be read.
pub async fn runs(session: &Session, timeout: Duration) -> Result<Vec<SavedRun>, TransactionError> {
    let text = format!(
        "for run in {RUNS}/*/; do [ -e \"${{run}}armed\" ] || [ -e \"${{run}}outcome\" ] || continue\n\
         echo \"@run $(cat \"${{run}}meta.json\")\"; cat \"${{run}}outcome\" 2>/dev/null; done\n"
    );
    let output = session.run(&Script { text, attachments: Vec::new(), timeout }, |_| {}).await?;
    read_runs(&String::from_utf8_lossy(&output.stdout))
}

fn read_runs(text: &str) -> Result<Vec<SavedRun>, TransactionError> {
    let mut runs: Vec<SavedRun> = Vec::new();
    for line in text.lines() {
        if let Some(json) = line.strip_prefix("@run ") {
            let record = serde_json::from_str(json)
                .map_err(|error| TransactionError::Answer(format!("{error} in {json}")))?;
            let run = SavedRun { record, outcome: None, by: None, ended: None, differs: Vec::new() };
            runs.push(run);
        } else if let Some(run) = runs.last_mut() {
            let line = line.to_owned();
            match (&run.outcome, &run.by, &run.ended) {
                (None, ..) => run.outcome = Some(line),
                (_, None, _) => run.by = Some(line),
                (_, _, None) => run.ended = Some(line),
                _ => run.differs.push(line),
            }
        }
    }
    Ok(runs)
}

/// How a device was before a run that it remembers.
///
/// # Errors
/// When it doesn't remember, can't be asked, or its answer can't be read.
pub async fn saved(session: &Session, run: &RunId, timeout: Duration) -> Result<Saved, TransactionError> {
    let text =
        format!("tar -cf - -C {} --exclude ./work --exclude ./restore . 2>/dev/null\n", directory(run));
    let output = session.run(&Script { text, attachments: Vec::new(), timeout }, |_| {}).await?;
    read_saved(&output.stdout)
}

/// A file of the snapshot.
struct Member {
    content: Vec<u8>,
    owner: String,
    group: String,
    mode: u32,
}

fn read_saved(archive: &[u8]) -> Result<Saved, TransactionError> {
    let members = members(archive).map_err(|error| TransactionError::Answer(error.to_string()))?;
    let text =
        |name: &str| members.get(name).map(|member| String::from_utf8_lossy(&member.content).into_owned());
    let list = text("files.list").ok_or_else(|| TransactionError::Answer("no such run".to_owned()))?;
    let mut saved = Saved::default();
    for line in list.lines() {
        let Some((signature, path)) = line.split_once("  ") else { continue };
        // What the device notes of what was put there follows from the steps by themselves.
        if path.starts_with(RECORD) {
            continue;
        }
        let file = members.get(&format!("files{path}")).map(|member| File {
            path: path.to_owned(),
            content: member.content.clone(),
            owner: member.owner.clone(),
            group: member.group.clone(),
            mode: member.mode,
            check: None,
            activates: None,
        });
        if file.is_some() || signature.starts_with('-') {
            saved.files.insert(path.to_owned(), file);
        }
    }
    for line in text("services").unwrap_or_default().lines() {
        if let [name, was, boots] = line.split(' ').collect::<Vec<_>>()[..] {
            let service = SavedService { ran: was == "running", at_boot: boots == "yes" };
            saved.services.insert(name.to_owned(), service);
        }
    }
    let json = text("docker.json").unwrap_or_default();
    let objects =
        parse::docker_objects(&json).map_err(|error| TransactionError::Answer(error.to_string()))?;
    for found in objects.networks {
        if let Some(spec) = definition(&found.labels) {
            saved.networks.insert(found.name, spec);
        }
    }
    for found in objects.containers {
        if let Some(spec) = definition(&found.labels) {
            saved.containers.insert(found.name, SavedContainer { spec, ran: found.running });
        }
    }
    Ok(saved)
}

/// What an object was made from, by its own label.
fn definition<T: for<'a> Deserialize<'a>>(labels: &BTreeMap<String, String>) -> Option<T> {
    serde_json::from_str(labels.get(DEFINITION_LABEL)?).ok()
}

fn members(archive: &[u8]) -> std::io::Result<BTreeMap<String, Member>> {
    let mut members = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let header = entry.header();
        let name = |found: Option<&str>| found.unwrap_or("root").to_owned();
        let (owner, group) =
            (name(header.username().ok().flatten()), name(header.groupname().ok().flatten()));
        let mode = header.mode()? & 0o7777;
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        members.insert(path, Member { content, owner, group, mode });
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_with_how_they_ended() {
        let record = |run: &str| {
            format!(
                r#"{{"run":"{run}","fabric":"f","who":"a@b","began":"2026-11-22T09:08:34Z","version":"0.1.0"}}"#
            )
        };
        let text = format!(
            "\n@run {}\nrestored\nguard\n2026-11-22T09:10:34Z\nfile /etc/x\nport swp1\n@run {}\n",
            record("r1"),
            record("r2")
        );
        let runs = read_runs(&text).unwrap();
        assert_eq!((runs[0].outcome.as_deref(), runs[0].by.as_deref()), (Some("restored"), Some("guard")));
        assert_eq!(runs[0].differs, ["file /etc/x", "port swp1"]);
        assert_eq!((runs[1].record.run.as_str(), &runs[1].outcome), ("r2", &None));
        assert!(read_runs("@run nonsense\n").is_err());
    }

    #[test]
    fn a_snapshot_is_read_with_what_was_absent() {
        let spec = ContainerSpec {
            name: "web11".to_owned(),
            network: "containers".to_owned(),
            address: "172.16.1.11".parse().unwrap(),
            image: "identify:1".to_owned(),
            command: Vec::new(),
            environment: BTreeMap::from([("COLOUR".to_owned(), "blue".to_owned())]),
            secrets: BTreeMap::new(),
        };
        let label = serde_json::to_string(&spec).unwrap();
        let docker = serde_json::json!([{
            "Id": "c1", "Name": "/web11", "HostConfig": {}, "State": {"Running": true},
            "Config": {"Labels": {DEFINITION_LABEL: label}},
        }]);
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |name: &str, content: &str| {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o640);
            header.set_username("frr").unwrap();
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        };
        add("./files.list", "640 105 105 abc  /etc/frr/frr.conf\n- - - -  /etc/new\nother - - -  /etc/odd\n");
        add("./files/etc/frr/frr.conf", "hostname x\n");
        add("./services", "frr running no\ndocker stopped yes\n");
        add("./docker.json", &docker.to_string());
        let saved = read_saved(&archive.into_inner().unwrap()).unwrap();
        let file = saved.files["/etc/frr/frr.conf"].as_ref().unwrap();
        assert_eq!((file.owner.as_str(), file.mode, &file.content[..]), ("frr", 0o640, &b"hostname x\n"[..]));
        assert_eq!(saved.files["/etc/new"], None);
        assert!(!saved.files.contains_key("/etc/odd"), "what isn't known is not called absent");
        assert_eq!(saved.services["frr"], SavedService { ran: true, at_boot: false });
        assert_eq!(saved.containers["web11"], SavedContainer { spec, ran: true });
        assert!(read_saved(&[]).is_err(), "a run that the device doesn't know");
    }
}
