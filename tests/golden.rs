//! The files of known fabrics, as they are under `tests/golden/<case>/<node>/<path on the device>`.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes them anew.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads files, and a panic is how it fails"
)]

mod common;

use fabricctl::fabric::{Fabric, Facts, HostRoutes, NodeName, Platform, Role, Version};
use fabricctl::render::Templates;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What a file is besides its content, in a listing of its own.
const LISTING: &str = "FILES";

/// All files of a case: path below the case's folder, and text.
type Tree = BTreeMap<PathBuf, String>;

fn rendered(fabric: &Fabric, nodes: &[&str], facts: impl Fn(&mut Facts)) -> Tree {
    let templates = Templates::new(Vec::new()).unwrap();
    let mut tree = Tree::new();
    let mut listing = String::new();
    for name in nodes {
        let node = &fabric.nodes[&NodeName::new(*name).unwrap()];
        let mut assumed = Facts::assumed(node.platform);
        facts(&mut assumed);
        for file in templates.render(fabric, node, &assumed).unwrap() {
            let _ = write!(listing, "{name}:{} {}:{} {:04o}", file.path, file.owner, file.group, file.mode);
            if let Some(activation) = &file.activates {
                let _ = write!(listing, " {} {:?}", activation.service, activation.how);
            }
            let _ =
                writeln!(listing, "{}", file.check.map(|check| format!(" [{check}]")).unwrap_or_default());
            let path = Path::new(name).join(file.path.trim_start_matches('/'));
            tree.insert(path, String::from_utf8(file.content).unwrap());
        }
    }
    tree.insert(PathBuf::from(LISTING), listing);
    tree
}

fn on_disk(folder: &Path, prefix: &Path, tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let below = prefix.join(path.file_name().unwrap());
        if path.is_dir() {
            on_disk(&path, &below, tree);
        } else {
            tree.insert(below, fs::read_to_string(&path).unwrap());
        }
    }
}

fn compare(case: &str, tree: &Tree) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = fs::remove_dir_all(&folder);
        for (path, text) in tree {
            fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            fs::write(folder.join(path), text).unwrap();
        }
    }
    let mut golden = Tree::new();
    on_disk(&folder, Path::new(""), &mut golden);
    assert!(golden.len() > 1, "{case}: there are no golden files (UPDATE_GOLDEN=1?)");
    for (path, expected) in &golden {
        let text = tree.get(path).unwrap_or_else(|| panic!("{case}/{}: not rendered", path.display()));
        let text = if path == Path::new(LISTING) { listed(text, &golden) } else { text.clone() };
        let diff = similar::TextDiff::from_lines(expected, &text);
        let diff = diff.unified_diff().header("golden", "rendered").to_string();
        assert!(diff.is_empty(), "{case}/{} (UPDATE_GOLDEN=1?)\n{diff}", path.display());
    }
}

/// The lines of a listing that are about files with a golden one: a new template is no failure before it has one.
fn listed(listing: &str, golden: &Tree) -> String {
    let known = |line: &&str| {
        let place = line.split(' ').next().unwrap_or_default().replacen(":/", "/", 1);
        golden.contains_key(Path::new(&place))
    };
    listing.split_inclusive('\n').filter(known).collect()
}

fn all(fabric: &Fabric) -> Vec<&str> {
    fabric.nodes.keys().map(NodeName::as_str).collect()
}

#[test]
fn reference() {
    let fabric = common::reference();
    compare("reference", &rendered(&fabric, &all(&fabric), |_| ()));
}

#[test]
fn frr_10_without_systemd() {
    let fabric = common::reference();
    let facts = |facts: &mut Facts| {
        facts.frr = Some(Version { major: 10, minor: 3 });
        facts.docker = Some(Version { major: 26, minor: 1 });
        facts.systemd = false;
    };
    compare("frr10", &rendered(&fabric, &["leaf01", "server01", "spine01"], facts));
}

#[test]
fn host_routes_in_table_10() {
    let mut fabric = common::reference();
    for node in fabric.nodes.values_mut() {
        node.host_routes = HostRoutes::Table;
    }
    compare("table", &rendered(&fabric, &["leaf01", "leaf02"], |_| ()));
}

#[test]
fn cumulus() {
    let mut fabric = common::reference();
    for node in fabric.nodes.values_mut().filter(|node| node.role != Role::Server) {
        node.platform = Platform::Cumulus;
        if let Some(management) = &mut node.management {
            management.gateway = Some("192.168.200.1".parse().unwrap());
        }
    }
    compare("cumulus", &rendered(&fabric, &["leaf01", "leaf02", "spine01"], |_| ()));
}

#[test]
fn ubuntu_servers_are_as_debian_ones() {
    let mut fabric = common::reference();
    let debian = rendered(&fabric, &["server03"], |_| ());
    for node in fabric.nodes.values_mut().filter(|node| node.role == Role::Server) {
        node.platform = Platform::Ubuntu;
    }
    assert_eq!(rendered(&fabric, &["server03"], |_| ()), debian);
}
