//! The command line as a program: help, exit codes, the environment, errors for programs. No device, no root.
#![expect(clippy::unwrap_used, reason = "tests")]

use assert_cmd::Command;
use clap::CommandFactory as _;
use fabricctl::cli::Cli;
use serde_json::Value;
use std::process::Output;

const REFERENCE: [&str; 2] = ["-i", "inventory/reference"];

/// Not beside the inventory, which is a part of the sources.
const JOURNAL: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/journal");

fn command(args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::cargo_bin("fabricctl").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear();
    command.envs(environment.iter().copied()).args(args);
    command
}

#[track_caller]
fn run(args: &[&str], code: i32) -> Output {
    command(args, &[]).assert().code(code).get_output().clone()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[track_caller]
fn stdout(args: &[&str]) -> String {
    text(&run(args, 0).stdout)
}

#[track_caller]
fn stderr(args: &[&str], code: i32) -> String {
    let output = run(args, code);
    assert_eq!(text(&output.stdout), "", "stdout is for the document");
    text(&output.stderr)
}

/// Every verb that is shown to people, as it is typed.
fn verbs(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
    found.push((path.to_vec(), command.clone()));
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        verbs(verb, &[path, &[verb.get_name().to_owned()]].concat(), found);
    }
}

fn all_verbs() -> Vec<(Vec<String>, clap::Command)> {
    let mut whole = Cli::command();
    whole.build();
    let mut found = Vec::new();
    verbs(&whole, &[], &mut found);
    assert!(found.len() > 12, "{}", found.len());
    found
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(stdout(&["--version"]), format!("fabricctl {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(stdout(&["-V"]), stdout(&["--version"]));
}

#[test]
fn the_help_of_every_verb_tells_of_every_option() {
    for (path, verb) in all_verbs() {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let long = stdout(&[&words[..], &["--help"]].concat());
        let short = stdout(&[&words[..], &["-h"]].concat());
        assert!(long.contains("Usage: fabricctl"), "{path:?}: {long}");
        for option in verb.get_arguments().filter(|option| !option.is_hide_set()) {
            assert!(option.get_help().is_some(), "{path:?}: {} has no help", option.get_id());
            if let Some(name) = option.get_long() {
                assert!(long.contains(&format!("--{name}")), "{path:?} --help lacks --{name}");
                assert!(short.contains(&format!("--{name}")), "{path:?} -h lacks --{name}");
            }
            if let Some(name) = option.get_env() {
                assert!(long.contains(name.to_str().unwrap()), "{path:?} --help lacks {name:?}");
            }
        }
        for line in long.lines() {
            assert!(!line.contains('`'), "{path:?}: a mark for rustdoc in the help: {line}");
        }
    }
}

#[test]
fn examples_in_helps_can_be_typed() {
    let mut examples = 0;
    for (path, _) in all_verbs() {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let help = stdout(&[&words[..], &["--help"]].concat());
        for line in help.lines().skip_while(|line| *line != "Examples:") {
            let Some(example) = line.trim().trim_start_matches("sudo ").strip_prefix("fabricctl ") else {
                continue;
            };
            // What follows two blanks is an explanation, what follows a mark of the shell another command.
            let example = example.split("  ").next().unwrap();
            let example = example.split(['|', '>', ';']).next().unwrap().trim();
            let words = example.replace('\'', "");
            let typed = Cli::command().try_get_matches_from(format!("fabricctl {words}").split_whitespace());
            assert!(typed.is_ok(), "{example}: {}", typed.unwrap_err());
            examples += 1;
        }
    }
    assert!(examples > 15, "{examples}");
}

#[test]
fn what_cannot_be_understood_is_exit_code_2() {
    let help = stderr(&[], 2);
    assert!(help.contains("Usage: fabricctl") && help.contains("deploy"), "{help}");
    assert!(stderr(&["deploy", "--frobnicate"], 2).contains("unexpected argument '--frobnicate'"));
    assert!(stderr(&["deplyo"], 2).contains("a similar subcommand exists: 'deploy'"));
    assert!(stderr(&["render", "--parallel", "0"], 2).contains("'--parallel <N>'"));
    assert!(stderr(&["render", "--timeout", "0"], 2).contains("'--timeout <SECONDS>'"));
    assert!(
        stderr(&["render", "-o", "xml"], 2).contains("[possible values: table, json, junit, markdown, tap]")
    );
    assert!(stderr(&["deploy", "--wait", "soon"], 2).contains("write 30s, 500ms or 2m"));
    assert!(stderr(&["watch", "--interval", "1ms"], 2).contains("at least 200ms"));
    assert!(
        stderr(&["watch", "--lab-dir", "/nonexistent", "--lab", "none"], 2).contains("there is no lab none")
    );
    assert!(stderr(&["status", "-o", "tap"], 2).contains("no document of that form"));
    assert!(stderr(&["man", "deplyo"], 2).contains("help: the commands are inventory, render, plan"));
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let cases: [(&[&str], &str); 6] = [
        (&["deploy", "--frobnicate", "-o", "json"], "unexpected argument '--frobnicate' found"),
        (&["-o=json", "lab"], "a command is missing"),
        (&["deploy", "--yes", "-o", "json", "-i", "/nonexistent"], "there is no inventory at /nonexistent"),
        (&["render", "-o", "json", "-i", "tests/errors/address-twice"], "172.16.1.11 is used twice"),
        (&["plan", "--output", "json", "-l", "rack9"], "limit \"rack9\" matches no node"),
        (
            &["deploy", "-o", "json", "--journal", JOURNAL, "--ssh-config", "/nonexistent"],
            "there is no ssh configuration",
        ),
    ];
    for (args, message) in cases {
        let said = stderr(args, 2);
        let document: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert_eq!(document["exit"], 2, "{said}");
        let error = &document["errors"][0];
        assert!(error["message"].as_str().unwrap().contains(message), "{args:?}: {said}");
        assert!(error["hint"].is_string(), "{args:?}: {said}");
    }
    let said = command(&["deplyo"], &[("FABRICCTL_OUTPUT", "json")]).assert().code(2).get_output().clone();
    assert!(serde_json::from_slice::<Value>(&said.stderr).is_ok(), "{}", text(&said.stderr));
}

#[test]
fn an_inventory_that_is_wrong_stops_every_verb() {
    for verb in
        [&["render"][..], &["plan"], &["deploy", "--yes"], &["verify", "routes"], &["teardown", "--yes"]]
    {
        let said = stderr(&[verb, &["-i", "tests/errors/many-at-once"]].concat(), 2);
        assert!(said.matches("error: ").count() > 3, "{verb:?}: all of them at once: {said}");
    }
}

#[test]
fn completions_know_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&["completions", shell]);
        for (path, _) in all_verbs().iter().filter(|(path, _)| path.len() == 1) {
            assert!(script.contains(&path[0]), "{shell}: {path:?}");
        }
        assert!(script.contains("ssh-config"), "{shell}");
        assert!(!script.contains("lab-connect"), "{shell} offers what is not for people");
    }
    assert!(stderr(&["completions", "tcsh"], 2).contains("possible values"));
}

