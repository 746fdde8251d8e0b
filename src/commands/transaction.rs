//! A run over all its devices: opened with a snapshot and a guard each, and closed one way or the other.

use super::deeds::{END, deed_problem, end};
use super::fleet::Fleet;
use super::health::Health;
use super::journal::RunLog;
use super::locks::Held;
use super::rolled_back::{RolledBack, deadline};
use super::troubles::{Troubles, listed};
use crate::action::{Plan, Wave};
use crate::apply::transaction::{self, Closed, How, Opening, PutBack, TransactionError};
use crate::cli::{Confirm, EndArgs};
use crate::fabric::{Fabric, NodeName};
use crate::output::{Exit, Failure, Problem, Progress};
use crate::planner::{self, Pace};
use crate::remote::{self, Session};
use crate::store::journal::Safety;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a rollback waits for a node that was put back, before it takes one that stood in for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The devices of a run that have a snapshot of it and a guard.
pub(super) struct Guarded<'a> {
    fabric: &'a Fabric,
    fleet: &'a Fleet,
    held: &'a Held,
    log: &'a RunLog,
    nodes: BTreeSet<NodeName>,
    /// Those that were given up and don't have back what they had.
    out: BTreeSet<NodeName>,
    confirm_within: Duration,
    back: RolledBack,
}

impl<'a> Guarded<'a> {
    /// Takes the snapshots of what a plan will touch, and starts the guards: on all devices of the plan, or on none.
    pub(super) async fn open(
        fabric: &'a Fabric,
        fleet: &'a Fleet,
        (held, log): (&'a Held, &'a RunLog),
        plan: &Plan,
        end: &EndArgs,
    ) -> Result<Self, Failure> {
        let (confirm_within, by_hand) = (end.confirm_within, end.confirm == Confirm::Manual);
        let nodes: BTreeSet<NodeName> = plan.steps().map(|step| step.node.clone()).collect();
        let plan = Arc::new(plan.clone());
        let timeout = fleet.timeout;
        let work = nodes.iter().filter_map(|node| {
            let session = Arc::clone(fleet.sessions.get(node)?);
            let member = fabric.nodes.get(node)?;
            let ports = member.ports.iter().map(|port| port.name.to_string());
            let management = member.management.iter().map(|port| port.interface.to_string());
            let ports = ports.chain(management).chain(["lo".to_owned()]).collect::<Vec<_>>();
            Some((node.clone(), (session, ports, planner::services(member).into_keys().collect())))
        });
        let common = Arc::new((fabric.name.clone(), held.run.clone(), held.who.clone(), held.began.clone()));
        let opened = remote::each(work, fleet.parallel, |node, (session, ports, services)| {
            let (plan, common) = (Arc::clone(&plan), Arc::clone(&common));
            async move {
                let (fabric, run, who, began) = &*common;
                let steps = plan.steps().filter(|step| step.node == node).collect();
                let opening =
                    Opening { run, fabric, who, began, confirm_within, by_hand, steps, services, ports };
                transaction::open(&session, &opening, timeout).await
            }
        })
        .await;
        let mut troubles = Troubles::default();
        for (node, error) in opened.iter().filter_map(|(node, opened)| Some((node, opened.as_ref().err()?))) {
            troubles.add(Exit::NotAsDesired, deed_problem(node, "snapshot", error));
        }
        for (node, opened) in &opened {
            let said = opened.as_ref().err().map(ToString::to_string);
            log.safety(node, Safety::GuardArmed, opened.is_ok(), said);
        }
        let (out, back) = (BTreeSet::new(), RolledBack::default());
        let guarded = Self { fabric, fleet, held, log, nodes, out, confirm_within, back };
        if !troubles.is_empty() {
            let fine = opened.iter().filter(|(_, opened)| opened.is_ok()).map(|(node, _)| node.clone());
            guarded.close(&fine.collect(), How::Abandoned).await;
            troubles.before_changes(&guarded.nodes)?;
        }
        Ok(guarded)
    }

    /// When the guards' time is over, if the devices hear nothing more from now on.
    pub(super) fn deadline(&self) -> String {
        deadline(self.confirm_within)
    }

