//! What the devices of a fabric answer when all is well.

use crate::common::{entry, sessions, wired};
use fabricctl::fabric::{Fabric, Node, NodeName, PortKind, Role};
use fabricctl::parse::{Attachment, BgpNeighbor, Container, DockerImage, DockerNetwork, Interface, Rib};
use fabricctl::verify::{Docker, Facts, Release, Service, World, routes};
use std::collections::BTreeMap;

const LABELS: [(&str, &str); 2] = [("fabricctl.fabric", "reference"), ("fabricctl.spec", "0123456789abcdef")];

/// Every device as it should be.
pub fn well(fabric: &Fabric) -> World {
    let expectations = routes::expect(fabric);
    let mut world = World::new();
    for node in fabric.nodes.values() {
        world.insert(node.name.clone(), Ok(device(fabric, node)));
    }
    for route in &expectations.routes {
        let rib = facts(&mut world, route.node.as_str()).rib.get_or_insert_with(|| Ok(Rib::default()));
        rib.as_mut().unwrap().routes.insert(route.prefix, vec![entry(route)]);
    }
    world
}

pub fn facts<'w>(world: &'w mut World, node: &str) -> &'w mut Facts {
    world.get_mut(&crate::common::name(node)).unwrap().as_mut().unwrap()
}

pub fn link<'w>(world: &'w mut World, node: &str, port: &str) -> &'w mut Interface {
    facts(world, node).links.as_mut().unwrap().as_mut().unwrap().get_mut(port).unwrap()
}

pub fn session<'w>(world: &'w mut World, node: &str, port: &str) -> &'w mut BgpNeighbor {
    facts(world, node).bgp.as_mut().unwrap().as_mut().unwrap().get_mut(port).unwrap()
}

pub fn container<'w>(world: &'w mut World, server: &str, name: &str) -> &'w mut Container {
    facts(world, server).docker.as_mut().unwrap().as_mut().unwrap().containers.get_mut(name).unwrap()
}

pub fn forget(world: &mut World, node: &str, address: &str) {
    let prefix = format!("{address}/32").parse().unwrap();
    facts(world, node).rib.as_mut().unwrap().as_mut().unwrap().routes.remove(&prefix);
}

fn device(fabric: &Fabric, node: &Node) -> Facts {
    let own: &[&str] = match node.role {
        Role::Spine => &["frr", "ssh"],
        Role::Leaf => &["frr", "rdnbrd", "ssh"],
        Role::Server => &["docker", "ssh"],
    };
    let service =
        |name: &&str| ((*name).to_owned(), Service { running: true, enabled: Some(true), dead: Vec::new() });
    let routes = node.role.routes();
    Facts {
        links: Some(Ok(wired(node).0)),
        services: Some(Ok(own.iter().map(service).collect())),
        bgp: routes.then(|| Ok(sessions(fabric, node))),
        docker: (!routes).then(|| Ok(engine(fabric, &node.name))),
        release: Some(Ok(Release {
            os: "Debian GNU/Linux 12 (bookworm)".into(),
            frr: routes.then(|| "8.4.4".into()),
            docker: (!routes).then(|| "20.10.24".into()),
        })),
        ..Facts::default()
    }
}

fn engine(fabric: &Fabric, server: &NodeName) -> Docker {
    let tag = "fabricctl-reference/identify:1".to_owned();
    let mut docker = Docker {
        images: vec![DockerImage {
            id: "sha256:1".into(),
            tags: vec![tag.clone()],
            ..DockerImage::default()
        }],
        ..Docker::default()
    };
    for workload in fabric.workloads_on(server) {
        let network = &fabric.networks[&workload.network];
        let port = fabric.nodes[server].ports_of(PortKind::Data).next().unwrap();
        docker.networks.insert(
            network.name.clone(),
            DockerNetwork {
                name: network.name.clone(),
                driver: "macvlan".into(),
                parent: Some(port.name.to_string()),
                subnet: Some(network.subnet),
                ..DockerNetwork::default()
            },
        );
        let end =
            Attachment { configured: Some(workload.address), address: Some(workload.address), mac: None };
        let container = Container {
            name: workload.name.clone(),
            image: tag.clone(),
            image_id: "sha256:1".into(),
            status: "running".into(),
            running: true,
            started_at: Some("2026-11-22T09:00:00.5Z".into()),
            labels: LABELS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            networks: BTreeMap::from([(network.name.clone(), end)]),
            ..Container::default()
        };
        docker.containers.insert(workload.name.clone(), container);
    }
    docker
}
