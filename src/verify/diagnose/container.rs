//! The way of one container: from its process to its leaf, through the fabric, and back.

use super::scene::{Judged, Look, Scene};
use super::{Hop, HopStatus, Walk, leaf, spread, unique};
use crate::fabric::{Endpoint, Fabric, ImageSource, Node, NodeName, Port, PortKind, Workload};
use crate::parse::{Container, Inside, ProbeEnd};
use crate::verify::facts::Docker;
use crate::verify::finding::{CheckName, Status};
use std::net::{IpAddr, Ipv4Addr};

/// Answers nobody (Documentation/networking/ip-sysctl, `arp_ignore`).
const IGNORES_ALL: u8 = 8;

/// The title of the last hop.
pub(super) const BACK: &str = "back to the container";

/// A container and the places that it is at.
pub(super) struct Place<'a> {
    pub scene: &'a Scene<'a>,
    pub workload: &'a Workload,
    pub server: &'a Node,
    /// The server's port.
    pub data: &'a Port,
    /// The leaf's port.
    pub end: &'a Endpoint,
    pub leaf: &'a Node,
}

/// The hops, in the order of the way.
const HOPS: [fn(&Place<'_>) -> Vec<Hop>; 18] = [
    process,
    interface,
    arp,
    unique::only_one,
    parent,
    network,
    leaf::port,
    leaf::passing,
    leaf::kernel_neighbor,
    leaf::daemon,
    leaf::kernel_route,
    leaf::rib,
    leaf::bgp,
    leaf::origin,
    spread::spines,
    spread::leafs,
    back,
    image,
];

/// What is wrong with a container itself, which its server answers for: the first thing of each.
pub(super) fn itself(scene: &Scene<'_>, workload: &Workload) -> Option<Hop> {
    let place = places(scene, workload).next()?;
    let mut hops = [process, interface, arp].iter().flat_map(|hop| hop(&place));
    hops.find(|hop| hop.status == HopStatus::Failed)
}

/// Walks the way of one container.
pub(super) fn walk(scene: &Scene<'_>, name: &str) -> Walk {
    let fabric = scene.fabric;
    let Some(workload) = fabric.workloads.get(name) else {
        return Walk::of(name, "no container of the inventory", Vec::new());
    };
    let about = format!("container {} on {}", workload.address, workload.server);
    let mut walks = places(scene, workload).map(|place| {
        let hops = HOPS.iter().flat_map(|hop| hop(&place)).collect();
        Walk::of(name, &about, hops)
    });
    let first = walks.next();
    // Behind several leafs one good way is enough; else the first one is told.
    match first {
        Some(walk) if walk.ok => walk,
        Some(walk) => walks.find(|other| other.ok).unwrap_or(walk),
        None => Walk::of(name, format!("{about}, which has no port on its network"), Vec::new()),
    }
}

pub(super) fn places<'a>(scene: &'a Scene<'a>, workload: &'a Workload) -> impl Iterator<Item = Place<'a>> {
    let fabric: &Fabric = scene.fabric;
    let server = fabric.nodes.get(&workload.server);
    let ports =
        server.into_iter().flat_map(|server| server.ports_of(PortKind::Data).map(move |port| (server, port)));
    let carrying = ports.filter(|(_, port)| port.networks.contains(&workload.network));
    carrying.filter_map(move |(server, data)| {
        let leaf = fabric.nodes.get(&data.peer.node)?;
        Some(Place { scene, workload, server, data, end: &data.peer, leaf })
    })
}

