//! The end: what was changed stays, or what was there before comes back.

use super::{RUNS, TransactionError, directory};
use crate::action::RunId;
use crate::remote::{Output, Script, Session, quote_all};
use std::time::Duration;

/// How a run is closed whose changes stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is as it was meant to be.
    Confirmed,
    /// It was asked to leave things as they are.
    Kept,
    /// It changed nothing.
    Abandoned,
}

/// What became of a run that was to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// Its changes stay.
    Done,
    /// The device has put everything back already, or is about to.
    PutBack,
    /// It was closed before.
    Before,
}

/// What the way back did on a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutBack {
    /// What was put back, as a person reads it, in order.
    pub done: Vec<String>,
    /// What went wrong on the way.
    pub troubles: Vec<String>,
    /// What is not as it was, after all.
    pub differs: Vec<String>,
    /// How the run was closed before, if it was.
    pub before: Option<String>,
    /// The guard tries once more when its time is over.
    pub again: bool,
}

impl PutBack {
    /// Whether everything is as it was before the run.
    pub fn whole(&self) -> bool {
        self.differs.is_empty() && self.before.as_deref().is_none_or(|how| how == "restored")
    }

    /// What was done, in a line.
    pub fn deeds(&self) -> String {
        if self.done.is_empty() { "nothing had changed".to_owned() } else { self.done.join(", ") }
    }

    /// What is not as it was, a line each.
    pub fn lacks(&self) -> String {
        let closed = self.before.iter().map(|how| format!("the run was closed as {how} on it"));
        let differs = self.differs.iter().map(|what| format!("not as before: {what}"));
        closed.chain(differs).chain(self.troubles.iter().cloned()).collect::<Vec<_>>().join("\n")
    }
}

/// Keeps what a run changed on a device: ends its guard, and removes what was put aside for the way back.
///
/// # Errors
/// When the device can't be asked; then the guard still stands.
pub async fn close(
    session: &Session,
    run: &RunId,
    how: How,
    by: &str,
    timeout: Duration,
) -> Result<Closed, TransactionError> {
    let how = match how {
        How::Confirmed => "confirmed",
        How::Kept => "kept",
        How::Abandoned => "abandoned",
    };
    let output = restore(session, run, &["close", how, by], timeout).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = |mark: &str| text.lines().any(|line| line == mark);
    // Closed so already: the answer to the first time was lost.
    if said("@done") || said(&format!("@closed {how}")) {
        Ok(Closed::Done)
    } else if said("@restoring") || said("@closed restored") {
        Ok(Closed::PutBack)
    } else if text.lines().any(|line| line.starts_with("@closed ")) {
        Ok(Closed::Before)
    } else {
        Err(unanswered(&output))
    }
}

/// Puts back what was on a device before a run; again, if that was cut short before.
///
/// # Errors
/// When the device can't be asked; then its guard does it.
pub async fn put_back(
    session: &Session,
    run: &RunId,
    timeout: Duration,
) -> Result<PutBack, TransactionError> {
    let output = restore(session, run, &["back", "controller"], timeout).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut back = PutBack::default();
    let mut ended = false;
    for line in text.lines() {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            "@put" => back.done.push(rest.to_owned()),
            "@trouble" => back.troubles.push(rest.to_owned()),
            "@differs" => back.differs.push(rest.to_owned()),
            "@closed" => back.before = Some(rest.to_owned()),
            "@again" => back.again = true,
            _ => {}
        }
        ended |= matches!(mark, "@restored" | "@closed" | "@again");
    }
    if ended { Ok(back) } else { Err(unanswered(&output)) }
}

/// Has the run's script on a device end after the step it is at.
///
/// # Errors
/// When the device can't be asked.
pub async fn stop(session: &Session, run: &RunId, timeout: Duration) -> Result<(), TransactionError> {
    let text = format!("mkdir -p /run/fabricctl && : >/run/fabricctl/{run}.stop");
    let output = session.run(&Script { text, attachments: Vec::new(), timeout }, |_| {}).await?;
    if output.status == 0 { Ok(()) } else { Err(unanswered(&output)) }
}

/// Runs the script that lies on the device beside the snapshot. It goes on when the connection is lost.
async fn restore(
    session: &Session,
    run: &RunId,
    words: &[&str],
    timeout: Duration,
) -> Result<Output, TransactionError> {
    let words = quote_all(words.iter().copied());
    let script = directory(run) + "/restore";
    let text = format!(
        "[ -e {script} ] || {{ echo \"@closed gone\"; exit; }}\ntrap '' PIPE HUP\nsh {script} {words}\n"
    );
    Ok(session.run(&Script { text, attachments: Vec::new(), timeout }, |_| {}).await?)
}

fn unanswered(output: &Output) -> TransactionError {
    let said = output.stderr.trim();
    TransactionError::Device(if said.is_empty() {
        format!("{RUNS}: it ended with status {}", output.status)
    } else {
        said.to_owned()
    })
}
