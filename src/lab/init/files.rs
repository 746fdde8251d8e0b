//! Files that differ from node to node, written once the node's root is in place.

use super::super::LabError;
use super::super::record::{NodeRecord, Record};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Users that the root filesystem brings along.
const KNOWN_USERS: [&str; 2] = ["root", "admin"];

pub(super) fn write(record: &Record, node: &NodeRecord) -> Result<(), LabError> {
    put("/etc/hostname", &format!("{}\n", node.name), 0o644)?;
    put("/etc/hosts", &hosts(record, node), 0o644)?;
    put("/etc/resolv.conf", "# A lab has no name servers.\n", 0o644)?;
    interfaces(node)?;
    match &node.ssh_user {
        Some(user) if !KNOWN_USERS.contains(&user.as_str()) => add_user(user),
        _ => Ok(()),
    }
}

/// Opens the node to the lab's key, for every user.
pub(super) fn authorize(key: &str) -> Result<(), LabError> {
    put("/etc/ssh/authorized_keys", &format!("{}\n", key.trim()), 0o644)
}

fn hosts(record: &Record, node: &NodeRecord) -> String {
    let mut text =
        format!("127.0.0.1\tlocalhost\n127.0.1.1\t{}\n::1\tlocalhost ip6-localhost\n\n", node.name);
    for other in record.nodes.iter().filter(|other| other.name != node.name) {
        let _ = writeln!(text, "{}\t{}", other.management.address.addr(), other.name);
    }
    text
}

/// What a device has before anybody deploys to it: a loopback and the way in. A port that the inventory doesn't know has
/// a file of its own, which a deployment leaves alone.
fn interfaces(node: &NodeRecord) -> Result<(), LabError> {
    let (port, address) = (&node.management.interface, node.management.address);
    let lo = "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n";
    let way_in = format!("auto {port}\niface {port}\n    address {address}\n");
    if node.management_known {
        return put("/etc/network/interfaces", &format!("{lo}\n{way_in}"), 0o644);
    }
    put("/etc/network/interfaces", lo, 0o644)?;
    put("/etc/network/interfaces.d/management", &way_in, 0o644)
}

/// Adds the user that the inventory logs in as, who may do everything through sudo.
fn add_user(user: &str) -> Result<(), LabError> {
    let accounts = fs::read_to_string("/etc/passwd").map_err(LabError::file("reading", "/etc/passwd"))?;
    if accounts.lines().any(|line| line.split(':').next() == Some(user)) {
        return Ok(());
    }
    append("/etc/passwd", &format!("{user}:x:1001:1001::/home/{user}:/bin/bash\n"))?;
    append("/etc/group", &format!("{user}:x:1001:\n"))?;
    append("/etc/shadow", &format!("{user}:*:19000:0:99999:7:::\n"))?;
    put("/etc/sudoers.d/login", &format!("{user} ALL=(ALL) NOPASSWD: ALL\n"), 0o440)?;
    let home = format!("/home/{user}");
    fs::create_dir_all(&home)
        .and_then(|()| std::os::unix::fs::chown(&home, Some(1001), Some(1001)))
        .map_err(LabError::file("making", &home))
}

fn put(path: &str, text: &str, mode: u32) -> Result<(), LabError> {
    let write = || {
        if let Some(parent) = Path::new(path).parent() {
            fs::create_dir_all(parent)?;
        }
        // The image's own may be a link to somewhere else.
        let _ = fs::remove_file(path);
        fs::write(path, text)?;
        fs::set_permissions(path, PermissionsExt::from_mode(mode))
    };
    write().map_err(LabError::file("writing", path))
}

fn append(path: &str, line: &str) -> Result<(), LabError> {
    fs::OpenOptions::new()
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(LabError::file("writing", path))
}
