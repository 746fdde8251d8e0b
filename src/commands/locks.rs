//! The locks of all devices of a run.

use super::deeds::{END, deed_problem};
use super::fleet::{Fleet, exec_problem};
use super::troubles::Troubles;
use super::{finish, journal};
use crate::action::RunId;
use crate::apply::transaction::{self, Claim, Lock, LockError, OpenRun, PutBack};
use crate::cli::Global;
use crate::fabric::NodeName;
use crate::output::{Exit, Problem};
use crate::remote::{self, ExecError, Session};
use crate::store::journal::Who;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

/// A run, and the devices that are its alone.
pub(super) struct Held {
    pub run: RunId,
    pub who: String,
    pub began: String,
    locks: BTreeMap<NodeName, Lock>,
    /// What other runs left open, by node.
    pub open: BTreeMap<NodeName, Vec<OpenRun>>,
}

impl Held {
    /// Takes the locks of all devices of a fleet, and says of each other device who has it.
    pub(super) async fn take(fleet: &Fleet, take_over: bool) -> (Self, Troubles) {
        let now = SystemTime::now();
        let began = humantime::format_rfc3339_seconds(now).to_string();
        let run = RunId::of(&began, chance(now));
        let claim = Arc::new(Claim {
            run,
            who: Who::here().to_string().replace(char::is_whitespace, "_"),
            take_over,
        });
        let timeout = fleet.timeout;
        let wanted = Arc::clone(&claim);
        let taken = remote::each(fleet.sessions.clone(), fleet.parallel, move |_, session| {
            let claim = Arc::clone(&wanted);
            async move { transaction::lock(&session, &claim, timeout).await }
        })
        .await;
        let mut troubles = Troubles::default();
        let (mut locks, mut open) = (BTreeMap::new(), BTreeMap::new());
        for (node, lock) in taken {
            match lock {
                Ok((lock, runs)) => {
                    locks.insert(node.clone(), lock);
                    if !runs.is_empty() {
                        open.insert(node, runs);
                    }
                }
                Err(error) => troubles.add(lock_exit(&error), lock_problem(&node, &error)),
            }
        }
        let Claim { run, who, .. } = Arc::unwrap_or_clone(claim);
        (Self { run, who, began, locks, open }, troubles)
    }

    /// The nodes that are this run's.
    pub(super) fn nodes(&self) -> BTreeSet<NodeName> {
        self.locks.keys().cloned().collect()
    }

    /// What other runs left open stands in the way of this one: what it would change is about to change by itself.
    ///
    /// A run that was cut short is undone here and now instead of when its guards' time is over. One that waits for a
    /// person is that person's.
    pub(super) async fn settle_open(&mut self, global: &Global, fleet: &Fleet, troubles: &mut Troubles) {
        let progress = finish::progress(global);
        let cut_short: BTreeMap<NodeName, (Arc<Session>, Vec<OpenRun>)> = self
            .open
            .iter()
            .filter(|(_, runs)| runs.iter().all(|run| !run.by_hand))
            .filter_map(|(node, runs)| {
                Some((node.clone(), (Arc::clone(fleet.sessions.get(node)?), runs.clone())))
            })
            .collect();
        let named: BTreeSet<(&RunId, &str)> = cut_short
            .values()
            .flat_map(|(_, runs)| runs.iter().map(|run| (&run.run, run.who.as_str())))
            .collect();
        for (run, who) in named {
            progress
                .say(&format!("run {run} of {who} was cut short: what was there before it comes back first"));
        }
        let undone = remote::each(cut_short, fleet.parallel, |_, (session, runs)| async move {
            // The newest first, as they lie upon each other.
            for open in runs.iter().rev() {
                let back = transaction::put_back(&session, &open.run, END).await;
                if !back.as_ref().is_ok_and(PutBack::whole) {
                    return Err((open.run.clone(), back));
                }
            }
            Ok(runs)
        });
        for (node, ended) in undone.await {
            match ended {
                Ok(runs) => {
                    for open in &runs {
                        journal::put_back(global, &open.run, &node, &self.run);
                    }
                    self.open.remove(&node);
                }
                Err((_, Err(error))) => {
                    troubles.add(Exit::NotAsDesired, deed_problem(&node, "rollback", &error));
                }
                Err((run, Ok(back))) => {
                    let message =
                        format!("run {run} was cut short, and not all is as before it:\n{}", back.lacks());
                    let hint = "mend it by hand, then run the same command again";
                    let problem = Problem { message, ..Problem::default() };
                    troubles.add(Exit::NotAsDesired, problem.on(&node).during("rollback").hint(hint));
                    self.open.remove(&node);
                }
            }
        }
        for (node, run) in self.open.iter().flat_map(|(node, runs)| runs.iter().map(move |run| (node, run))) {
            troubles.add(Exit::NotAsDesired, open_problem(node, run));
        }
    }

    /// Lets the devices go.
    pub(super) async fn release(self) {
        let parallel = self.locks.len();
        remote::each(self.locks, parallel, |_, lock| lock.release()).await;
    }
}

/// Tells runs apart that begin in the same second.
fn chance(now: SystemTime) -> u16 {
    let nanos = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    // The clock's finest digits count little on some machines, its coarsest never fill the number.
    let [.., high, low] = ((nanos >> 12) ^ std::process::id()).to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn lock_exit(error: &LockError) -> Exit {
    match error {
        LockError::Exec(ExecError::Lost(_)) => Exit::Unreachable,
        _ => Exit::NotAsDesired,
    }
}

fn lock_problem(node: &NodeName, error: &LockError) -> Problem {
    let hint = match error {
        LockError::Exec(error) => return exec_problem(node, "lock", error),
        LockError::Held(_) => {
            "wait until it is through; --break-lock ends it and takes the device over: what it changed there comes \
             back when its guard's time is over"
        }
        LockError::Device(_) => "see whether /run/fabricctl on the device can be written",
    };
    Problem::from_error(error).on(node).during("lock").hint(hint)
}

pub(super) fn open_problem(node: &NodeName, open: &OpenRun) -> Problem {
    let OpenRun { run, who, left, .. } = open;
    let (message, hint) = if left.is_zero() {
        let message = format!(
            "run {run} of {who} was not confirmed; the device is putting back what was there before it"
        );
        (message, "run the same command again in a moment".to_owned())
    } else {
        let message = format!(
            "run {run} of {who} is neither confirmed nor undone; the device puts back what was there before it in {} s",
            left.as_secs()
        );
        (message, "keep what it did with `fabricctl confirm`, or wait until that time is over".to_owned())
    };
    Problem { message, ..Problem::default() }.on(node).during("lock").hint(hint)
}
