//! What a device remembers of its runs, and of how it was before one of them.

use super::open::RECORD;
use super::{RUNS, TransactionError, directory};
use crate::action::{Activation, ContainerSpec, DEFINITION_LABEL, File, How, RunId};
use crate::fabric::Secret;
use crate::parse;
use crate::remote::{Script, Session, quote};
use crate::state::{Saved, SavedContainer, SavedService};
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

/// Lists the runs on a device, constant.
const LIST: &str = concat!(
    "for run in /var/lib/fabricctl/runs/*/; do [ -e \"${run}armed\" ] || [ -e \"${run}outcome\" ] || continue\n",
    "echo \"@run $(cat \"${run}meta.json\")\"; cat \"${run}outcome\" 2>/dev/null; done\n"
);

/// Before the name of the newest run that a device has forgotten.
const FORGOTTEN: &str = "@forgotten ";

/// The runs that a device remembers, the oldest first; those that were closed as `restored` changed nothing in the end.
///
/// # Errors
/// When the device can't be asked or its answer can't be read.
pub async fn runs(session: &Session, timeout: Duration) -> Result<Vec<SavedRun>, TransactionError> {
    let text = LIST.to_owned();
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
    read_saved(&members(&output.stdout).map_err(unreadable)?)
}

/// What a device remembers: its runs, the oldest first, and how it was before those that began with a run or after it
/// and left something changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// All runs that it remembers.
    pub runs: Vec<SavedRun>,
    /// The newest of those that it has forgotten, since there are too many or they are too large.
    pub forgotten: Option<RunId>,
    /// The device before the runs in question.
    pub before: BTreeMap<RunId, Saved>,
}

/// What a device remembers of a run and of those after it.
///
/// # Errors
/// When it can't be asked or its answer can't be read.
pub async fn since(session: &Session, run: &RunId, timeout: Duration) -> Result<Memory, TransactionError> {
    // What was put back as a whole needs no snapshot any more, and has none.
    let text = format!(
        "{LIST}printf '{FORGOTTEN}%s\n@saved\n' \"$(cat {RUNS}/.forgotten 2>/dev/null)\"; cd {RUNS} 2>/dev/null || exit 0\n\
         set -- $(ls | awk -v run={} '$0 \"\" >= run \"\"' | while read -r run; do [ ! -d \"$run/files\" ] || echo \"$run\"; done)\n\
         [ $# -eq 0 ] || tar -cf - --exclude '*/work' --exclude '*/restore' -- \"$@\" 2>/dev/null\n",
        quote(run.as_str())
    );
    let output = session.run(&Script { text, attachments: Vec::new(), timeout }, |_| {}).await?;
    read_memory(&output.stdout)
}

fn read_memory(answer: &[u8]) -> Result<Memory, TransactionError> {
    const MARK: &[u8] = b"@saved\n";
    let at = answer.windows(MARK.len()).position(|window| window == MARK);
    let at = at.ok_or_else(|| TransactionError::Answer("it breaks off".to_owned()))?;
    let text = String::from_utf8_lossy(&answer[..at]);
    let (runs, forgotten) = text.rsplit_once(FORGOTTEN).unwrap_or((&text, ""));
    let (runs, forgotten) = (read_runs(runs)?, RunId::new(forgotten.trim()).ok());
    let mut by_run: BTreeMap<RunId, BTreeMap<String, Member>> = BTreeMap::new();
    for (path, member) in members(&answer[at + MARK.len()..]).map_err(unreadable)? {
        let Some((run, path)) = path.split_once('/') else { continue };
        let Ok(run) = RunId::new(run) else { continue };
        by_run.entry(run).or_default().insert(path.to_owned(), member);
    }
    let before = by_run.into_iter().map(|(run, members)| Ok((run, read_saved(&members)?)));
    Ok(Memory { before: before.collect::<Result<_, TransactionError>>()?, runs, forgotten })
}

fn unreadable(error: impl std::fmt::Display) -> TransactionError {
    TransactionError::Answer(error.to_string())
}

/// A file of the snapshot.
struct Member {
    content: Vec<u8>,
    owner: String,
    group: String,
    mode: u32,
}

