//! Networks and containers, against what they were made from.

use super::{Difference, Judge, Kind, RecordedContainer, difference, unified_lines};
use crate::action::{FABRIC_LABEL, NetworkSpec};
use crate::parse::{Container, DockerNetwork};
use std::collections::BTreeMap;

/// How containers are started.
const RESTART: &str = "unless-stopped";

impl Judge<'_> {
    pub(super) fn networks(&self) -> Vec<Difference> {
        if !self.found.engine {
            return Vec::new();
        }
        let networks = self.record.networks.iter();
        networks
            .filter_map(|(name, put)| {
                let before = network_lines(put);
                let Some(found) = self.found.networks.iter().find(|found| found.name == *name) else {
                    let diff = unified_lines(name, &before, &[]);
                    return Some(difference(Kind::Network, name, "it is gone", diff));
                };
                let after = found_network_lines(found);
                let diff = unified_lines(name, &before, &after);
                if diff.is_none() {
                    return not_ours(&found.labels)
                        .map(|message| difference(Kind::Network, name, message, None));
                }
                Some(difference(Kind::Network, name, "it is another one than was made", diff))
            })
            .collect()
    }

    pub(super) fn containers(&self) -> Vec<Difference> {
        if !self.found.engine {
            return self.engine_gone();
        }
        let mut differences: Vec<Difference> =
            self.record.containers.iter().filter_map(|(name, put)| self.container(name, put)).collect();
        let nobody_ran = |found: &&Container| {
            let ours = found.labels.contains_key(FABRIC_LABEL);
            // Those that an open run put aside are its own matter.
            ours && !self.record.containers.contains_key(&found.name)
                && !self.record.containers.values().any(|put| put.id == found.id)
                && !found.name.contains(crate::action::ASIDE_MARK)
        };
        let strange = self.found.containers.iter().filter(nobody_ran);
        differences.extend(strange.map(|found| {
            difference(
                Kind::Container,
                &found.name,
                "it carries fabricctl's labels, and no run made it",
                None,
            )
        }));
        differences
    }

    /// Without the engine nothing of it is there; that it doesn't run may have been said.
    fn engine_gone(&self) -> Vec<Difference> {
        let told = self.record.services.contains("docker") && !self.found.services.contains("docker");
        let count = self.record.containers.len() + self.record.networks.len();
        let silent = || {
            let message = format!("it doesn't answer for the {count} containers and networks that were made");
            difference(Kind::Service, "docker", message, None)
        };
        (count > 0 && !told).then(silent).into_iter().collect()
    }

    fn container(&self, name: &str, put: &RecordedContainer) -> Option<Difference> {
        let before = container_lines(put);
        let Some(found) = self.found.containers.iter().find(|found| found.name == name) else {
            let renamed = self.found.containers.iter().find(|found| found.id == put.id);
            let message =
                renamed.map_or("it is gone".to_owned(), |found| format!("it was renamed to {}", found.name));
            return Some(difference(Kind::Container, name, message, unified_lines(name, &before, &[])));
        };
        let replaced = found.id != put.id;
        let after = found_container_lines(put, found);
        let diff = unified_lines(name, &before, &after);
        let message = if diff.is_some() && replaced {
            "it was replaced: another container has its name".to_owned()
        } else if diff.is_some() && !found.running {
            format!("it doesn't run ({})", found.status)
        } else if diff.is_some() {
            "it was changed".to_owned()
        } else {
            not_ours(&found.labels)?.to_owned()
        };
        Some(difference(Kind::Container, name, message, diff))
    }
}

/// What says that an object was made by hand, though it is like ours.
fn not_ours(labels: &BTreeMap<String, String>) -> Option<&'static str> {
    (!labels.contains_key(FABRIC_LABEL))
        .then_some("it is alike, but was made by hand: it has no label of fabricctl")
}

fn network_lines(put: &NetworkSpec) -> Vec<String> {
    vec![
        "driver macvlan".to_owned(),
        format!("subnet {}", put.subnet),
        format!("gateway {}", put.gateway),
        format!("parent {}", put.parent),
    ]
}

fn found_network_lines(found: &DockerNetwork) -> Vec<String> {
    let word =
        |name: &str, value: Option<String>| format!("{name} {}", value.unwrap_or_else(|| "-".to_owned()));
    vec![
        format!("driver {}", found.driver),
        word("subnet", found.subnet.map(|subnet| subnet.to_string())),
        word("gateway", found.gateway.map(|gateway| gateway.to_string())),
        word("parent", found.parent.clone()),
    ]
}

fn container_lines(put: &RecordedContainer) -> Vec<String> {
    let spec = &put.spec;
    let mut lines = vec!["running".to_owned(), format!("restart {RESTART}"), format!("image {}", spec.image)];
    lines.push(format!("network {} {}", spec.network, spec.address));
    if !spec.command.is_empty() {
        lines.push(format!("command {}", spec.command.join(" ")));
    }
    lines.extend(spec.environment.iter().map(|(name, value)| format!("environment {name}={value}")));
    lines
}

/// The same of what is there. Of its environment only what was put there: the rest is the image's, or secret.
fn found_container_lines(put: &RecordedContainer, found: &Container) -> Vec<String> {
    let running = if found.running { "running" } else { "stopped" };
    let mut lines =
        vec![running.to_owned(), format!("restart {}", found.restart), format!("image {}", found.image)];
    for (name, end) in &found.networks {
        let address = end.configured.map_or("-".to_owned(), |address| address.to_string());
        lines.push(format!("network {name} {address}"));
    }
    if !put.spec.command.is_empty() {
        lines.push(format!("command {}", found.command.join(" ")));
    }
    let kept = put.spec.environment.keys().filter_map(|name| Some((name, found.environment.get(name)?)));
    lines.extend(kept.map(|(name, value)| format!("environment {name}={value}")));
    lines
}