impl<'a> Place<'a> {
    fn docker(&self) -> Look<'a, Docker> {
        self.scene.look(&self.server.name, |facts| &facts.docker)
    }

    fn container(&self) -> Option<&'a Container> {
        match self.docker() {
            Look::Said(docker) => docker.containers.get(&self.workload.name),
            _ => None,
        }
    }

    /// The container from within, if it was looked into.
    pub(super) fn inside(&self) -> Option<&'a Inside> {
        self.scene.said(&self.server.name, |facts| &facts.inside)?.get(&self.workload.name)
    }

    /// A container by its name, where the inventory has one with that address.
    fn named(&self, address: Ipv4Addr) -> String {
        let workload = self.scene.fabric.workloads.values().find(|one| one.address == address);
        workload.map_or_else(|| address.to_string(), |one| one.name.clone())
    }

    /// The interface that holds the container's address.
    fn own_interface(&self) -> Option<(&'a String, &'a crate::parse::Interface)> {
        let holds = |interface: &crate::parse::Interface| {
            interface.addresses.iter().any(|address| address.addr() == self.workload.address)
        };
        self.inside()?.interfaces.iter().find(|(_, interface)| holds(interface))
    }

    /// Its Ethernet address, as its own kernel or its engine says.
    pub(super) fn mac(&self) -> Option<String> {
        let inside = self.own_interface().and_then(|(_, interface)| interface.mac.clone());
        inside.or_else(|| self.container()?.networks.get(&self.workload.network)?.mac.clone())
    }
}

fn process(place: &Place<'_>) -> Vec<Hop> {
    let name = &place.workload.name;
    let docker = place.docker();
    let judged = docker.blind().unwrap_or_else(|| match docker {
        Look::Said(docker) => running(place, docker),
        Look::Failed(fault) => {
            let server = &place.server.name;
            let cause = place.scene.ailing(server, "docker");
            let cause = cause.unwrap_or_else(|| format!("Docker on {server} doesn't answer"));
            Judged::bad(fault.to_string(), cause, "service docker start; its log says why it ended")
        }
        Look::Unasked | Look::Silent(_) => Judged::Unknown(String::new()),
    });
    let hop = judged.hop("container process", &place.server.name, format!("docker inspect {name}"));
    // The engine's trouble is every container's.
    vec![if matches!(place.docker(), Look::Said(_)) { hop.about(name) } else { hop }]
}

fn running(place: &Place<'_>, docker: &Docker) -> Judged {
    let name = &place.workload.name;
    let Some(found) = docker.containers.get(name) else {
        let gone = if has_image(place, docker, None) {
            "it was removed".to_owned()
        } else {
            format!("it was removed, and its image {} is gone, too", place.workload.image)
        };
        return Judged::bad(format!("there is no container {name}"), gone, "fabricctl deploy starts it");
    };
    let image = if has_image(place, docker, Some(found)) {
        String::new()
    } else {
        format!("; its image {} is gone", found.image)
    };
    let evidence = format!("{name} is {}{image}", found.status);
    match found.status.as_str() {
        "running" => {
            let pid = found.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
            let again = match found.restarts {
                0 => String::new(),
                restarts => format!(", restarted by the engine {restarts} times"),
            };
            Judged::Ok(format!("running{pid}{again}"))
        }
        "paused" => Judged::bad(evidence, "somebody has paused it", format!("docker unpause {name}")),
        "restarting" => Judged::bad(
            evidence,
            "it doesn't stay up, the engine starts it again and again",
            format!("docker logs {name} says why"),
        ),
        _ => {
            let code = found.exit_code.unwrap_or_default();
            let how = if code == 137 { " (killed)" } else { "" };
            let cause = format!("its process has ended with status {code}{how}");
            Judged::bad(evidence, cause, format!("docker logs {name} says why; docker start {name}"))
        }
    }
}

/// Whether the image is there that the container was made from, or would be made from.
fn has_image(place: &Place<'_>, docker: &Docker, found: Option<&Container>) -> bool {
    let fabric = place.scene.fabric;
    if let Some(found) = found {
        return docker
            .images
            .iter()
            .any(|image| image.id == found.image_id || image.tags.contains(&found.image));
    }
    let Some(image) = fabric.images.get(&place.workload.image) else { return true };
    let repository = match &image.source {
        ImageSource::Pull { reference } => reference.clone(),
        // The tag is a hash of what it is made from.
        ImageSource::Build | ImageSource::Archive { .. } => {
            format!("fabricctl-{}/{}:", fabric.name, image.name).to_lowercase()
        }
    };
    docker.images.iter().flat_map(|image| &image.tags).any(|tag| tag.starts_with(&repository))
}

