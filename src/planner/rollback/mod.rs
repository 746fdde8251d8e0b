//! The way back to how a device was before a run: from its snapshots and from what there is now to ordered steps.

mod objects;
mod stages;
#[cfg(test)]
mod tests;

pub use stages::{Back, stages};

use super::RDNBRD_PATH;
use crate::action::{Action, Activation, File, How, Original, RunId, Step};
use crate::fabric::{Fabric, Node};
use crate::state::{FileState, NodeState, Present, Saved, Veil};
use objects::Objects;
use similar::TextDiff;
use std::collections::{BTreeMap, BTreeSet};

/// Where a device keeps what is this tool's own; not `runs`, which outlives what runs did.
const RECORDS: &str = "/var/lib/fabricctl/";
/// The list of what is this tool's.
const MANIFEST: &str = "/var/lib/fabricctl/manifest";
/// What stood where this tool writes.
const ORIGINALS: &str = "/var/lib/fabricctl/original/";
/// The service that runs containers.
pub const ENGINE: &str = "docker";

/// What the way back of one node is found from.
#[derive(Debug, Clone, Copy)]
pub struct WayBack<'a> {
    /// The fabric.
    pub fabric: &'a Fabric,
    /// The node.
    pub node: &'a Node,
    /// The run before which the node is to be again.
    pub run: &'a RunId,
    /// How it was then, as far as anything of it changed since.
    pub past: &'a Saved,
    /// How it is.
    pub current: &'a NodeState,
    /// The rest of how it is.
    pub present: &'a Present,
}

/// Why there is no way back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// There was something of which no copy was kept.
    #[error("{0} was a link or a directory, of which no copy was kept")]
    Path(String),
    /// An object of the engine is gone, and what it was made from isn't known.
    #[error("{0} is gone, and it isn't known from what it was made")]
    Object(String),
    /// An image is gone, and what it was made from is no longer there.
    #[error("image {0} is no longer on the server, and can't be built there from what was saved")]
    Image(String),
}

impl Lost {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Path(_) => "put it back by hand, then run the same command again",
            Self::Object(_) => "make it again by hand, or leave the node out with --limit",
            Self::Image(_) => {
                "load it on the server under that name (docker load, docker tag), or leave the node out with --limit"
            }
        }
    }
}

