//! Containers, networks and images on the way back.

use super::{Lost, WayBack};
use crate::action::{Action, ContainerSpec, ImageSpec, NetworkSpec, Step};
use crate::planner::IMAGES_DIRECTORY;
use crate::state::{Container, SavedContainer, digest, spec_hash};
use std::collections::{BTreeMap, BTreeSet};

/// The steps for the engine's objects.
#[derive(Default)]
pub(super) struct Objects {
    /// Those that take away.
    pub first: Vec<Step>,
    /// Those that make, and images that nobody needs.
    pub last: Vec<Step>,
}

impl Objects {
    pub(super) fn of(back: &WayBack<'_>, lost: &mut Vec<Lost>) -> Self {
        let was = Was::of(back);
        let mut objects = Self::default();
        let replaced = objects.networks(back, &was, lost);
        objects.containers(back, &was, &replaced, lost);
        objects.images(back, &was, lost);
        objects
    }

    /// Returns the networks that go, even if only for a moment.
    fn networks(&mut self, back: &WayBack<'_>, was: &Was<'_>, lost: &mut Vec<Lost>) -> BTreeSet<String> {
        let mut gone = BTreeSet::new();
        for (name, mark) in &back.current.networks {
            let ours = mark.fabric == back.fabric.name && !was.kept.contains(name);
            let spec = was.networks.get(name);
            if !ours || spec.is_some_and(|spec| spec_hash(spec) == mark.hash) {
                continue;
            }
            let reason = if spec.is_some() { "it was another one" } else { "it didn't exist" };
            self.first.push(back.step(Action::RemoveNetwork { name: name.clone() }, reason));
            gone.insert(name.clone());
        }
        for (&name, &spec) in &was.networks {
            if gone.contains(name) || !back.current.networks.contains_key(name) {
                let action = Action::CreateNetwork { network: spec.clone() };
                self.last.push(back.step(action, "it existed"));
            }
        }
        let there = |name: &&String| {
            back.current.networks.contains_key(*name) || back.current.containers.contains_key(*name)
        };
        lost.extend(was.kept.iter().filter(|name| !there(name)).cloned().map(Lost::Object));
        gone
    }

    fn containers(
        &mut self,
        back: &WayBack<'_>,
        was: &Was<'_>,
        replaced: &BTreeSet<String>,
        lost: &mut Vec<Lost>,
    ) {
        // Before the networks: those can't go while something is on them.
        let mut removed = Vec::new();
        for (name, now) in &back.current.containers {
            if now.mark.fabric != back.fabric.name || was.kept.contains(name) {
                if replaced.contains(&now.network) {
                    lost.push(Lost::Object(name.clone()));
                }
                continue;
            }
            let then = was.containers.get(name).copied();
            let reason = match then {
                None => "it didn't exist",
                Some(then) if !same(back, now, then) => "it was another one",
                Some(_) if replaced.contains(&now.network) => "its network is replaced",
                Some(then) => {
                    self.last.extend(run_or_rest(back, name, now.running, then.ran));
                    continue;
                }
            };
            removed.push(back.step(Action::RemoveContainer { name: name.clone() }, reason));
            if let Some(then) = then {
                self.run(back, then);
            }
        }
        removed.append(&mut self.first);
        self.first = removed;
        let missing = was.containers.iter().filter(|(name, _)| !back.current.containers.contains_key(**name));
        for (_, then) in missing {
            self.run(back, then);
        }
    }

    fn run(&mut self, back: &WayBack<'_>, then: &SavedContainer) {
        let name = then.spec.name.clone();
        self.last.push(back.step(Action::RunContainer { container: then.spec.clone() }, "it existed"));
        self.last.extend(run_or_rest(back, &name, true, then.ran));
    }

