//! Pictures and reports as people see them: in a real browser, at two widths, light and dark, with and without scripts.
//!
//! What was seen is kept as PNG in `target/tmp/pictures`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod cdp;

use cdp::Browser;
use common::{Build, name, perfect, reference};
use fabricctl::fabric::{Fabric, Role};
use fabricctl::output::{Known, Page, page_html, report_page};
use fabricctl::parse::neighbor_status;
use fabricctl::picture::{Setting, State, draw, svg};
use fabricctl::state::FileState;
use fabricctl::store::journal::{Entry, Outcome, Status, Story};
use fabricctl::verify::drift::{self, DriftReport, Evidence, Found, Record};
use fabricctl::verify::neighbors::{self, NeighborAnswers, Silence};
use fabricctl::verify::routes;
use fabricctl::verify::{CheckName, Finding, Report, Unreachable};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

const LOOKS: &str = include_str!("looks.js");
const WIDTHS: [u32; 2] = [400, 1280];
const SCHEMES: [&str; 2] = ["light", "dark"];

/// Where pages and what was seen of them go.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes a page, and returns its address.
fn file(name: &str, text: &str) -> String {
    let path = folder().join(name);
    std::fs::write(&path, text).unwrap();
    format!("file://{}", path.display())
}

fn keep(browser: &mut Browser, name: &str) {
    std::fs::write(folder().join(name), browser.screenshot()).unwrap();
}

/// Spines × leafs, with servers on two leafs, on several ports of one, and of many containers.
fn fabric_of(spines: u8, leafs: u8, servers_each: u8) -> Fabric {
    let mut build = Build::new("made-up");
    for spine in 1..=spines {
        build = build.node(&format!("spine{spine:02}"), Role::Spine, 65000, &format!("10.0.1.{spine}"));
    }
    for leaf in 1..=leafs {
        let this = format!("leaf{leaf:02}");
        build = build.node(&this, Role::Leaf, 65100 + u32::from(leaf), &format!("10.0.2.{leaf}"));
        for spine in 1..=spines {
            build = build.link(&format!("{this}:swp{}", 48 + spine), &format!("spine{spine:02}:swp{leaf}"));
        }
        for number in 1..=servers_each {
            let server = format!("server-of-a-long-name-{leaf:02}-{number:02}");
            build = build
                .node(&server, Role::Server, 0, &format!("10.1.{leaf}.{number}"))
                .link(&format!("{server}:enp129s0f0np0"), &format!("{this}:swp{number}"));
            if leaf % 2 == 0 {
                let other = format!("leaf{:02}:swp{}", leaf - 1, 20 + number);
                build = build.link(&format!("{server}:enp129s0f1np1"), &other);
            }
            for container in 1..=(number * 9 % 31) {
                let (workload, address) =
                    (format!("web{leaf}-{number}-{container}"), format!("172.16.{leaf}.{container}"));
                build = build.workload(&workload, &server, &address);
            }
        }
    }
    build.0
}

/// A report about the reference fabric in which all kinds of things are wrong.
fn troubled() -> Page {
    let fabric = reference();
    let expectations = routes::expect(&fabric);
    let mut answers = perfect(&expectations);
    for rib in answers.values_mut().filter_map(|answer| answer.as_mut().ok()) {
        rib.routes.remove(&"172.16.1.11/32".parse().unwrap());
    }
    let leaf = answers.get_mut(&name("leaf02")).unwrap().as_mut().unwrap();
    for entry in leaf.routes.values_mut().flatten() {
        entry.nexthops.retain(|hop| hop.interface.as_deref() != Some("swp52"));
    }
    let leaf = answers.get_mut(&name("leaf01")).unwrap().as_mut().unwrap();
    leaf.routes.remove(&"172.16.1.42/32".parse().unwrap());
    answers.insert(name("leaf04"), Err("rdnbrd \u{1b}[31m<b>&lost</b>".to_owned()));
    let report = routes::judge(&expectations, &answers);
    let neighbors = neighbors::report(&fabric, &neighbor_answers());
    let (verdict, drift, entry) = (verdict(), drifted(&fabric), entry());
    report_page(&Known {
        fabric: &fabric,
        facts: vec![("asked".to_owned(), "2026-11-22T12:00:00Z".to_owned())],
        report: &verdict,
        drift: &drift,
        routes: &report,
        neighbors: &neighbors,
        silent: vec![(name("leaf04"), "it can't be reached: Connection <refused> & \"gone\"".to_owned())],
        last: Some(&entry),
    })
}