impl WayBack<'_> {
    /// The steps that take the node back; none when it is as it was.
    ///
    /// # Errors
    /// With everything that is lost; then nothing may be touched.
    pub fn steps(&self) -> Result<Vec<Step>, Vec<Lost>> {
        let mut lost: Vec<Lost> =
            self.past.others.iter().filter(|path| self.changed(path)).cloned().map(Lost::Path).collect();
        let files = self.files();
        let objects = Objects::of(self, &mut lost);
        if !lost.is_empty() {
            return Err(lost);
        }
        let mut steps = self.stops();
        steps.extend(objects.first);
        let mut services = Activated::default();
        for (path, step) in &files {
            services.file(
                path,
                self.activation(path).as_ref(),
                matches!(step.action, Action::RemoveFile { .. }),
            );
        }
        steps.extend(files.into_values());
        steps.extend(self.settings());
        steps.extend(services.kernel(self));
        steps.extend(self.ports());
        steps.extend(services.daemons(self));
        steps.extend(objects.last);
        if self.stops_now(ENGINE) {
            steps.push(self.step(Action::StopService { service: ENGINE.to_owned() }, "it didn't run"));
        }
        steps.extend(self.boots());
        steps.extend(self.records());
        Ok(steps)
    }

    fn step(&self, action: Action, reason: impl Into<String>) -> Step {
        Step::new(&self.node.name, action, reason)
    }

    fn runs_now(&self, service: &str) -> bool {
        self.current.services.get(service).copied().unwrap_or(false)
    }

    fn ran(&self, service: &str) -> bool {
        self.past.services.get(service).map_or_else(|| self.runs_now(service), |service| service.ran)
    }

    fn stops_now(&self, service: &str) -> bool {
        self.runs_now(service) && !self.ran(service)
    }

    /// What a run wrote in the place of something that wasn't saved. A link shows as the file that it leads to.
    fn changed(&self, path: &str) -> bool {
        self.current.owned.contains(path) && !path.starts_with(RECORDS)
    }

    /// Daemons that didn't run, while their files are still there; the engine has still to take away what it runs.
    fn stops(&self) -> Vec<Step> {
        let stopped = self.past.services.keys().filter(|name| *name != ENGINE && self.stops_now(name));
        let step = |name: &String| self.step(Action::StopService { service: name.clone() }, "it didn't run");
        stopped.map(step).collect()
    }

    /// The files that are not as they were, with the step for each; this tool's own records aside.
    fn files(&self) -> BTreeMap<String, Step> {
        let lines = self.current.files.values().filter_map(|file| file.text.as_deref()).flat_map(str::lines);
        let veil = Veil::back(&self.fabric.secrets, lines);
        let differing = self.past.files.iter().filter_map(|(path, file)| {
            if *path == MANIFEST || path.starts_with(ORIGINALS) {
                return None;
            }
            let current = self.current.files.get(path);
            let step = match (file, current) {
                (None, None) => return None,
                (None, Some(_)) => self.step(Action::RemoveFile { path: path.clone() }, "it didn't exist"),
                (Some(file), current) => {
                    let was = FileState::of(file);
                    if current == Some(&was) {
                        return None;
                    }
                    let diff = current.and_then(|current| diff(&veil, path, current, &was));
                    let reason = match current {
                        None => "it existed".to_owned(),
                        Some(current) if current.digest != was.digest => "its content was another".to_owned(),
                        Some(_) => format!("it was {}:{} {:04o}", was.owner, was.group, was.mode),
                    };
                    let file = File { activates: self.activation(path), ..file.clone() };
                    let action = Action::PutFile { file, replaces: current.is_some() };
                    Step { diff, ..self.step(action, reason) }
                }
            };
            Some((path.clone(), step))
        });
        differing.collect()
    }

    /// What takes up a file: as its run noted it, or as it is everywhere.
    fn activation(&self, path: &str) -> Option<Activation> {
        self.past.activations.get(path).cloned().or_else(|| common_activation(path))
    }

    fn settings(&self) -> Option<Step> {
        let differing = |(path, value): &(&String, &String)| {
            self.present.settings.get(*path).is_some_and(|now| now != *value)
        };
        let settings: BTreeMap<String, String> = self
            .past
            .settings
            .iter()
            .filter(differing)
            .map(|(path, value)| (path.clone(), value.clone()))
            .collect();
        if settings.is_empty() {
            return None;
        }
        let mut words: Vec<String> = settings
            .iter()
            .take(3)
            .map(|(path, value)| format!("{} was {value}", path.trim_start_matches("/proc/sys/")))
            .collect();
        if settings.len() > words.len() {
            words.push(format!("and {} more", settings.len() - words.len()));
        }
        let reason = words.join(", ");
        Some(self.step(Action::SetSettings { settings }, reason))
    }

    fn ports(&self) -> Option<Step> {
        let name = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
        let there: BTreeSet<String> = self.present.ports.iter().map(name).collect();
        let differing = self.past.ports.symmetric_difference(&self.present.ports).map(name);
        // One that is gone altogether doesn't come back by this.
        let differing: BTreeSet<String> = differing.filter(|port| there.contains(port)).collect();
        let mut ports: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in self.past.ports.iter().filter(|line| differing.contains(&name(line))) {
            ports.entry(name(line)).or_default().push(line.clone());
        }
        (!ports.is_empty()).then(|| self.step(Action::SetPorts { ports }, "state or addresses were others"))
    }

    /// Services whose start at boot isn't brought about by starting or stopping them.
    fn boots(&self) -> Vec<Step> {
        let step = |(name, was): (&String, &crate::state::SavedService)| {
            let now = match (was.ran, self.runs_now(name)) {
                (true, false) => true,
                (false, true) => false,
                _ => self.present.at_boot.contains(name),
            };
            let reason = if was.at_boot { "it did" } else { "it didn't" };
            let action = Action::SetBoot { service: name.clone(), at_boot: was.at_boot };
            (was.at_boot != now).then(|| self.step(action, reason))
        };
        self.past.services.iter().filter_map(step).collect()
    }

    /// This tool's own records are as they were when everything else is.
    fn records(&self) -> Option<Step> {
        let same = |path: &str, file: Option<&File>| match (file, self.current.files.get(path)) {
            (None, None) => true,
            (Some(file), Some(current)) => crate::state::digest(&file.content) == current.digest,
            _ => false,
        };
        let manifest = self.past.files.get(MANIFEST)?.as_ref();
        let originals: Vec<Original> = self
            .past
            .files
            .iter()
            .filter(|(path, file)| path.starts_with(ORIGINALS) && !same(path, file.as_ref()))
            .map(|(path, file)| Original { path: path.clone(), file: file.clone() })
            .collect();
        if same(MANIFEST, manifest) && originals.is_empty() {
            return None;
        }
        let action = Action::RestoreRecords { manifest: manifest.cloned(), originals };
        Some(self.step(action, "they say what is its own, and how it was before"))
    }
}