#[test]
fn there_is_a_manual_page_of_every_verb() {
    let page = stdout(&["man"]);
    assert!(page.contains(".TH fabricctl 1"), "{page}");
    assert!(page.contains(".SH OPTIONS") && page.contains("inventory"), "{page}");
    assert!(!page.contains("connect"), "a hidden verb is in the page");
    let page = stdout(&["man", "lab", "up"]);
    assert!(page.contains(".TH fabricctl-lab-up 1"), "{page}");
    assert!(page.contains("suite"), "{page}");
}

/// Each option of every command does from the environment what it does when typed.
#[test]
fn every_global_option_can_stand_in_the_environment() {
    let with = |name: &str, value: &str, args: &[&str]| {
        let output = command(args, &[(name, value)]).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let list = ["inventory", "list"];
    let typed = |args: &[&str]| text(&command(args, &[]).output().unwrap().stdout);

    let (code, _, said) = with("FABRICCTL_INVENTORY", "/nonexistent", &list);
    assert_eq!((code, said.contains("there is no inventory at /nonexistent")), (2, true), "{said}");
    assert_eq!(with("FABRICCTL_LIMIT", "spine", &list).1, typed(&["inventory", "list", "-l", "spine"]));
    assert_eq!(with("FABRICCTL_OUTPUT", "json", &list).1, typed(&["inventory", "list", "-o", "json"]));
    for (name, option) in
        [("FABRICCTL_PARALLEL", "--parallel <N>"), ("FABRICCTL_TIMEOUT", "--timeout <SECONDS>")]
    {
        let (code, _, said) = with(name, "many", &list);
        assert_eq!((code, said.contains(option)), (2, true), "{said}");
        assert_eq!(with(name, "7", &list).0, 0);
    }
    let (code, _, said) = with("FABRICCTL_SSH_CONFIG", "/nonexistent/config", &["plan", "-l", "spine"]);
    assert_eq!(
        (code, said.contains("there is no ssh configuration at /nonexistent/config")),
        (2, true),
        "{said}"
    );
    let (code, _, said) = with("FABRICCTL_LAB", "nonexistent", &["plan", "-l", "spine"]);
    assert_eq!((code, said.contains("there is no lab nonexistent")), (2, true), "{said}");
    // A word that was taken for the lab's name.
    let (code, _, said) = with("FABRICCTL_QUIET", "0", &["verify", "--lab", "routes"]);
    assert_eq!((code, said.contains("write `--lab=`, or `--lab` last")), (2, true), "{said}");
    let (code, _, said) = with("FABRICCTL_VERBOSE", "many", &list);
    assert_eq!((code, said.contains("--verbose")), (2, true), "{said}");
    // Switches are on with anything but a no.
    for name in ["FABRICCTL_QUIET", "FABRICCTL_NO_COLOR", "FABRICCTL_VERBOSE"] {
        for value in ["1", "0"] {
            assert_eq!(with(name, value, &list).0, 0, "{name}={value}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let out = ["render", "-l", "spine01", "--out", folder.path().to_str().unwrap()];
    assert!(with("FABRICCTL_QUIET", "0", &out).2.contains("wrote "));
    assert_eq!(with("FABRICCTL_QUIET", "yes", &out).2, "");
    // What is typed wins.
    assert_eq!(
        with("FABRICCTL_LIMIT", "leaf", &["inventory", "list", "-l", "spine"]).1,
        typed(&["inventory", "list", "-l", "spine"])
    );
}

#[test]
fn rendering_is_the_same_every_time() {
    let render = [&["render"], &REFERENCE[..]].concat();
    let first = stdout(&render);
    assert!(first.contains("==> leaf01:/etc/frr/frr.conf (frr:frr 0640) <=="), "{first}");
    assert_eq!(first, stdout(&render));
    let json = [&render[..], &["-o", "json"]].concat();
    assert_eq!(stdout(&json), stdout(&json));
}

#[test]
fn stop_rules_that_make_no_sense_are_refused_before_anything_else() {
    let refused = |words: &[&str], message: &str| {
        let said = stderr(&[&REFERENCE[..], &["--journal", JOURNAL, "deploy", "--yes"], words].concat(), 2);
        assert!(said.contains(message), "no {message:?} in {said}");
    };
    for share in ["0", "0%"] {
        refused(&["--serial", share], "with none at a time there is no end");
    }
    for option in ["--serial", "--max-fail"] {
        for share in ["many", "101%", "1.5", ""] {
            refused(&[option, share], &format!("invalid value '{share}' for '{option}"));
        }
        refused(
            &[option, "half"],
            "is neither a number of nodes, such as 2, nor a part of them, such as 25%",
        );
    }
    refused(
        &["--canary", "leaf09"],
        "the canary leaf09 is no node of the inventory\n  help: fabricctl inventory list",
    );
    refused(
        &["--canary", "leaf03", "-l", "spine"],
        "the canary leaf03 is none of the nodes that this run is about\n  help: widen --limit",
    );
    let output = command(
        &[&REFERENCE[..], &["--journal", JOURNAL, "deploy", "--yes"]].concat(),
        &[("FABRICCTL_SERIAL", "0"), ("FABRICCTL_CANARY", "leaf03"), ("FABRICCTL_MAX_FAIL", "1")],
    );
    let output = { output }.assert().code(2).get_output().clone();
    assert!(text(&output.stderr).contains("with none at a time"), "{}", text(&output.stderr));
}
