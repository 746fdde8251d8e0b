//! Follows a device: one script there asks the same questions again and again, and sends what differs from its last answer.

use super::AskError;
use super::facts::recorded;
use super::inquiry::Inquiry;
use super::sections::draw_word;
use crate::remote::{Followed, Session};
use crate::verify::Facts;
use std::time::Duration;

/// What the script says once it is about to begin.
const READY: &str = "fabricctl-follows";
/// How much longer than the interval a device may be silent: its own limits for programs that hang end before.
const SILENCE: Duration = Duration::from_secs(12);
/// Longest time until the script begins.
const BEGIN: Duration = Duration::from_secs(15);

/// A device that tells what changes, until this is dropped.
pub struct Following {
    followed: Followed,
    inquiry: Inquiry,
    word: String,
    silence: Duration,
}

/// Begins to follow a device; nothing on it changes. It is asked every `interval`, sooner where it hears itself that
/// something has changed, and later where answering takes it more than a third of its time.
///
/// # Errors
/// When the script can't begin.
pub async fn follow(session: &Session, inquiry: Inquiry, interval: Duration) -> Result<Following, AskError> {
    let word = draw_word();
    let followed = session.follow(&inquiry.following(&word, interval), READY, BEGIN).await?;
    Ok(Following { followed, inquiry, word, silence: interval + SILENCE })
}

impl Following {
    /// What differs from before, after the next round: everything after the first one, nothing where nothing has changed.
    ///
    /// # Errors
    /// When the device is silent for too long, or the connection has ended.
    pub async fn next(&mut self) -> Result<Facts, AskError> {
        let done = format!("@@{} done", self.word);
        let mut said = self.followed.until(&done, self.silence).await?;
        if said.len() <= 1 {
            return Ok(Facts::default());
        }
        // The last answer ends where a mark begins.
        said.extend_from_slice(format!("{done}\n").as_bytes());
        Ok(recorded(&self.inquiry, &self.word, &said))
    }
}
