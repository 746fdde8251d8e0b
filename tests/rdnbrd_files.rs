//! The daemon's files for a device: rendered, and put to the test that the device will put them to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]
#![expect(clippy::disallowed_methods, reason = "tests run commands and read their own files")]

use fabricctl::neighbor::{Config, OnExit};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};
use std::fs;
use std::process::Command;

fn render(path: &str, host_routes: &str) -> String {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.unwrap());
    let text = fs::read_to_string(format!("templates/debian/{path}.j2")).unwrap();
    let ports = [("swp1", "server"), ("swp2", "server"), ("swp51", "uplink")]
        .map(|(name, kind)| context! { name, kind });
    let values = context! {
        fabric => context! { name => "reference" },
        node => context! { name => "leaf01", host_routes, ports },
    };
    environment.render_str(&text, values).unwrap()
}

#[test]
fn the_configuration_is_one_the_daemon_takes() {
    for (host_routes, table) in [("main", 254), ("table", 10)] {
        let text = render("etc/rdnbrd.conf", host_routes);
        assert!(text.starts_with("# Managed by fabricctl (fabric reference, node leaf01);"), "{text}");
        let config = Config::parse("rdnbrd.conf", &text).unwrap();
        assert_eq!((config.route_table, config.on_exit), (table, OnExit::Keep));
        assert!(config.manages("swp1") && config.manages("swp2") && !config.manages("swp51"));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &text).unwrap();
        let checked =
            Command::new(env!("CARGO_BIN_EXE_rdnbrd")).arg("--check-config").arg(file.path()).status();
        assert!(checked.unwrap().success());
    }
}

#[test]
fn a_faulty_configuration_is_refused_with_everything_that_is_wrong() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "keepalif = 1\nprotocol = 11\n").unwrap();
    let checked =
        Command::new(env!("CARGO_BIN_EXE_rdnbrd")).arg("--check-config").arg(file.path()).output().unwrap();
    assert_eq!(checked.status.code(), Some(2));
    let text = String::from_utf8(checked.stderr).unwrap();
    let name = file.path().display();
    assert!(
        text.starts_with(&format!("rdnbrd: {name}:1: unknown key \"keepalif\", did you mean keepalive?\n"))
    );
    assert!(text.contains(&format!("rdnbrd: {name}:2: protocol is \"11\", allowed: ")), "{text}");
    let missing =
        Command::new(env!("CARGO_BIN_EXE_rdnbrd")).args(["--check-config", "/nowhere"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn the_init_script_is_a_script() {
    let text = render("etc/init.d/rdnbrd", "main");
    assert!(text.starts_with("#!/bin/sh\n# Managed by fabricctl (fabric reference, node leaf01);"), "{text}");
    let checked = Command::new("sh").args(["-n", "-c", &text]).status().unwrap();
    assert!(checked.success());
}

#[test]
fn the_unit_says_who_made_it() {
    let text = render("etc/systemd/system/rdnbrd.service", "main");
    assert!(text.starts_with("# Managed by fabricctl (fabric reference, node leaf01);"), "{text}");
    assert!(text.ends_with("WantedBy=multi-user.target\n"));
}

#[test]
fn the_program_says_what_it_is() {
    let version = Command::new(env!("CARGO_BIN_EXE_rdnbrd")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap(), "rdnbrd 0.1.0\n");
    let wrong = Command::new(env!("CARGO_BIN_EXE_rdnbrd")).arg("--verson").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
