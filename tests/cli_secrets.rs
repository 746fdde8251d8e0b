//! Secrets on the command line: whatever is asked for offline, and however it fails, no text of a secret is told.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests make inventories")]

use assert_cmd::Command;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const BGP: &str = "Correct\"Horse' Battery";
const TOKEN: &str = "t0ken-of-web11";
const MARKED: &str = "9216-marked";
const TEMPLATE: &str = "\
{#- fabricctl: roles=leaf mode=0644 -#}
key {{ node.vars.keys.bgp }}
json {{ node.vars.keys | tojson }}
of all {{ fabric.nodes[node.name].vars.keys.bgp | length }}
";

/// An inventory with a secret of each kind, and a template that uses two of them.
fn inventory() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string("inventory/reference/fabric.yml").unwrap();
    let text = text
        .replace(
            "  mtu: 9216\n",
            &format!("  mtu: 9216\n  vars: {{ keys: {{ bgp: {{ secret: {{ file: bgp.key }} }}, marked: {{ secret: {MARKED} }}, n: 3 }} }}\n"),
        )
        .replace(
            "address: 172.16.1.11, image: identify",
            "address: 172.16.1.11, image: identify, environment: { TOKEN: { secret: { env: WEB_TOKEN } }, LEVEL: 3 }",
        );
    fs::write(folder.path().join("fabric.yml"), text).unwrap();
    fs::write(folder.path().join("bgp.key"), format!("{BGP}\n")).unwrap();
    fs::set_permissions(folder.path().join("bgp.key"), fs::Permissions::from_mode(0o600)).unwrap();
    template(folder.path(), TEMPLATE);
    folder
}

