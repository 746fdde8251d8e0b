//! How a run ends on devices, whoever ends it.

use super::fleet::exec_problem;
use crate::action::RunId;
use crate::apply::transaction::{self, Closed, How, TransactionError};
use crate::fabric::NodeName;
use crate::output::Problem;
use crate::remote::{self, Session};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What one device's part of an end may take at least, however short the limit of a step is.
pub(super) const END: Duration = Duration::from_secs(120);

/// Closes a run on devices.
pub(super) async fn end(
    sessions: BTreeMap<NodeName, Arc<Session>>,
    parallel: usize,
    run: &RunId,
    how: How,
    by: &str,
) -> BTreeMap<NodeName, Result<Closed, TransactionError>> {
    remote::each(sessions, parallel, |_, session| {
        let (run, by) = (run.clone(), by.to_owned());
        async move { transaction::close(&session, &run, how, &by, END).await }
    })
    .await
}

/// A deed of a transaction that failed on a node, as a problem.
pub(super) fn deed_problem(node: &NodeName, step: &str, error: &TransactionError) -> Problem {
    let hint = match error {
        TransactionError::Exec(error) => return exec_problem(node, step, error),
        TransactionError::Device(said) if said.contains("No space left") => {
            "free some space in /tmp and /var/lib/fabricctl on the device: df -h shows where it is full"
        }
        TransactionError::Device(_) => {
            "see what the device lacks: it needs Debian's coreutils, util-linux and findutils"
        }
        TransactionError::Answer(_) => "the device holds a run of another version of fabricctl",
    };
    Problem::from_error(error).on(node).during(step).hint(hint)
}
