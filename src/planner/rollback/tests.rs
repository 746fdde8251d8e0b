//! Ways back on the reference fabric.

use super::*;
use crate::action::{ContainerSpec, NetworkSpec, Wave};
use crate::fabric::{NodeName, Secret};
use crate::inventory;
use crate::state::{Container, Marked, SavedContainer, SavedService, spec_hash};
use std::path::Path;

fn fabric() -> Fabric {
    let text = include_str!("../../../inventory/reference/fabric.yml");
    inventory::read("fabric.yml", text, Path::new(".")).unwrap()
}

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

fn service(ran: bool, at_boot: bool) -> SavedService {
    SavedService { ran, at_boot }
}

fn container(name: &str, token: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        network: "containers".to_owned(),
        address: "172.16.1.11".parse().unwrap(),
        image: "nginx:1".to_owned(),
        command: Vec::new(),
        environment: BTreeMap::new(),
        secrets: BTreeMap::from([("TOKEN".to_owned(), Secret::new(token))]),
    }
}

fn network() -> NetworkSpec {
    NetworkSpec {
        name: "containers".to_owned(),
        subnet: "172.16.1.0/24".parse().unwrap(),
        gateway: "172.16.1.1".parse().unwrap(),
        parent: "eth1".to_owned(),
    }
}

fn try_steps(
    name: &str,
    past: &Saved,
    current: &NodeState,
    present: &Present,
) -> Result<Vec<Step>, Vec<Lost>> {
    let fabric = fabric();
    let node = &fabric.nodes[&NodeName::new(name).unwrap()];
    let run = RunId::new("r5").unwrap();
    WayBack { fabric: &fabric, node, run: &run, past, current, present }.steps()
}

fn said(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| step.action.to_string()).collect()
}

/// A leaf before its first deployment, and after it.
fn first_deployment() -> (Saved, NodeState, Present) {
    let conf = file("/etc/frr/frr.conf", "log syslog\n");
    let past = Saved {
        files: BTreeMap::from([
            (conf.path.clone(), Some(conf)),
            ("/etc/rdnbrd.conf".to_owned(), None),
            (MANIFEST.to_owned(), None),
            (format!("{ORIGINALS}etc/frr/frr.conf"), None),
            ("/etc/network/interfaces".to_owned(), Some(file("/etc/network/interfaces", "auto lo\n"))),
        ]),
        services: BTreeMap::from([
            ("frr".to_owned(), service(false, false)),
            ("rdnbrd".to_owned(), service(false, false)),
        ]),
        settings: BTreeMap::from([("/proc/sys/net/ipv4/ip_forward".to_owned(), "0".to_owned())]),
        ports: BTreeSet::from(["swp1 link down 1500 off".to_owned()]),
        ..Saved::default()
    };
    let of = |path: &str, content: &str| (path.to_owned(), FileState::of(&file(path, content)));
    let current = NodeState {
        files: BTreeMap::from([
            of("/etc/frr/frr.conf", "router bgp 65011\n"),
            of("/etc/rdnbrd.conf", "x\n"),
            of("/etc/network/interfaces", "auto lo swp1\n"),
            of(MANIFEST, "file saved /etc/frr/frr.conf\n"),
            of(&format!("{ORIGINALS}etc/frr/frr.conf"), "log syslog\n"),
        ]),
        services: BTreeMap::from([("frr".to_owned(), true), ("rdnbrd".to_owned(), true)]),
        ..NodeState::default()
    };
    let present = Present {
        settings: BTreeMap::from([("/proc/sys/net/ipv4/ip_forward".to_owned(), "1".to_owned())]),
        ports: BTreeSet::from(["swp1 link up 9216 off".to_owned(), "swp1 address 10.0.0.1/31".to_owned()]),
        at_boot: BTreeSet::from(["frr".to_owned(), "rdnbrd".to_owned()]),
    };
    (past, current, present)
}

