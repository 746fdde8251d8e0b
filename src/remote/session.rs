//! Scripts over a connection.

use super::child::{Started, complaints, lost, status};
use super::master::Master;
use super::place::Place;
use super::quote::{quote, quote_all};
use super::{ConnectError, ExecError};
use memchr::memchr;
use openssh::Session as MuxSession;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};

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
    /// Environment variables that ssh doesn't get: they hold secrets.
    pub withheld: Vec<String>,
}

impl Options {
    /// The command by which a person tries the same connection.
    pub fn by_hand(&self) -> String {
        let mut words = vec!["ssh".to_owned()];
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if let Some(config) = &self.config {
            option("-F", config.display().to_string());
        }
        if let Some(user) = &self.user {
            option("-l", user.clone());
        }
        if let Some(port) = self.port {
            option("-p", port.to_string());
        }
        words.extend([self.destination.clone(), "true".to_owned()]);
        quote_all(words.iter().map(String::as_str))
    }
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
    pub(super) mux: Arc<MuxSession>,
    // Holds the control socket; removed when the session ends.
    _place: Place,
}

/// So much of an answer is looked at in one go.
const PIECE: usize = 64 << 10;

/// What the device prints right before the script begins: all before it is a greeting, or the reason why none began.
const BEGUN: &str = "fabricctl-begun";

/// The shell becomes root, unpacks what comes on stdin into a directory of its own, and runs it. The directory
/// goes when the script ends, however it ends; `timeout` ends it with a connection that never does. Those of shells that
/// were killed go with the next one.
const BOOT: &str = "work=$(mktemp -d /tmp/fabricctl.XXXXXXXX) || exit 125; export work; \
                    trap 'rm -rf \"$work\"' EXIT; trap 'exit 143' TERM INT HUP; echo $$ >\"$work/pid\"; \
                    for old in /tmp/fabricctl.*/pid; do \
                    [ -f \"$old\" ] && [ -O \"$old\" ] && read -r pid <\"$old\" && [ ! -d \"/proc/$pid\" ] && \
                    rm -rf \"${old%/pid}\"; done 2>/dev/null; \
                    tar -xf - -C \"$work\" || exit 125; \
                    printf '\\n%s\\n' fabricctl-begun; sh \"$work/script\" </dev/null";

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// With the reason, read from what ssh says.
    pub async fn connect(options: &Options) -> Result<Self, ConnectError> {
        let place = Place::make().map_err(ConnectError::Directory)?;
        let master = Master::start(options, place.path().join("m")).await?;
        let mux = Arc::new(MuxSession::resume_mux(master.socket().into(), None));
        Ok(Self { master, mux, _place: place })
    }

    /// Runs a script, handing each line of its stdout to `line` as it comes.
    ///
    /// # Errors
    /// When the script could not run to its end; its own failures are in [`Output::status`].
    pub async fn run(&self, script: &Script, mut line: impl FnMut(&[u8])) -> Result<Output, ExecError> {
        let (mut all, mut start) = (Vec::new(), 0);
        let gather = |octets: &[u8]| {
            let mut from = all.len();
            all.extend_from_slice(octets);
            while let Some(end) = memchr(b'\n', &all[from..]) {
                from += end + 1;
                line(&all[start..from]);
                start = from;
            }
        };
        let output = self.stream(script, gather).await?;
        if start < all.len() {
            line(&all[start..]);
        }
        Ok(Output { stdout: all, ..output })
    }

    /// Runs a script, handing its stdout to `piece` as it comes, cut anywhere; none of it is in the output.
    ///
    /// # Errors
    /// When the script could not run to its end; its own failures are in [`Output::status`].
    pub async fn stream(&self, script: &Script, mut piece: impl FnMut(&[u8])) -> Result<Output, ExecError> {
        let payload = pack(script).map_err(|error| lost(&error))?;
        let Started { child, mut stdin, stdout, stderr } = self.start(&wrapped(script.timeout)).await?;
        let send = async {
            // A script that ends early (no sudo, full disk) closes its end: its status tells why.
            let _ = stdin.write_all(&payload).await;
            let _ = stdin.shutdown().await;
            drop(stdin);
        };
        let whole = async {
            let ((), (stdout, begun), stderr) =
                tokio::join!(send, receive(stdout, &mut piece), complaints(stderr));
            (stdout, begun, stderr, status(child).await)
        };
        // The device ends the script itself; this limit is for a device that doesn't answer any more.
        let limit = script.timeout + Duration::from_secs(10);
        let Ok((stdout, begun, stderr, status)) = tokio::time::timeout(limit, whole).await else {
            return Err(ExecError::Timeout(script.timeout));
        };
        let output = Output { status: status?, stdout, stderr };
        match output.status {
            124 | 137 => Err(ExecError::Timeout(script.timeout)),
            _ if !begun => Err(not_begun(&output)),
            _ => Ok(output),
        }
    }

    /// Ends the connection.
    pub async fn close(self) {
        self.master.close().await;
    }
}

