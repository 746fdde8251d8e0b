//! What `lab up` and the processes it starts say to each other: JSON lines over a socket pair.
//!
//! The socket is also how they know of each other's end: a node or hub that was not yet told to [`Order::Keep`]
//! running ends by itself when `lab up` is gone, however that ended.

use crate::process::Interrupt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How often a wait looks at the user's wish.
const TICK: Duration = Duration::from_millis(50);

/// What a node or the hub reports.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// Its namespaces exist; they are those of this process, as `lab up` numbers it.
    Born {
        /// The process.
        pid: i32,
    },
    /// It can be used.
    Ready {
        /// The public host key of a node; nothing from the hub.
        host_key: String,
    },
    /// It gives up.
    Failed {
        /// Why.
        error: String,
    },
}

/// What a node or the hub is told.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// A node's interfaces are there.
    Wired {
        /// The public key that opens its sshd.
        authorized_key: String,
    },
    /// The lab is complete: run on when `lab up` ends.
    Keep,
}

/// What went wrong between the two.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The other side is gone.
    #[error("ended without a word")]
    Closed,
    /// The other side says nothing.
    #[error("said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// The user asked for the end.
    #[error("interrupted")]
    Interrupted,
    /// It says something that can't be read.
    #[error("said {0:?}")]
    Garbled(String),
    /// The socket failed.
    #[error("control socket")]
    Socket(#[from] io::Error),
}

/// One side of the conversation.
pub(super) struct Control {
    stream: UnixStream,
    heard: Vec<u8>,
}

impl Control {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, heard: Vec::new() }
    }

    pub(super) fn send<T: Serialize>(&mut self, message: &T) -> Result<(), ControlError> {
        let mut line = serde_json::to_vec(message).map_err(io::Error::from)?;
        line.push(b'\n');
        Ok(self.stream.write_all(&line)?)
    }

    /// Waits for the next message; without a limit, as long as it takes.
    pub(super) fn receive<T: DeserializeOwned>(
        &mut self,
        limit: Option<Duration>,
        interrupt: Interrupt,
    ) -> Result<T, ControlError> {
        let started = Instant::now();
        self.stream.set_read_timeout(Some(TICK))?;
        loop {
            if let Some(end) = self.heard.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                return serde_json::from_slice(&line)
                    .map_err(|_| ControlError::Garbled(String::from_utf8_lossy(&line).trim().to_owned()));
            }
            if interrupt.raised() {
                return Err(ControlError::Interrupted);
            }
            if let Some(limit) = limit.filter(|limit| started.elapsed() > *limit) {
                return Err(ControlError::Silent(limit));
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ControlError::Closed),
                Ok(count) => self.heard.extend_from_slice(&chunk[..count]),
                Err(error) if waits(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_pass_and_the_end_is_noticed() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut here, mut there) = (Control::new(here), Control::new(there));
        let wired = Order::Wired { authorized_key: "ssh-ed25519 AAAA".to_owned() };
        there.send(&wired).unwrap();
        there.send(&Order::Keep).unwrap();
        let limit = Some(Duration::from_millis(20));
        assert_eq!(here.receive::<Order>(limit, Interrupt::never()).unwrap(), wired);
        assert_eq!(here.receive::<Order>(limit, Interrupt::never()).unwrap(), Order::Keep);
        assert!(matches!(here.receive::<Order>(limit, Interrupt::never()), Err(ControlError::Silent(_))));
        drop(there);
        assert!(matches!(here.receive::<Order>(None, Interrupt::never()), Err(ControlError::Closed)));
    }
}
