//! Pictures of fabrics: golden files of the reference inventory, and what holds for every fabric.
//!
//! `UPDATE_GOLDEN=1 cargo test --test pictures` writes the golden files anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Build, reference};
use fabricctl::fabric::{Fabric, Role};
use fabricctl::output::{Page, page_html};
use fabricctl::picture::{Kind, Marks, Scene, Setting, Shape, State, dot, draw, mermaid, svg};
use proptest::prelude::*;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(expected.as_str(), text);
    let diff = diff.unified_diff().header("golden", "drawn").to_string();
    assert!(diff.is_empty(), "{name} (UPDATE_GOLDEN=1?)\n{diff}");
}

/// Marks of every state, on nodes, workloads and links.
fn marks() -> Marks {
    let mut marks = Marks::default();
    let fabric = reference();
    for (node, state) in fabric.nodes.keys().zip(State::ALL.iter().cycle()) {
        marks.node(node, *state, "a \"note\" <of> it & more");
    }
    for (workload, state) in fabric.workloads.keys().zip(State::ALL.iter().cycle()) {
        marks.workload(workload, *state, "");
    }
    for (link, state) in fabric.links.iter().zip(State::ALL.iter().cycle()) {
        marks.end(&link.a, *state, "seen");
    }
    marks
}

#[test]
fn the_reference_fabric() {
    let fabric = reference();
    golden("reference.svg", &svg(&draw(&fabric, None), Setting::Alone));
    golden("reference.dot", &dot(&fabric, None));
    golden("reference.mermaid", &mermaid(&fabric, None));
    golden("marked.svg", &svg(&draw(&fabric, Some(&marks())), Setting::Alone));
    golden("marked.dot", &dot(&fabric, Some(&marks())));
    golden("marked.mermaid", &mermaid(&fabric, Some(&marks())));
}

#[test]
fn graphviz_takes_the_graph_where_it_is_installed() {
    let nasty = Build::new("a\"b\\").node("end", Role::Spine, 65000, "10.0.0.1");
    for graph in [dot(&reference(), Some(&marks())), dot(&reference(), None), dot(&nasty.0, None)] {
        let started = Command::new("dot").arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        // The golden files hold the language without it, too.
        let Ok(mut graphviz) = started else { return };
        graphviz.stdin.take().unwrap().write_all(graph.as_bytes()).unwrap();
        let output = graphviz.wait_with_output().unwrap();
        assert!(output.status.success(), "{graph}");
    }
}

