//! Do the containers run as the inventory says?

use super::facts::{Docker, Facts, World};
use super::finding::{CheckName, Finding};
use super::scope::Scope;
use crate::action::{FABRIC_LABEL, SPEC_LABEL};
use crate::fabric::{Fabric, ImageSource, Node, PortKind, Role, Workload};
use crate::parse::Container;
use std::collections::BTreeSet;

const CHECK: CheckName = CheckName::Workloads;

/// From so many restarts by the engine on, a container is one that doesn't stay up.
const MANY_RESTARTS: u64 = 3;

/// One verdict a workload, and one a network, of every server.
pub(super) fn workloads(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (server, facts) in scope.of_role(world, Role::Server) {
        match &facts.docker {
            None => {}
            Some(Err(fault)) => {
                let hint = "see whether Docker runs: service docker status";
                findings.push(Finding::of_fault(CHECK, &server.name, "docker", fault).hint(hint));
            }
            Some(Ok(docker)) => {
                let own: Vec<&Workload> = scope.fabric.workloads_on(&server.name).collect();
                let networks: BTreeSet<&str> = own.iter().map(|workload| workload.network.as_str()).collect();
                findings.extend(networks.into_iter().map(|name| network(scope.fabric, server, docker, name)));
                findings
                    .extend(own.into_iter().map(|one| workload(scope.fabric, server, facts, docker, one)));
                findings.extend(strangers(scope.fabric, server, docker));
            }
        }
    }
    findings
}

fn network(fabric: &Fabric, server: &Node, docker: &Docker, name: &str) -> Finding {
    let port =
        server.ports_of(PortKind::Data).find(|port| port.networks.iter().any(|network| network == name));
    let parent = port.map(|port| port.name.to_string()).unwrap_or_default();
    let subnet = fabric.networks.get(name).map(|network| network.subnet);
    let subject = format!("network {name}");
    let failed = |reason: String| {
        Finding::failed(CHECK, &server.name, &*subject, reason)
            .hint("fabricctl deploy makes it as it should be")
    };
    let shown = |driver: &str, parent: &str, subnet: Option<ipnet::Ipv4Net>| {
        format!(
            "{driver} on {parent}, {}",
            subnet.map_or("no subnet".to_owned(), |subnet| subnet.to_string())
        )
    };
    let Some(found) = docker.networks.get(name) else { return failed("there is no such network".to_owned()) };
    let has = found.parent.as_deref().unwrap_or("nothing");
    let finding = if found.driver != "macvlan" {
        failed(format!("its driver is {}, not macvlan", found.driver))
    } else if has != parent {
        failed(format!("its parent is {has}, not {parent}"))
    } else if found.subnet != subnet {
        failed("its subnet is another".to_owned())
    } else {
        Finding::ok(CHECK, &server.name, &*subject)
    };
    finding.expected(shown("macvlan", &parent, subnet)).found(shown(&found.driver, has, found.subnet))
}

fn workload(fabric: &Fabric, server: &Node, facts: &Facts, docker: &Docker, workload: &Workload) -> Finding {
    let finding = match docker.containers.get(&workload.name) {
        None => Finding::failed(CHECK, &server.name, &*workload.name, "there is no such container")
            .hint("fabricctl deploy starts it"),
        Some(found) => {
            let trouble = state(found)
                .or_else(|| specification(fabric, docker, workload, found))
                .or_else(|| identification(fabric, facts, workload));
            let finding = match trouble {
                Some((reason, hint)) => {
                    Finding::failed(CHECK, &server.name, &*workload.name, reason).hint(hint)
                }
                None => Finding::ok(CHECK, &server.name, &*workload.name),
            };
            finding.found(said(found, workload))
        }
    };
    finding
        .expected(format!("running, {} on {}, image {}", workload.address, workload.network, workload.image))
}

type Trouble = Option<(String, String)>;

