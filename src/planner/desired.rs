//! The desired state of a node, from the fabric and its rendered files.

use super::{IMAGES_DIRECTORY, RDNBRD_PATH};
use crate::action::{Activation, ContainerSpec, File, How, ImageSpec, NetworkSpec};
use crate::fabric::{Fabric, Image, ImageSource, Node, Platform, PortKind, Role, Text, Workload};
use crate::parse;
use crate::state::{Container, FileState, Interface, Marked, NodeState, Specs, digest, spec_hash};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// What is desired of a node, with all that is needed to bring it about.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The state.
    pub state: NodeState,
    /// Files with their contents, by path.
    pub files: BTreeMap<String, File>,
    /// Docker objects in full.
    pub specs: Specs,
}

/// The service that runs BGP on a platform.
pub fn daemon_of(platform: Platform) -> &'static str {
    match platform {
        Platform::Debian | Platform::Ubuntu => "frr",
        Platform::Cumulus => "quagga",
    }
}

/// The desired state of one node.
///
/// `files` are its rendered templates, `rdnbrd` the daemon for leafs that have none of their own, `archives` the
/// image archives by image name.
pub fn desired(
    fabric: &Fabric,
    node: &Node,
    mut files: Vec<File>,
    rdnbrd: Option<&[u8]>,
    archives: &BTreeMap<String, Vec<u8>>,
) -> Desired {
    if let Some(binary) = rdnbrd.filter(|_| needs_rdnbrd(node)) {
        files.push(rdnbrd_file(binary));
    }
    let mut wanted = Desired::default();
    wanted.state.services = services(node);
    wanted.state.interfaces = interfaces(node);
    for file in &files {
        let Some(activation) = &file.activates else { continue };
        if activation.service == "sysctl" {
            let settings = parse::sysctl_file(&String::from_utf8_lossy(&file.content));
            wanted.state.sysctls.extend(settings);
        } else if activation.service == daemon_of(node.platform) && activation.how == How::Reload {
            wanted.state.routing = parse::frr_running_config(&String::from_utf8_lossy(&file.content));
        }
    }
    if node.role == Role::Server {
        workloads(fabric, node, &files, archives, &mut wanted);
    }
    wanted.state.files = files.iter().map(|file| (file.path.clone(), FileState::of(file))).collect();
    wanted.state.owned = wanted.state.files.keys().cloned().collect();
    wanted.files = files.into_iter().map(|file| (file.path.clone(), file)).collect();
    wanted
}

fn needs_rdnbrd(node: &Node) -> bool {
    node.role == Role::Leaf && !node.platform.has_own_rdnbrd()
}

fn rdnbrd_file(binary: &[u8]) -> File {
    File {
        path: RDNBRD_PATH.to_owned(),
        content: binary.to_vec(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: 0o755,
        // A binary for another machine, or one that lacks a library there, fails here and not at its first start.
        check: Some("{} --version".to_owned()),
        activates: Some(Activation { service: "rdnbrd".to_owned(), how: How::Restart }),
    }
}

/// The services that are to run on a node.
pub fn services(node: &Node) -> BTreeMap<String, bool> {
    let names: &[&str] = match node.role {
        Role::Spine => &[daemon_of(node.platform)],
        Role::Leaf => &[daemon_of(node.platform), "rdnbrd"],
        Role::Server => &["docker"],
    };
    names.iter().map(|name| ((*name).to_owned(), true)).collect()
}

fn interfaces(node: &Node) -> BTreeMap<crate::fabric::IfName, Interface> {
    let ports = node.ports.iter().map(|port| {
        let addresses: BTreeSet<Ipv4Net> = port.addresses.iter().copied().collect();
        (port.name.clone(), Interface { up: true, mtu: port.mtu, addresses })
    });
    let loopback = crate::fabric::IfName::new("lo").ok().map(|lo| {
        let address = Ipv4Net::from(node.loopback);
        (lo, Interface { up: true, mtu: 0, addresses: BTreeSet::from([address]) })
    });
    ports.chain(loopback).collect()
}

fn workloads(
    fabric: &Fabric,
    node: &Node,
    files: &[File],
    archives: &BTreeMap<String, Vec<u8>>,
    wanted: &mut Desired,
) {
    let mark = |hash: String| Marked { hash, fabric: fabric.name.clone() };
    for workload in fabric.workloads_on(&node.name) {
        let Some(image) = fabric.images.get(&workload.image) else { continue };
        let spec = image_spec(fabric, image, files, archives);
        let container = container_spec(workload, &spec);
        wanted.state.containers.insert(workload.name.clone(), Container::of(&container, &fabric.name));
        wanted.specs.containers.insert(workload.name.clone(), container);
        let found = match spec {
            ImageSpec::Pull { .. } => Marked { hash: String::new(), fabric: String::new() },
            _ => mark(spec.inputs().to_owned()),
        };
        wanted.state.images.insert(spec.tag().to_owned(), found);
        wanted.specs.images.insert(spec.tag().to_owned(), spec);
        if let Some(network) = network_spec(fabric, node, workload) {
            wanted.state.networks.insert(network.name.clone(), mark(spec_hash(&network)));
            wanted.specs.networks.insert(network.name.clone(), network);
        }
    }
}

fn network_spec(fabric: &Fabric, node: &Node, workload: &Workload) -> Option<NetworkSpec> {
    let network = fabric.networks.get(&workload.network)?;
    let port = node.ports_of(PortKind::Data).find(|port| port.networks.contains(&network.name))?;
    Some(NetworkSpec {
        name: network.name.clone(),
        subnet: network.subnet,
        gateway: network.gateway,
        parent: port.name.to_string(),
    })
}

fn image_spec(
    fabric: &Fabric,
    image: &Image,
    files: &[File],
    archives: &BTreeMap<String, Vec<u8>>,
) -> ImageSpec {
    // The hash is part of the tag, so that another content is another image and the old one can go.
    let tag = |inputs: &str| format!("fabricctl-{}/{}:{inputs}", fabric.name, image.name).to_lowercase();
    match &image.source {
        ImageSource::Build => {
            let directory = format!("{IMAGES_DIRECTORY}/{}", image.name);
            let parts: Vec<(&str, String)> = files
                .iter()
                .filter(|file| file.path.starts_with(&format!("{directory}/")))
                .map(|file| (file.path.as_str(), digest(&file.content)))
                .collect();
            let inputs = spec_hash(&parts);
            ImageSpec::Build { tag: tag(&inputs), directory, inputs }
        }
        ImageSource::Archive { .. } => {
            let content = archives.get(&image.name).cloned().unwrap_or_default();
            let inputs = digest(&content)[..16].to_owned();
            ImageSpec::Archive { tag: tag(&inputs), inputs, content }
        }
        ImageSource::Pull { reference } => ImageSpec::Pull { tag: reference.clone() },
    }
}

fn container_spec(workload: &Workload, image: &ImageSpec) -> ContainerSpec {
    let (mut environment, mut secrets) = (BTreeMap::new(), BTreeMap::new());
    for (name, value) in &workload.environment {
        match value {
            Text::Plain(text) => drop(environment.insert(name.clone(), text.clone())),
            Text::Secret(secret) => drop(secrets.insert(name.clone(), secret.clone())),
        }
    }
    ContainerSpec {
        name: workload.name.clone(),
        network: workload.network.clone(),
        address: workload.address,
        image: image.tag().to_owned(),
        command: workload.command.clone().unwrap_or_default(),
        environment,
        secrets,
    }
}
