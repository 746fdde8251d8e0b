//! A script on a device that goes on telling for as long as this end listens.

use super::child::{Child, Started, complaints, status};
use super::session::{as_root, not_begun};
use super::{ExecError, Output, Session};
use openssh::{ChildStderr, ChildStdin, ChildStdout};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::task::JoinHandle;

/// How often the device is told that this end lives.
const BEAT: Duration = Duration::from_secs(5);
/// An account of one round that is larger than this is none.
const LARGEST: usize = 1 << 30;

/// A script that is running on a device. Its input ends when this is dropped, and when this process or the connection
/// dies; until then an empty line comes there every few seconds.
pub struct Followed {
    stdout: BufReader<ChildStdout>,
    beats: JoinHandle<()>,
    end: Option<(Child, ChildStderr)>,
}

impl Session {
    /// Starts a script as root that goes on until its input ends, and waits until it prints the line `ready`, at most
    /// `limit`.
    ///
    /// # Errors
    /// When it can't be started, or says nothing in time.
    pub async fn follow(&self, script: &str, ready: &str, limit: Duration) -> Result<Followed, ExecError> {
        // The script comes as the first octets of the input: a command line that long would fill the device's log.
        let words = format!("sh -c 'script=$(head -c {}) && eval \"$script\"'", script.len());
        let Started { child, mut stdin, stdout, stderr } = self.start(&as_root(&words)).await?;
        let stdout = BufReader::new(stdout);
        // One that ends early says why on its other streams.
        let _ = stdin.write_all(script.as_bytes()).await;
        let _ = stdin.flush().await;
        let mut followed = Followed { stdout, beats: tokio::spawn(beat(stdin)), end: Some((child, stderr)) };
        let begun = async {
            loop {
                match followed.line().await {
                    Some(line) if line.trim_ascii() == ready.as_bytes() => return Ok(()),
                    Some(_) => {}
                    None => return Err(followed.why().await),
                }
            }
        };
        tokio::time::timeout(limit, begun).await.map_err(|_| ExecError::Timeout(limit))??;
        Ok(followed)
    }
}

impl Followed {
    /// Everything up to the next line that says `last`, without it.
    ///
    /// # Errors
    /// When the script has ended, or says nothing for that long.
    pub async fn until(&mut self, last: &str, silence: Duration) -> Result<Vec<u8>, ExecError> {
        let mut all = Vec::new();
        loop {
            let line = tokio::time::timeout(silence, self.line());
            let line = line.await.map_err(|_| ExecError::Timeout(silence))?;
            let Some(line) = line else { return Err(self.why().await) };
            if line.trim_ascii_end() == last.as_bytes() {
                return Ok(all);
            }
            all.extend(line);
            if all.len() > LARGEST {
                return Err(ExecError::Lost("it says more than anybody can read".to_owned()));
            }
        }
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        matches!(self.stdout.read_until(b'\n', &mut line).await, Ok(1..)).then_some(line)
    }

    /// Why the script has ended.
    async fn why(&mut self) -> ExecError {
        let Some((child, stderr)) = self.end.take() else {
            return ExecError::Lost("it has ended".to_owned());
        };
        let stderr = complaints(stderr).await;
        match status(child).await {
            Ok(255) => ExecError::Lost("the connection has ended".to_owned()),
            Ok(status) => not_begun(&Output { status, stdout: Vec::new(), stderr }),
            Err(error) => error,
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        // With it goes the script's input.
        self.beats.abort();
    }
}

async fn beat(mut stdin: ChildStdin) {
    loop {
        tokio::time::sleep(BEAT).await;
        if stdin.write_all(b"\n").await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}