#[test]
fn a_first_deployment_is_undone_daemons_first_and_records_last() {
    let (past, current, present) = first_deployment();
    let steps = try_steps("leaf01", &past, &current, &present).unwrap();
    assert_eq!(
        said(&steps),
        [
            "stop frr",
            "stop rdnbrd",
            "write /etc/frr/frr.conf",
            "write /etc/network/interfaces",
            "remove /etc/rdnbrd.conf",
            "set a kernel setting",
            "reload interfaces",
            "set swp1",
            "restore fabricctl's records",
        ]
    );
    let diff = steps[2].diff.as_deref().unwrap();
    assert!(diff.contains("-router bgp 65011\n") && diff.contains("+log syslog\n"), "{diff}");
    let Action::RestoreRecords { manifest: None, originals } = &steps[8].action else {
        panic!("{:?}", steps[8])
    };
    assert_eq!(originals.len(), 1);
}

#[test]
fn what_is_as_it_was_needs_nothing() {
    let (past, mut current, mut present) = first_deployment();
    current.files = past
        .files
        .iter()
        .filter_map(|(path, file)| Some((path.clone(), FileState::of(file.as_ref()?))))
        .collect();
    current.services = BTreeMap::from([("frr".to_owned(), false), ("rdnbrd".to_owned(), false)]);
    present.settings = past.settings.clone();
    present.ports = past.ports.clone();
    present.at_boot.clear();
    assert_eq!(said(&try_steps("leaf01", &past, &current, &present).unwrap()), [""; 0]);
    // Only what starting and stopping doesn't bring about is set.
    present.at_boot.insert("frr".to_owned());
    assert_eq!(said(&try_steps("leaf01", &past, &current, &present).unwrap()), ["don't start frr at boot"]);
}

#[test]
fn daemons_that_run_on_take_up_what_their_files_become() {
    let (mut past, current, present) = first_deployment();
    past.services =
        BTreeMap::from([("frr".to_owned(), service(true, true)), ("rdnbrd".to_owned(), service(true, true))]);
    past.activations.insert(
        "/etc/network/interfaces".to_owned(),
        Activation { service: "networking".to_owned(), how: How::Restart },
    );
    let steps = said(&try_steps("leaf01", &past, &current, &present).unwrap());
    // A daemon can't read again a file that is gone; what the run noted counts more than what is common.
    assert_eq!(
        &steps[steps.len() - 4..],
        ["set swp1", "reload frr", "restart rdnbrd", "restore fabricctl's records"]
    );
    assert!(!steps.contains(&"reload interfaces".to_owned()), "{steps:?}");
}

/// A server whose container and network are those of a run.
fn server(token: &str) -> (Saved, NodeState) {
    let fabric = "reference".to_owned();
    let spec = container("web11", token);
    let net = Marked { hash: spec_hash(&network()), fabric: fabric.clone() };
    let current = NodeState {
        services: BTreeMap::from([("docker".to_owned(), true)]),
        networks: BTreeMap::from([("containers".to_owned(), net)]),
        containers: BTreeMap::from([("web11".to_owned(), Container::of(&spec, &fabric))]),
        images: BTreeMap::from([
            ("nginx:1".to_owned(), Marked { hash: String::new(), fabric: String::new() }),
            ("fabricctl-reference/identify:abc".to_owned(), Marked { hash: "abc".to_owned(), fabric }),
        ]),
        ..NodeState::default()
    };
    let past = Saved {
        services: BTreeMap::from([("docker".to_owned(), service(true, true))]),
        networks: BTreeMap::from([("containers".to_owned(), network())]),
        containers: BTreeMap::from([("web11".to_owned(), SavedContainer { spec, ran: true })]),
        ..Saved::default()
    };
    (past, current)
}

fn boots() -> Present {
    Present { at_boot: BTreeSet::from(["docker".to_owned()]), ..Present::default() }
}