fn template(folder: &Path, text: &str) {
    let path = folder.join("templates/debian/etc/keys.j2");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the tool with the secret variable set; nothing of any secret may come out.
fn run(folder: &Path, words: &[&str]) -> Ran {
    let ran = run_with(folder, words, Some(TOKEN));
    let all = format!("{}{}", ran.stdout, ran.stderr);
    let json = serde_json::to_string(BGP).unwrap();
    for secret in [BGP, &json[1..json.len() - 1], TOKEN, MARKED, "Horse"] {
        assert!(!all.contains(secret), "{words:?} tells {secret}:\n{all}");
    }
    ran
}

fn run_with(folder: &Path, words: &[&str], token: Option<&str>) -> Ran {
    let mut command = Command::cargo_bin("fabricctl").unwrap();
    command.env_clear().env("FABRICCTL_INVENTORY", folder).envs(token.map(|token| ("WEB_TOKEN", token)));
    let output = command.args(words).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn documents_show_that_there_is_a_secret_and_not_which() {
    let folder = inventory();
    for format in ["table", "json"] {
        for words in [
            &["inventory", "validate"][..],
            &["inventory", "list"],
            &["inventory", "show"],
            &["inventory", "show", "leaf01"],
            &["inventory", "show", "server01"],
            &["render"],
            &["render", "-vv"],
        ] {
            let ran = run(folder.path(), &[words, &["-o", format]].concat());
            assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        }
    }
    let leaf: Value =
        serde_json::from_str(&run(folder.path(), &["inventory", "show", "leaf01", "-o", "json"]).stdout)
            .unwrap();
    assert_eq!(leaf["vars"], json!({"keys": {"bgp": "<secret>", "marked": "<secret>", "n": 3}}));
    let server: Value =
        serde_json::from_str(&run(folder.path(), &["inventory", "show", "server01", "-o", "json"]).stdout)
            .unwrap();
    assert_eq!(server["workloads"][0]["environment"], json!({"LEVEL": "3", "TOKEN": "<secret>"}));
}

#[test]
fn files_are_rendered_with_secrets_only_where_that_is_asked_for() {
    let folder = inventory();
    let shown = run(folder.path(), &["render", "-l", "leaf01"]);
    let length = BGP.chars().count();
    let masked = format!(
        "key <secret>\njson {{\"bgp\": \"<secret>\", \"marked\": \"<secret>\", \"n\": 3}}\nof all {length}\n"
    );
    assert!(shown.stdout.contains(&masked), "{}", shown.stdout);
    assert!(
        shown.stderr.contains(
            "warning: leaf01: /etc/keys holds a secret, and everybody on the device can read it (mode 0644)\n  help: say mode=0600"
        ),
        "{}",
        shown.stderr
    );
    let out = folder.path().join("out");
    let to = ["render", "-q", "-l", "leaf01", "--out", out.to_str().unwrap()];
    assert_eq!(run(folder.path(), &to).stderr, "");
    assert_eq!(fs::read_to_string(out.join("leaf01/etc/keys")).unwrap(), masked);

    template(folder.path(), &TEMPLATE.replace("0644", "0640"));
    let told = run(folder.path(), &[&to[..], &["--reveal-secrets"]].concat());
    assert_eq!((told.stderr.as_str(), told.code), ("", 0));
    let written = out.join("leaf01/etc/keys");
    assert!(
        fs::read_to_string(&written)
            .unwrap()
            .starts_with(&format!("key {BGP}\njson {{\"bgp\": \"Correct\\\"Horse"))
    );
    assert_eq!(fs::metadata(written).unwrap().permissions().mode() & 0o7777, 0o640);
    // On a screen they are of no use.
    assert_eq!(run(folder.path(), &["render", "--reveal-secrets"]).code, 2);
}

#[test]
fn mistakes_are_told_without_secrets() {
    let folder = inventory();
    for wrong in [
        "{{ node.vars.keys.bgp + 1 }}",
        "{{ node.vars.keys.bgp | int }}",
        "{{ node.vars[node.vars.keys.bgp] }}",
        "{{ node.vars.keys.bgp is at_least(node.vars.keys.marked) }}",
        "{{ node.vars.keys.marked | no_filter }}",
    ] {
        template(folder.path(), &format!("{TEMPLATE}{wrong}\n"));
        for format in ["table", "json"] {
            let ran = run(folder.path(), &["render", "-vv", "-o", format]);
            assert_eq!(ran.code, 2, "{wrong}: {}", ran.stderr);
            assert!(ran.stderr.contains("keys.j2"), "{wrong}: {}", ran.stderr);
        }
    }
    template(folder.path(), TEMPLATE);
    let path = folder.path().join("fabric.yml");
    let good = fs::read_to_string(&path).unwrap();
    for (from, to) in
        [("n: 3", "n: 03"), ("fabric: reference", "fabrik: reference"), ("mtu: 9216\n", "mtu: [9216\n")]
    {
        fs::write(&path, good.replace(from, to)).unwrap();
        for format in ["table", "json"] {
            let ran = run(folder.path(), &["inventory", "validate", "-o", format]);
            assert_eq!(ran.code, 2, "{to}: {}", ran.stderr);
        }
    }
}

#[test]
fn what_needs_secrets_says_which_is_missing_and_the_rest_goes_on_without() {
    let folder = inventory();
    for (token, why) in [(None, "isn't set"), (Some(" "), "is empty")] {
        for words in [&["inventory", "validate"][..], &["render"], &["plan"], &["deploy", "--yes"]] {
            let ran = run_with(folder.path(), words, token);
            assert_eq!(ran.code, 2, "{words:?}");
            let message = format!("error: the environment variable WEB_TOKEN {why}\n");
            assert!(ran.stderr.starts_with(&message), "{words:?}: {}", ran.stderr);
        }
        for words in [&["inventory", "list"][..], &["inventory", "show", "server01"]] {
            let ran = run_with(folder.path(), words, token);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
        }
    }
}

#[test]
fn a_file_that_everybody_can_read_is_told() {
    let folder = inventory();
    fs::set_permissions(folder.path().join("bgp.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = run(folder.path(), &["inventory", "validate"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.starts_with("warning: everybody on this machine can read "), "{}", ran.stderr);
    assert!(ran.stderr.contains("help: chmod 600 "), "{}", ran.stderr);
    assert_eq!(run(folder.path(), &["inventory", "validate", "-q"]).stderr, "");
    let ran = run(folder.path(), &["inventory", "validate", "-o", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&document["valid"], document["warnings"][0]["location"]["line"].as_u64().is_some()),
        (&json!(true), true)
    );
    assert_eq!(ran.stderr, "");
}