/// Everything that must hold for the places of things.
fn check(fabric: &Fabric, scene: &Scene) -> Result<(), TestCaseError> {
    let ground = fabricctl::picture::Rect { x: 0, y: 0, w: scene.size.0, h: scene.size.1 };
    let inner = |shape: &&Shape| matches!(shape.kind, Kind::Container | Kind::More);
    let outer: Vec<&Shape> = scene.shapes.iter().filter(|shape| !inner(shape)).collect();
    for (at, shape) in outer.iter().enumerate() {
        prop_assert!(ground.holds(shape.rect), "{} is outside", shape.id);
        for other in &outer[at + 1..] {
            prop_assert!(!shape.rect.overlaps(other.rect), "{} and {} overlap", shape.id, other.id);
        }
    }
    for shape in scene.shapes.iter().filter(inner) {
        let holders = outer.iter().filter(|outer| outer.kind == Kind::Server && outer.rect.holds(shape.rect));
        prop_assert_eq!(holders.count(), 1, "{}", shape.id);
    }
    for shape in &scene.shapes {
        for port in &shape.ports {
            prop_assert!(shape.rect.holds(port.rect), "{} of {}", port.name, shape.id);
        }
        for (at, port) in shape.ports.iter().enumerate() {
            let clash = shape.ports[at + 1..].iter().find(|other| port.rect.overlaps(other.rect));
            prop_assert!(clash.is_none(), "{} and {:?} of {}", port.name, clash, shape.id);
        }
    }
    let mut ids: Vec<&str> = scene.shapes.iter().map(|shape| shape.id.as_str()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    prop_assert_eq!(ids.len(), all, "ids are used twice");
    let drawn = |kind| scene.shapes.iter().filter(|shape| shape.kind == kind && !shape.again).count();
    for (kind, role) in [(Kind::Spine, Role::Spine), (Kind::Leaf, Role::Leaf), (Kind::Server, Role::Server)] {
        prop_assert_eq!(drawn(kind), fabric.with_role(role).count());
    }
    prop_assert_eq!(scene.wires.len(), fabric.links.len());
    for wire in &scene.wires {
        for (end, point) in [(&wire.upper, wire.points.first()), (&wire.lower, wire.points.last())] {
            let (node, port) = end.split_once(':').unwrap();
            let (x, y) = *point.unwrap();
            let touches = scene.shapes.iter().filter(|shape| shape.name == node).any(|shape| {
                shape.ports.iter().any(|own| {
                    own.name == port
                        && (own.rect.x..=own.rect.right()).contains(&x)
                        && (own.rect.y..=own.rect.bottom()).contains(&y)
                })
            });
            prop_assert!(touches, "{end} isn't where its wire ends");
        }
    }
    Ok(())
}

/// A fabric of any size; every third server of every second rack is linked to two leafs.
fn fabric(spines: u8, racks: &[u8], title: &str, word: &str, containers: u8) -> Fabric {
    let mut build = Build::new(title);
    for spine in 1..=spines {
        build = build.node(&format!("spine{spine}"), Role::Spine, 65000, &format!("10.0.1.{spine}"));
    }
    for (leaf, servers) in (1..).zip(racks) {
        let this = format!("leaf{leaf}");
        build = build.node(&this, Role::Leaf, 65100, &format!("10.0.2.{leaf}"));
        for spine in 1..=spines {
            build = build.link(&format!("{this}:up{spine}"), &format!("spine{spine}:swp{leaf}"));
        }
        for number in 1..=*servers {
            let server = format!("s{leaf}-{number}");
            build = build
                .node(&server, Role::Server, 0, &format!("10.1.{leaf}.{number}"))
                .link(&format!("{server}:eth0"), &format!("{this}:swp{number}"));
            if number % 3 == 0 && leaf % 2 == 0 {
                build = build.link(&format!("{server}:eth1"), &format!("leaf{}:x{leaf}-{number}", leaf - 1));
            }
            for container in 0..containers.saturating_sub(number) {
                let name = format!("{word}-{leaf}-{number}-{container}");
                build = build.workload(&name, &server, &format!("172.16.{number}.{container}"));
            }
        }
    }
    build.0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_fabric_is_drawn_without_overlaps_and_written_as_xml(
        spines in 1_u8..9,
        racks in proptest::collection::vec(0_u8..14, 0..24),
        title in any::<String>(),
        word in "[ -~\u{0}-\u{1f}äß<&>\"']{0,40}",
        containers in 0_u8..40,
    ) {
        let fabric = fabric(spines, &racks, &title, &word, containers);
        let scene = draw(&fabric, None);
        check(&fabric, &scene)?;
        for setting in [Setting::Alone, Setting::Page] {
            let text = svg(&scene, setting);
            let read = roxmltree::Document::parse(&text);
            prop_assert!(read.is_ok(), "{:?}", read.err());
        }
        let page = page_html(&Page::of_picture(scene));
        prop_assert_eq!(page.matches("<script>").count(), 1);
        let chart = mermaid(&fabric, None);
        prop_assert!(chart.lines().all(|line| line.matches('"').count() % 2 == 0));
    }
}

#[test]
fn a_part_of_a_fabric_is_a_picture_too() {
    let mut fabric = reference();
    fabric.nodes.retain(|_, node| node.role == Role::Server);
    let scene = draw(&fabric, Some(&marks()));
    assert_eq!((scene.wires.len(), scene.shapes.len()), (0, 16));
    assert!(roxmltree::Document::parse(&svg(&scene, Setting::Alone)).is_ok());
    assert!(!dot(&fabric, None).contains("--  "));
    fabric.nodes.clear();
    fabric.workloads.clear();
    assert!(roxmltree::Document::parse(&svg(&draw(&fabric, None), Setting::Alone)).is_ok());
    assert!(mermaid(&fabric, None).starts_with("flowchart TB\n"));
}

#[test]
fn the_largest_fabrics_stay_a_picture() {
    let racks = [8; 64];
    let scene = draw(&fabric(8, &racks, "big", "web", 6), None);
    let (w, h) = (f64::from(scene.size.0), f64::from(scene.size.1));
    assert!((0.8..3.0).contains(&(w / h)), "{w} × {h}");
    assert!(scene.headings.len() > 1, "it is drawn in bands");
}
