//! What starts at a node's boot.

use super::super::LabError;
use super::PATH;
use crate::process::Command;
use std::fs;
use std::fs::File;
use std::os::fd::OwnedFd;

/// Runlevels in which a Debian system starts its services.
const LEVELS: [char; 4] = ['2', '3', '4', '5'];
/// What packages start by themselves, and devices only once somebody deploys to them.
const OURS: [&str; 2] = ["docker", "frr"];
/// A boot: kernel settings and interfaces from their files, then every service with a link, in their order. The node
/// itself has started sshd; of what else there is a lab has no use.
const BOOT: &str = "\
cd /
for file in /etc/sysctl.d/*.conf /etc/sysctl.conf; do
    [ ! -r \"$file\" ] || sysctl -q -e -p \"$file\"
done
ifup -a
for link in /etc/rc2.d/S*; do
    case $link in
    *ssh | *sudo | *cron) ;;
    *) \"$link\" start ;;
    esac
done
";

/// A new node runs nothing but sshd.
pub(super) fn disable() -> Result<(), LabError> {
    for level in LEVELS {
        let directory = format!("/etc/rc{level}.d");
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('S') && OURS.iter().any(|service| name.get(3..) == Some(service)) {
                fs::remove_file(entry.path()).map_err(LabError::file("removing", entry.path()))?;
            }
        }
    }
    Ok(())
}

/// Starts what a boot starts, beside everything else: SSH gets in meanwhile.
pub(super) fn start() -> Result<(), LabError> {
    let open = |path: &str| File::options().create(true).append(true).read(true).open(path);
    let log = open("/var/log/boot.log").map_err(LabError::file("writing", "/var/log/boot.log"))?;
    let null = open("/dev/null").map_err(LabError::file("opening", "/dev/null"))?;
    // Its end is noticed by the loop that reaps all processes.
    Command::new("/bin/sh").args(["-c", BOOT]).env("PATH", PATH).start(OwnedFd::from(null), log)?;
    Ok(())
}
