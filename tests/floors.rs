//! The direction of imports, the wall around the pure floors, and the doorways: read from the sources themselves.
//!
//! A module may import modules of lower floors only. What looks at files, processes, sockets, the clock or the
//! environment stays out of floors 0 to 2. What the small daemon is made of stays free of the heavy crates.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The building, from the ground up: modules of one row don't import each other.
const FLOORS: [(&str, &[&str]); 8] = [
    ("0", &["fabric"]),
    ("0, on top of fabric", &["action"]),
    ("1", &["inventory", "render", "parse", "state"]),
    ("2", &["planner", "verify", "diagnose", "picture", "neighbor", "playbook"]),
    ("3", &["remote", "process", "netlink", "store"]),
    ("4", &["observe", "apply", "lab", "daemon"]),
    ("5", &["cli", "output"]),
    ("6", &["commands"]),
];

/// The rows below this one are pure.
const FIRST_DOOR: usize = 4;

/// Ways out of a pure floor, as they appear inside a path.
const DOORS: [&[&str]; 9] = [
    &["std", "fs"],
    &["std", "process"],
    &["std", "env"],
    &["TcpStream"],
    &["TcpListener"],
    &["UdpSocket"],
    &["tokio"],
    &["Instant", "now"],
    &["SystemTime", "now"],
];

/// The daemon is a small static binary: these crates are not for it, nor for anything it imports.
const HEAVY: [&str; 3] = ["tokio", "clap", "minijinja"];
const SLIM: [&str; 3] = ["daemon", "neighbor", "netlink"];
const DOORWAYS: [&str; 2] = ["src/main.rs", "src/bin/rdnbrd.rs"];
const DOORWAY_LINES: usize = 20;

/// A source file: its path below the package, and its text.
struct Source {
    path: String,
    text: String,
}

/// A path such as `crate::parse::Rib` in the code, resolved from the crate's root where it begins there.
struct Mention {
    segments: Vec<String>,
    inside_crate: bool,
    in_test: bool,
    line: usize,
}

/// Everything a file mentions, and the sibling files it declares for tests only.
#[derive(Default)]
struct Scan {
    mentions: Vec<Mention>,
    test_modules: Vec<Vec<String>>,
}

impl Scan {
    fn of(source: &Source) -> Self {
        let tokens: TokenStream =
            source.text.parse().unwrap_or_else(|error| panic!("{}: {error}", source.path));
        let mut scan = Self::default();
        scan.walk(tokens, &module_path(&source.path), false);
        scan
    }

    fn walk(&mut self, tokens: TokenStream, module: &[String], in_test: bool) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut at, mut test_item) = (0, false);
        while at < trees.len() {
            let testing = in_test || test_item;
            match &trees[at] {
                TokenTree::Group(group) => {
                    let attribute =
                        group.delimiter() == Delimiter::Bracket && at > 0 && is(&trees[at - 1], '#');
                    self.walk(group.stream(), module, testing);
                    if attribute {
                        test_item |= marks_test(&group.stream());
                    } else if group.delimiter() == Delimiter::Brace {
                        test_item = false;
                    }
                    at += 1;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    let inner = inner_module(module, trees.get(at + 1));
                    if let Some(TokenTree::Group(body)) = trees.get(at + 2) {
                        self.walk(body.stream(), &inner, testing);
                        (at, test_item) = (at + 3, false);
                    } else {
                        if testing {
                            self.test_modules.push(inner);
                        }
                        at += 1;
                    }
                }
                TokenTree::Ident(_) => {
                    let mut paths = Vec::new();
                    at = read_path(&trees, at, &[], &mut paths);
                    self.mentions.extend(paths.into_iter().map(|(segments, line)| {
                        let (inside_crate, segments) = resolve(segments, module);
                        Mention { segments, inside_crate, in_test: testing, line }
                    }));
                }
                other => {
                    test_item &= !is(other, ';');
                    at += 1;
                }
            }
        }
    }
}

