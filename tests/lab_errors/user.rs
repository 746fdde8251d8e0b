//! Who logs in, and what they may do there.

use crate::Errors;
use crate::support::Lab;

fn login(lab: &Lab, node: &str, role: &str, user: &str) -> impl FnOnce() {
    let (from, to) = (
        format!("  {node}: {{ role: {role}, "),
        format!("  {node}: {{ role: {role}, ssh: {{ user: {user} }}, "),
    );
    lab.edit(&from, &to);
    let file = lab.fabric_file();
    move || {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(&to, &from)).unwrap();
    }
}

pub fn who_may_not_use_sudo_changes_nothing(lab: &Lab) {
    // A password nobody has is better than none: sshd refuses accounts that are locked.
    lab.ssh("leaf03", "useradd --create-home --shell /bin/sh --password '*' guest");
    let back = login(lab, "leaf03", "leaf", "guest");
    let advice = "NOPASSWD: ALL";
    let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes"]);
    errors.say("leaf03", "lock", "sudo refused: sudo: a password is required", advice);
    errors.only(&["leaf03"]);
    errors.add("nothing was changed; nothing is wrong with leaf01, leaf02, leaf04, server01");
    let ran = lab.on(&["plan", "-o", "json"]);
    Errors::read(&ran, 1).only(&["leaf03"]);
    assert_eq!(ran.json()["summary"]["nodes"], 9);
    // Verifying takes the same right: FRR's shell is root's.
    Errors::of(1, |args| lab.on(args), &["verify", "routes", "--limit", "leaf03"]).say(
        "leaf03",
        "verify",
        "sudo refused",
        advice,
    );

    let plan = ["plan", "--limit", "leaf03"];
    lab.ssh("leaf03", "echo 'guest ALL=(ALL) NOPASSWD: /bin/ls' >/etc/sudoers.d/guest");
    Errors::of(1, |args| lab.on(args), &plan).say("leaf03", "observe", "sudo refused", advice);
    lab.ssh("leaf03", "echo 'guest AL L=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/guest");
    Errors::of(1, |args| lab.on(args), &plan).say("leaf03", "observe", "sudo refused", advice);
    lab.ssh("leaf03", "rm /etc/sudoers.d/guest; mv /usr/bin/sudo /usr/bin/sudo.away");
    Errors::of(1, |args| lab.on(args), &plan).say("leaf03", "observe", "sudo: not found", advice);
    lab.ssh("leaf03", "mv /usr/bin/sudo.away /usr/bin/sudo; usermod --shell /usr/sbin/nologin guest");
    Errors::of(1, |args| lab.on(args), &plan).say(
        "leaf03",
        "observe",
        "the device can't run scripts: This account is currently not available",
        "needs a shell",
    );
    back();
    lab.ssh("leaf03", "userdel --remove guest 2>&1");
}

/// The first deployment, by a user who isn't root on one node of each role, greeted by a talkative shell.
pub fn who_may_use_sudo_may_deploy(lab: &Lab) {
    for (node, role) in [("spine01", "spine"), ("leaf01", "leaf"), ("server01", "server")] {
        // For good: everything after this goes on with it.
        drop(login(lab, node, role, "admin"));
        let profile = "echo Welcome; echo to >&2; printf %s 'this device'";
        lab.ssh(node, &format!("echo \"{profile}\" >/home/admin/.bashrc && chown admin /home/admin/.bashrc"));
        assert_eq!(lab.try_ssh(&format!("admin@{node}"), "test -w /etc/frr").code, 1, "admin is not root");
    }
    lab.on(&["deploy", "--yes", "--limit", "spine01,leaf01,server01", "--no-verify"]).exits(0);
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    lab.on(&["plan", "--exit-code"]).exits(0);
    assert_eq!(lab.ssh("leaf01", "stat -c %U:%G:%a /etc/frr/frr.conf"), "frr:frr:640\n");
}
