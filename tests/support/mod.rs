//! A lab with an example fabric for the tests that need real devices, driven as a user would: by the binary.

#![allow(
    dead_code,
    unused_imports,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests run the tool as a user would, and a panic is how they fail; every test file uses a part of this"
)]

mod devices;
mod held;
mod template;

pub use devices::{Answers, NODES, assert_nothing_remains, assert_same, everywhere};
pub use held::Held;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
pub use template::{BEST, CHANGED, FRR, Template};

/// Nodes by role, as in `inventory/reference`.
pub const SPINES: [&str; 2] = ["spine01", "spine02"];

/// A running lab, taken down when dropped.
pub struct Lab {
    pub name: String,
    /// A copy of an example inventory, for tests that change it.
    pub inventory: tempfile::TempDir,
}

/// What a run of `fabricctl` left behind.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "{text:?} is not in stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}\nstderr:\n{}", self.stdout, self.stderr))
    }
}

impl Lab {
    /// Brings a lab up; fails, and doesn't skip, where that is impossible.
    pub fn up(name: &str, suite: &str) -> Self {
        Self::of("reference", name, suite)
    }

    /// The same with another of the example inventories.
    pub fn of(example: &str, name: &str, suite: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "the lab tests need root: run them by `make test`");
        let inventory = tempfile::tempdir().unwrap();
        let fabric = format!("inventory/{example}/fabric.yml");
        std::fs::copy(fabric, inventory.path().join("fabric.yml")).unwrap();
        let lab = Self { name: format!("{name}-{suite}-{}", std::process::id()), inventory };
        lab.fabricctl(&["lab", "up", "--name", &lab.name, "--suite", suite]).exits(0);
        lab
    }

    pub fn fabric_file(&self) -> PathBuf {
        self.inventory.path().join("fabric.yml")
    }

    /// Replaces a text of the inventory, which must be there.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.fabric_file()).unwrap();
        assert!(text.contains(from), "{from:?} is not in the inventory");
        std::fs::write(self.fabric_file(), text.replace(from, to)).unwrap();
    }

    /// `fabricctl` with this lab's inventory, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fabricctl"));
        command.args(args).env("FABRICCTL_INVENTORY", self.inventory.path()).env("NO_COLOR", "1");
        command
    }

    /// Runs `fabricctl` with this lab's inventory.
    pub fn fabricctl(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    /// Runs a verb against this lab's devices.
    pub fn on(&self, args: &[&str]) -> Ran {
        self.fabricctl(&[args, &["--lab", &self.name]].concat())
    }

    /// The same, with a command for the device behind it.
    pub fn on_with(&self, args: &[&str], command: &[&str]) -> Ran {
        self.fabricctl(&[args, &["--lab", &self.name, "--"], command].concat())
    }

    /// Where this lab's OpenSSH configuration is.
    pub fn ssh_config(&self) -> PathBuf {
        let labs = self.fabricctl(&["lab", "list", "-o", "json"]).exits(0).json();
        let lab = labs.as_array().unwrap().iter().find(|lab| lab["name"] == *self.name).unwrap();
        Path::new(lab["ssh_config"].as_str().unwrap()).to_owned()
    }

    /// Runs a command on a node over plain ssh; it must succeed.
    #[track_caller]
    pub fn ssh(&self, node: &str, command: &str) -> String {
        let ran = self.try_ssh(node, command);
        assert_eq!(ran.code, 0, "{node}: {command}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    pub fn try_ssh(&self, node: &str, command: &str) -> Ran {
        let output =
            Command::new("ssh").arg("-F").arg(self.ssh_config()).args([node, command]).output().unwrap();
        Ran::of(&output)
    }

    /// Keeps what a command on a node prints as a file beside the inventory.
    #[track_caller]
    pub fn fetch(&self, node: &str, command: &str, name: &str) {
        let config = self.ssh_config();
        let output = Command::new("ssh").arg("-F").arg(config).args([node, command]).output().unwrap();
        assert!(output.status.success(), "{node}: {command}");
        std::fs::write(self.inventory.path().join(name), output.stdout).unwrap();
    }

    /// Runs a command in a container.
    #[track_caller]
    pub fn in_container(&self, server: &str, container: &str, command: &str) -> String {
        self.ssh(server, &format!("docker exec {container} {command}"))
    }

    /// The routes of a router, as FRR's JSON says.
    pub fn routes(&self, node: &str) -> Value {
        serde_json::from_str(&self.ssh(node, "vtysh -c 'show ip route json'")).unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let ran = self.fabricctl(&["lab", "down", "--name", &self.name]);
        if !std::thread::panicking() {
            ran.exits(0);
        }
    }
}

/// Waits until something holds; the generous limit is for noisy machines, not a promise.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
