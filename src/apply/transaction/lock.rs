//! One run at a time on a device.

use crate::action::RunId;
use crate::remote::{ExecError, Held, Hold, Session, quote_all};
use std::time::Duration;

/// Runs on the device, constant.
const SCRIPT: &str = include_str!("lock.sh");
/// What it says once it has the lock.
const LOCKED: &str = "@locked";

/// Who wants a device.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// `user@host` of this machine.
    pub who: String,
    /// Whether to end a run that has the device, and take it over.
    pub take_over: bool,
}

/// A device that is this run's, until this is dropped or this process or the connection dies.
pub struct Lock(Held);

/// Who has a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// `user@host` of the machine that it runs on.
    pub who: String,
    /// The address from which it came.
    pub from: String,
    /// Since when, RFC 3339 in UTC.
    pub since: String,
}

/// A run that was neither confirmed nor undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// The run.
    pub run: RunId,
    /// `user@host` of the machine that it ran on.
    pub who: String,
    /// How long until the device puts back what was there before it; zero while it does.
    pub left: Duration,
    /// Whether a person is to confirm it; otherwise it was cut short, for a run holds its devices while it works.
    pub by_hand: bool,
}

/// Why a device isn't this run's.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("{}", held(.0))]
    Held(Holder),
    /// The way to it failed.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The device can't keep a lock.
    #[error("the device can't keep a lock: {0}")]
    Device(String),
}

fn held(holder: &Holder) -> String {
    let Holder { run, who, from, since } = holder;
    if run.is_empty() {
        return "another run is working on the device".to_owned();
    }
    format!("run {run} of {who}, from {from}, is working on the device since {since}")
}

/// Takes the lock of a device; with it comes what other runs left open there.
///
/// # Errors
/// When another run has it, or the way to the device failed.
pub async fn lock(
    session: &Session,
    claim: &Claim,
    limit: Duration,
) -> Result<(Lock, Vec<OpenRun>), LockError> {
    let take_over = if claim.take_over { "yes" } else { "no" };
    let words = ["sh", "-c", SCRIPT, "fabricctl", claim.run.as_str(), &claim.who];
    // The login shell knows where it was called from; sudo would forget it.
    let words = format!("{} \"${{SSH_CONNECTION:-?}}\" {take_over}", quote_all(words));
    match session.hold(&words, LOCKED, limit).await? {
        Hold::Ready(lines, held) => {
            Ok((Lock(held), lines.iter().filter_map(|line| open_run(line)).collect()))
        }
        Hold::Ended(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if let Some((_, lines)) = text.split_once("@held") {
                return Err(LockError::Held(holder(lines)));
            }
            let said = format!("{} {}", text.replace("@begun", "").trim(), output.stderr.trim());
            Err(LockError::Device(said.trim().to_owned()))
        }
    }
}

impl Lock {
    /// Lets the device go.
    pub async fn release(self) {
        self.0.release().await;
    }
}

/// Lines of run, who, from where and since when.
fn holder(lines: &str) -> Holder {
    let mut lines = lines.lines().skip(1).map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    Holder { run: next(), who: next(), from: next(), since: next() }
}

/// `@open RUN SECONDS auto|manual WHO`
fn open_run(line: &str) -> Option<OpenRun> {
    let mut words = line.strip_prefix("@open ")?.splitn(4, ' ');
    let run = RunId::new(words.next()?).ok()?;
    let left: i64 = words.next()?.parse().ok()?;
    let left = Duration::from_secs(left.try_into().unwrap_or(0));
    let by_hand = words.next()? == "manual";
    Some(OpenRun { run, left, by_hand, who: words.next().unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_device_says_of_others_is_understood() {
        let said = "\n20261122T090834Z-002f\nroot@here\n192.0.2.7\n2026-11-22T09:08:34Z\n";
        let error = LockError::Held(holder(said));
        assert_eq!(
            error.to_string(),
            "run 20261122T090834Z-002f of root@here, from 192.0.2.7, is working on the device since 2026-11-22T09:08:34Z"
        );
        assert!(LockError::Held(holder("\n")).to_string().contains("another run"));
        let open = open_run("@open 20261122T090834Z-002f 87 manual root@here").unwrap();
        assert!(open.by_hand);
        assert_eq!((open.left, open.who.as_str()), (Duration::from_secs(87), "root@here"));
        assert_eq!(open_run("@open 20261122T090834Z-002f -3 auto root@here").unwrap().left, Duration::ZERO);
        assert_eq!(open_run("@open a/b 1 auto c"), None);
        assert_eq!(open_run("Welcome"), None);
    }
}
