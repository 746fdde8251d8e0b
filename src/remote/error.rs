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
    /// ssh's configuration can't be read, or it says what ssh doesn't understand.
    #[error("ssh's configuration is wrong: {0}")]
    Configuration(String),
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
    #[error("its host key has changed: {said}")]
    HostKeyChanged {
        /// Where the key that doesn't fit stands.
        said: String,
        /// The command that ssh advises to remove it.
        remove: Option<String>,
    },
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
        let find = |text: &str| stderr.lines().map(str::trim).find(|line| line.contains(text));
        if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            let said = find("Offending").unwrap_or(&line).to_owned();
            Self::HostKeyChanged { said, remove: find("ssh-keygen -f").map(str::to_owned) }
        } else if has("Host key verification failed") || has("host key is known") {
            Self::HostKeyUnknown(find("key is known").unwrap_or(&line).to_owned())
        } else if has("Bad configuration option")
            || has("user config file")
            || has("Bad owner or permissions")
        {
            let cause = find("Bad ").or_else(|| find("user config file")).unwrap_or(&line);
            Self::Configuration(cause.to_owned())
        } else if has("Permission denied (") || has("Too many authentication failures") {
            // A key that could not even be offered is the better reason.
            let key = find("no such identity").or_else(|| find("Load key"));
            Self::Refused(key.map_or(line.clone(), |key| format!("{line} ({key})")))
        } else if has("Could not resolve hostname") {
            Self::Resolve(line)
        } else if has("Connection refused")
            || has("No route to host")
            || has("Network is unreachable")
            || has("timed out")
            || has("Connection closed")
            || has("Connection reset")
            || has("proxy dialer")
        {
            Self::Unreachable(line)
        } else {
            Self::Other(line)
        }
    }

    /// What to do about it; `by_hand` is the command that tries the same connection.
    pub fn hint(&self, by_hand: &str) -> String {
        match self {
            Self::Start(_) => "install OpenSSH's client: apt-get install openssh-client".to_owned(),
            Self::Directory(_) => "check that the directory for temporary files can be written".to_owned(),
            Self::Configuration(_) => "mend the file, or name another one with --ssh-config".to_owned(),
            Self::Resolve(_) => {
                "give it an address in your ssh_config or in ssh: of the inventory; a lab is meant with --lab"
                    .to_owned()
            }
            Self::Refused(_) => format!(
                "check User and IdentityFile in your ssh_config; a key with a passphrase must be in ssh-agent; \
                 to try: {by_hand}"
            ),
            Self::HostKeyChanged { remove: Some(remove), .. } => {
                format!("find out why; if the device was reinstalled, forget its old key: {remove}")
            }
            Self::HostKeyChanged { .. } => {
                "find out why; if the device was reinstalled, remove its old key from known_hosts".to_owned()
            }
            Self::HostKeyUnknown(_) => format!("connect once by hand to see and accept its key: {by_hand}"),
            Self::Unreachable(_) | Self::Timeout(_) | Self::Other(_) => {
                format!("check the device and the way to it, or leave it out with --limit; to try: {by_hand}")
            }
        }
    }
}

/// What ssh and the commands it starts say after the reason was said, or instead of one.
const EMPTY_WORDS: [&str; 4] =
    ["proxy dialer did not", "mm_receive_fd: ", "Connection closed by UNKNOWN", "help: "];

/// The last line that says something, without what names the program.
fn last_line(stderr: &str) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let empty = |line: &&str| EMPTY_WORDS.iter().any(|words| line.starts_with(words));
    let line =
        lines().rfind(|line| !empty(line)).or_else(|| lines().next_back()).unwrap_or("it said nothing");
    ["ssh: ", "error: "].iter().find_map(|name| line.strip_prefix(name)).unwrap_or(line).to_owned()
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
    /// Nothing can be written where the script's files would go.
    #[error("the device takes no files: {0}")]
    ReadOnly(String),
    /// The device has no shell for the login user, or lacks a program that every script needs.
    #[error("the device can't run scripts: {0}")]
    Shell(String),
}

impl ExecError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Lost(_) => "check the device and its management link, then run the same command again",
            Self::Timeout(_) => "see what keeps the device busy, or give it longer with --timeout SECONDS",
            Self::Sudo(_) => {
                "log in as root, or give the login user `NOPASSWD: ALL` in /etc/sudoers.d on the device"
            }
            Self::Full(_) => "free some space in /tmp on the device, then run the same command again",
            Self::ReadOnly(_) => "find out why /tmp on the device is read-only: dmesg tells of broken disks",
            Self::Shell(_) => "the login user needs a shell, the device coreutils, tar and sudo",
        }
    }
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
            (
                "error: connecting to 10.0.0.1:22: No route to host (os error 113)\n\
                 mm_receive_fd: recvmsg: expected received 1 got 0\n\
                 proxy dialer did not pass back a connection",
                "it can't be reached: connecting to 10.0.0.1:22: No route to host",
            ),
            (
                "no such identity: /k: No such file or directory\nroot@10.0.0.1: Permission denied (publickey).",
                "it refused the key: root@10.0.0.1: Permission denied (publickey). (no such identity: /k: No such",
            ),
            (
                "/x: line 3: Bad configuration option: foo\n/x: terminating, 1 bad configuration options",
                "ssh's configuration is wrong: /x: line 3: Bad configuration option: foo",
            ),
            (
                "Can't open user config file /x: No such file or directory",
                "ssh's configuration is wrong: Can't open user config file /x",
            ),
            ("Unable to negotiate with 10.0.0.1 port 22: no matching cipher found.", "ssh failed: Unable to"),
            ("", "ssh failed: it said nothing"),
        ];
        for (stderr, start) in cases {
            let said = ConnectError::from_ssh(stderr).to_string();
            assert!(said.starts_with(start), "{stderr:?} became {said:?}");
        }
    }
}
