//! `exec`, `ssh`, `shell` and `report` on a fabric that was just deployed.

#![expect(clippy::disallowed_methods, reason = "a test looks at processes and files")]

use super::support::{Lab, Ran, eventually};
use std::io::Write as _;
use std::process::Stdio;

pub fn commands_reach_devices_and_containers(lab: &Lab) {
    // What is the same is told once.
    let same = lab.on_with(&["exec", "-l", "leafs"], &["echo", "it's $HOME"]).exits(0);
    assert!(same.stdout.starts_with("leaf01, leaf02, leaf03, leaf04\n  it's $HOME\n"), "{}", same.stdout);
    let line = "case $(hostname) in leaf03) echo no >&2; exit 124;; esac; id -un";
    let differs = lab.on_with(&["exec", "-l", "leafs", "-o", "json"], &[line]).exits(1).json();
    assert_eq!((differs["ok"].as_bool(), differs["answers"].as_array().unwrap().len()), (Some(false), 2));
    assert_eq!(differs["answers"][0]["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(differs["answers"][0]["stdout"], "root\n");
    assert_eq!(differs["answers"][1]["nodes"][0], "leaf03");
    assert_eq!(
        (&differs["answers"][1]["status"], &differs["answers"][1]["stderr"]),
        (&124.into(), &"no\n".into())
    );
    let slow =
        lab.on_with(&["exec", "-l", "leaf01", "--timeout", "1", "-o", "json"], &["sleep", "60"]).exits(1);
    assert!(slow.stderr.contains("it took longer than 1 s"), "{}", slow.stderr);
    assert_eq!(slow.json()["silent"][0], "leaf01");

    // The exit code is that of the command, whatever stands between.
    let ssh = lab.on_with(&["ssh", "leaf02"], &["hostname; exit 7"]);
    assert_eq!((ssh.code, ssh.stdout.as_str()), (7, "leaf02\n"), "{}", ssh.stderr);
    let ssh = lab.on_with(&["ssh", "admin@server01"], &["id", "-un"]);
    assert_eq!((ssh.code, ssh.stdout.as_str()), (0, "admin\n"), "{}", ssh.stderr);
    let shell = lab.on_with(&["shell", "web32"], &["sh", "-c", "ip -4 -o addr; exit 5"]);
    assert_eq!(shell.code, 5, "{}", shell.stderr);
    assert!(shell.stdout.contains("172.16.1.32/24"), "{}", shell.stdout);
    // Without a command, what comes in is read by a shell in the container.
    let mut typed = lab.command(&["shell", "web11", "--lab", &lab.name]);
    let mut typed = typed.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    typed.stdin.take().unwrap().write_all(b"echo here; exit 3\n").unwrap();
    let typed = Ran::of(&typed.wait_with_output().unwrap());
    assert_eq!((typed.code, typed.stdout.as_str()), (3, "here\n"), "{}", typed.stderr);
    // On a terminal, so has the container.
    let line = format!("{} shell --lab {} web11 -- tty", env!("CARGO_BIN_EXE_fabricctl"), lab.name);
    let mut script = std::process::Command::new("script");
    let on_terminal =
        script.args(["-qec", &line, "/dev/null"]).env("FABRICCTL_INVENTORY", lab.inventory.path());
    let on_terminal = Ran::of(&on_terminal.output().unwrap());
    assert_eq!(on_terminal.code, 0, "{}", on_terminal.stdout);
    assert!(on_terminal.stdout.contains("/dev/pts/"), "{}", on_terminal.stdout);
    an_interrupt_leaves_no_connection(lab);
}

/// The connections of this lab that this test's runs have open.
fn masters(lab: &Lab) -> usize {
    let config = lab.ssh_config();
    let lines = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = lines.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let of_lab = lines.filter(|line| {
        let words: Vec<&[u8]> = line.split(|octet| *octet == 0).collect();
        words.contains(&&b"-M"[..]) && words.contains(&config.as_os_str().as_encoded_bytes())
    });
    of_lab.count()
}

fn an_interrupt_leaves_no_connection(lab: &Lab) {
    let mut command = lab.command(&["exec", "-l", "leafs", "--lab", &lab.name, "--", "sleep", "40"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("four connections", || masters(lab) == 4);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let ended = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    eventually("no connection is left", || masters(lab) == 0);
}

pub fn a_report_tells_that_all_is_well(lab: &Lab) {
    let file = lab.inventory.path().join("report.html");
    let ran = lab.on(&["report", "--wait", "60s", "--out", file.to_str().unwrap()]).exits(0);
    assert_eq!(ran.stdout, "");
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(
        page.contains("everything that was asked for is as desired") && page.contains("/etc/frr/frr.conf")
    );
    let json = lab.on(&["report", "--wait", "60s", "-o", "json"]).exits(0).json();
    let sections: Vec<&str> =
        json["sections"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert_eq!(sections, ["Checks", "Routes", "Neighbours", "Drift", "The last run"]);
    for section in json["sections"].as_array().unwrap() {
        assert_eq!(section["state"], "ok", "{section}");
    }
    for part in ["shapes", "wires"] {
        for one in json["picture"][part].as_array().unwrap() {
            assert_eq!(one["mark"]["state"], "ok", "{one}");
        }
    }
}