impl Member {
    fn file(&self, path: &str) -> File {
        File {
            path: path.to_owned(),
            content: self.content.clone(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            mode: self.mode,
            check: None,
            activates: None,
        }
    }
}

fn read_saved(members: &BTreeMap<String, Member>) -> Result<Saved, TransactionError> {
    let text =
        |name: &str| members.get(name).map(|member| String::from_utf8_lossy(&member.content).into_owned());
    let lines = |name: &str| text(name).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let list = text("files.list").ok_or_else(|| TransactionError::Answer("no such run".to_owned()))?;
    let mut saved = Saved::default();
    for line in list.lines() {
        let Some((signature, path)) = line.split_once("  ") else { continue };
        // What the device notes of what was put there follows from the steps by themselves.
        if path.starts_with(RECORD) {
            continue;
        }
        let file = members.get(&format!("files{path}")).map(|member| member.file(path));
        if file.is_some() || signature.starts_with('-') {
            saved.files.insert(path.to_owned(), file);
        } else {
            saved.others.insert(path.to_owned());
        }
    }
    for line in lines("activations") {
        if let [service, how, path] = line.splitn(3, ' ').collect::<Vec<_>>()[..] {
            let how = if how == "restart" { How::Restart } else { How::Reload };
            saved.activations.insert(path.to_owned(), Activation { service: service.to_owned(), how });
        }
    }
    for line in lines("services") {
        if let [name, was, boots] = line.split(' ').collect::<Vec<_>>()[..] {
            let service = SavedService { ran: was == "running", at_boot: boots == "yes" };
            saved.services.insert(name.to_owned(), service);
        }
    }
    saved.settings = super::present::settings(&lines("settings"));
    saved.ports = lines("ports").into_iter().collect();
    objects(&text("docker.json").unwrap_or_default(), &mut saved)?;
    Ok(saved)
}

fn objects(json: &str, saved: &mut Saved) -> Result<(), TransactionError> {
    let objects = parse::docker_objects(json).map_err(unreadable)?;
    for found in objects.networks {
        match definition(&found.labels) {
            Some(spec) => drop(saved.networks.insert(found.name, spec)),
            None => drop(saved.undefined.insert(found.name)),
        }
    }
    for found in objects.containers {
        match container(&found) {
            Some(spec) => {
                saved.containers.insert(found.name, SavedContainer { spec, ran: found.running });
            }
            None => drop(saved.undefined.insert(found.name)),
        }
    }
    Ok(())
}

/// What a container was made from. Its label only names what is secret; the engine knows the values.
fn container(found: &parse::Container) -> Option<ContainerSpec> {
    let label = found.labels.get(DEFINITION_LABEL)?;
    let mut spec: ContainerSpec = serde_json::from_str(label).ok()?;
    let named: serde_json::Value = serde_json::from_str(label).ok()?;
    for name in named["secrets"].as_object().into_iter().flat_map(serde_json::Map::keys) {
        let value = found.environment.get(name)?;
        spec.secrets.insert(name.clone(), Secret::new(value.clone()));
    }
    Some(spec)
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
            secrets: BTreeMap::from([("TOKEN".to_owned(), Secret::new("hunter22"))]),
        };
        let label = serde_json::to_string(&spec).unwrap();
        assert!(!label.contains("hunter22"));
        let docker = serde_json::json!([{
            "Id": "c1", "Name": "/web11", "HostConfig": {}, "State": {"Running": true},
            "Config": {"Labels": {DEFINITION_LABEL: label}, "Env": ["TOKEN=hunter22", "COLOUR=blue", "PATH=/bin"]},
        }, {"Id": "c2", "Name": "/old", "HostConfig": {}, "State": {"Running": true}, "Config": {"Labels": {}}}]);
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
        add("./activations", "frr reload /etc/frr/frr.conf\nodd restart /etc/with space\n");
        add("./settings", "/proc/sys/net/a:1\n/proc/sys/kernel/printk:4\t4\n");
        add("./ports", "lo link up 65536 off\nlo address 10.0.0.1/32\n");
        let saved = read_saved(&members(&archive.into_inner().unwrap()).unwrap()).unwrap();
        let file = saved.files["/etc/frr/frr.conf"].as_ref().unwrap();
        assert_eq!((file.owner.as_str(), file.mode, &file.content[..]), ("frr", 0o640, &b"hostname x\n"[..]));
        assert_eq!(saved.files["/etc/new"], None);
        assert!(!saved.files.contains_key("/etc/odd"), "what isn't known is not called absent");
        assert!(saved.others.contains("/etc/odd") && saved.undefined.contains("old"));
        assert_eq!(saved.activations["/etc/frr/frr.conf"].how, How::Reload);
        assert_eq!(saved.activations["/etc/with space"].service, "odd");
        assert_eq!(saved.settings["/proc/sys/kernel/printk"], "4\t4");
        assert_eq!(saved.ports.len(), 2);
        assert_eq!(saved.services["frr"], SavedService { ran: true, at_boot: false });
        assert_eq!(saved.containers["web11"], SavedContainer { spec, ran: true });
        assert!(read_saved(&BTreeMap::new()).is_err(), "a run that the device doesn't know");
    }

    #[test]
    fn a_memory_is_read_with_the_snapshots_of_several_runs() {
        let mut archive = tar::Builder::new(Vec::new());
        for (run, content) in [("r2", "second"), ("r3", "third")] {
            for (name, content) in [("files.list", "644 0 0 abc  /etc/a\n"), ("files/etc/a", content)] {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                archive.append_data(&mut header, format!("{run}/{name}"), content.as_bytes()).unwrap();
            }
        }
        let mut answer =
            b"@run {\"run\":\"r1\",\"fabric\":\"f\",\"who\":\"a@b\",\"began\":\"t\",\"version\":\"0\"}\n\
            confirmed\na@b\nt\n@forgotten r0\n@saved\n"
                .to_vec();
        answer.extend(archive.into_inner().unwrap());
        let memory = read_memory(&answer).unwrap();
        assert_eq!((memory.runs.len(), memory.runs[0].differs.len()), (1, 0));
        assert_eq!(memory.forgotten, RunId::new("r0").ok());
        let content = |run: &str| {
            let saved = &memory.before[&RunId::new(run).unwrap()];
            saved.files["/etc/a"].as_ref().unwrap().content.clone()
        };
        assert_eq!((content("r2"), content("r3")), (b"second".to_vec(), b"third".to_vec()));
        assert!(read_memory(b"Connection closed").is_err());
        assert_eq!(read_memory(b"@forgotten \n@saved\n").unwrap(), Memory::default());
    }
}