/// Verdicts of all kinds.
fn verdict() -> Report {
    let findings = vec![
        Finding::ok(CheckName::Links, &name("leaf03"), "swp51"),
        Finding::failed(CheckName::Services, &name("server03"), "docker", "it doesn't <run>")
            .hint("service docker start"),
        Finding::skipped(CheckName::Workloads, &name("server03"), "docker", "docker doesn't run"),
        Finding::failed(CheckName::Time, &name("spine02"), "clock", "7.0 s behind"),
        Finding::ok(CheckName::Reachability, &name("server03"), "web32 → web33"),
        Finding::failed(CheckName::Reachability, &name("server03"), "web33 → web32", "no answer"),
        Finding::failed(CheckName::Drift, &name("leaf03"), "file /etc/frr/frr.conf", "its content differs"),
    ];
    let reason = "it can't be reached".to_owned();
    let unreachable = vec![Unreachable { node: name("leaf04"), reason }];
    Report::of(&CheckName::all().collect(), findings, unreachable)
}

/// One device with a hand's traces, one that nobody deployed to, one that says nothing.
fn drifted(fabric: &Fabric) -> DriftReport {
    let file = |text: &str| FileState::new(text.as_bytes(), "root", "root", 0o640);
    let there = |text: &str| BTreeMap::from([("/etc/frr/frr.conf".to_owned(), file(text))]);
    let record = Record { files: there("hostname leaf03\n"), ..Record::default() };
    let found = Found { files: there("hostname leaf03\nip route 10.9.9.9/32 Null0\n"), ..Found::default() };
    let evidence = Evidence { known: true, record: Some(record), found };
    let answers = BTreeMap::from([
        (name("leaf03"), Some(evidence)),
        (name("leaf04"), None),
        (name("spine01"), Some(Evidence::default())),
    ]);
    drift::report(&answers, &fabric.secrets)
}

fn neighbor_answers() -> NeighborAnswers {
    let mut answers = NeighborAnswers::new();
    for rack in 1..=3 {
        let port = if rack % 2 == 1 { "swp1" } else { "swp2" };
        let host = |last: String| json!({ "address": format!("172.16.1.{last}"), "port": port, "mac": "02:42:ac:10:01:01", "state": "live" });
        let mut hosts: Vec<Value> = (1..=3).map(|number| host(format!("{rack}{number}"))).collect();
        hosts.push(host(format!("25{rack}")));
        if rack == 1 {
            hosts.remove(0);
        }
        if rack == 3 {
            hosts.push(host("77".to_owned()));
        }
        let answer = json!({ "schema": 1, "version": "0.1.0", "hosts": hosts });
        answers.insert(name(&format!("leaf0{rack}")), Ok(neighbor_status(&answer.to_string()).unwrap()));
    }
    answers.insert(name("leaf04"), Err(Silence::Failed("it can't be reached".to_owned())));
    answers
}