#[test]
fn containers_become_what_they_were_secrets_included() {
    let (past, mut current) = server("hunter22");
    assert_eq!(
        said(&try_steps("server01", &past, &current, &boots()).unwrap()),
        ["remove image fabricctl-reference/identify:abc"]
    );
    current.images.remove("fabricctl-reference/identify:abc");
    assert!(try_steps("server01", &past, &current, &boots()).unwrap().is_empty());
    current.containers.get_mut("web11").unwrap().secrets.clear();
    let steps = try_steps("server01", &past, &current, &boots()).unwrap();
    assert_eq!(said(&steps), ["remove container web11", "run container web11 (172.16.1.11)"]);
    assert!(!serde_json::to_string(&steps).unwrap().contains("hunter22"));
    // One that rested rests again, and one that is as it was goes with its network.
    let (mut past, mut current) = server("hunter22");
    current.images.remove("fabricctl-reference/identify:abc");
    past.containers.get_mut("web11").unwrap().ran = false;
    assert_eq!(said(&try_steps("server01", &past, &current, &boots()).unwrap()), ["stop container web11"]);
    past.networks.get_mut("containers").unwrap().parent = "eth2".to_owned();
    assert_eq!(
        said(&try_steps("server01", &past, &current, &boots()).unwrap()),
        [
            "remove container web11",
            "remove network containers",
            "create network containers on eth2",
            "run container web11 (172.16.1.11)",
            "stop container web11",
        ]
    );
}

#[test]
fn where_the_engine_stood_only_what_the_runs_made_goes() {
    let (mut past, mut current) = server("hunter22");
    current.images.clear();
    past = Saved { services: BTreeMap::from([("docker".to_owned(), service(false, false))]), ..past };
    past.containers.clear();
    past.networks.clear();
    current.made_by =
        BTreeMap::from([("web11".to_owned(), "r5".to_owned()), ("containers".to_owned(), "r4".to_owned())]);
    assert_eq!(
        said(&try_steps("server01", &past, &current, &boots()).unwrap()),
        ["remove container web11", "stop docker"]
    );
}

#[test]
fn what_is_lost_is_said_before_anything_is_touched() {
    let (mut past, mut current) = server("hunter22");
    current.containers.clear();
    current.images.clear();
    past.containers.get_mut("web11").unwrap().spec.image = "fabricctl-reference/identify:abc".to_owned();
    past.others.insert("/etc/link".to_owned());
    past.undefined.insert("old".to_owned());
    current.owned.insert("/etc/link".to_owned());
    let lost = try_steps("server01", &past, &current, &boots()).unwrap_err();
    let said: Vec<String> = lost.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("/etc/link was a link"), "{said:?}");
    assert!(said[1].starts_with("old is gone"), "{said:?}");
    assert!(said[2].starts_with("image fabricctl-reference/identify:abc is no longer"), "{said:?}");
}

#[test]
fn an_image_is_built_again_of_the_files_that_it_was_built_from() {
    let (mut past, mut current) = server("hunter22");
    let path = "/var/lib/fabricctl/images/identify/Dockerfile";
    let inputs = spec_hash(&vec![(path, crate::state::digest(b"FROM scratch\n"))]);
    let tag = format!("fabricctl-reference/identify:{inputs}");
    past.containers.get_mut("web11").unwrap().spec.image.clone_from(&tag);
    past.files.insert(path.to_owned(), Some(file(path, "FROM scratch\n")));
    current.files.insert(path.to_owned(), FileState::of(&file(path, "FROM other\n")));
    current.images.clear();
    assert_eq!(
        said(&try_steps("server01", &past, &current, &boots()).unwrap()),
        [
            "remove container web11".to_owned(),
            format!("write {path}"),
            format!("build image {tag}"),
            "run container web11 (172.16.1.11)".to_owned(),
        ]
    );
}

#[test]
fn servers_go_back_first_and_spines_that_carry_traffic_one_by_one() {
    let fabric = fabric();
    let nodes = |in_service: bool| -> BTreeMap<NodeName, Back> {
        let names = ["spine01", "spine02", "leaf01", "server01", "server02"];
        let back = |name: &str| {
            let name = NodeName::new(name).unwrap();
            let steps = vec![Step::new(&name, Action::Forget, "")];
            (name, Back { steps, in_service })
        };
        names.into_iter().map(back).collect()
    };
    let order = |in_service: bool| -> Vec<(Wave, usize)> {
        let plan = stages(&fabric, &nodes(in_service));
        plan.stages.iter().map(|stage| (stage.wave, stage.steps.len())).collect()
    };
    assert_eq!(order(false), [(Wave::Servers, 2), (Wave::Leafs, 1), (Wave::Spines, 2)]);
    assert_eq!(order(true), [(Wave::Servers, 2), (Wave::Leafs, 1), (Wave::Spines, 1), (Wave::Spines, 1)]);
    assert!(stages(&fabric, &BTreeMap::new()).is_empty());
}
