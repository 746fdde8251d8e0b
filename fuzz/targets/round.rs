//! The whole answer of a device to a round of questions, cut at its marks, and the judgement of it.
#![no_main]

use fabricctl::fabric::{Fabric, NodeName, Role};
use fabricctl::observe::{Inquiry, recorded};
use fabricctl::verify::{self, CheckName, Scope, Status, World, sections};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

static FABRIC: LazyLock<Fabric> = LazyLock::new(|| {
    let text = include_str!("../../inventory/reference/fabric.yml");
    fabricctl::inventory::read("fabric.yml", text, Path::new(".")).expect("the reference fabric is valid")
});

// A leaf and a server together are asked everything.
fuzz_target!(|octets: &[u8]| {
    let checks: BTreeSet<CheckName> = CheckName::all().collect();
    for role in [Role::Leaf, Role::Server] {
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
