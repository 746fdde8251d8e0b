//! A program on a device: its streams, and how it ended.

use super::{ExecError, Session};
use openssh::{ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;

pub(super) type Child = openssh::Child<Arc<openssh::Session>>;

/// A program that was started.
pub(super) struct Started {
    pub child: Child,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

impl Session {
    /// Starts a program by a command line for the login shell.
    pub(super) async fn start(&self, line: &str) -> Result<Started, ExecError> {
        let mut child = Arc::clone(&self.mux)
            .arc_raw_command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .await
            .map_err(|error| lost(&error))?;
        match (child.stdin().take(), child.stdout().take(), child.stderr().take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok(Started { child, stdin, stdout, stderr }),
            _ => Err(ExecError::Lost("no pipes".to_owned())),
        }
    }
}

/// The connection can't be used.
pub(super) fn lost(error: &dyn std::error::Error) -> ExecError {
    ExecError::Lost(error.to_string())
}

/// Waits for a program's end; 255 is OpenSSH's word for a lost connection, too.
pub(super) async fn status(child: Child) -> Result<i32, ExecError> {
    match child.wait().await {
        Ok(status) => Ok(status.code().unwrap_or(255)),
        // This is how the crate says that the shell answered 127.
        Err(openssh::Error::Remote(_)) => Ok(127),
        Err(error) => Err(lost(&error)),
    }
}

/// All that a program said on stderr.
pub(super) async fn complaints(mut stderr: ChildStderr) -> String {
    let mut all = Vec::new();
    let _ = stderr.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}
