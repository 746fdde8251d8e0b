//! `lab up`: everything is made, or nothing is left.

use super::down::{clean, clean_node};
use super::lock::Lock;
use super::node::{Starting, start_hub, start_node};
use super::record::{LabDir, LinkRecord, NodeRecord, Record};
use super::rootfs::Suite;
use super::wiring::{Namespaces, namespace, wire};
use super::{LabError, cgroup, preflight, processes, require_root, rootfs, ssh};
use crate::fabric::Fabric;
use crate::process::Interrupt;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What a lab is made of besides the fabric.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// Its name.
    pub name: String,
    /// The inventory that the fabric was read from; only recorded.
    pub inventory: PathBuf,
    /// What the nodes run.
    pub suite: Suite,
    /// The directory that holds all labs.
    pub state_root: PathBuf,
    /// The directory that holds root filesystems between labs.
    pub cache: PathBuf,
    /// The program whose hidden commands are the nodes: this one.
    pub executable: PathBuf,
    /// The user and group that may use the lab besides root.
    pub owner: (u32, u32),
    /// The user's wish to end.
    pub interrupt: Interrupt,
}

/// How far `lab up` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The root filesystem is being built.
    Rootfs {
        /// What is going on.
        stage: String,
        /// Stages that are done.
        done: usize,
        /// All stages.
        of: usize,
    },
    /// Nodes are being started.
    Nodes {
        /// Nodes that SSH can get into.
        ready: usize,
        /// All that are being started.
        of: usize,
    },
}

/// A lab that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Up {
    /// Its SSH configuration.
    pub ssh_config: PathBuf,
    /// All its nodes.
    pub nodes: usize,
    /// Nodes that were started now; none when it was up already.
    pub started: usize,
    /// How long it took.
    pub elapsed: Duration,
}

/// Brings a lab up, or what is missing of it; a half-made one that an earlier run left is removed first.
///
/// # Errors
/// With what is wrong. Nothing that was made is left then.
pub fn up(
    fabric: &Fabric,
    options: &UpOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Up, LabError> {
    let began = Instant::now();
    require_root("up")?;
    let dir = LabDir::new(&options.state_root, &options.name)?;
    fs::create_dir_all(&options.state_root).map_err(LabError::file("making", &options.state_root))?;
    // Once the directory exists its path may turn out to lead elsewhere.
    let dir = LabDir::new(&options.state_root, &options.name).unwrap_or(dir);
    let lock = Lock::take(&dir, &options.name)?;
    match bring_up(fabric, options, progress, &dir) {
        Ok(up) => Ok(Up { elapsed: began.elapsed(), ..up }),
        Err(error) => {
            if !dir.path().exists() {
                lock.remove();
            }
            Err(error)
        }
    }
}

fn bring_up(
    fabric: &Fabric,
    options: &UpOptions,
    progress: &(dyn Fn(Progress) + Sync),
    dir: &LabDir,
) -> Result<Up, LabError> {
    let planned = Record::plan(fabric, options, rootfs::path(options.suite, &options.cache))?;
    let found = processes::of_lab(dir);
    if let Ok(record) = dir.load()
        && record.complete
        && found.iter().any(|process| process.node.is_none())
    {
        if let Some(difference) = planned.difference(&record) {
            return Err(LabError::OtherTopology {
                name: options.name.clone(),
                difference: difference.to_owned(),
            });
        }
        return complete(dir, &record, &found, options.interrupt, progress);
    }
    clean(dir, &options.name)?;
    let made = begin(dir, &planned).and_then(|()| {
        rootfs::ensure(options.suite, &options.cache, options.interrupt, progress)?;
        make(dir, planned, options.interrupt, progress)
    });
    if made.is_err() {
        clean(dir, &options.name)?;
    }
    made
}

/// Records what is going to be made, and looks whether this machine can hold it.
fn begin(dir: &LabDir, record: &Record) -> Result<(), LabError> {
    fs::create_dir_all(dir.path()).map_err(LabError::file("making", dir.path()))?;
    dir.save(record)?;
    preflight::check(dir.path())?;
    cgroup::make(dir)
}

/// Makes a lab from nothing.
fn make(
    dir: &LabDir,
    mut record: Record,
    interrupt: Interrupt,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Up, LabError> {
    let all: Vec<usize> = (0..record.nodes.len()).collect();
    let links: Vec<&LinkRecord> = record.links.iter().collect();
    let (mut hub, started) = std::thread::scope(|scope| {
        let hub = scope.spawn(|| start_hub(dir, &record, interrupt));
        let key = scope.spawn(|| ssh::make_key(dir, &record, interrupt));
        let nodes = start(dir, &record, &all, interrupt);
        key.join().unwrap_or_else(|_| Err(panicked()))?;
        let hub = hub.join().unwrap_or_else(|_| Err(panicked()))?;
        Ok::<_, LabError>((hub, nodes?))
    })?;
    let hub_namespace =
        hub.namespace.try_clone().map_err(|error| LabError::system("copying a descriptor", error))?;
    boot(&Job { dir, record: &record, links, interrupt, progress }, started, hub_namespace, BTreeMap::new())?;
    hub.keep()?;
    record.complete = true;
    dir.save(&record)?;
    Ok(Up {
        ssh_config: dir.ssh_config(),
        nodes: record.nodes.len(),
        started: record.nodes.len(),
        elapsed: Duration::ZERO,
    })
}

/// Starts the nodes of a running lab that don't run, if any.
fn complete(
    dir: &LabDir,
    record: &Record,
    found: &[processes::LabProcess],
    interrupt: Interrupt,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Up, LabError> {
    let mut living = BTreeMap::new();
    let mut missing = Vec::new();
    for (number, node) in record.nodes.iter().enumerate() {
        let name = Some(node.name.as_str());
        match found.iter().find(|process| process.init && process.node.as_deref() == name) {
            Some(process) => drop(living.insert(node.name.clone(), namespace(process.pid)?)),
            None => missing.push(number),
        }
    }
    let up = Up {
        ssh_config: dir.ssh_config(),
        nodes: record.nodes.len(),
        started: missing.len(),
        elapsed: Duration::ZERO,
    };
    if missing.is_empty() {
        return Ok(up);
    }
    let names: BTreeSet<_> = missing.iter().map(|number| &record.nodes[*number].name).collect();
    let links: Vec<&LinkRecord> = record
        .links
        .iter()
        .filter(|link| names.contains(&link.a.node) || names.contains(&link.b.node))
        .collect();
    let hub = found.iter().find(|process| process.node.is_none());
    let hub = namespace(hub.map_or(0, |process| process.pid))?;
    for name in &names {
        clean_node(dir, name)?;
    }
    let made = start(dir, record, &missing, interrupt)
        .and_then(|started| boot(&Job { dir, record, links, interrupt, progress }, started, hub, living));
    if made.is_err() {
        for name in &names {
            clean_node(dir, name)?;
        }
    }
    made.map(|()| up)
}

/// A node that is starting, with its number in the lab.
type Started<'a> = (usize, &'a NodeRecord, Starting);

/// Starts nodes side by side, until all of them have namespaces.
fn start<'a>(
    dir: &LabDir,
    record: &'a Record,
    numbers: &[usize],
    interrupt: Interrupt,
) -> Result<Vec<Started<'a>>, LabError> {
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = numbers
            .iter()
            .map(|number| {
                let node = &record.nodes[*number];
                (*number, node, scope.spawn(move || start_node(dir, record, node, interrupt)))
            })
            .collect();
        threads
            .into_iter()
            .map(|(number, node, thread)| {
                let started = thread.join().unwrap_or_else(|_| Err(panicked()));
                (node, started.map(|starting| (number, node, starting)))
            })
            .collect()
    });
    gather(results)
}

