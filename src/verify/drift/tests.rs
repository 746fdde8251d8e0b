//! Evidence in, differences out.

use super::*;
use std::net::Ipv4Addr;

const FRR: &str =
    "log syslog\nrouter bgp 65011\n neighbor swp51 password hunter22\n bgp router-id 10.0.0.11\n";
const INTERFACES: &str = "auto lo\niface lo inet loopback\n address 10.0.0.11/32\nauto swp1\niface swp1\n address \
                          172.16.1.1/24\n mtu 9216\n";

fn spec() -> ContainerSpec {
    ContainerSpec {
        name: "web11".to_owned(),
        network: "containers".to_owned(),
        address: Ipv4Addr::new(172, 16, 1, 11),
        image: "identify:1".to_owned(),
        command: Vec::new(),
        environment: BTreeMap::from([("LEVEL".to_owned(), "3".to_owned())]),
        secrets: BTreeMap::new(),
    }
}

fn network() -> NetworkSpec {
    NetworkSpec {
        name: "containers".to_owned(),
        subnet: "172.16.1.0/24".parse().unwrap(),
        gateway: Ipv4Addr::new(172, 16, 1, 1),
        parent: "eth1".to_owned(),
    }
}

fn interface(mtu: u32, addresses: &[&str]) -> Interface {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Interface { admin_up: true, mtu: Some(mtu), addresses, ..Interface::default() }
}

/// A device that is all that was put there.
fn evidence() -> Evidence {
    let file = |text: &str| FileState::new(text.as_bytes(), "root", "root", 0o640);
    let files = BTreeMap::from([
        ("/etc/frr/frr.conf".to_owned(), file(FRR)),
        ("/etc/network/interfaces".to_owned(), file(INTERFACES)),
        ("/etc/sysctl.d/90-fabricctl.conf".to_owned(), file("net.ipv4.ip_forward = 1\n")),
    ]);
    let ours = BTreeMap::from([(crate::action::FABRIC_LABEL.to_owned(), "f".to_owned())]);
    let end = crate::parse::Attachment { configured: Some(spec().address), ..Default::default() };
    let container = Container {
        name: "web11".to_owned(),
        id: "c1".to_owned(),
        image: "identify:1".to_owned(),
        status: "running".to_owned(),
        running: true,
        labels: ours.clone(),
        networks: BTreeMap::from([("containers".to_owned(), end)]),
        restart: "unless-stopped".to_owned(),
        environment: BTreeMap::from([
            ("LEVEL".to_owned(), "3".to_owned()),
            ("KEY".to_owned(), "k".to_owned()),
        ]),
        ..Container::default()
    };
    let there = DockerNetwork {
        name: "containers".to_owned(),
        driver: "macvlan".to_owned(),
        labels: ours,
        subnet: Some(network().subnet),
        gateway: Some(network().gateway),
        parent: Some("eth1".to_owned()),
        ..DockerNetwork::default()
    };
    let services = BTreeSet::from(["frr".to_owned(), "docker".to_owned()]);
    let recorded = RecordedContainer { id: "c1".to_owned(), spec: spec() };
    let record = Record {
        run: None,
        files: files.clone(),
        services: services.clone(),
        containers: BTreeMap::from([("web11".to_owned(), recorded)]),
        networks: BTreeMap::from([("containers".to_owned(), network())]),
    };
    let found = Found {
        files,
        services,
        settings: BTreeMap::from([("net/ipv4/ip_forward".to_owned(), "1".to_owned())]),
        interfaces: BTreeMap::from([
            ("lo".to_owned(), interface(65536, &["127.0.0.1/8", "10.0.0.11/32", "192.0.2.1/32"])),
            ("swp1".to_owned(), interface(9216, &["172.16.1.1/24"])),
            ("eth9".to_owned(), interface(1500, &["192.0.2.7/24"])),
        ]),
        routing: Some(FRR.to_owned()),
        engine: true,
        containers: vec![container],
        networks: vec![there],
        ..Found::default()
    };
    Evidence { known: true, record: Some(record), found }
}

/// The differences after something was done to the device, as `KIND NAME: MESSAGE`, with their diffs.
fn after(change: impl FnOnce(&mut Found)) -> Vec<(String, String)> {
    let mut evidence = evidence();
    change(&mut evidence.found);
    let node = NodeName::new("leaf01").unwrap();
    let verdict = judge(&node, &evidence, &Secrets::default());
    assert_eq!(verdict.standing == Standing::AsDeployed, verdict.differences.is_empty());
    let line = |one: &Difference| {
        let kind = serde_json::to_value(one.kind).unwrap();
        format!("{} {}: {}", kind.as_str().unwrap(), one.name, one.message)
    };
    verdict.differences.iter().map(|one| (line(one), one.diff.clone().unwrap_or_default())).collect()
}

