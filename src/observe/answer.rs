//! Reads what the script answered.

use super::Question;
use super::sections::Answers;
use crate::action::{
    ASIDE_IMAGE, ASIDE_MARK, FABRIC_LABEL, IMAGE_FABRIC_LABEL, IMAGE_SPEC_LABEL, RUN_LABEL, SPEC_LABEL,
};
use crate::fabric::{Facts, IfName, Secret, Tool, Version};
use crate::parse::{self, ParseError};
use crate::remote::Output;
use crate::state::{Container, FileState, Interface, Marked, NodeState};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

/// What was learned of one device.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What it is and can do.
    pub facts: Facts,
    /// What is on it.
    pub state: NodeState,
}

/// Why an answer can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The script ended early.
    #[error("the device's answer breaks off{}", if .0.is_empty() { String::new() } else { format!(": {}", .0) })]
    Short(String),
    /// The archive of files is damaged.
    #[error("the files it sent can't be unpacked")]
    Files(#[source] std::io::Error),
    /// One of its programs answered what can't be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// Reads the answers to a question.
pub(super) fn read(question: &Question, word: &str, output: &Output) -> Result<Observation, ObserveError> {
    let answers = Answers::split(word, &output.stdout);
    if answers.get("end").is_none() {
        return Err(ObserveError::Short(output.stderr.trim().to_owned()));
    }
    let mut state = NodeState {
        files: files(&answers, "hashes", "files")?,
        services: services(question, &answers),
        routing: parse::frr_running_config(&answers.text("routing")),
        sysctls: sysctls(&answers.text("sysctls")),
        ..NodeState::default()
    };
    manifest(&answers.text("manifest"), &mut state);
    for (name, found) in parse::ip_addresses(&answers.text("addresses"))? {
        // A name that no inventory can hold belongs to nothing of ours.
        let Ok(name) = IfName::new(name) else { continue };
        let mtu = found.mtu.unwrap_or_default();
        state.interfaces.insert(name, Interface { up: found.admin_up, mtu, addresses: found.addresses });
    }
    docker(question, &answers.text("docker"), &mut state)?;
    let matters =
        |name: &String, mark: &Marked| mark.fabric == question.fabric || question.names.contains(name);
    state.networks.retain(|name, mark| matters(name, mark));
    state.images.retain(|tag, mark| matters(tag, mark));
    state.containers.retain(|name, container| matters(name, &container.mark));
    Ok(Observation { facts: facts(&answers), state })
}

fn facts(answers: &Answers) -> Facts {
    let packages = answers.text("packages");
    let version = |names: &[&str]| -> Option<Version> {
        packages.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (name, version, status) = (words.next()?, words.next()?, words.next()?);
            // Debian puts an epoch before a colon: 5:26.1-1.
            let plain = version.rsplit(':').next()?;
            (names.contains(&name) && status == "installed").then(|| plain.parse().ok()).flatten()
        })
    };
    Facts {
        frr: version(&["frr", "quagga"]),
        docker: version(&["docker.io", "docker-ce"]),
        ifupdown2: version(&["ifupdown2"]).is_some(),
        tools: answers
            .text("tools")
            .lines()
            .filter_map(|line| match line {
                "router-reload" => Some(Tool::RouterReload),
                "busybox" => Some(Tool::Busybox),
                _ => None,
            })
            .collect(),
        systemd: answers.yes("systemd"),
        vrf: answers.yes("vrf"),
        os: parse::os_pretty_name(&answers.text("os")),
        arch: answers.text("arch").trim().to_owned(),
    }
}

fn services(question: &Question, answers: &Answers) -> BTreeMap<String, bool> {
    let text = answers.text("services");
    let running: BTreeSet<&str> = text.lines().collect();
    question.services.iter().map(|name| (name.clone(), running.contains(name.as_str()))).collect()
}

/// Lines of grep: the setting's path below `/proc/sys`, a colon, its value.
fn sysctls(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

/// Lines of the device's records: `file created|saved PATH`, `service running|stopped NAME`; `runs` if it remembers any.
fn manifest(text: &str, state: &mut NodeState) {
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("file"), Some(_), Some(path)) => {
                state.owned.insert(path.to_owned());
            }
            (Some("service"), Some(was), Some(name)) => {
                state.services_before.insert(name.to_owned(), was == "running");
            }
            _ => {}
        }
        state.recorded = true;
    }
}