fn interface(place: &Place<'_>) -> Vec<Hop> {
    let name = &place.workload.name;
    let judged = match place.container() {
        None => place.docker().blind().unwrap_or_else(|| Judged::Unknown("there is no container".to_owned())),
        Some(found) if found.status != "running" => {
            Judged::Unknown(format!("the container is {}", found.status))
        }
        Some(found) => addressed(place, found),
    };
    let command = format!("nsenter -t $(docker inspect -f {{{{.State.Pid}}}} {name}) -n ip addr");
    vec![judged.hop("its interface", &place.server.name, command).about(name)]
}

fn addressed(place: &Place<'_>, found: &Container) -> Judged {
    let Workload { name, network, address, .. } = place.workload;
    let Some(end) = found.networks.get(network) else {
        let on: Vec<&str> = found.networks.keys().map(String::as_str).collect();
        let cause = format!("it is not on the network {network}");
        return Judged::bad(format!("it is on: {}", on.join(", ")), cause, "fabricctl deploy replaces it");
    };
    if end.address != Some(*address) {
        let has = end.address.map_or("no address".to_owned(), |has| has.to_string());
        let cause = format!("it was given {has} instead of {address}");
        return Judged::bad(format!("Docker says {has}"), cause, "fabricctl deploy replaces it");
    }
    let Some(inside) = place.inside() else {
        return Judged::Ok(format!("{address} on {network}, says Docker"));
    };
    let Some((port, interface)) = place.own_interface() else {
        let all: Vec<String> = inside
            .interfaces
            .iter()
            .filter(|(port, _)| port.as_str() != "lo")
            .map(|(port, interface)| {
                let has: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
                format!(
                    "{port} has {}",
                    if has.is_empty() { "no address".to_owned() } else { has.join(", ") }
                )
            })
            .collect();
        let cause =
            format!("{address} is not on any of its interfaces: somebody changed it within the container");
        return Judged::bad(all.join("; "), cause, format!("docker restart {name}"));
    };
    if !interface.admin_up {
        let cause = "its interface is switched off within the container";
        return Judged::bad(format!("{port} is down"), cause, format!("docker restart {name}"));
    }
    Judged::Ok(format!("{address} on {port}, {}", interface.mac.as_deref().unwrap_or("no Ethernet address")))
}

fn arp(place: &Place<'_>) -> Vec<Hop> {
    let name = &place.workload.name;
    let command = format!("nsenter -t $(docker inspect -f {{{{.State.Pid}}}} {name}) -n ip neigh");
    let judged = match (place.inside(), place.own_interface()) {
        (Some(inside), Some((port, _))) => speaking(place, inside, port),
        _ => match place.scene.world.get(&place.server.name) {
            Some(Err(why)) => Judged::Silent(why.clone()),
            _ => Judged::Unknown("it can't be looked into".to_owned()),
        },
    };
    vec![judged.hop("its ARP", &place.server.name, command).about(name)]
}

fn speaking(place: &Place<'_>, inside: &Inside, port: &String) -> Judged {
    let restart = format!("docker restart {}", place.workload.name);
    if inside.without_arp.contains(port) {
        let cause = "ARP is switched off on its interface, so nobody finds it";
        return Judged::bad(format!("{port} has the flag NOARP"), cause, restart);
    }
    let ignore = inside.arp_ignore.get(port).copied().unwrap_or(0);
    if ignore >= IGNORES_ALL {
        let cause = "it answers no ARP request, so its leaf can't prove it alive";
        return Judged::bad(format!("arp_ignore is {ignore} on {port}"), cause, restart);
    }
    let gateway = place.scene.fabric.networks.get(&place.workload.network).map(|network| network.gateway);
    let known = gateway.and_then(|gateway| {
        inside.neighbors.iter().find(|one| one.address == IpAddr::from(gateway)).map(|one| (gateway, one))
    });
    match known {
        Some((gateway, one)) if one.failed => {
            Judged::Ok(format!("it answers; its own requests for {gateway} are not answered now"))
        }
        Some((gateway, one)) => {
            let mac = one.mac.map_or("no Ethernet address".to_owned(), |mac| mac.to_string());
            Judged::Ok(format!("it answers; its gateway {gateway} is at {mac}"))
        }
        None => Judged::Ok("it answers".to_owned()),
    }
}