/// Reads what the script prints, and tells whether it began at all; if it didn't, what was printed instead.
async fn receive(stdout: impl AsyncRead + Unpin, piece: &mut impl FnMut(&[u8])) -> (Vec<u8>, bool) {
    let mut reader = BufReader::with_capacity(PIECE, stdout);
    let mut before = Vec::new();
    let mut start = 0;
    while let Ok(1..) = reader.read_until(b'\n', &mut before).await {
        if before[start..].trim_ascii_end() == BEGUN.as_bytes() {
            while let Ok(octets @ [_, ..]) = reader.fill_buf().await {
                piece(octets);
                let taken = octets.len();
                reader.consume(taken);
            }
            return (Vec::new(), true);
        }
        start = before.len();
    }
    (before, false)
}

/// The command line for the login shell: bounded, and as root.
fn wrapped(timeout: Duration) -> String {
    as_root(&format!("timeout -k 5 {} sh -c {}", timeout.as_secs().max(1), quote(BOOT)))
}

/// A command line for the login shell that becomes this command, as root.
pub fn as_root(command: &str) -> String {
    format!("if [ \"$(id -u)\" = 0 ]; then exec {command}; else exec sudo -n -- {command}; fi")
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

/// Why a script did not even begin.
pub(super) fn not_begun(output: &Output) -> ExecError {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let lines = || output.stderr.lines().chain(stdout.lines()).map(str::trim).filter(|line| !line.is_empty());
    let find = |text| lines().find(|line: &&str| line.contains(text)).map(str::to_owned);
    // The last is tar's, when a file fits in part.
    let full = ["No space left", "quota exceeded", "Wrote only"];
    if let Some(said) = full.into_iter().find_map(find) {
        ExecError::Full(said)
    } else if let Some(said) = find("Read-only file system") {
        ExecError::ReadOnly(said)
    } else if let Some(said) = find("sudo") {
        ExecError::Sudo(said)
    } else {
        ExecError::Shell(
            lines().next().map_or(format!("it ended with status {}", output.status), str::to_owned),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_script_from_beginning_is_understood() {
        let why = |status: i32, stdout: &str, stderr: &str| {
            let (stdout, stderr) = (stdout.as_bytes().to_vec(), stderr.to_owned());
            not_begun(&Output { status, stdout, stderr })
        };
        let refused = "sudo: a password is required";
        assert!(matches!(why(1, "", refused), ExecError::Sudo(text) if text == refused));
        assert!(matches!(why(127, "Hello\n", "sh: 1: sudo: not found"), ExecError::Sudo(_)));
        assert!(matches!(why(1, "", "/etc/sudoers.d/x:1:19: syntax error"), ExecError::Sudo(_)));
        let full = "tar: script: Cannot write: No space left on device\ntar: Exiting with failure status";
        assert!(matches!(why(125, "", full), ExecError::Full(text) if !text.contains("Exiting")));
        assert!(matches!(why(125, "", "mktemp: /tmp: Read-only file system"), ExecError::ReadOnly(_)));
        assert!(matches!(why(127, "", "timeout: not found"), ExecError::Shell(_)));
        let nologin = "This account is currently not available.";
        assert!(matches!(why(1, nologin, ""), ExecError::Shell(text) if text == nologin));
        assert!(matches!(why(1, "", ""), ExecError::Shell(text) if text == "it ended with status 1"));
    }

    #[test]
    fn the_way_by_hand_is_the_same() {
        let mut options = Options {
            destination: "leaf01".to_owned(),
            config: None,
            user: None,
            port: None,
            connect_timeout: Duration::from_secs(1),
            withheld: Vec::new(),
        };
        assert_eq!(options.by_hand(), "ssh leaf01 true");
        options.config = Some("/my labs/config".into());
        (options.user, options.port) = (Some("admin".to_owned()), Some(2222));
        assert_eq!(options.by_hand(), "ssh -F '/my labs/config' -l admin -p 2222 leaf01 true");
    }

    #[tokio::test]
    async fn greetings_are_no_answers() {
        let mut heard = Vec::new();
        let said = format!("Welcome!\nno newline{BEGUN}\n\n{BEGUN}\n\n@@x\nend");
        let ended = receive(said.as_bytes(), &mut |piece: &[u8]| heard.extend_from_slice(piece)).await;
        assert_eq!((ended, &heard[..]), ((Vec::new(), true), &b"\n@@x\nend"[..]));
        let never = receive(&b"This account is currently not available.\n"[..], &mut |_: &[u8]| {}).await;
        assert_eq!(never, (b"This account is currently not available.\n".to_vec(), false));
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
