//! Asks a device, in one exec, for its facts and for its state as far as this tool cares.

mod answer;
mod drift;
mod script;

pub use answer::{Observation, ObserveError};
pub use drift::drift;
pub use script::Question;

use crate::parse::{self, NeighborStatus, Rib};
use crate::planner::RDNBRD_PATH;
use crate::remote::{ExecError, Script, Session};
use std::time::Duration;

/// How the script ends when another run keeps the device for too long (`EX_TEMPFAIL` of sysexits.h).
const BUSY: i32 = 75;

/// Why a device's state isn't known.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The script didn't run.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// Another run works on the device.
    #[error("another fabricctl works on the device")]
    Busy,
    /// FRR didn't answer.
    #[error("FRR doesn't answer: {0}")]
    Router(String),
    /// The neighbour daemon didn't answer.
    #[error("rdnbrd doesn't answer: {0}")]
    Daemon(String),
    /// Its answer can't be read.
    #[error(transparent)]
    Answer(#[from] ObserveError),
}

/// Observes one device; nothing on it changes.
///
/// # Errors
/// When the script can't run or its answer can't be read.
pub async fn ask(session: &Session, question: &Question, timeout: Duration) -> Result<Observation, AskError> {
    let script = Script { text: script::text(question), attachments: Vec::new(), timeout };
    let output = session.run(&script, |_| {}).await?;
    if output.status == BUSY {
        return Err(AskError::Busy);
    }
    Ok(answer::read(question, &output)?)
}

/// Asks a router for its routing table.
///
/// # Errors
/// When the script can't run or its answer can't be read.
pub async fn routes(session: &Session, timeout: Duration) -> Result<Rib, AskError> {
    // Without the home of whoever logs in: vtysh writes down there what it was asked.
    let text = "HOME=$work vtysh -c 'show ip route json'".to_owned();
    let output = session.run(&Script { text, attachments: Vec::new(), timeout }, |_| {}).await?;
    if output.status != 0 {
        return Err(AskError::Router(output.stderr.trim().to_owned()));
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    Ok(parse::frr_routes(&answer).map_err(ObserveError::from)?)
}

/// Asks a leaf's neighbour daemon for its hosts.
///
/// # Errors
/// When the script can't run, the daemon doesn't answer, or its answer can't be read.
pub async fn neighbors(session: &Session, timeout: Duration) -> Result<NeighborStatus, AskError> {
    let text = format!("{RDNBRD_PATH} status -o json");
    let output = session.run(&Script { text, attachments: Vec::new(), timeout }, |_| {}).await?;
    let answer = String::from_utf8_lossy(&output.stdout);
    if output.status != 0 {
        let said = output.stderr.lines().chain(answer.lines()).map(str::trim).find(|line| !line.is_empty());
        let silent = format!("it ended with status {}", output.status);
        let said = said.map(|line| line.trim_start_matches("rdnbrd: ").to_owned());
        return Err(AskError::Daemon(said.unwrap_or(silent)));
    }
    Ok(parse::neighbor_status(&answer).map_err(ObserveError::from)?)
}
