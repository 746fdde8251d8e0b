//! What runs left open that were killed, or that wait to be confirmed: it needs no plan, the devices know the way.

use super::Work;
use crate::action::RunId;
use crate::apply::transaction;
use crate::commands::deeds::{END, deed_problem};
use crate::commands::locks::{Held, open_problem};
use crate::commands::troubles::{Troubles, listed};
use crate::commands::{finish, journal};
use crate::fabric::NodeName;
use crate::output::{Exit, Failure, Problem, Progress};
use crate::remote;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Work<'_> {
    /// Puts back what the run to be undone, or a later one, left open; returns where that went well.
    pub(super) async fn put_back_open(
        &self,
        held: &Held,
        progress: &Progress,
        troubles: &mut Troubles,
    ) -> Result<BTreeSet<NodeName>, Failure> {
        let mut open: BTreeMap<&RunId, Vec<&NodeName>> = BTreeMap::new();
        for (node, found) in held.open.iter().flat_map(|(node, runs)| runs.iter().map(move |run| (node, run)))
        {
            if found.run >= self.of.run {
                open.entry(&found.run).or_default().push(node);
            } else {
                troubles.add(Exit::NotAsDesired, open_problem(node, found));
            }
        }
        let mut whole = BTreeSet::new();
        if open.is_empty() {
            return Ok(whole);
        }
        for (run, nodes) in &open {
            let nodes: Vec<&str> = nodes.iter().map(|node| node.as_str()).collect();
            progress.say(&format!(
                "run {run} is neither confirmed nor undone on {}; what was there before it comes back",
                listed(&nodes)
            ));
        }
        finish::confirm(self.args.change.yes, "Put that back now?").await?;
        // The newest first: each has saved what the one before it left.
        for (run, nodes) in open.into_iter().rev() {
            let fine = self.put_back(run, &nodes, progress, troubles).await;
            for node in &fine {
                journal::put_back(self.global, run, node, &held.run);
            }
            whole.extend(fine);
        }
        Ok(whole)
    }

    async fn put_back(
        &self,
        run: &RunId,
        nodes: &[&NodeName],
        progress: &Progress,
        troubles: &mut Troubles,
    ) -> Vec<NodeName> {
        let sessions = nodes
            .iter()
            .filter_map(|node| Some(((*node).clone(), Arc::clone(self.fleet.sessions.get(*node)?))));
        let wanted = run.clone();
        let ended = remote::each(sessions, self.fleet.parallel, move |_, session| {
            let run = wanted.clone();
            async move { transaction::put_back(&session, &run, END).await }
        })
        .await;
        let mut whole = Vec::new();
        for (node, back) in ended {
            match back {
                Ok(back) if back.whole() => {
                    progress.say(&format!("  {node}: {}", back.deeds()));
                    whole.push(node);
                }
                Ok(back) => {
                    let hint = "mend it by hand, or bring it to the desired state: fabricctl deploy";
                    let problem = Problem { message: back.lacks(), ..Problem::default() };
                    troubles.add(Exit::NotAsDesired, problem.on(&node).during("rollback").hint(hint));
                }
                Err(error) => troubles.add(Exit::NotAsDesired, deed_problem(&node, "rollback", &error)),
            }
        }
        whole
    }
}