/// A run as its file in the journal tells of it.
fn entry() -> Entry {
    let header = json!({
        "record": "run", "after_ms": 0, "schema": 1, "run": "20261122T084655-3fa9", "verb": "deploy", "arguments": ["deploy"],
        "fabric": "reference", "nodes": ["leaf01"], "who": { "user": "ops", "host": "jump", "pid": 1 },
        "at": "2026-11-22T08:46:55.000Z", "version": "0.1.0", "inventory": "x", "inventory_digest": "0",
    });
    let diff = "--- /etc/frr/frr.conf\n+++ /etc/frr/frr.conf\n@@ -1,2 +1,2 @@\n hostname leaf01\n-  <old> & line\n+  a line that goes on and on and on and on and on and on and on and on and on and on and on and on and on\n";
    let steps = [json!({ "what": "write /etc/frr/frr.conf", "reason": "it differs", "diff": diff })];
    let plan = json!({
        "summary": { "steps": 3 },
        "waves": [{ "wave": "leafs", "nodes": [{ "node": "leaf01", "steps": steps }] }],
    });
    let lines = [
        header,
        json!({ "record": "plan", "after_ms": 0, "plan": plan }),
        json!({ "record": "step-begun", "after_ms": 1, "node": "leaf01", "step": "write /etc/frr/frr.conf" }),
        json!({ "record": "step-done", "after_ms": 9, "node": "leaf01", "step": "write /etc/frr/frr.conf", "ms": 8 }),
        json!({ "record": "step-begun", "after_ms": 9, "node": "leaf01", "step": "reload frr" }),
        json!({ "record": "step-failed", "after_ms": 2000, "node": "leaf01", "step": "reload frr", "ms": 1991, "said": "line 3: <no>" }),
        json!({ "record": "end", "after_ms": 2000, "outcome": "failed", "exit": 1, "ms": 2500 }),
    ];
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let story = Story::read(&(lines.join("\n") + "\n")).unwrap();
    Entry { run: "20261122T084655-3fa9".to_owned(), status: Status::Ended(Outcome::Failed), story }
}

/// Looks at a page at both widths, light and dark; keeps what was seen.
fn look(browser: &mut Browser, page: &str, url: &str) {
    for width in WIDTHS {
        for scheme in SCHEMES {
            browser.size(width, 900);
            browser.scheme(scheme);
            browser.open(url);
            let wrong = browser.value(LOOKS);
            keep(browser, &format!("{page}-{width}-{scheme}.png"));
            assert_eq!(wrong, json!([]), "{page}, {width} wide, {scheme}");
            let ground = browser.value("getComputedStyle(document.querySelector('.ground')).fill");
            let dark = if scheme == "dark" { "rgb(17, 23, 30)" } else { "rgb(255, 255, 255)" };
            assert_eq!(ground, dark, "{page}, {width} wide, {scheme}");
            assert_eq!(browser.complaints(), [""; 0], "{page}");
            assert_eq!(browser.requests(), [""; 0], "{page}");
        }
    }
}

#[test]
fn pictures_look_right_by_themselves() {
    let mut browser = Browser::start();
    for (name, fabric) in [
        ("reference", reference()),
        ("racks", fabric_of(2, 6, 3)),
        ("many", fabric_of(8, 24, 9)),
        ("lonely", fabric_of(1, 1, 0)),
    ] {
        let url = file(&format!("{name}.svg"), &svg(&draw(&fabric, None), Setting::Alone));
        look(&mut browser, &format!("svg-{name}"), &url);
    }
}

