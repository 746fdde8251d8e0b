//! Asks a device, in one exec, for its facts and for its state as far as this tool cares.

mod answer;
mod drift;
mod facts;
mod follow;
mod inquiry;
mod script;
mod sections;

pub use answer::{Observation, ObserveError};
pub use drift::drift;
pub use facts::{facts, recorded};
pub use follow::{Following, follow};
pub use inquiry::Inquiry;
pub use script::Question;

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
    let word = sections::draw_word();
    let script = Script { text: script::text(question, &word), attachments: Vec::new(), timeout };
    let output = session.run(&script, |_| {}).await?;
    if output.status == BUSY {
        return Err(AskError::Busy);
    }
    Ok(answer::read(question, &word, &output)?)
}
