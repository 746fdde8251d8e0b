//! Runs that don't come to their end.

use crate::Errors;
use crate::support::{Lab, Ran, Template, eventually};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A file on each server whose check takes that many seconds.
fn slow(lab: &Lab, seconds: u32) -> Template {
    // Never the same, so that there is always something to do.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let text =
        format!("{{#- fabricctl: roles=server check=\"sleep {seconds}; test -s {{}}\" -#}}\nslow {now}\n");
    Template::new(lab, "etc/slow.j2", &text)
}

/// What is on the servers of a slow file and of runs that put it there.
fn left_behind(lab: &Lab) -> String {
    lab.ssh("server01", "ls -d /etc/slow* /tmp/fabricctl.* 2>/dev/null; true")
}

/// A run whose temporary files, and processes that use them, are known.
struct Running {
    child: Child,
    temporary: TempDir,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// A deployment that is in the middle of its wave of servers.
    fn deploy(lab: &Lab) -> Self {
        // A short path: sockets are below it.
        let temporary = tempfile::Builder::new().prefix("t").tempdir_in("/tmp").unwrap();
        let mut child = lab
            .command(&["deploy", "--yes", "--limit", "server", "--verbose", "--lab", &lab.name])
            .args(["--confirm-within", "10s"])
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("servers: ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended before its wave of servers");
        }
        // The step is under way on the devices, not only here.
        eventually("the slow step begins", || {
            lab.try_ssh("server01", "test -e /etc/slow.fabricctl-new").code == 0
        });
        let running = Self { child, temporary, stderr };
        assert_eq!(running.connections().len(), 4);
        running
    }

    /// ssh processes of this run, by their node.
    fn connections(&self) -> Vec<(i32, String)> {
        let mark = self.temporary.path().to_str().unwrap();
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let ours = processes.filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let words = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let node = words.trim_end_matches('\0').rsplit('\0').next()?.to_owned();
            (words.starts_with("ssh\0") && words.contains(mark)).then_some((pid, node))
        });
        ours.collect()
    }

    fn signal(&self, signal: i32) {
        assert_eq!(unsafe { libc::kill(self.child.id().cast_signed(), signal) }, 0);
    }

    fn wait(&mut self) -> Ran {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stderr.read_to_string(&mut stderr).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        Ran { code: self.child.wait().unwrap().code().unwrap_or(-1), stdout, stderr }
    }
}

pub fn a_step_that_takes_too_long(lab: &Lab) {
    let _slow = slow(lab, 20);
    let started = Instant::now();
    let ran = lab.on(&["deploy", "--yes", "--limit", "server01,leaf01", "--timeout", "3", "-o", "json"]);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let errors = Errors::read(&ran, 5);
    errors.say("server01", "write /etc/slow", "it took longer than 3 s and was ended", "--timeout SECONDS");
    errors.only(&["server01"]);
    assert_eq!(left_behind(lab), "");
}

pub fn a_connection_that_breaks(lab: &Lab) {
    let _slow = slow(lab, 4);
    let mut running = Running::deploy(lab);
    let connections = running.connections();
    let (pid, _) = connections.iter().find(|(_, node)| node == "server02").unwrap();
    assert_eq!(unsafe { libc::kill(*pid, libc::SIGKILL) }, 0);
    let ran = running
        .wait()
        .exits(5)
        .says("error: server02: write /etc/slow: the connection was lost")
        .says("\n  help: check the device and its management link")
        .says("all is done on server01, server03 and server04")
        .says("as it was before this run on server01, server02, server03 and server04");
    assert_eq!(ran.stderr.matches("error: ").count(), 3, "{}", ran.stderr);
    assert_eq!(left_behind(lab), "");
    lab.on(&["deploy", "--yes", "--limit", "server"]).exits(0);
}

pub fn ctrl_c(lab: &Lab) {
    for signal in [libc::SIGINT, libc::SIGHUP] {
        lab.on(&["deploy", "--yes", "--limit", "server"]).exits(0);
        let before = left_behind(lab);
        let _slow = slow(lab, 4);
        let mut running = Running::deploy(lab);
        running.signal(signal);
        let ran = running.wait();
        ran.exits(130)
            .says("interrupted: the steps that have begun come to their end, then everything is put back")
            .says("error: rolled back: everything is as it was before this run on server01");
        assert_eq!(running.connections(), []);
        assert_eq!(
            std::fs::read_dir(running.temporary.path()).unwrap().count(),
            0,
            "temporary files are left"
        );
        assert_eq!(left_behind(lab), before);
        lab.on(&["deploy", "--yes", "--limit", "server"]).exits(0);
        assert_eq!(left_behind(lab), "/etc/slow\n");
    }
}

pub fn the_tool_is_killed(lab: &Lab) {
    let _slow = slow(lab, 4);
    let mut running = Running::deploy(lab);
    running.signal(libc::SIGKILL);
    running.child.wait().unwrap();
    eventually("its connections end", || running.connections().is_empty());
    eventually("the guards are through", || lab.on(&["deploy", "--yes"]).code == 0);
    assert_eq!(left_behind(lab), "/etc/slow\n");
}

/// A pseudo-terminal, made by script(1), with somebody at it who types.
fn typed(lab: &Lab, keys: &[u8]) -> Ran {
    let words = ["'", env!("CARGO_BIN_EXE_fabricctl"), "' deploy --limit server --lab ", &lab.name].concat();
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--flush", "--command", &words, "/dev/null"])
        .env("FABRICCTL_INVENTORY", lab.inventory.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    while !String::from_utf8_lossy(&shown).contains("[y/N]") {
        assert_ne!(stdout.read_until(b']', &mut shown).unwrap(), 0, "{}", String::from_utf8_lossy(&shown));
    }
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(keys).unwrap();
    stdout.read_to_end(&mut shown).unwrap();
    let code = child.wait().unwrap().code().unwrap_or(-1);
    Ran { code, stdout: String::from_utf8_lossy(&shown).into_owned(), stderr: String::new() }
}

pub fn a_question_on_a_terminal(lab: &Lab) {
    // The template from before is gone, so there is something to do: the file goes.
    assert_eq!(left_behind(lab), "/etc/slow\n");
    typed(lab, b"n\n").exits(1).says("declined, nothing was changed");
    typed(lab, b"\x03").exits(130).says("interrupted");
    assert_eq!(left_behind(lab), "/etc/slow\n");
    lab.on(&["deploy", "--limit", "server"]).exits(2).says("no terminal to ask").says("consent with --yes");
    typed(lab, b"y\n").exits(0).says("deployed: ");
    assert_eq!(left_behind(lab), "");
}

pub fn two_runs_at_the_same_time(lab: &Lab) {
    let slow = slow(lab, 4);
    let mut first = Running::deploy(lab);
    lab.on(&["deploy", "--yes", "--limit", "server"]).exits(1).says("is working on the device since");
    // One that only looks sees what the first has done, not what it was about to do.
    lab.on(&["plan", "--exit-code", "--limit", "server"]).exits(0);
    first.wait().exits(0);
    drop(slow);
    lab.on(&["deploy", "--yes", "--limit", "server"]).exits(0).says("4 files");
}