/// From what there is to what was.
fn diff(veil: &Veil<'_>, path: &str, current: &FileState, was: &FileState) -> Option<String> {
    let (now, then) = (current.text.as_deref()?, was.text.as_deref()?);
    let lines = (now != then).then(|| TextDiff::from_lines(now, then))?;
    Some(veil.diff(&lines.unified_diff().header(path, path).to_string()))
}

/// What takes up the files that every distribution has, for those of which no run noted it.
fn common_activation(path: &str) -> Option<Activation> {
    let (service, how) = match path {
        "/etc/network/interfaces" => ("interfaces", How::Reload),
        "/etc/frr/frr.conf" => ("frr", How::Reload),
        "/etc/frr/daemons" => ("frr", How::Restart),
        "/etc/quagga/Quagga.conf" => ("quagga", How::Reload),
        "/etc/quagga/daemons" => ("quagga", How::Restart),
        "/etc/docker/daemon.json" => (ENGINE, How::Restart),
        "/etc/rdnbrd.conf" => ("rdnbrd", How::Reload),
        RDNBRD_PATH => ("rdnbrd", How::Restart),
        _ if path.starts_with("/etc/network/interfaces.d/") => ("interfaces", How::Reload),
        _ if path.starts_with("/etc/sysctl.d/") => ("sysctl", How::Reload),
        _ if path.starts_with("/etc/systemd/system/") => ("systemd", How::Reload),
        _ => return None,
    };
    Some(Activation { service: service.to_owned(), how })
}

/// What has to be told of the files that change, each service once.
#[derive(Default)]
struct Activated(BTreeMap<String, (How, String, Vec<String>)>);

impl Activated {
    fn file(&mut self, path: &str, activation: Option<&Activation>, goes: bool) {
        let Some(Activation { service, how }) = activation else { return };
        let entry = self.0.entry(service.clone()).or_insert_with(|| (How::Reload, String::new(), Vec::new()));
        // A daemon can't read again what is gone.
        entry.0 = entry.0.max(if goes { How::Restart } else { *how });
        if !goes && *how == How::Reload {
            path.clone_into(&mut entry.1);
        }
        entry.2.push(format!("{path} changes"));
    }

    /// What isn't a daemon. Kernel settings are given their values one by one.
    fn kernel(&self, back: &WayBack<'_>) -> Vec<Step> {
        let wanted = ["systemd", "interfaces"].into_iter().filter_map(|name| Some((name, self.0.get(name)?)));
        wanted
            .map(|(service, (_, path, reasons))| {
                let action = Action::ReloadService { service: service.to_owned(), path: path.clone() };
                back.step(action, reasons.join("; "))
            })
            .collect()
    }

    fn daemons(self, back: &WayBack<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        for name in back.past.services.keys().filter(|name| back.ran(name) && !back.runs_now(name)) {
            steps.push(back.step(Action::StartService { service: name.clone() }, "it ran"));
        }
        for (service, (how, path, reasons)) in self.0 {
            let kernel = ["systemd", "interfaces", "sysctl"].contains(&&*service);
            if kernel || !back.ran(&service) || !back.runs_now(&service) {
                continue;
            }
            let action = match how {
                How::Restart => Action::RestartService { service },
                How::Reload => Action::ReloadService { service, path },
            };
            steps.push(back.step(action, reasons.join("; ")));
        }
        steps
    }
}
