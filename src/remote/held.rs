//! A program on a device that runs for as long as this end wants it to.

use super::child::{Child, Started, complaints, status};
use super::session::{as_root, not_begun};
use super::{ExecError, Output, Session};
use openssh::{ChildStdin, ChildStdout};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often the device is told that this end lives.
const BEAT: Duration = Duration::from_secs(5);
/// How long a program may take to end once its input has.
const END: Duration = Duration::from_secs(5);

/// A program that is running on a device. Its input ends when this is dropped, and when this process or the connection
/// dies; until then a dot comes there every few seconds.
pub struct Held {
    release: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

/// What became of a program that was to be held.
pub enum Hold {
    /// It said that it is ready, after these lines.
    Ready(Vec<String>, Held),
    /// It ended before it was ready.
    Ended(Output),
}

impl Session {
    /// Starts a program as root and waits until it prints the line `ready`, at most `limit`. Its words are a command line
    /// for the login shell.
    ///
    /// # Errors
    /// When it can't be started, or says nothing in time.
    pub async fn hold(&self, words: &str, ready: &str, limit: Duration) -> Result<Hold, ExecError> {
        let Started { child, stdin, stdout, stderr } = self.start(&as_root(words)).await?;
        let mut stdout = BufReader::new(stdout);
        let listened = tokio::time::timeout(limit, listen(&mut stdout, ready)).await;
        let (lines, is_ready) = listened.map_err(|_| ExecError::Timeout(limit))?;
        if is_ready {
            let (release, released) = oneshot::channel();
            let task = tokio::spawn(keep(child, stdin, stdout, released));
            return Ok(Hold::Ready(lines, Held { release: Some(release), task: Some(task) }));
        }
        let stderr = complaints(stderr).await;
        let status = status(child).await?;
        let output = Output { status, stdout: lines.join("\n").into_bytes(), stderr };
        if lines.iter().any(|line| line.starts_with('@')) {
            Ok(Hold::Ended(output))
        } else {
            Err(not_begun(&output))
        }
    }
}

impl Held {
    /// Ends the program's input and waits until it has ended.
    pub async fn release(mut self) {
        self.release = None;
        if let Some(task) = self.task.take() {
            // One that doesn't end is the device's to end.
            let _ = tokio::time::timeout(END, task).await;
        }
    }
}

/// The lines up to the one that says ready, and whether it came.
async fn listen(stdout: &mut BufReader<ChildStdout>, ready: &str) -> (Vec<String>, bool) {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while let Ok(1..) = stdout.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if text == ready {
            return (lines, true);
        }
        lines.push(text);
        line.clear();
    }
    (lines, false)
}

/// Beats until the program is let go of or has ended by itself, then waits for its end.
async fn keep(
    child: Child,
    mut stdin: ChildStdin,
    mut stdout: BufReader<ChildStdout>,
    mut released: oneshot::Receiver<()>,
) {
    let mut beat = tokio::time::interval(BEAT);
    let mut rest = Vec::new();
    loop {
        tokio::select! {
            _ = &mut released => {
                // A last one, so that what the device counts from it counts from now.
                let _ = stdin.write_all(b".").await;
                let _ = stdin.flush().await;
                break;
            }
            _ = stdout.read_to_end(&mut rest) => break,
            _ = beat.tick() => {
                if stdin.write_all(b".").await.is_err() || stdin.flush().await.is_err() {
                    break;
                }
            }
        }
    }
    drop(stdin);
    let _ = child.wait().await;
}
