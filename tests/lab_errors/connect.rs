//! Nodes that SSH can't get to.

use crate::support::{Held, Lab, Ran};
use crate::{Errors, NODES};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A copy of the lab's SSH configuration in which something is different, for `--ssh-config`.
pub struct Altered {
    directory: TempDir,
    pub config: PathBuf,
}

impl Altered {
    /// With a setting of one node put before all others; of several values of a setting ssh takes the first.
    pub fn node(lab: &Lab, node: &str, setting: &str) -> Self {
        Self::text(lab, |text| {
            text.replace(&format!("Host {node}\n"), &format!("Host {node}\n    {setting}\n"))
        })
    }

    /// With a value of a setting of all nodes replaced.
    fn setting(lab: &Lab, name: &str, value: &Path) -> Self {
        Self::text(lab, |text| {
            let line = |line: &str| match line.trim_start().split_once(' ') {
                Some((found, _)) if found == name => format!("    {name} {}\n", value.display()),
                _ => format!("{line}\n"),
            };
            text.lines().map(line).collect()
        })
    }

    fn text(lab: &Lab, change: impl FnOnce(&str) -> String) -> Self {
        let text = std::fs::read_to_string(lab.ssh_config()).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed);
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("ssh_config");
        std::fs::write(&config, changed).unwrap();
        Self { directory, config }
    }

    /// Runs a verb over this configuration, as against real devices.
    pub fn run(&self, lab: &Lab, args: &[&str]) -> Ran {
        lab.fabricctl(&[args, &["--ssh-config", self.config.to_str().unwrap()]].concat())
    }
}

pub fn a_port_that_nobody_listens_on(lab: &Lab) {
    let altered = Altered::node(lab, "leaf03", "Port 2222");
    let refused = "it can't be reached: connecting to 192.168.200.13:2222: Connection refused";
    let by_hand = format!("ssh -F {} leaf03 true", altered.config.display());

    let errors = Errors::of(4, |args| altered.run(lab, args), &["deploy", "--yes"]);
    errors.say("leaf03", "connect", refused, &by_hand);
    errors.only(&["leaf03"]);
    errors.add("nothing was changed; nothing is wrong with leaf01, leaf02, leaf04, server01");

    altered
        .run(lab, &["deploy", "--yes"])
        .exits(4)
        .says(&format!("error: leaf03: connect: {refused}"))
        .says("\n  help: check the device and the way to it, or leave it out with --limit");
    altered.run(lab, &["plan", "--limit", "!leaf03"]).exits(0);

    // What changes nothing tells of all others.
    let ran = altered.run(lab, &["plan", "-o", "json"]).exits(4);
    assert_eq!(ran.json()["summary"]["nodes"], NODES.len() - 1);
    Errors::read(&ran, 4).say("leaf03", "connect", refused, &by_hand);
    let ran = altered.run(lab, &["deploy", "--dry-run"]).exits(4);
    assert!(ran.stdout.contains("on 9 nodes") && !ran.stdout.contains("leaf03\n"), "{}", ran.stdout);

    let nobody = Altered::node(lab, "leaf03", "HostName 192.168.200.99");
    Errors::of(4, |args| nobody.run(lab, args), &["plan", "--limit", "leaf03"]).say(
        "leaf03",
        "connect",
        "connecting to 192.168.200.99:22: No route to host",
        "leaf03 true",
    );
}

pub fn sshd_is_gone_or_hangs(lab: &Lab) {
    let advice = format!("`sudo fabricctl lab up --name {}`", lab.name);
    {
        let _gone = Held::on(lab, "leaf03", "kill $(cat /run/sshd.pid)", "/usr/sbin/sshd -p 22");
        let errors = Errors::of(4, |args| lab.on(args), &["deploy", "--yes"]);
        errors.say("leaf03", "connect", "it can't be reached: connecting to 192.168.200.13:22: Con", &advice);
        errors.only(&["leaf03"]);
    }
    {
        let hang = |signal: &str| format!("kill -{signal} $(cat /run/sshd.pid)");
        let _hung = Held::on(lab, "leaf03", &hang("STOP"), &hang("CONT"));
        let started = Instant::now();
        let errors = Errors::of(4, |args| lab.on(args), &["plan", "--timeout", "2", "--limit", "leaf"]);
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
        errors.say("leaf03", "connect", "timed out", &advice);
        errors.only(&["leaf03"]);
    }
    lab.on(&["plan", "--limit", "leaf03"]).exits(0);
}

fn key_pair(directory: &Path) -> PathBuf {
    let path = directory.join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status();
    assert!(made.unwrap().success());
    path
}

