//! The difference between what is found and what is desired: one pure function.

use super::{Container, FileState, NodeState};
use crate::fabric::IfName;
use std::collections::BTreeMap;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A file to write.
    WriteFile {
        /// Its path.
        path: String,
        /// What stands there.
        before: Option<FileState>,
        /// What is to stand there.
        after: FileState,
    },
    /// A file of ours that nothing asks for any more.
    DropFile {
        /// Its path.
        path: String,
    },
    /// A service that runs and shouldn't, or should and doesn't.
    Service {
        /// Its name.
        name: String,
        /// Whether it is to run.
        run: bool,
    },
    /// Interfaces that are not as they should be, each with what is wrong.
    Interfaces(Vec<String>),
    /// FRR's running configuration differs from the file, though the file is as desired.
    Routing {
        /// Lines that are not in effect.
        missing: Vec<String>,
        /// Lines in effect that nothing asks for.
        extra: Vec<String>,
    },
    /// Kernel settings with another value.
    Sysctls(Vec<String>),
    /// A Docker network to make, replace or remove.
    Network {
        /// Its name.
        name: String,
        /// Whether it exists.
        exists: bool,
        /// Whether it is wanted.
        wanted: bool,
    },
    /// A Docker image to provide or remove.
    Image {
        /// Its tag.
        tag: String,
        /// Whether it exists.
        exists: bool,
        /// Whether it is wanted.
        wanted: bool,
    },
    /// A container to make, replace, start or remove.
    Container {
        /// Its name.
        name: String,
        /// What is there.
        before: Option<Container>,
        /// What is to be there.
        after: Option<Container>,
    },
}

/// Everything that has to change on one node, files first, then services, then Docker's objects.
pub fn diff(current: &NodeState, desired: &NodeState) -> Vec<Change> {
    let mut changes = files(current, desired);
    for (name, run) in &desired.services {
        if current.services.get(name).copied().unwrap_or(false) != *run {
            changes.push(Change::Service { name: name.clone(), run: *run });
        }
    }
    let wrong = interfaces(current, desired);
    if !wrong.is_empty() {
        changes.push(Change::Interfaces(wrong));
    }
    // A router that doesn't run, or isn't meant to, has no configuration in effect to compare.
    if !desired.routing.is_empty() && !current.routing.is_empty() && desired.routing != current.routing {
        changes.push(Change::Routing {
            missing: desired.routing.difference(&current.routing).cloned().collect(),
            extra: current.routing.difference(&desired.routing).cloned().collect(),
        });
    }
    let wrong: Vec<String> = desired
        .sysctls
        .iter()
        .filter(|(key, value)| current.sysctls.get(*key) != Some(value))
        .map(|(key, value)| match current.sysctls.get(key) {
            Some(found) => format!("{key} is {found}, not {value}"),
            None => format!("{key} isn't there"),
        })
        .collect();
    if !wrong.is_empty() {
        changes.push(Change::Sysctls(wrong));
    }
    changes.extend(docker(current, desired));
    changes
}

fn files(current: &NodeState, desired: &NodeState) -> Vec<Change> {
    let written = desired.files.iter().filter_map(|(path, after)| {
        let before = current.files.get(path);
        // The same content written by someone else is still not ours to remove later: take it into care.
        let same = before == Some(after) && current.owned.contains(path);
        (!same).then(|| Change::WriteFile {
            path: path.clone(),
            before: before.cloned(),
            after: after.clone(),
        })
    });
    let dropped = current
        .owned
        .iter()
        .filter(|path| !desired.files.contains_key(*path))
        .map(|path| Change::DropFile { path: path.clone() });
    written.chain(dropped).collect()
}

fn interfaces(current: &NodeState, desired: &NodeState) -> Vec<String> {
    let lo = |name: &IfName| name.as_str() == "lo";
    let mut wrong = Vec::new();
    for (name, want) in &desired.interfaces {
        let Some(found) = current.interfaces.get(name) else {
            wrong.push(format!("{name} doesn't exist"));
            continue;
        };
        if want.up && !found.up {
            wrong.push(format!("{name} is down"));
        }
        if want.mtu != 0 && want.mtu != found.mtu {
            wrong.push(format!("{name} has MTU {}, not {}", found.mtu, want.mtu));
        }
        for address in want.addresses.difference(&found.addresses) {
            wrong.push(format!("{name} lacks {address}"));
        }
        // The loopback also holds 127.0.0.1/8 and whatever else a machine keeps there.
        for address in found.addresses.difference(&want.addresses).filter(|_| !lo(name)) {
            wrong.push(format!("{name} has {address}, which nothing asks for"));
        }
    }
    wrong
}

fn docker(current: &NodeState, desired: &NodeState) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, exists, wanted) in marked(&current.networks, &desired.networks) {
        changes.push(Change::Network { name, exists, wanted });
    }
    for (tag, exists, wanted) in marked(&current.images, &desired.images) {
        changes.push(Change::Image { tag, exists, wanted });
    }
    let names: std::collections::BTreeSet<&String> =
        current.containers.keys().chain(desired.containers.keys()).collect();
    for name in names {
        let (before, after) = (current.containers.get(name), desired.containers.get(name));
        if before != after {
            changes.push(Change::Container {
                name: name.clone(),
                before: before.cloned(),
                after: after.cloned(),
            });
        }
    }
    changes
}

/// Objects whose marks differ: name, whether it exists, whether it is wanted.
fn marked<T: PartialEq>(
    current: &BTreeMap<String, T>,
    desired: &BTreeMap<String, T>,
) -> Vec<(String, bool, bool)> {
    let names: std::collections::BTreeSet<&String> = current.keys().chain(desired.keys()).collect();
    names
        .into_iter()
        .filter(|name| current.get(*name) != desired.get(*name))
        .map(|name| (name.clone(), current.contains_key(name), desired.contains_key(name)))
        .collect()
}