fn parent(place: &Place<'_>) -> Vec<Hop> {
    let end = Endpoint { node: place.server.name.clone(), port: place.data.name.clone() };
    vec![place.scene.port(&end, "macvlan parent")]
}

fn network(place: &Place<'_>) -> Vec<Hop> {
    let subject = format!("network {}", place.workload.network);
    let server = &place.server.name;
    match place.scene.about(CheckName::Workloads, server, &subject) {
        // Where all is well, the parent has said it.
        Some(finding) if finding.status == Status::Failed => {
            let command = format!("docker network inspect {}", place.workload.network);
            vec![place.scene.judged(server, Some(finding)).hop("macvlan network", server, command)]
        }
        _ => Vec::new(),
    }
}

/// Do others get answers from it?
fn back(place: &Place<'_>) -> Vec<Hop> {
    let Workload { address, server, .. } = place.workload;
    let (mut answered, mut lost) = (Vec::new(), Vec::new());
    for node in place.scene.world.keys() {
        let Some(probes) = place.scene.said(node, |facts| &facts.probes) else { continue };
        for ((from, _), probe) in probes.pairs.iter().filter(|((_, to), _)| to == address) {
            let good = |end: &Option<ProbeEnd>| matches!(end, Some(ProbeEnd::Answered(_)) | None);
            if good(&probe.icmp) && good(&probe.tcp) {
                answered.push((node, *from));
            } else {
                lost.push((node, *from, probe));
            }
        }
    }
    let (judged, from) = match (lost.first(), answered.first()) {
        (None, None) => (Judged::Unknown("nobody tried".to_owned()), "another container".to_owned()),
        (None, Some((_, from))) => {
            let evidence = format!("{} containers get answers from it, e.g. {from}", answered.len());
            (Judged::Ok(evidence), from.to_string())
        }
        (Some((node, from, probe)), _) => {
            let evidence = format!(
                "{} of {} containers get no answer, e.g. {from} on {node}",
                lost.len(),
                lost.len() + answered.len()
            );
            let small = matches!(probe.icmp, Some(ProbeEnd::OnlySmall));
            let neighbor_succeeds = answered.iter().any(|(other, _)| other == node);
            let judged = if neighbor_succeeds && !small {
                // Others on the same server do: the trouble is with the one that asks.
                Judged::Unknown(format!("{evidence}; see fabricctl diagnose {}", place.named(*from)))
            } else {
                unanswered(place, node, &evidence, small)
            };
            (judged, from.to_string())
        }
    };
    vec![judged.hop(BACK, server, format!("ping {address} from {from}"))]
}

fn unanswered(place: &Place<'_>, node: &NodeName, evidence: &str, small: bool) -> Judged {
    let Workload { name, address, server, .. } = place.workload;
    let fix = format!("tcpdump -ni any host {address} on {server} shows how far they come");
    if small {
        let evidence = format!("{evidence}: small packets arrive, full ones don't");
        let cause = format!("the way between {node} and {server} has a smaller MTU than the inventory says");
        return Judged::bad(evidence, cause, fix);
    }
    let cause = format!(
        "packets between {node} and {name} are lost: a packet filter, or the container itself refuses"
    );
    Judged::bad(evidence, cause, fix)
}

/// Could it be started again?
fn image(place: &Place<'_>) -> Vec<Hop> {
    let server = &place.server.name;
    let (Some(found), Look::Said(docker)) = (place.container(), place.docker()) else { return Vec::new() };
    if has_image(place, docker, Some(found))
        && docker.images.iter().any(|image| image.tags.contains(&found.image))
    {
        return Vec::new();
    }
    let judged = Judged::bad(
        format!("there is no image {}", found.image),
        "its image is gone from the server: it runs, but couldn't be made again",
        "fabricctl deploy provides it",
    );
    vec![judged.hop("its image", server, "docker image ls").about(&found.image)]
}