    /// Makes the changes final: on connections of its own, since a device that takes no new one is not as it should be.
    /// When one doesn't, nothing is final on any.
    ///
    /// # Errors
    /// With what is wrong, and whether the run can still be undone.
    pub(super) async fn confirm(&self) -> Result<(), (Failure, Undo)> {
        let mut troubles = Troubles::default();
        let mut sessions = BTreeMap::new();
        for (node, session) in self.fleet.connect(self.nodes.difference(&self.out)).await {
            match session {
                Ok(session) => drop(sessions.insert(node, session)),
                Err((by_hand, error)) => {
                    let hint = format!("it took the old connection and no new one; to try: {by_hand}");
                    let problem = Problem::from_error(&error).on(&node).during("confirm").hint(hint);
                    troubles.add(Exit::Unreachable, problem);
                }
            }
        }
        if let Err(failure) = std::mem::take(&mut troubles).into_failure() {
            close_all(sessions).await;
            return Err((failure, Undo::Possible));
        }
        let mut confirmed = Vec::new();
        for (node, closed) in self.confirm_twice(sessions.clone()).await {
            let said = closed.as_ref().err().map(ToString::to_string);
            self.log.safety(&node, Safety::Confirmed, matches!(closed, Ok(Closed::Done)), said);
            match closed {
                Ok(Closed::Done) => confirmed.push(node.to_string()),
                Ok(Closed::PutBack | Closed::Before) => {
                    let message = "the device has put back what was there before: it heard nothing of this run for too long";
                    let problem = Problem { message: message.to_owned(), ..Problem::default() };
                    let hint = "give it longer with --confirm-within, and run the same command again";
                    troubles.add(Exit::RolledBack, problem.on(&node).during("confirm").hint(hint));
                }
                Err(error) => troubles.add(Exit::NotAsDesired, self.unknown(&node, &error)),
            }
        }
        close_all(sessions).await;
        if !troubles.is_empty() && !confirmed.is_empty() {
            let confirmed: Vec<&str> = confirmed.iter().map(String::as_str).collect();
            let message = format!("confirmed: what was deployed stays on {}", listed(&confirmed));
            troubles.add(Exit::Ok, Problem { message, ..Problem::default() });
        }
        troubles.into_failure().map_err(|failure| (failure, Undo::Over))
    }

    /// Confirms, and does so again where only the connection was lost: a device says then what it did the first time.
    async fn confirm_twice(
        &self,
        sessions: BTreeMap<NodeName, Arc<Session>>,
    ) -> BTreeMap<NodeName, Result<Closed, TransactionError>> {
        let mut closed = self.end(sessions, How::Confirmed).await;
        let lost: Vec<&NodeName> =
            closed.iter().filter(|(_, closed)| closed.is_err()).map(|(node, _)| node).collect();
        let mut again = BTreeMap::new();
        for (node, session) in self.fleet.connect(lost).await {
            again.extend(session.ok().map(|session| (node, session)));
        }
        closed.extend(self.end(again.clone(), How::Confirmed).await);
        close_all(again).await;
        closed
    }

    /// A device that was told to keep what it has, and didn't answer.
    fn unknown(&self, node: &NodeName, error: &TransactionError) -> Problem {
        let message = format!(
            "{error}; whether it is confirmed isn't known: if not, its guard puts everything back by {}",
            self.deadline()
        );
        let hint = "after that time `fabricctl plan` shows which it is, and `fabricctl deploy` brings it to the desired state";
        Problem { message, ..Problem::default() }.on(node).during("confirm").hint(hint)
    }

    /// Leaves what was done as it is, on all devices; says nothing of those whose guards it can't end.
    pub(super) async fn keep(&self) {
        self.close(&self.nodes, How::Kept).await;
    }

    async fn close(&self, nodes: &BTreeSet<NodeName>, how: How) {
        let sessions = self.fleet.sessions.iter().filter(|(node, _)| nodes.contains(*node));
        let sessions = sessions.map(|(node, session)| (node.clone(), Arc::clone(session))).collect();
        // A device that can't be told puts everything back: that is what a guard is for.
        drop(self.end(sessions, how).await);
    }

    async fn end(
        &self,
        sessions: BTreeMap<NodeName, Arc<Session>>,
        how: How,
    ) -> BTreeMap<NodeName, Result<Closed, TransactionError>> {
        end(sessions, self.fleet.parallel, &self.held.run, how, &self.held.who).await
    }

