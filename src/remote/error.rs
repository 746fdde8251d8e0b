//! What can go wrong on the way to a device, read from what ssh says.

use std::io;
use std::time::Duration;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// ssh isn't installed here, or can't be started.
    #[error("ssh can't be started")]
    Start(#[source] io::Error),
    /// There is no directory for the control socket.
    #[error("no directory for the control socket")]
    Directory(#[source] io::Error),
    /// The name has no address.
    #[error("its name can't be resolved: {0}")]
    Resolve(String),
    /// Nothing listens there, or no route leads there.
    #[error("it can't be reached: {0}")]
    Unreachable(String),
    /// No key was accepted.
    #[error("it refused the key: {0}")]
    Refused(String),
    /// The host key isn't the one that is known.
    #[error("its host key has changed: {0}")]
    HostKeyChanged(String),
    /// The host key isn't known.
    #[error("its host key is unknown: {0}")]
    HostKeyUnknown(String),
    /// Nothing was heard in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// ssh said something else.
    #[error("ssh failed: {0}")]
    Other(String),
}

impl ConnectError {
    /// Reads what ssh printed before it gave up.
    pub fn from_ssh(stderr: &str) -> Self {
        let line = last_line(stderr);
        let has = |text: &str| stderr.contains(text);
        if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            let offending = stderr.lines().find(|line| line.contains("Offending")).unwrap_or(&line);
            Self::HostKeyChanged(offending.trim().to_owned())
        } else if has("Host key verification failed") || has("host key is known") {
            let known = stderr.lines().find(|line| line.contains("key is known")).unwrap_or(&line);
            Self::HostKeyUnknown(known.trim().to_owned())
        } else if has("Permission denied") {
            Self::Refused(line)
        } else if has("Could not resolve hostname") {
            Self::Resolve(line)
        } else if has("Connection refused")
            || has("No route to host")
            || has("Network is unreachable")
            || has("timed out")
            || has("Connection closed")
            || has("Connection reset")
        {
            Self::Unreachable(line)
        } else {
            Self::Other(line)
        }
    }

    /// What to do about it.
    pub fn hint(&self, destination: &str) -> String {
        match self {
            Self::Start(_) => "install OpenSSH's client: apt-get install openssh-client".to_owned(),
            Self::Directory(_) => "check that the directory for temporary files can be written".to_owned(),
            Self::Resolve(_) => format!(
                "give {destination} an address in your ssh_config or in ssh: of the inventory, or use --lab"
            ),
            Self::Refused(_) => {
                format!("try `ssh {destination} true`; check IdentityFile and User in your ssh_config")
            }
            Self::HostKeyChanged(_) => format!(
                "find out why; if the device was reinstalled, remove the old key: ssh-keygen -R {destination}"
            ),
            Self::HostKeyUnknown(_) => {
                format!("connect once by hand to see and accept its key: ssh {destination} true")
            }
            Self::Unreachable(_) | Self::Timeout(_) | Self::Other(_) => {
                format!("try `ssh {destination} true`; leave the device out with --limit '!{destination}'")
            }
        }
    }
}

/// ssh's last words, without the prefix that names the program.
fn last_line(stderr: &str) -> String {
    let line = stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
    line.strip_prefix("ssh: ").unwrap_or(line).to_owned()
}

/// Why a script didn't run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The connection broke while the script ran.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// It took too long and was ended.
    #[error("it took longer than {} s and was ended", .0.as_secs())]
    Timeout(Duration),
    /// The login user isn't root and may not become root.
    #[error("sudo refused: {0}")]
    Sudo(String),
    /// The device has no room for the script's files.
    #[error("the device's disk is full: {0}")]
    Full(String),
    /// The device lacks a program that every script needs.
    #[error("the device can't run scripts: {0}")]
    Shell(String),
}

impl ExecError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Lost(_) => "check the device and its management link, then run the same command again",
            Self::Timeout(_) => "give it longer with --timeout SECONDS",
            Self::Sudo(_) => {
                "log in as root, or allow the login user `NOPASSWD: ALL` in /etc/sudoers.d on the device"
            }
            Self::Full(_) => {
                "free some space on the device (df -h shows where), then run the same command again"
            }
            Self::Shell(_) => "the device needs a POSIX shell, coreutils and tar",
        }
    }
}

/// Either.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The script.
    #[error(transparent)]
    Exec(#[from] ExecError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_understood() {
        let cases = [
            (
                "ssh: Could not resolve hostname leaf09: Name or service not known",
                "its name can't be resolved",
            ),
            ("ssh: connect to host 127.0.0.1 port 1: Connection refused", "it can't be reached"),
            ("root@127.0.0.1: Permission denied (publickey).", "it refused the key"),
            (
                "No ED25519 host key is known for x and you have requested strict checking.\n\
                 Host key verification failed.",
                "its host key is unknown: No ED25519",
            ),
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending ED25519 key in /k:3\n\
                 Host key verification failed.",
                "its host key has changed: Offending ED25519 key in /k:3",
            ),
            ("Connection timed out during banner exchange", "it can't be reached"),
            ("ssh: /x: line 3: Bad configuration option: foo", "ssh failed"),
            ("", "ssh failed: it said nothing"),
        ];
        for (stderr, start) in cases {
            let said = ConnectError::from_ssh(stderr).to_string();
            assert!(said.starts_with(start), "{stderr:?} became {said:?}");
        }
    }
}