pub fn a_refused_key(lab: &Lab) {
    let directory = tempfile::tempdir().unwrap();
    let other = Altered::setting(lab, "IdentityFile", &key_pair(directory.path()));
    let errors = Errors::of(4, |args| other.run(lab, args), &["deploy", "--yes", "--limit", "leaf03,leaf04"]);
    for (node, address) in [("leaf03", "192.168.200.13"), ("leaf04", "192.168.200.14")] {
        let message = format!("it refused the key: root@{address}: Permission denied (publickey)");
        errors.say(node, "connect", &message, "check User and IdentityFile in your ssh_config");
    }
    let missing = Altered::setting(lab, "IdentityFile", Path::new("/nonexistent/key"));
    Errors::of(4, |args| missing.run(lab, args), &["plan", "--limit", "leaf03"]).say(
        "leaf03",
        "connect",
        "no such identity: /nonexistent/key",
        "IdentityFile",
    );
}

pub fn a_changed_and_an_unknown_host_key(lab: &Lab) {
    let known_hosts = lab.ssh_config().with_file_name("known_hosts");
    let good = std::fs::read_to_string(&known_hosts).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let other = std::fs::read_to_string(key_pair(directory.path()).with_extension("pub")).unwrap();
    let replace = |entry: &str| -> String {
        good.lines()
            .map(|line| if line.starts_with("leaf03 ") { entry.to_owned() } else { format!("{line}\n") })
            .collect()
    };
    let changed = replace(&format!("leaf03 {other}"));

    let altered = Altered::setting(lab, "UserKnownHostsFile", &directory.path().join("known"));
    let known = directory.path().join("known");
    std::fs::write(&known, &changed).unwrap();
    let errors = Errors::of(4, |args| altered.run(lab, args), &["deploy", "--yes"]);
    let where_ = format!("its host key has changed: Offending ED25519 key in {}:3", known.display());
    errors.say("leaf03", "connect", &where_, &format!("ssh-keygen -f \"{}\" -R \"leaf03\"", known.display()));
    errors.only(&["leaf03"]);

    std::fs::write(&known, replace("")).unwrap();
    let errors = Errors::of(4, |args| altered.run(lab, args), &["deploy", "--yes"]);
    let unknown = "its host key is unknown: No ED25519 host key is known for leaf03";
    let by_hand = format!("accept its key: ssh -F {} leaf03 true", altered.config.display());
    errors.say("leaf03", "connect", unknown, &by_hand);
    assert_eq!(std::fs::read_to_string(&known).unwrap(), replace(""), "no key was taken by itself");
    drop(altered.directory);

    // Nobody is sent to edit a lab's own files.
    std::fs::write(&known_hosts, &changed).unwrap();
    let errors = Errors::of(4, |args| lab.on(args), &["plan", "--limit", "leaf03"]);
    std::fs::write(&known_hosts, &good).unwrap();
    errors.say("leaf03", "connect", "its host key has changed", "sudo fabricctl lab down --name");
}

pub fn a_configuration_of_ssh_that_is_wrong(lab: &Lab) {
    lab.fabricctl(&["deploy", "--yes", "--ssh-config", "/nonexistent/config"])
        .exits(2)
        .says("error: there is no ssh configuration at /nonexistent/config\n  help: name an OpenSSH");
    let wrong = Altered::text(lab, |text| format!("Nonsense yes\n{text}"));
    let ran = wrong.run(lab, &["deploy", "--yes", "--limit", "leaf"]).exits(2).says(&format!(
        "error: leaf01, leaf02, leaf03, leaf04: connect: ssh's configuration is wrong: {}: line 1: Bad configuration \
         option: nonsense\n  help: mend the file",
        wrong.config.display()
    ));
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "said once for all: {}", ran.stderr);
    lab.fabricctl(&["plan", "--lab", "nonexistent"])
        .exits(2)
        .says("there is no lab nonexistent")
        .says(&lab.name);
}

pub fn verify_tells_of_the_others(lab: &Lab) {
    let altered = Altered::node(lab, "leaf03", "Port 2222");
    let ran = altered.run(lab, &["verify", "routes", "-o", "json"]);
    Errors::read(&ran, 4).say("leaf03", "connect", "Connection refused", "leaf03 true");
    let report = ran.json();
    assert_eq!(report["ok"], false);
    for check in report["checks"].as_array().unwrap() {
        assert_eq!(check["ok"], check["node"] != "leaf03", "{check}");
    }
    lab.ssh("leaf02", "service frr stop");
    let errors = Errors::of(1, |args| lab.on(args), &["verify", "routes"]);
    lab.ssh("leaf02", "service frr start");
    errors.say("leaf02", "verify", "FRR doesn't answer", "service frr status");
    errors.only(&["leaf02"]);
}