    /// Images for what is run, before it; those that nobody needs go last.
    fn images(&mut self, back: &WayBack<'_>, was: &Was<'_>, lost: &mut Vec<Lost>) {
        let mut missing: BTreeSet<&str> = BTreeSet::new();
        for step in &self.last {
            if let Action::RunContainer { container: ContainerSpec { image, .. } } = &step.action
                && !back.current.images.contains_key(image)
            {
                missing.insert(image);
            }
        }
        let mut provided = Vec::new();
        for tag in missing {
            match source(back, tag) {
                Some(image) => provided.push(back.step(Action::ProvideImage { image }, "it was there")),
                None => lost.push(Lost::Image(tag.to_owned())),
            }
        }
        let kept = back.current.containers.iter().filter(|(name, _)| was.kept.contains(*name));
        let kept = kept.map(|(_, container)| container.image.as_str());
        let needed: BTreeSet<&str> =
            was.containers.values().map(|container| container.spec.image.as_str()).chain(kept).collect();
        let ours = back.current.images.iter().filter(|(_, mark)| mark.fabric == back.fabric.name);
        let surplus = ours.filter(|(tag, _)| !needed.contains(tag.as_str()));
        let remove = surplus
            .map(|(tag, _)| back.step(Action::RemoveImage { tag: tag.clone() }, "no container needed it"));
        let remove: Vec<Step> = remove.collect();
        provided.append(&mut self.last);
        self.last = provided;
        self.last.extend(remove);
    }
}

/// The engine's objects as they were.
struct Was<'a> {
    networks: BTreeMap<&'a String, &'a NetworkSpec>,
    containers: BTreeMap<&'a String, &'a SavedContainer>,
    /// Those that stay whatever they are.
    kept: BTreeSet<String>,
}

impl<'a> Was<'a> {
    fn of(back: &WayBack<'a>) -> Self {
        let past = back.past;
        if past.engine_ran() || !past.services.contains_key(super::ENGINE) {
            return Self {
                networks: past.networks.iter().collect(),
                containers: past.containers.iter().collect(),
                kept: past.undefined.clone(),
            };
        }
        // While the engine stood nobody could tell what it held: what these runs made goes, the rest stays.
        let made = |name: &&String| {
            back.current.made_by.get(*name).is_some_and(|run| run.as_str() >= back.run.as_str())
        };
        let names = back.current.networks.keys().chain(back.current.containers.keys());
        let kept = names.filter(|name| !made(name)).cloned().collect();
        Self { networks: BTreeMap::new(), containers: BTreeMap::new(), kept }
    }
}

/// Whether a container is what it was, running or not.
fn same(back: &WayBack<'_>, now: &Container, then: &SavedContainer) -> bool {
    Container { running: true, ..now.clone() } == Container::of(&then.spec, &back.fabric.name)
}

fn run_or_rest(back: &WayBack<'_>, name: &str, runs: bool, ran: bool) -> Option<Step> {
    let name = name.to_owned();
    match (runs, ran) {
        (false, true) => Some(back.step(Action::StartContainer { name }, "it ran")),
        (true, false) => Some(back.step(Action::StopContainer { name }, "it didn't run")),
        _ => None,
    }
}

/// From what an image can be had again: its name holds the hash of the files that it was built from.
fn source(back: &WayBack<'_>, tag: &str) -> Option<ImageSpec> {
    let own = format!("fabricctl-{}/", back.fabric.name).to_lowercase();
    let Some((name, inputs)) = tag.strip_prefix(&own).and_then(|rest| rest.rsplit_once(':')) else {
        return Some(ImageSpec::Pull { tag: tag.to_owned() });
    };
    // Names of images are those of directories, which tags have in small letters.
    let paths = back.past.files.keys().chain(back.current.files.keys());
    let mut directories: BTreeSet<&str> = BTreeSet::new();
    for path in paths {
        let rest = path.strip_prefix(IMAGES_DIRECTORY).and_then(|rest| rest.strip_prefix('/'));
        directories.extend(rest.and_then(|rest| rest.split_once('/')).map(|(directory, _)| directory));
    }
    let directory = directories.into_iter().find(|directory| directory.to_lowercase() == name)?;
    let directory = format!("{IMAGES_DIRECTORY}/{directory}");
    (hash(back, &directory) == inputs).then(|| ImageSpec::Build {
        tag: tag.to_owned(),
        directory,
        inputs: inputs.to_owned(),
    })
}

/// The hash of a directory's files, as they will be.
fn hash(back: &WayBack<'_>, directory: &str) -> String {
    let below = |path: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    let mut parts: BTreeMap<&str, String> = BTreeMap::new();
    for (path, found) in back.current.files.iter().filter(|(path, _)| below(path)) {
        parts.insert(path, found.digest.clone());
    }
    for (path, file) in back.past.files.iter().filter(|(path, _)| below(path)) {
        match file {
            Some(file) => drop(parts.insert(path, digest(&file.content))),
            None => drop(parts.remove(path.as_str())),
        }
    }
    spec_hash(&parts.into_iter().collect::<Vec<_>>())
}
