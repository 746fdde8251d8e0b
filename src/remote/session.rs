//! Scripts over a connection.

use super::master::Master;
use super::quote::quote;
use super::{ConnectError, ExecError};
use openssh::{Session as MuxSession, Stdio};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// How to reach a device.
#[derive(Debug, Clone)]
pub struct Options {
    /// Host, or the name of an entry of the configuration.
    pub destination: String,
    /// The ssh configuration instead of the user's own.
    pub config: Option<PathBuf>,
    /// The login name.
    pub user: Option<String>,
    /// The TCP port.
    pub port: Option<u16>,
    /// Longest time to connect.
    pub connect_timeout: Duration,
}

/// A file that travels with a script, found by it in `$work`.
pub struct Attachment {
    /// Its name, without a slash.
    pub name: String,
    /// Its octets.
    pub content: Vec<u8>,
}

/// A POSIX shell script, run as root.
pub struct Script {
    /// The text.
    pub text: String,
    /// Files that travel with it.
    pub attachments: Vec<Attachment>,
    /// Longest time it may take on the device.
    pub timeout: Duration,
}

/// What a script left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit status.
    pub status: i32,
    /// Everything on stdout.
    pub stdout: Vec<u8>,
    /// Everything on stderr.
    pub stderr: String,
}

/// An open connection to one device.
pub struct Session {
    master: Master,
    mux: MuxSession,
    // Holds the control socket; removed when the session ends.
    _directory: TempDir,
}

/// The shell becomes root, unpacks what comes on stdin into a directory of its own, and runs it. The directory
/// goes when the script ends, however it ends; `timeout` ends it with a connection that never does.
const BOOT: &str = "work=$(mktemp -d /tmp/fabricctl.XXXXXXXX) || exit 125; export work; \
                    trap 'rm -rf \"$work\"' EXIT; trap 'exit 143' TERM INT HUP; \
                    tar -xf - -C \"$work\" || exit 125; sh \"$work/script\" </dev/null";

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// With the reason, read from what ssh says.
    pub async fn connect(options: &Options) -> Result<Self, ConnectError> {
        // Short: the path of a Unix socket has room for about a hundred characters.
        let directory = tempfile::Builder::new().prefix("fctl").tempdir().map_err(ConnectError::Directory)?;
        let master = Master::start(options, directory.path().join("m")).await?;
        let mux = MuxSession::resume_mux(master.socket().into(), None);
        Ok(Self { master, mux, _directory: directory })
    }

    /// Runs a script, handing each line of its stdout to `line` as it comes.
    ///
    /// # Errors
    /// When the script could not run to its end; its own failures are in [`Output::status`].
    pub async fn run(&self, script: &Script, mut line: impl FnMut(&[u8])) -> Result<Output, ExecError> {
        let lost = |error: &dyn std::error::Error| ExecError::Lost(error.to_string());
        let payload = pack(script).map_err(|error| lost(&error))?;
        let mut child = self
            .mux
            .raw_command(wrapped(script.timeout))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .await
            .map_err(|error| lost(&error))?;
        let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
        let send = async {
            if let Some(mut stdin) = stdin {
                // A script that ends early (no sudo, full disk) closes its end: its status tells why.
                let _ = stdin.write_all(&payload).await;
                let _ = stdin.shutdown().await;
            }
        };
        let receive = async {
            let mut all = Vec::new();
            if let Some(stdout) = stdout {
                let mut reader = BufReader::new(stdout);
                let mut start = 0;
                while let Ok(1..) = reader.read_until(b'\n', &mut all).await {
                    line(&all[start..]);
                    start = all.len();
                }
            }
            all
        };
        let complain = async {
            let mut all = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.read_to_end(&mut all).await;
            }
            String::from_utf8_lossy(&all).into_owned()
        };
        let whole = async {
            let ((), stdout, stderr) = tokio::join!(send, receive, complain);
            (stdout, stderr, child.wait().await)
        };
        // The device ends the script itself; this limit is for a device that doesn't answer any more.
        let limit = script.timeout + Duration::from_secs(10);
        let Ok((stdout, stderr, status)) = tokio::time::timeout(limit, whole).await else {
            return Err(ExecError::Timeout(script.timeout));
        };
        let status = status.map_err(|error| lost(&error))?.code().unwrap_or(255);
        classify(Output { status, stdout, stderr }, script.timeout)
    }

    /// Ends the connection.
    pub async fn close(self) {
        self.master.close().await;
    }
}

/// The command line for the login shell: bounded, and as root.
fn wrapped(timeout: Duration) -> String {
    let seconds = timeout.as_secs().max(1);
    let boot = quote(BOOT);
    format!(
        "if [ \"$(id -u)\" = 0 ]; then exec timeout -k 5 {seconds} sh -c {boot}; \
         else exec sudo -n -- timeout -k 5 {seconds} sh -c {boot}; fi"
    )
}

/// The script and its attachments as a tar archive.
fn pack(script: &Script) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, content)
    };
    add("script", script.text.as_bytes())?;
    for attachment in &script.attachments {
        add(&attachment.name, &attachment.content)?;
    }
    archive.into_inner()
}

/// Tells failures of the way from failures of the script.
fn classify(output: Output, timeout: Duration) -> Result<Output, ExecError> {
    let said = || output.stderr.trim().to_owned();
    match output.status {
        124 | 137 => Err(ExecError::Timeout(timeout)),
        1 if output.stdout.is_empty() && output.stderr.starts_with("sudo:") => Err(ExecError::Sudo(said())),
        125..=127 if output.stderr.contains("sudo") => Err(ExecError::Sudo(said())),
        125..=127 if output.stderr.contains("No space left") => Err(ExecError::Full(said())),
        125..=127 => Err(ExecError::Shell(said())),
        255 => Err(ExecError::Lost(said())),
        _ => Ok(output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: i32, stderr: &str) -> Output {
        Output { status, stdout: Vec::new(), stderr: stderr.to_owned() }
    }

    #[test]
    fn failures_of_the_way_are_told_from_those_of_the_script() {
        let limit = Duration::from_secs(3);
        assert!(classify(output(1, "vtysh: no"), limit).is_ok());
        assert!(matches!(classify(output(124, ""), limit), Err(ExecError::Timeout(_))));
        let refused = "sudo: a password is required";
        assert!(matches!(classify(output(1, refused), limit), Err(ExecError::Sudo(text)) if text == refused));
        assert!(matches!(classify(output(127, "sh: 1: sudo: not found"), limit), Err(ExecError::Sudo(_))));
        let full = "mktemp: failed to create directory: No space left on device";
        assert!(matches!(classify(output(125, full), limit), Err(ExecError::Full(_))));
        assert!(matches!(classify(output(127, "timeout: not found"), limit), Err(ExecError::Shell(_))));
        assert!(matches!(classify(output(255, "gone"), limit), Err(ExecError::Lost(_))));
    }

    #[test]
    fn scripts_are_packed_with_their_attachments() {
        let script = Script {
            text: "echo".to_owned(),
            attachments: vec![Attachment { name: "0".to_owned(), content: vec![0, 255] }],
            timeout: Duration::from_secs(1),
        };
        let packed = pack(&script).unwrap();
        let names: Vec<String> = tar::Archive::new(&packed[..])
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["script", "0"]);
    }
}
