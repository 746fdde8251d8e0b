//! What a device remembers of how it was before a run, and what of that is of several runs together.

use crate::action::{Activation, ContainerSpec, File, NetworkSpec};
use std::collections::{BTreeMap, BTreeSet};

/// How a device was before a run, as far as the run touched it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// Files by path; none where there was none.
    pub files: BTreeMap<String, Option<File>>,
    /// Paths at which there was something that could not be saved: a link, a directory.
    pub others: BTreeSet<String>,
    /// What takes up files that the run wrote, by path.
    pub activations: BTreeMap<String, Activation>,
    /// Services by name.
    pub services: BTreeMap<String, SavedService>,
    /// Kernel settings by path.
    pub settings: BTreeMap<String, String>,
    /// The state of ports, a line for each thing that there is to say of one.
    pub ports: BTreeSet<String>,
    /// Networks of the fabric by name, where the engine ran.
    pub networks: BTreeMap<String, NetworkSpec>,
    /// Containers of the fabric by name, where the engine ran.
    pub containers: BTreeMap<String, SavedContainer>,
    /// Containers and networks of the fabric that don't say from what they were made.
    pub undefined: BTreeSet<String>,
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
    /// What it was made from, its secrets included.
    pub spec: ContainerSpec,
    /// It ran.
    pub ran: bool,
}

/// What there is on a device now of that which only a snapshot knows of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Present {
    /// Kernel settings by path.
    pub settings: BTreeMap<String, String>,
    /// The state of ports, in the lines of [`Saved::ports`].
    pub ports: BTreeSet<String>,
    /// Services that start at boot.
    pub at_boot: BTreeSet<String>,
}

impl Saved {
    /// Whether the engine that runs containers ran: only then it is known which there were.
    pub fn engine_ran(&self) -> bool {
        self.services.get("docker").is_some_and(|docker| docker.ran)
    }

    /// How a device was before the first of several runs that followed one another: of each thing the oldest snapshot
    /// that has it tells.
    pub fn before_all(runs: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        let mut objects_known = false;
        for run in runs {
            // Each snapshot has all ports and all objects, so that the oldest one is enough.
            if all.ports.is_empty() {
                all.ports.clone_from(&run.ports);
            }
            if run.engine_ran() && !objects_known {
                objects_known = true;
                all.networks.clone_from(&run.networks);
                all.containers.clone_from(&run.containers);
                all.undefined.clone_from(&run.undefined);
            }
            for path in run.others {
                if !all.files.contains_key(&path) {
                    all.others.insert(path);
                }
            }
            for (path, file) in run.files {
                if !all.others.contains(&path) {
                    all.files.entry(path).or_insert(file);
                }
            }
            merge(&mut all.activations, run.activations);
            merge(&mut all.services, run.services);
            merge(&mut all.settings, run.settings);
        }
        all
    }
}

fn merge<T>(all: &mut BTreeMap<String, T>, newer: BTreeMap<String, T>) {
    for (key, value) in newer {
        all.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: &str) -> File {
        File {
            path: path.to_owned(),
            content: content.into(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: 0o644,
            check: None,
            activates: None,
        }
    }

    fn network(name: &str) -> NetworkSpec {
        NetworkSpec {
            name: name.to_owned(),
            subnet: "172.16.1.0/24".parse().unwrap(),
            gateway: "172.16.1.1".parse().unwrap(),
            parent: "eth1".to_owned(),
        }
    }

    fn docker(ran: bool) -> BTreeMap<String, SavedService> {
        BTreeMap::from([("docker".to_owned(), SavedService { ran, at_boot: ran })])
    }

    #[test]
    fn the_oldest_snapshot_that_knows_of_a_thing_tells_of_it() {
        let oldest = Saved {
            files: BTreeMap::from([
                ("/etc/a".to_owned(), Some(file("/etc/a", "first"))),
                ("/etc/new".to_owned(), None),
            ]),
            settings: BTreeMap::from([("/proc/sys/a".to_owned(), "0".to_owned())]),
            ports: BTreeSet::from(["lo link up 65536 off".to_owned()]),
            services: docker(false),
            ..Saved::default()
        };
        let later = Saved {
            files: BTreeMap::from([
                ("/etc/a".to_owned(), Some(file("/etc/a", "second"))),
                ("/etc/b".to_owned(), Some(file("/etc/b", "b"))),
                ("/etc/new".to_owned(), Some(file("/etc/new", "new"))),
            ]),
            others: BTreeSet::from(["/etc/link".to_owned()]),
            settings: BTreeMap::from([
                ("/proc/sys/a".to_owned(), "1".to_owned()),
                ("/proc/sys/b".to_owned(), "7".to_owned()),
            ]),
            ports: BTreeSet::from(["lo link up 1500 off".to_owned()]),
            services: docker(true),
            networks: BTreeMap::from([("one".to_owned(), network("one"))]),
            ..Saved::default()
        };
        let newest = Saved {
            files: BTreeMap::from([("/etc/link".to_owned(), Some(file("/etc/link", "no link")))]),
            services: docker(true),
            networks: BTreeMap::from([("two".to_owned(), network("two"))]),
            ..Saved::default()
        };
        let all = Saved::before_all([oldest, later, newest]);
        let content = |path: &str| all.files[path].as_ref().map(|file| file.content.clone());
        assert_eq!(content("/etc/a"), Some(b"first".to_vec()));
        assert_eq!(content("/etc/b"), Some(b"b".to_vec()));
        assert_eq!(content("/etc/new"), None);
        assert!(all.others.contains("/etc/link") && !all.files.contains_key("/etc/link"));
        assert_eq!((&*all.settings["/proc/sys/a"], &*all.settings["/proc/sys/b"]), ("0", "7"));
        assert_eq!(all.ports.len(), 1);
        assert!(all.ports.contains("lo link up 65536 off"));
        assert!(!all.engine_ran());
        // While the engine stood nobody could tell; the next snapshot could.
        assert_eq!(all.networks.keys().collect::<Vec<_>>(), ["one"]);
        assert_eq!(Saved::before_all([]), Saved::default());
    }
}