/// Whether it lives.
fn state(found: &Container) -> Trouble {
    let name = &found.name;
    let logs = format!("docker logs {name} tells more; docker start {name}, or fabricctl deploy");
    match found.status.as_str() {
        "running" if found.restarts >= MANY_RESTARTS => {
            Some((format!("the engine has started it {} times again", found.restarts), logs))
        }
        "running" => None,
        "paused" => Some(("it is paused".to_owned(), format!("docker unpause {name}"))),
        "restarting" => Some(("it doesn't stay up, the engine starts it again and again".to_owned(), logs)),
        other => {
            let code = found.exit_code.map(|code| format!(" with status {code}")).unwrap_or_default();
            Some((format!("it doesn't run: {other}{code}"), logs))
        }
    }
}

/// Whether it is what the inventory says.
fn specification(fabric: &Fabric, docker: &Docker, workload: &Workload, found: &Container) -> Trouble {
    let deploy = "fabricctl deploy replaces it".to_owned();
    let Some(end) = found.networks.get(&workload.network) else {
        let on: Vec<&str> = found.networks.keys().map(String::as_str).collect();
        return Some((format!("it is on {}, not on {}", on.join(", "), workload.network), deploy));
    };
    if end.address != Some(workload.address) {
        let is = end.address.map_or("no address".to_owned(), |address| address.to_string());
        return Some((format!("it has {is}, not {}", workload.address), deploy));
    }
    let image = fabric.images.get(&workload.image)?;
    let right = match &image.source {
        ImageSource::Pull { reference } => found.image == *reference,
        // The rest of the tag is a hash of what it is made from, which `plan` compares.
        ImageSource::Build | ImageSource::Archive { .. } => {
            let repository = format!("fabricctl-{}/{}:", fabric.name, image.name).to_lowercase();
            found.image.starts_with(&repository)
        }
    };
    if !right {
        return Some((format!("its image is {}, not {}", found.image, image.name), deploy));
    }
    let current = docker.images.iter().find(|one| one.tags.contains(&found.image));
    match current {
        None => {
            let reason =
                format!("its image {} is gone from the server: it couldn't be made again", found.image);
            return Some((reason, "fabricctl deploy provides it".to_owned()));
        }
        Some(image) if image.id != found.image_id => {
            return Some((format!("it was made from another {} than there is now", found.image), deploy));
        }
        Some(_) => {}
    }
    let label = |name: &str| found.labels.get(name).map(String::as_str);
    if label(FABRIC_LABEL) != Some(fabric.name.as_str()) || label(SPEC_LABEL).is_none() {
        return Some(("it lacks fabricctl's labels: somebody else made it".to_owned(), deploy));
    }
    None
}

/// Whether it made itself known to its leaf, where it is one that says so.
fn identification(fabric: &Fabric, facts: &Facts, workload: &Workload) -> Trouble {
    let Some(Ok(logs)) = &facts.logs else { return None };
    let said = logs.get(&workload.name)?;
    let gateway = fabric.networks.get(&workload.network)?.gateway;
    let hint = format!("docker logs {}; its leaf must answer at {gateway}", workload.name);
    if said.is_empty() {
        return Some((format!("its ping to its leaf {gateway} has not been answered"), hint));
    }
    let last = said.split_whitespace().last();
    (last != Some(&gateway.to_string())).then(|| (format!("it asked another leaf: {said}"), hint))
}

fn said(found: &Container, workload: &Workload) -> String {
    let address = found.networks.get(&workload.network).and_then(|end| end.address);
    let address = address.map_or("no address".to_owned(), |address| address.to_string());
    let restarts = match found.restarts {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        times => format!(", restarted {times} times"),
    };
    format!("{}, {address}, image {}{restarts}", found.status, found.image)
}

/// Containers that carry the fabric's label, or have an address of one of its networks, and are in nobody's name.
fn strangers<'a>(
    fabric: &'a Fabric,
    server: &'a Node,
    docker: &'a Docker,
) -> impl Iterator<Item = Finding> + 'a {
    docker.containers.values().filter_map(move |found| {
        let here = fabric.workloads.get(&found.name).is_some_and(|workload| workload.server == server.name);
        if here || !found.running {
            return None;
        }
        let address = found
            .networks
            .iter()
            .find_map(|(name, end)| end.address.filter(|_| fabric.networks.contains_key(name)))?;
        let reason = format!("it runs with {address} and is no workload of this server");
        Some(
            Finding::failed(CHECK, &server.name, &*found.name, reason)
                .hint("add it to the inventory, or stop it"),
        )
    })
}
