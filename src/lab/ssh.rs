//! How SSH gets into a lab: its key, the host keys of its nodes, and a configuration that anyone can use.

use super::LabError;
use super::record::{LabDir, NodeRecord, Record};
use crate::process::{Command, Interrupt};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The hidden command by which SSH gets to a node.
pub const CONNECT_COMMAND: &str = "lab-connect";
const KEYGEN_LIMIT: Duration = Duration::from_secs(20);

/// Makes the lab's key pair; the private one belongs to whoever ran sudo, whose ssh refuses it otherwise.
pub(super) fn make_key(dir: &LabDir, record: &Record, interrupt: Interrupt) -> Result<(), LabError> {
    Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C"])
        .arg(format!("lab-{}", record.name))
        .arg("-f")
        .arg(dir.key())
        .limit(KEYGEN_LIMIT)
        .interrupted_by(interrupt)
        .run_ok()?;
    let (user, group) = record.owner;
    chown(dir.key(), Some(user), Some(group)).map_err(LabError::file("giving away", dir.key()))
}

/// Writes the nodes' host keys and the configuration.
pub(super) fn write(dir: &LabDir, record: &Record) -> Result<(), LabError> {
    let mut known_hosts = String::new();
    for node in &record.nodes {
        let path = dir.node(&node.name).host_key();
        let key = fs::read_to_string(&path).map_err(LabError::file("reading", &path))?;
        let _ = writeln!(known_hosts, "{} {}", node.name, key.trim());
    }
    replace(&dir.known_hosts(), &known_hosts)?;
    replace(&dir.ssh_config(), &config(dir, record))
}

fn replace(path: &Path, text: &str) -> Result<(), LabError> {
    let write = || -> std::io::Result<()> {
        let directory = path.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(PermissionsExt::from_mode(0o644))?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(LabError::file("writing", path))
}

fn config(dir: &LabDir, record: &Record) -> String {
    let mut text =
        format!("# Lab {} of fabricctl: ssh -F {} NODE\n", record.name, dir.ssh_config().display());
    for node in &record.nodes {
        text.push_str(&host(node));
    }
    let proxy = format!(
        "{} {CONNECT_COMMAND} {} %h %p",
        quote_for_shell(&record.executable),
        quote_for_shell(dir.path())
    );
    let settings = [
        ("User", "root".to_owned()),
        ("ProxyCommand", proxy),
        ("ProxyUseFdpass", "yes".to_owned()),
        ("IdentityFile", quote(&dir.key())),
        ("IdentitiesOnly", "yes".to_owned()),
        ("IdentityAgent", "none".to_owned()),
        ("UserKnownHostsFile", quote(&dir.known_hosts())),
        ("GlobalKnownHostsFile", "/dev/null".to_owned()),
        ("StrictHostKeyChecking", "yes".to_owned()),
        ("HostKeyAlgorithms", "ssh-ed25519".to_owned()),
        ("UpdateHostKeys", "no".to_owned()),
        ("PreferredAuthentications", "publickey".to_owned()),
        // The default hybrid one of newer releases takes several times as long.
        ("KexAlgorithms", "curve25519-sha256".to_owned()),
    ];
    text.push_str("\nHost *\n");
    for (name, value) in settings {
        let _ = writeln!(text, "    {name} {value}");
    }
    text
}

/// The part of the configuration that is about one node.
fn host(node: &NodeRecord) -> String {
    let mut names = node.name.to_string();
    if let Some(other) = node.ssh_host.as_ref().filter(|other| !other.contains(char::is_whitespace)) {
        names = format!("{names} {other}");
    }
    format!(
        "\nHost {names}\n    HostName {}\n    HostKeyAlias {}\n",
        node.management.address.addr(),
        node.name
    )
}

/// A path as a value of `ssh_config(5)`, where `%` starts a token.
fn quote(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// A path as a word of a command that ssh gives to a shell, where `%` starts a token too.
fn quote_for_shell(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''").replace('%', "%%"))
}

/// The SSH configuration of a lab.
///
/// # Errors
/// When there is no such lab, or its name can't be one.
pub fn ssh_config(state_root: &Path, name: &str) -> Result<PathBuf, LabError> {
    let path = LabDir::new(state_root, name)?.ssh_config();
    if path.exists() {
        return Ok(path);
    }
    Err(LabError::NoSuchLab { name: name.to_owned(), existing: super::names(state_root) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_ssh_and_the_shell() {
        assert_eq!(quote(Path::new("/a b/100%")), "\"/a b/100%%\"");
        assert_eq!(quote_for_shell(Path::new("/it's/100%")), r"'/it'\''s/100%%'");
    }
}
