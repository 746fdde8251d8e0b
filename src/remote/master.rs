//! The ssh process that holds a connection.

use super::{ConnectError, Options};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// What the local command prints once the control socket is up.
const READY: &str = "fabricctl-ready";

/// A running `ssh -M -N`; it ends when this is dropped, and when this process dies.
pub(super) struct Master {
    child: Child,
    socket: PathBuf,
}

impl Master {
    /// Starts ssh and waits until its control socket takes sessions.
    pub(super) async fn start(options: &Options, socket: PathBuf) -> Result<Self, ConnectError> {
        let mut child = command(options, &socket).spawn().map_err(ConnectError::Start)?;
        let limit = options.connect_timeout;
        let started = tokio::time::timeout(limit, wait_ready(&mut child)).await;
        match started {
            Ok(Ok(())) => Ok(Self { child, socket }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ConnectError::Timeout(limit)),
        }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends ssh and waits for it.
    pub(super) async fn close(mut self) {
        // An ssh that is already gone is as good as one that is ended.
        let _ = self.child.kill().await;
    }
}

fn command(options: &Options, socket: &Path) -> Command {
    let mut command = Command::new("ssh");
    if let Some(config) = &options.config {
        command.arg("-F").arg(config);
    }
    if let Some(user) = &options.user {
        command.args(["-l", user]);
    }
    if let Some(port) = options.port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["-M", "-N", "-T", "-S"]).arg(socket);
    let seconds = options.connect_timeout.as_secs().max(1);
    for option in [
        "ControlPersist=no",
        "BatchMode=yes",
        "PermitLocalCommand=yes",
        &format!("LocalCommand=echo {READY}"),
        &format!("ConnectTimeout={seconds}"),
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "ForwardX11=no",
        "ForwardAgent=no",
    ] {
        command.args(["-o", option]);
    }
    command.arg("--").arg(&options.destination);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // SAFETY: prctl and setpgid are async-signal-safe, and nothing else runs between fork and exec.
    unsafe {
        command.pre_exec(|| {
            // Ctrl-C at the terminal is for this tool to handle, not for its connections.
            libc::setpgid(0, 0);
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        });
    }
    command
}

async fn wait_ready(child: &mut Child) -> Result<(), ConnectError> {
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line == READY {
                return Ok(());
            }
        }
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let mut octets = Vec::new();
        // What could be read before the pipe broke is still worth showing.
        let _ = stderr.read_to_end(&mut octets).await;
        said = String::from_utf8_lossy(&octets).into_owned();
    }
    Err(ConnectError::from_ssh(&said))
}