#[track_caller]
fn one(change: impl FnOnce(&mut Found)) -> (String, String) {
    let mut all = after(change);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn what_was_put_there_and_is_there_is_no_drift() {
    assert_eq!(after(|_| {}), []);
    // Order and decoration of what FRR shows don't count.
    let shown = "Building configuration...\n!\nfrr version 8\nrouter bgp 65011\n bgp router-id 10.0.0.11\n neighbor swp51 \
                 password hunter22\nexit\n!\nlog syslog\nend\n";
    assert_eq!(after(|found| found.routing = Some(shown.to_owned())), []);
}

#[test]
fn devices_that_nobody_deployed_to_say_so() {
    let node = NodeName::new("leaf01").unwrap();
    let answers = |known| BTreeMap::from([(node.clone(), Some(Evidence { known, ..Evidence::default() }))]);
    let never = report(&answers(false), &Secrets::default());
    assert_eq!((never.ok, never.nodes[0].standing), (true, Standing::NeverDeployed));
    let unrecorded = report(&answers(true), &Secrets::default());
    assert_eq!((unrecorded.ok, unrecorded.nodes[0].standing), (true, Standing::Unrecorded));
    let silent = report(&BTreeMap::from([(node.clone(), None)]), &Secrets::default());
    assert_eq!((silent.ok, silent.nodes[0].standing), (false, Standing::Unknown));
}

#[test]
fn files_differ_by_content_owner_mode_and_absence() {
    let path = "/etc/sysctl.d/90-fabricctl.conf";
    let put = |text: &str, mode| FileState::new(text.as_bytes(), "root", "root", mode);
    let (said, diff) = one(|found| {
        found.files.insert(path.to_owned(), put("net.ipv4.ip_forward = 0\n", 0o666));
    });
    assert_eq!(
        said,
        format!("file {path}: its content was changed; it is root:root 0666, and was root:root 0640")
    );
    assert!(diff.contains("-net.ipv4.ip_forward = 1\n+net.ipv4.ip_forward = 0\n"), "{diff}");
    let (said, diff) = one(|found| {
        found.files.insert(path.to_owned(), put("net.ipv4.ip_forward = 1\n", 0o644));
    });
    assert_eq!(said, format!("file {path}: it is root:root 0644, and was root:root 0640"));
    assert!(diff.ends_with("-root:root 0640\n+root:root 0644\n"), "{diff}");
    let (said, diff) = one(|found| drop(found.files.remove(path)));
    assert_eq!(said, format!("file {path}: it is gone"));
    assert!(diff.ends_with("-net.ipv4.ip_forward = 1\n"), "{diff}");
    let (said, _) = one(|found| assert!(found.back.insert("/etc/old".to_owned())));
    assert_eq!(said, "file /etc/old: it was removed, and is there again");
}

#[test]
fn secrets_of_both_sides_are_kept() {
    let other = FRR.replace("hunter22", "hunter33");
    let all = after(|found| {
        found
            .files
            .insert("/etc/frr/frr.conf".to_owned(), FileState::new(other.as_bytes(), "root", "root", 0o640));
        found.routing = Some(other.clone());
    });
    assert_eq!(all.len(), 2, "{all:#?}");
    for (_, diff) in &all {
        assert!(
            diff.contains("password <secret>\n") && diff.contains("password <secret, changed>\n"),
            "{diff}"
        );
        assert!(!diff.contains("hunter"), "{diff}");
    }
}

#[test]
fn what_frr_runs_is_compared_with_what_was_put_there() {
    let running = FRR.replace(" bgp router-id 10.0.0.11\n", " bgp router-id 10.0.0.99\n timers bgp 1 3\n");
    let (said, diff) = one(|found| found.routing = Some(running));
    assert_eq!(
        said,
        "routing frr: its running configuration is not /etc/frr/frr.conf as it was put there: 1 line not in effect, \
         2 lines not in the file"
    );
    assert_eq!(
        diff,
        "--- /etc/frr/frr.conf (put there)\n+++ running configuration\n@@ router bgp 65011 @@\n-bgp router-id 10.0.0.11\n\
         +bgp router-id 10.0.0.99\n+timers bgp 1 3\n"
    );
    // One that doesn't run is told once.
    let stopped = |found: &mut Found| {
        found.routing = None;
        found.services.remove("frr");
    };
    assert_eq!(one(stopped).0, "service frr: it doesn't run");
    let (said, _) = one(|found| found.routing = None);
    assert_eq!(said, "routing frr: it has no running configuration to show");
}

#[test]
fn interfaces_and_settings_of_the_kernel() {
    let (said, diff) = one(|found| {
        let other = Interface { admin_up: false, ..interface(1500, &["192.0.2.1/24"]) };
        found.interfaces.insert("swp1".to_owned(), other);
    });
    assert_eq!(
        said,
        "interface swp1: it is down; its MTU is 1500; it lacks 172.16.1.1/24; it has 192.0.2.1/24"
    );
    assert!(diff.contains("-address 172.16.1.1/24\n") && diff.contains("+address 192.0.2.1/24\n"), "{diff}");
    assert_eq!(one(|found| drop(found.interfaces.remove("swp1"))).0, "interface swp1: it doesn't exist");
    let failed = |attribute: &str| FailedAttribute {
        interface: "swp1".to_owned(),
        attribute: attribute.to_owned(),
        value: "uplink".to_owned(),
    };
    let (said, _) = one(|found| found.failed = vec![failed("address"), failed("alias")]);
    assert_eq!(said, "interface swp1: alias uplink is not in effect");
    let (said, diff) =
        one(|found| drop(found.settings.insert("net/ipv4/ip_forward".to_owned(), "0".to_owned())));
    assert_eq!(said, "setting net/ipv4/ip_forward: it is 0, not 1");
    assert!(diff.ends_with("-net/ipv4/ip_forward = 1\n+net/ipv4/ip_forward = 0\n"), "{diff}");
    assert_eq!(one(|found| found.settings.clear()).0, "setting net/ipv4/ip_forward: it isn't there");
}

#[test]
fn containers_that_were_stopped_replaced_renamed_or_removed() {
    let (said, diff) = one(|found| {
        found.containers[0].running = false;
        found.containers[0].status = "exited".to_owned();
    });
    assert_eq!(said, "container web11: it doesn't run (exited)");
    assert!(diff.contains("-running\n+stopped\n"), "{diff}");
    let (said, diff) = one(|found| {
        found.containers[0].id = "c2".to_owned();
        found.containers[0].environment.insert("LEVEL".to_owned(), "4".to_owned());
    });
    assert_eq!(said, "container web11: it was replaced: another container has its name");
    assert!(diff.contains("-environment LEVEL=3\n+environment LEVEL=4\n") && !diff.contains("KEY"), "{diff}");
    let (said, _) = one(|found| found.containers[0].restart = "no".to_owned());
    assert_eq!(said, "container web11: it was changed");
    let all = after(|found| found.containers[0].name = "other".to_owned());
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0].0, "container web11: it was renamed to other");
    assert_eq!(one(|found| found.containers.clear()).0, "container web11: it is gone");
    let (said, _) = one(|found| found.containers[0].labels.clear());
    assert_eq!(said, "container web11: it is alike, but was made by hand: it has no label of fabricctl");
    let (said, _) = one(|found| {
        let other =
            Container { name: "web19".to_owned(), id: "c9".to_owned(), ..found.containers[0].clone() };
        found.containers.push(other);
    });
    assert_eq!(said, "container web19: it carries fabricctl's labels, and no run made it");
    // What is the same in everything that can be seen is as good as what it replaced.
    assert_eq!(after(|found| found.containers[0].id = "c2".to_owned()), []);
}

#[test]
fn networks_and_the_engine_itself() {
    assert_eq!(one(|found| found.networks.clear()).0, "network containers: it is gone");
    let (said, diff) = one(|found| found.networks[0].parent = Some("eth2".to_owned()));
    assert_eq!(said, "network containers: it is another one than was made");
    assert!(diff.contains("-parent eth1\n+parent eth2\n"), "{diff}");
    let dead = |found: &mut Found| {
        found.engine = false;
        found.containers.clear();
        found.networks.clear();
    };
    let (said, _) = one(dead);
    assert_eq!(said, "service docker: it doesn't answer for the 2 containers and networks that were made");
    let (said, _) = one(|found| {
        dead(found);
        found.services.remove("docker");
    });
    assert_eq!(said, "service docker: it doesn't run");
}