    /// The nodes that were given up and can't be counted on: they don't have back what they had.
    pub(super) fn out(&self) -> &BTreeSet<NodeName> {
        &self.out
    }

    /// Ends the run on nodes that failed while the others go on: what was there before comes back, or all stays as it is.
    pub(super) async fn give_up(&mut self, nodes: &BTreeSet<NodeName>, keep: bool, progress: &Progress) {
        if keep {
            self.close(nodes, How::Kept).await;
            self.nodes.retain(|node| !nodes.contains(node));
            self.out.extend(nodes.iter().cloned());
            return;
        }
        let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
        progress.say(&format!("rolling back {}", listed(&names)));
        self.bring_back(nodes.iter().collect(), progress).await;
    }

    /// Puts back what was there before the run: the devices that were changed last come first, and those that stand in
    /// for one another wait for each other. Those that no step touched only lose their guards.
    pub(super) async fn roll_back(
        mut self,
        touched: &BTreeSet<NodeName>,
        health: &Health<'_>,
        progress: &Progress,
    ) -> RolledBack {
        let untouched = self.nodes.difference(touched).cloned().collect();
        self.close(&untouched, How::Abandoned).await;
        self.back.untouched = untouched.iter().map(ToString::to_string).collect();
        let in_service = health.standing().in_service();
        for wave in [Wave::Servers, Wave::Leafs, Wave::Spines] {
            let of_wave = |node: &&NodeName| {
                self.fabric.nodes.get(*node).is_some_and(|member| Wave::of(member.role) == wave)
            };
            let nodes: Vec<NodeName> = touched.intersection(&self.nodes).filter(of_wave).cloned().collect();
            if nodes.is_empty() {
                continue;
            }
            progress.say(&format!("rolling back the {wave}"));
            let mut batches = planner::batches(self.fabric, &nodes, in_service, &Pace::default()).into_iter();
            while let Some(batch) = batches.next() {
                self.bring_back(batch.iter().collect(), progress).await;
                if batches.len() > 0 {
                    let back: BTreeSet<NodeName> =
                        batch.into_iter().filter(|node| !self.out.contains(node)).collect();
                    health.recovered(&back, PATIENCE).await;
                }
            }
        }
        self.back
    }

    /// What was put back: the failure of a run that went on without some nodes.
    pub(super) fn into_back(self) -> RolledBack {
        self.back
    }

    async fn bring_back(&mut self, nodes: Vec<&NodeName>, progress: &Progress) {
        for (node, back) in self.put_back(nodes).await {
            if self.back.add(&node, back, (self.log, self.confirm_within), progress) {
                self.nodes.remove(&node);
                self.out.remove(&node);
            } else {
                self.out.insert(node);
            }
        }
    }

    async fn put_back(&self, nodes: Vec<&NodeName>) -> BTreeMap<NodeName, Result<PutBack, TransactionError>> {
        let run = &self.held.run;
        let deed = |sessions: BTreeMap<NodeName, Arc<Session>>| {
            remote::each(sessions, self.fleet.parallel, |_, session| {
                let run = run.clone();
                async move { transaction::put_back(&session, &run, END).await }
            })
        };
        let old = nodes
            .iter()
            .filter_map(|node| Some(((*node).clone(), Arc::clone(self.fleet.sessions.get(*node)?))));
        let mut back = deed(old.collect()).await;
        // Perhaps only the connection was lost.
        let lost: Vec<&NodeName> =
            nodes.into_iter().filter(|node| back.get(*node).is_none_or(Result::is_err)).collect();
        let mut again = BTreeMap::new();
        for (node, session) in self.fleet.connect(lost).await {
            again.extend(session.ok().map(|session| (node, session)));
        }
        back.extend(deed(again.clone()).await);
        close_all(again).await;
        back
    }
}

/// Whether a run that could not be confirmed can still be undone everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undo {
    /// Nothing is final yet.
    Possible,
    /// Some of it is.
    Over,
}

/// Ends connections.
async fn close_all(sessions: BTreeMap<NodeName, Arc<Session>>) {
    let parallel = sessions.len();
    remote::each(sessions, parallel, |_, session| async move {
        if let Some(session) = Arc::into_inner(session) {
            session.close().await;
        }
    })
    .await;
}