#[test]
fn a_page_with_a_picture_looks_right_and_tells_what_is_pointed_at() {
    let mut browser = Browser::start();
    let url = file("page.html", &page_html(&Page::of_picture(draw(&reference(), None))));
    look(&mut browser, "page", &url);
    browser.size(1280, 900);
    browser.open(&url);

    // By the pointer.
    let place = browser.value(
        "(() => { const b = document.querySelector('#node-leaf02 .box').getBoundingClientRect(); \
         return [b.x + b.width / 2, b.y + b.height / 2]; })()",
    );
    browser.pointer(place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
    let details = "document.querySelector('.details').innerText";
    let told = browser.value(details);
    let told = told.as_str().unwrap();
    assert!(
        told.contains("leaf leaf02") && told.contains("AS: 65012") && told.contains("spine01:swp2"),
        "{told}"
    );
    assert_eq!(browser.value("document.querySelectorAll('.wire.lit').length"), 3);

    // By the keyboard.
    browser.value("document.querySelector('#container-web43').focus()");
    let told = browser.value(details);
    assert!(told.as_str().unwrap().contains("address: 172.16.1.43"), "{told}");
    browser.key("Tab");
    assert_eq!(browser.value("document.activeElement.closest('svg') === null"), true);

    // Larger, and back to the whole.
    let width = "document.querySelector('svg').getBoundingClientRect().width";
    let before = browser.value(width).as_f64().unwrap();
    browser.value("document.querySelector('[data-zoom=in]').click()");
    assert!(browser.value(width).as_f64().unwrap() > before * 1.2);
    browser.value("document.querySelector('.view').focus()");
    browser.key("0");
    assert!(browser.value(width).as_f64().unwrap() <= 1280.0);
    assert_eq!(browser.value("document.documentElement.scrollWidth <= 1280"), true);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_large_fabric_is_seen_as_a_whole_first() {
    let mut browser = Browser::start();
    let fabric = fabric_of(8, 24, 9);
    let url = file("large.html", &page_html(&Page::of_picture(draw(&fabric, None))));
    look(&mut browser, "large", &url);
    browser.size(1280, 900);
    browser.open(&url);
    let view = browser.value(
        "(() => { const v = document.querySelector('.view'); return v.scrollWidth <= v.clientWidth + 1; })()",
    );
    assert_eq!(view, true);
}

#[test]
fn a_report_looks_right_with_and_without_scripts() {
    let mut browser = Browser::start();
    let page = troubled();
    assert_eq!(page.state, Some(State::Failed));
    let url = file("report.html", &page_html(&page));
    look(&mut browser, "report", &url);
    browser.size(1280, 3600);
    browser.open(&url);
    browser.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
    assert_eq!(browser.value(LOOKS), json!([]), "with all open");
    keep(&mut browser, "report-whole-dark.png");
    browser.scheme("light");
    keep(&mut browser, "report-whole-light.png");

    // States: what is nowhere, what is missing in one place, what can't be asked.
    let state = |id: &str| format!("document.getElementById('{id}').getAttribute('class')");
    for (id, class) in [
        ("container-web11", "failed"),
        ("container-web22", "ok"),
        ("container-web42", "warning"),
        ("node-leaf01", "warning"),
        ("node-leaf02", "failed"),
        ("node-leaf03", "warning"),
        ("node-leaf04", "failed"),
        ("node-spine01", "ok"),
        ("node-server01", "warning"),
        ("node-server02", "ok"),
    ] {
        let found = browser.value(&state(id));
        assert!(found.as_str().unwrap().split(' ').any(|word| word == class), "{id}: {found}, not {class}");
    }
    let cut = browser.value("document.querySelector('.wire.failed').dataset.lower + ' ' + document.querySelectorAll('.wire.failed').length");
    assert_eq!(cut, "leaf02 1");
    for (id, class) in
        [("node-server03", "failed"), ("node-spine02", "warning"), ("container-web33", "warning")]
    {
        let found = browser.value(&state(id));
        assert!(found.as_str().unwrap().split(' ').any(|word| word == class), "{id}: {found}, not {class}");
    }
    // Every section, what differs included.
    let titles = browser.value("[...document.querySelectorAll('h2')].map((one) => one.innerText).join('|')");
    for title in ["Checks", "Routes", "Neighbours", "Drift", "The last run"] {
        assert!(titles.as_str().unwrap().contains(title), "{title}: {titles}");
    }
    assert_eq!(browser.value("document.body.innerText.includes('ip route 10.9.9.9/32 Null0')"), true);
    // What devices say is text.
    assert_eq!(browser.value("document.querySelectorAll('main b').length"), 0);
    assert_eq!(browser.value("document.body.innerText.includes('Connection <refused> & \"gone\"')"), true);

    browser.scripts(false);
    for width in WIDTHS {
        browser.size(width, 900);
        browser.open(&url);
        // The page's own scripts are off; what is asked here isn't.
        assert_eq!(browser.value("document.querySelector('.tools').hidden"), true);
        assert_eq!(
            browser.value("document.querySelector('#node-leaf02 title').textContent.includes('AS: 65012')"),
            true
        );
        assert_eq!(browser.value(LOOKS), json!([]), "{width} wide, without scripts");
    }
}
