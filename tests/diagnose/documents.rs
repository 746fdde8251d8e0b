//! The documents for programs are as their schema says.

use crate::common::{name, reference};
use crate::well::{ADDRESS, part, well};
use crate::{walked, whole};
use fabricctl::output::{DIAGNOSE_SCHEMA, VERIFY_SCHEMA};
use fabricctl::verify::World;
use jsonschema::Validator;
use serde::Serialize;
use serde_json::Value;

const SUBJECTS: [&str; 7] =
    ["web11", "leaf01", "spine01", "server01", "172.16.1.1", "172.16.1.99", "192.0.2.1"];

/// The document, which must be valid.
fn valid(validator: &Validator, document: &impl Serialize) -> Value {
    let document = serde_json::to_value(document).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{document:#}");
    document
}

fn broken(mut world: World) -> World {
    let container = part!(&mut world, "server01", docker).containers.get_mut("web11").unwrap();
    (container.status, container.running, container.exit_code) = ("exited".into(), false, Some(137));
    part!(&mut world, "leaf01", daemon).hosts.retain(|host| host.address != ADDRESS);
    part!(&mut world, "leaf02", links).get_mut("swp51").unwrap().mtu = Some(1500);
    part!(&mut world, "leaf03", settings).insert("net/ipv4/ip_forward".into(), "0".into());
    world
}

/// Two devices that can't be reached.
fn silent(mut world: World) -> World {
    for node in ["leaf01", "server03"] {
        world.insert(name(node), Err("it can't be reached".into()));
    }
    world
}

#[test]
fn json_is_as_the_schema_says() {
    let schema: Value = serde_json::from_str(DIAGNOSE_SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let fabric = reference();
    for world in [well(&fabric), broken(well(&fabric)), silent(well(&fabric))] {
        for subject in SUBJECTS {
            valid(&validator, &walked(&fabric, &world, subject));
        }
        valid(&validator, &whole(&fabric, &world));
    }
    // It can say no, too: to a verdict where all is well, and to a hop that failed for no cause.
    let mut walk = valid(&validator, &walked(&fabric, &broken(well(&fabric)), "web11"));
    walk["ok"] = true.into();
    assert!(!validator.is_valid(&walk));
    let mut walk = valid(&validator, &walked(&fabric, &well(&fabric), "web11"));
    walk["hops"][0]["status"] = "failed".into();
    assert!(!validator.is_valid(&walk));
    let mut explanation = valid(&validator, &whole(&fabric, &broken(well(&fabric))));
    explanation["causes"][0]["explains"][0]["status"] = "ok".into();
    assert!(!validator.is_valid(&explanation));
}

#[test]
fn a_failed_verdict_is_described_as_verify_does() {
    let [diagnose, verify]: [Value; 2] =
        [DIAGNOSE_SCHEMA, VERIFY_SCHEMA].map(|schema| serde_json::from_str(schema).unwrap());
    for part in verify["$defs"].as_object().unwrap().keys() {
        assert_eq!(diagnose["$defs"][part], verify["$defs"][part], "{part}");
    }
}
