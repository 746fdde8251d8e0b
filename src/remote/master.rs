//! The ssh process that holds a connection.

use super::{ConnectError, Options};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What the local command prints once the control socket is up.
const READY: &str = "fabricctl-ready";
/// ssh watches its own time limit; it gets a little longer than that, so that it can say what it waited for.
const GRACE: Duration = Duration::from_secs(2);

/// A running `ssh -M -N`; it ends when this is dropped, and when this process dies.
pub(super) struct Master {
    child: Child,
    socket: PathBuf,
}

impl Master {
    /// Starts ssh and waits until its control socket takes sessions.
    pub(super) async fn start(options: &Options, socket: PathBuf) -> Result<Self, ConnectError> {
        // A file takes whatever ssh says for as long as it runs; a pipe that nobody reads would stop it.
        let said = socket.with_file_name("said");
        let stderr = File::create(&said).map_err(ConnectError::Directory)?;
        let mut child = command(options, &socket, stderr).spawn().map_err(ConnectError::Start)?;
        let limit = options.connect_timeout;
        match tokio::time::timeout(limit + GRACE, wait_ready(&mut child)).await {
            Ok(true) => Ok(Self { child, socket }),
            Ok(false) => {
                // ssh closes its output before it has said its last; when it has ended, all is said.
                let _ = child.wait().await;
                let said = tokio::fs::read(&said).await.map_err(ConnectError::Directory)?;
                Err(ConnectError::from_ssh(&String::from_utf8_lossy(&said)))
            }
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

fn command(options: &Options, socket: &Path, stderr: File) -> Command {
    let mut command = Command::new("ssh");
    if let Some(config) = &options.config {
        command.arg("-F").arg(config);
        // ssh starts a ProxyCommand by the user's shell; bash takes the socket that it gets for a login from afar, and
        // reads the user's .bashrc for every connection. A lab's command needs none of that.
        command.env("SHELL", "/bin/sh");
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
    for name in &options.withheld {
        command.env_remove(name);
    }
    command.arg("--").arg(&options.destination);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).kill_on_drop(true);
    // SAFETY: prctl and setpgid are async-signal-safe, and nothing else runs between fork and exec.
    unsafe {
        command.pre_exec(|| {
            // Ctrl-C at the terminal is for this tool to handle, not for its connections.
            libc::setpgid(0, 0);
            // As this tool ends it itself: nothing that ssh waits for may put that off.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    command
}

/// Waits for the control socket; false when ssh ends before there is one.
async fn wait_ready(child: &mut Child) -> bool {
    let Some(stdout) = child.stdout.take() else { return false };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == READY {
            return true;
        }
    }
    false
}