fn is(tree: &TokenTree, wanted: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// `cfg(test)` or `test`, but not `cfg(not(test))`.
fn marks_test(attribute: &TokenStream) -> bool {
    matches!(attribute.to_string().replace(' ', "").as_str(), "cfg(test)" | "test")
}

fn inner_module(module: &[String], name: Option<&TokenTree>) -> Vec<String> {
    let name = name.map(ToString::to_string).unwrap_or_default();
    module.iter().cloned().chain([name]).collect()
}

/// Reads the path at a place, `{a, b::c}` included, and returns the place behind it.
fn read_path(
    trees: &[TokenTree],
    mut at: usize,
    prefix: &[String],
    paths: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut line = 0;
    loop {
        match trees.get(at) {
            Some(TokenTree::Ident(word)) => segments.push(word.to_string()),
            Some(star) if is(star, '*') && segments.len() > prefix.len() => segments.push("*".to_owned()),
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Brace => {
                let items: Vec<TokenTree> = list.stream().into_iter().collect();
                for item in items.split(|tree| is(tree, ',')).filter(|item| !item.is_empty()) {
                    read_path(item, 0, &segments, paths);
                }
                return at + 1;
            }
            _ => break,
        }
        line = trees[at].span().start().line;
        at += 1;
        let continues = trees.get(at).is_some_and(|tree| is(tree, ':'))
            && trees.get(at + 1).is_some_and(|tree| is(tree, ':'));
        if !continues {
            break;
        }
        at += 2;
    }
    paths.push((segments, line));
    at
}

/// Turns `crate::…`, `self::…` and `super::…` into a path from the crate's root.
fn resolve(segments: Vec<String>, module: &[String]) -> (bool, Vec<String>) {
    let mut base = match segments.first().map(String::as_str) {
        Some("crate") if segments.len() > 1 => return (true, segments[1..].to_vec()),
        Some("self" | "super") if segments.len() > 1 => module.to_vec(),
        _ => return (false, segments),
    };
    let steps = segments.iter().take_while(|word| matches!(word.as_str(), "self" | "super"));
    let mut used = 0;
    for step in steps {
        if step == "super" {
            base.pop();
        }
        used += 1;
    }
    base.extend_from_slice(&segments[used..]);
    (true, base)
}

/// `src/parse/rib.rs` is the module `parse::rib`, `src/parse/mod.rs` is `parse`.
fn module_path(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    inner.split('/').filter(|part| !matches!(*part, "mod" | "lib")).map(ToOwned::to_owned).collect()
}

/// The row of a module, and what the row is called.
fn floor(module: &str) -> Option<(usize, &'static str)> {
    FLOORS
        .iter()
        .enumerate()
        .find_map(|(row, (name, modules))| modules.contains(&module).then_some((row, *name)))
}

fn is_binary(path: &str) -> bool {
    path == "src/main.rs" || path.starts_with("src/bin/")
}

/// Everything that breaks a rule, as `file:line: what`.
fn violations(sources: &[Source]) -> Vec<String> {
    let scans: Vec<(&Source, Scan)> = sources.iter().map(|source| (source, Scan::of(source))).collect();
    let test_files: BTreeSet<&[String]> =
        scans.iter().flat_map(|(_, scan)| scan.test_modules.iter().map(Vec::as_slice)).collect();
    let mut found = Vec::new();
    for (source, scan) in &scans {
        let module = module_path(&source.path);
        let is_test_file = (1..=module.len()).any(|depth| test_files.contains(&module[..depth]));
        if DOORWAYS.contains(&source.path.as_str()) && source.text.lines().count() > DOORWAY_LINES {
            found.push(format!("{}: a doorway has at most {DOORWAY_LINES} lines", source.path));
        }
        let Some(top) = module.first().filter(|_| !is_binary(&source.path)) else { continue };
        match floor(top) {
            Some(own) => floor_violations(source, scan, top, own, is_test_file, &mut found),
            None => found.push(format!("{}: the module {top} has no floor", source.path)),
        }
    }
    found.extend(heavy(&scans));
    found
}

fn floor_violations(
    source: &Source,
    scan: &Scan,
    top: &str,
    (row, name): (usize, &str),
    is_test_file: bool,
    found: &mut Vec<String>,
) {
    for mention in &scan.mentions {
        let place = format!("{}:{}", source.path, mention.line);
        let wanted = mention.segments.first().map_or("", String::as_str);
        if mention.inside_crate && wanted != top {
            match floor(wanted) {
                Some((theirs, _)) if theirs < row => {}
                Some((_, their_name)) => found.push(format!(
                    "{place}: {top} (floor {name}) must not import {wanted} (floor {their_name})"
                )),
                None => found.push(format!("{place}: {top} imports {wanted}, which has no floor")),
            }
        }
        if row < FIRST_DOOR && !mention.in_test && !is_test_file && !mention.inside_crate {
            for door in DOORS {
                let words: Vec<&str> = mention.segments.iter().map(String::as_str).collect();
                if words.len() > 1 && words.windows(door.len()).any(|window| window == door) {
                    let path = mention.segments.join("::");
                    found.push(format!("{place}: {path} is a door, and {top} is on floor {name}"));
                }
            }
        }
    }
}

/// Heavy crates in the daemon, or in a module that it imports, directly or not.
fn heavy(scans: &[(&Source, Scan)]) -> Vec<String> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (source, scan) in scans.iter().filter(|(source, _)| !is_binary(&source.path)) {
        let of = imports.entry(module_path(&source.path).first().cloned().unwrap_or_default()).or_default();
        let inner = scan.mentions.iter().filter(|mention| mention.inside_crate && !mention.in_test);
        of.extend(inner.filter_map(|mention| mention.segments.first().cloned()));
    }
    let mut slim: BTreeSet<String> = SLIM.iter().map(ToString::to_string).collect();
    loop {
        let more: BTreeSet<String> =
            slim.iter().filter_map(|module| imports.get(module)).flatten().cloned().collect();
        if more.is_subset(&slim) {
            break;
        }
        slim.extend(more);
    }
    let concerned = scans.iter().filter(|(source, _)| {
        source.path == "src/bin/rdnbrd.rs"
            || (!is_binary(&source.path)
                && module_path(&source.path).first().is_some_and(|top| slim.contains(top)))
    });
    let mut found = Vec::new();
    for (source, scan) in concerned {
        for mention in &scan.mentions {
            if let Some(word) = mention.segments.iter().find(|word| HEAVY.contains(&word.as_str())) {
                found.push(format!("{}:{}: {word} is too heavy for the daemon", source.path, mention.line));
            }
        }
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "reads the package's own sources")]
fn read_sources(folder: &Path, into: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read_sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let below = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
            into.push(Source {
                path: below.to_str().unwrap().to_owned(),
                text: std::fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

#[test]
fn imports_run_downward_and_pure_floors_stay_pure() {
    let mut sources = Vec::new();
    read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    assert!(sources.len() > 20, "the sources were found");
    let found = violations(&sources);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// What the rules say about one made-up file.
fn said(path: &str, text: &str) -> Vec<String> {
    violations(&[Source { path: path.into(), text: text.into() }])
}

#[test]
fn an_upward_import_is_found_in_every_spelling() {
    let upward = "must not import verify (floor 2)";
    for text in [
        "use crate::verify::routes::expect;",
        "use crate::{fabric::Node, verify::{self, routes::{expect, judge}}};",
        "fn f() { crate::verify::routes::expect(); }",
        "use super::verify::routes;",
        "mod tests { use super::super::verify::*; }",
        "macro_rules! m { () => { $crate::verify::routes::expect } }",
        "fn f() { println!(\"{}\", crate::verify::X); }",
    ] {
        let found = said("src/parse/mod.rs", text);
        assert!(!found.is_empty() && found.iter().all(|line| line.contains(upward)), "{text}: {found:?}");
        assert!(found[0].starts_with("src/parse/mod.rs:1: "), "{found:?}");
    }
}

#[test]
fn a_sideways_import_is_found_and_a_downward_one_is_not() {
    assert_eq!(
        said("src/inventory/read.rs", "//! x\n\nuse crate::render::Template;"),
        ["src/inventory/read.rs:3: inventory (floor 1) must not import render (floor 1)"]
    );
    assert_eq!(said("src/cli/mod.rs", "use crate::output::Exit;").len(), 1);
    assert_eq!(said("src/fabric/mod.rs", "use crate::action::Plan;").len(), 1);
    for text in
        ["use crate::fabric::Node;", "use super::Rib;", "use super::rib::Rib;", "pub(crate) fn f() {}"]
    {
        assert_eq!(said("src/parse/bgp.rs", text), [""; 0], "{text}");
    }
    assert_eq!(said("src/action/mod.rs", "use crate::fabric::Node;"), [""; 0]);
}

#[test]
fn comments_and_texts_import_nothing() {
    let text = "/// See [`crate::verify`].\n// use crate::verify;\nconst A: &str = \"crate::verify::x std::fs::read\";";
    assert_eq!(said("src/parse/mod.rs", text), [""; 0]);
}

#[test]
fn a_module_without_a_floor_is_found() {
    assert_eq!(said("src/misc/mod.rs", ""), ["src/misc/mod.rs: the module misc has no floor"]);
    assert_eq!(said("src/parse/mod.rs", "use crate::misc::x;").len(), 1);
    assert_eq!(said("src/parse/mod.rs", "use crate::*;").len(), 1);
}

#[test]
fn doors_on_pure_floors_are_found() {
    for text in [
        "use std::fs;",
        "use std::{collections::BTreeMap, process::Command};",
        "fn f() { std::env::var(\"X\"); }",
        "use std::time::Instant; fn f() { Instant::now(); }",
        "fn f() { std::time::SystemTime::now(); }",
        "use std::net::{Ipv4Addr, TcpStream};",
        "use tokio::sync::mpsc;",
    ] {
        let found = said("src/verify/mod.rs", text);
        assert!(found.iter().any(|line| line.contains("is a door")), "{text}: {found:?}");
        assert_eq!(said("src/store/mod.rs", text), [""; 0], "{text}");
    }
    for text in [
        "use std::net::Ipv4Addr; use std::time::{Duration, Instant};",
        "#[cfg(test)] mod tests { use std::fs; fn f() { std::env::temp_dir(); } }",
        "#[cfg(test)] fn f() { std::fs::read(\"x\"); }",
    ] {
        assert_eq!(said("src/verify/mod.rs", text), [""; 0], "{text}");
    }
    assert_eq!(said("src/verify/mod.rs", "#[cfg(test)] fn f() {} fn g() { std::fs::read(\"x\"); }").len(), 1);
    assert_eq!(said("src/verify/mod.rs", "#[cfg(not(test))] use std::fs;").len(), 1);
}

#[test]
fn a_file_that_only_tests_see_may_read_files_but_not_import_upward() {
    let parent = Source { path: "src/verify/mod.rs".into(), text: "#[cfg(test)]\nmod tests;".into() };
    let text = "use std::fs; use crate::commands::run;".into();
    let found = violations(&[parent, Source { path: "src/verify/tests.rs".into(), text }]);
    assert_eq!(found, ["src/verify/tests.rs:1: verify (floor 2) must not import commands (floor 6)"]);
}

#[test]
fn doorways_stay_small_and_the_daemon_light() {
    let long = "// a line\n".repeat(DOORWAY_LINES + 1);
    assert_eq!(said("src/main.rs", &long), ["src/main.rs: a doorway has at most 20 lines"]);
    assert_eq!(said("src/bin/rdnbrd.rs", "use clap::Parser;").len(), 1);
    assert_eq!(said("src/netlink/socket.rs", "fn f() { tokio::spawn(x); }").len(), 1);
    assert_eq!(said("src/main.rs", "use clap::Parser;"), [""; 0]);
    // What the daemon imports is part of it.
    let daemon = Source { path: "src/daemon/mod.rs".into(), text: "use crate::store::Journal;".into() };
    let store = Source { path: "src/store/mod.rs".into(), text: "\nuse tokio::fs;".into() };
    assert_eq!(violations(&[daemon, store]), ["src/store/mod.rs:2: tokio is too heavy for the daemon"]);
}