/// Files by the names of two answers: signatures of some, and an archive of some.
pub(super) fn files(
    answers: &Answers,
    hashes: &str,
    archive: &str,
) -> Result<BTreeMap<String, FileState>, ObserveError> {
    let mut files = hashed(&answers.text(hashes));
    let mut archive = tar::Archive::new(answers.get(archive).unwrap_or_default());
    for entry in archive.entries().map_err(ObserveError::Files)? {
        let mut entry = entry.map_err(ObserveError::Files)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = from_root(&String::from_utf8_lossy(&entry.path_bytes()));
        let name = |found: Result<Option<&str>, _>| found.ok().flatten().unwrap_or("?").to_owned();
        let (owner, group) = (name(entry.header().username()), name(entry.header().groupname()));
        let mode = entry.header().mode().map_err(ObserveError::Files)? & 0o7777;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(ObserveError::Files)?;
        files.insert(path, FileState::new(&content, &owner, &group, mode));
    }
    Ok(files)
}

/// A path as an archive or `find .` names it.
pub(super) fn from_root(path: &str) -> String {
    format!("/{}", path.strip_prefix('.').unwrap_or(path).trim_start_matches('/'))
}

/// Lines of stat (`MODE OWNER GROUP PATH`), then lines of sha256sum (`HASH  PATH`).
fn hashed(text: &str) -> BTreeMap<String, FileState> {
    let mut files = BTreeMap::new();
    for line in text.lines() {
        if let Some((digest, path)) = line.split_once("  ").filter(|(digest, _)| digest.len() == 64) {
            if let Some(file) = files.get_mut(&from_root(path)) {
                FileState::clone_from(file, &FileState { digest: digest.to_owned(), ..file.clone() });
            }
        } else if let [mode, owner, group, path] = line.splitn(4, ' ').collect::<Vec<_>>()[..] {
            let Ok(mode) = u32::from_str_radix(mode, 8) else { continue };
            let (owner, group) = (owner.to_owned(), group.to_owned());
            files
                .insert(from_root(path), FileState { digest: String::new(), owner, group, mode, text: None });
        }
    }
    files
}

fn docker(question: &Question, json: &str, state: &mut NodeState) -> Result<(), ObserveError> {
    let marked = |labels: &BTreeMap<String, String>, spec: &str, fabric: &str| {
        let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
        Marked { hash: label(spec), fabric: label(fabric) }
    };
    let mark = |labels: &BTreeMap<String, String>| marked(labels, SPEC_LABEL, FABRIC_LABEL);
    let objects = parse::docker_objects(json)?;
    for network in objects.networks {
        if let Some(run) = network.labels.get(RUN_LABEL) {
            state.made_by.insert(network.name.clone(), run.clone());
        }
        state.networks.insert(network.name, mark(&network.labels));
    }
    for image in objects.images {
        // What an open run put aside is neither there nor gone; its end decides.
        let aside = |tag: &String| tag.starts_with(&format!("{ASIDE_IMAGE}:"));
        for tag in image.tags.into_iter().filter(|tag| !aside(tag)) {
            let mark = marked(&image.labels, IMAGE_SPEC_LABEL, IMAGE_FABRIC_LABEL);
            state.images.insert(tag, mark);
        }
    }
    for found in objects.containers.into_iter().filter(|found| !found.name.contains(ASIDE_MARK)) {
        if let Some(run) = found.labels.get(RUN_LABEL) {
            state.made_by.insert(found.name.clone(), run.clone());
        }
        let attached = found.networks.into_iter().next();
        // What was asked for, not what is in effect: a container that doesn't run has no address.
        let (network, address) = attached.map_or((String::new(), None), |(name, end)| (name, end.configured));
        let asked = question.variables.get(&found.name);
        let secrets = found
            .environment
            .into_iter()
            .filter(|(name, _)| asked.is_some_and(|asked| asked.contains(name)))
            .map(|(name, value)| (name, Secret::new(value)));
        let container = Container {
            mark: mark(&found.labels),
            running: found.running,
            network,
            address,
            image: found.image,
            secrets: secrets.collect(),
        };
        state.containers.insert(found.name, container);
    }
    Ok(())
}