/// What the second half of a start needs.
struct Job<'a> {
    dir: &'a LabDir,
    record: &'a Record,
    links: Vec<&'a LinkRecord>,
    interrupt: Interrupt,
    progress: &'a (dyn Fn(Progress) + Sync),
}

/// Wires started nodes up, waits until SSH can get into them, and lets them live on.
fn boot(
    job: &Job<'_>,
    mut started: Vec<Started<'_>>,
    hub: fs::File,
    mut namespaces: BTreeMap<crate::fabric::NodeName, fs::File>,
) -> Result<(), LabError> {
    let of = started.len();
    for (_, node, starting) in &started {
        let namespace = starting.namespace.try_clone();
        let namespace = namespace.map_err(|error| LabError::system("copying a descriptor", error))?;
        namespaces.insert(node.name.clone(), namespace);
    }
    let nodes: Vec<(usize, &NodeRecord)> = started.iter().map(|(number, node, _)| (*number, *node)).collect();
    wire(&Namespaces { hub, nodes: namespaces }, &nodes, &job.links)?;
    let key = job.dir.public_key();
    let key = fs::read_to_string(&key).map_err(LabError::file("reading", &key))?;
    gather(started.iter_mut().map(|(_, node, starting)| (*node, starting.wired(&key))).collect())?;
    let mut ready = 0;
    let mut results = Vec::with_capacity(of);
    for (_, node, starting) in &mut started {
        let result = starting.ready(job.interrupt).and_then(|host_key| {
            let path = job.dir.node(&node.name).host_key();
            fs::write(&path, host_key + "\n").map_err(LabError::file("writing", &path))
        });
        ready += usize::from(result.is_ok());
        (job.progress)(Progress::Nodes { ready, of });
        results.push((*node, result));
    }
    gather(results)?;
    ssh::write(job.dir, job.record)?;
    gather(started.iter_mut().map(|(_, node, starting)| (*node, starting.keep())).collect()).map(drop)
}

/// All results, or all failures.
fn gather<T>(results: Vec<(&NodeRecord, Result<T, LabError>)>) -> Result<Vec<T>, LabError> {
    let mut good = Vec::with_capacity(results.len());
    let mut failed = Vec::new();
    for (node, result) in results {
        match result {
            Ok(value) => good.push(value),
            Err(LabError::Interrupted) => return Err(LabError::Interrupted),
            Err(LabError::Nodes { failed: some }) => failed.extend(some),
            Err(error) => failed.push((node.name.to_string(), super::said(&error))),
        }
    }
    if failed.is_empty() { Ok(good) } else { Err(LabError::Nodes { failed }) }
}

fn panicked() -> LabError {
    LabError::system("a thread of lab up", std::io::ErrorKind::Other)
}
