//! The whole answer of a device to a round of questions, cut at its marks, and the judgement of it.
#![no_main]

use fabricctl::fabric::{Fabric, NodeName, Role};
use fabricctl::observe::{Inquiry, recorded};
use fabricctl::verify::{self, CheckName, Scope, Status, World, sections};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

/// A small one: most of the time is to be spent on answers.
const INVENTORY: &str = "fabric: small
nodes:
  spine01: { role: spine, asn: 65020, loopback: 10.0.0.21 }
  leaf01: { role: leaf, asn: 65011, loopback: 10.0.0.11 }
  server01: { role: server, loopback: 10.0.0.31, addresses: [172.16.1.251] }
links:
  - [leaf01:swp51, spine01:swp1]
  - [server01:eth1, leaf01:swp1]
networks:
  containers: { subnet: 172.16.1.0/24, gateway: 172.16.1.1 }
images:
  identify: { build: true }
workloads:
  web11: { server: server01, address: 172.16.1.11, image: identify }
  web12: { server: server01, address: 172.16.1.12, image: identify }
";

static FABRIC: LazyLock<Fabric> = LazyLock::new(|| {
    fabricctl::inventory::read("fabric.yml", INVENTORY, Path::new(".")).expect("it is valid")
});

// A leaf and a server together are asked everything; the first octet says who answers.
fuzz_target!(|octets: &[u8]| {
    let checks: BTreeSet<CheckName> = CheckName::all().collect();
    if let Some((who, octets)) = octets.split_first() {
        let role = if who % 2 == 0 { Role::Leaf } else { Role::Server };
        let node = FABRIC.with_role(role).next().expect("there is one");
        let nodes: BTreeSet<NodeName> = BTreeSet::from([node.name.clone()]);
        let scope = Scope { fabric: &FABRIC, nodes: &nodes };
        let inquiry = Inquiry::of(&FABRIC, node, &sections(&scope, &checks)[&node.name]);
        let world = World::from([(node.name.clone(), Ok(recorded(&inquiry, "w", octets)))]);
        for finding in verify::judge(&scope, &checks, &world) {
            assert!(finding.ok == (finding.status != Status::Failed), "{finding:?}");
            assert!(finding.status != Status::Failed || finding.reason.is_some(), "{finding:?}");
        }
    }
});
