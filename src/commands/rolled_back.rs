//! What became of a rollback, in the words of the run that ends with it.

use super::journal::RunLog;
use super::troubles::{Troubles, listed};
use crate::apply::transaction::{PutBack, TransactionError};
use crate::fabric::NodeName;
use crate::output::{Exit, Failure, Problem, Progress};
use crate::store::journal::Safety;
use std::time::{Duration, SystemTime};

/// What became of a rollback.
#[derive(Default)]
pub(super) struct RolledBack {
    whole: Vec<String>,
    /// Nodes on which no step had begun.
    pub untouched: Vec<String>,
    troubles: Troubles,
}

impl RolledBack {
    /// Takes note of what became of a node; returns whether it has back what it had.
    pub(super) fn add(
        &mut self,
        node: &NodeName,
        back: Result<PutBack, TransactionError>,
        (log, confirm_within): (&RunLog, Duration),
        progress: &Progress,
    ) -> bool {
        let back = match back {
            Ok(back) => back,
            Err(error) => {
                log.safety(node, Safety::RolledBack, false, Some(error.to_string()));
                let message =
                    format!("{error}; its guard puts everything back by {}", deadline(confirm_within));
                let hint =
                    "look at it after that time: a run that was put back says so in /var/lib/fabricctl/runs";
                let problem = Problem { message, ..Problem::default() };
                self.troubles.add(Exit::RolledBack, problem.on(node).during("rollback").hint(hint));
                return false;
            }
        };
        log.safety(node, Safety::RolledBack, back.whole(), None);
        progress.say(&format!("  {node}: {}", back.deeds()));
        if back.whole() {
            self.whole.push(node.to_string());
            return true;
        }
        let again = back.again.then(|| format!("its guard tries once more by {}", deadline(confirm_within)));
        let message = [back.lacks()].into_iter().chain(again).collect::<Vec<_>>().join("\n");
        let hint = "mend it by hand, or bring it to the desired state: fabricctl deploy";
        let problem = Problem { message, ..Problem::default() };
        self.troubles.add(Exit::NotAsDesired, problem.on(node).during("rollback").hint(hint));
        false
    }

    /// The failure that a run ends with which was rolled back because of another one.
    pub(super) fn into_failure(self, cause: Failure, interrupted: bool) -> Failure {
        let mut failure = self.beside(cause);
        if interrupted {
            failure.exit = Exit::Interrupted;
        } else if failure.exit != Exit::NotAsDesired {
            failure.exit = Exit::RolledBack;
        }
        failure
    }

    /// The failure of nodes that were given up while the others went on.
    pub(super) fn into_part(self, cause: Failure) -> Failure {
        Failure { exit: cause.exit, problems: self.beside(cause).problems }
    }

    /// What was put back, told with the reason why; what could not be put back is graver than that the rest was.
    fn beside(self, cause: Failure) -> Failure {
        let Self { whole, untouched, troubles } = self;
        let mut problems = cause.problems;
        if !untouched.is_empty() {
            let untouched: Vec<&str> = untouched.iter().map(String::as_str).collect();
            let message = format!("no step had begun on {}: nothing was changed there", listed(&untouched));
            problems.push(Problem { message, ..Problem::default() });
        }
        if !whole.is_empty() {
            let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
            let message =
                format!("rolled back: everything is as it was before this run on {}", listed(&whole));
            problems.push(Problem { message, ..Problem::default() });
        }
        let undone = troubles.into_failure().err();
        let exit = undone.as_ref().map_or(Exit::RolledBack, |failure| failure.exit);
        problems.extend(undone.into_iter().flat_map(|failure| failure.problems));
        Failure { exit, problems }
    }
}

/// The moment after a time from now.
pub(super) fn deadline(within: Duration) -> String {
    let time = humantime::format_rfc3339_seconds(SystemTime::now() + within).to_string();
    // The time of day; the date is today's, or it was just midnight.
    time.get(11..19).map_or(time.clone(), |time| format!("{time} UTC"))
}
