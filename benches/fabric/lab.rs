//! A lab, driven by the binary and by plain ssh.

use crate::Result;
use crate::time::TimeOfDay;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// A running lab; gone when dropped.
pub struct Lab {
    name: String,
    directory: PathBuf,
}

impl Lab {
    /// Brings a lab up; also says how many seconds that took.
    pub fn up(suite: &str) -> Result<(Self, f64)> {
        let name = format!("bench-{}", std::process::id());
        let elapsed = timed(|| fabricctl(&["lab", "up", "--name", &name, "--suite", suite]))?;
        let mut lab = Self { name, directory: PathBuf::new() };
        let list = String::from_utf8(fabricctl(&["lab", "list", "-o", "json"])?.stdout)?;
        let list: Value = serde_json::from_str(&list)?;
        let mut labs = list.as_array().into_iter().flatten();
        let own = labs.find(|entry| entry["name"] == *lab.name).ok_or("the lab isn't in the list of labs")?;
        let config = own["ssh_config"].as_str().ok_or("the lab has no ssh_config")?;
        lab.directory = Path::new(config).parent().ok_or("the lab has no directory")?.to_owned();
        Ok((lab, elapsed))
    }

    /// Where its state is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs a verb against its devices.
    pub fn on(&self, verb: &[&str]) -> Result<Output> {
        fabricctl(&[verb, &["--lab", &self.name]].concat())
    }

    /// Takes it down.
    pub fn down(&self) -> Result<Output> {
        fabricctl(&["lab", "down", "--name", &self.name])
    }

    /// A command on a node, over plain ssh.
    pub fn ssh(&self, node: &str, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.directory.join("ssh_config")).args([node, command]);
        ssh
    }

    /// The same command on several nodes at the same time, each by an ssh of its own.
    pub fn ask(&self, nodes: &[&str], command: &str) -> Result<()> {
        let ask = |node: &&str| self.ssh(node, command).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let asked: Vec<_> = nodes.iter().map(ask).collect::<std::io::Result<_>>()?;
        for mut ssh in asked {
            let ended = ssh.wait()?;
            if !ended.success() {
                return Err(format!("ssh ended with {ended}").into());
            }
        }
        Ok(())
    }

    /// Runs docker on a server; returns the time just before it, by the server's clock.
    pub fn docker(&self, server: &str, verb: &str, container: &str) -> Result<TimeOfDay> {
        let command = format!("date -u +%T.%N && docker {verb} {container}");
        let output = succeed(&mut self.ssh(server, &command))?;
        let output = String::from_utf8(output.stdout)?;
        output.lines().next().unwrap_or_default().parse()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The second time, after a round that went well, there is none; that is no error either.
        if let Err(error) = self.down() {
            eprintln!("error: {error}");
        }
    }
}

/// Runs the binary on the reference inventory; it must succeed.
pub fn fabricctl(arguments: &[&str]) -> Result<Output> {
    let inventory = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory/reference");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabricctl"));
    // Not beside the inventory, where the journal of whoever measures is.
    let journal = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-journal");
    command.args(arguments).env("FABRICCTL_INVENTORY", inventory).env("FABRICCTL_JOURNAL", journal);
    command.env("NO_COLOR", "1");
    succeed(&mut command)
}

fn succeed(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}: {}", output.status, said.trim()).into())
}

/// How many seconds something takes that must succeed.
pub fn timed<T>(what: impl FnOnce() -> Result<T>) -> Result<f64> {
    let began = Instant::now();
    what()?;
    Ok(began.elapsed().as_secs_f64())
}
