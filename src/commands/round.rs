//! One round of questions: every device at the same time, over connections that are there.

use super::fleet::Fleet;
use crate::fabric::NodeName;
use crate::observe::{self, AskError, Inquiry};
use crate::parse::{NeighborStatus, Rib};
use crate::remote;
use crate::verify::{Facts, Fault, Section};
use std::collections::{BTreeMap, BTreeSet};

/// What each node answered; no error where there is no connection, which was told before.
pub(super) type Round<T> = BTreeMap<NodeName, Result<T, Option<AskError>>>;

/// Asks every node its question.
pub(super) async fn ask(
    fleet: &Fleet,
    questions: impl IntoIterator<Item = (NodeName, Inquiry)>,
) -> Round<Facts> {
    let timeout = fleet.timeout;
    let work = questions.into_iter().map(|(name, question)| {
        let session = fleet.sessions.get(&name).cloned();
        (name, (session, question))
    });
    remote::each(work, fleet.parallel, move |_, (session, question)| async move {
        let Some(session) = session else { return Err(None) };
        observe::facts(&session, &question, timeout).await.map_err(Some)
    })
    .await
}

/// Asks routers for nothing but FRR's routes.
pub(super) async fn routes(fleet: &Fleet, nodes: &BTreeSet<NodeName>) -> Round<Rib> {
    only(fleet, nodes, Section::Rib, |facts| facts.rib, AskError::Router).await
}

/// Asks leafs for nothing but their daemons' hosts.
pub(super) async fn neighbors(fleet: &Fleet, nodes: &BTreeSet<NodeName>) -> Round<NeighborStatus> {
    only(fleet, nodes, Section::Daemon, |facts| facts.daemon, AskError::Daemon).await
}

async fn only<T>(
    fleet: &Fleet,
    nodes: &BTreeSet<NodeName>,
    section: Section,
    part: impl Fn(Facts) -> crate::verify::Answer<T>,
    failed: impl Fn(String) -> AskError,
) -> Round<T> {
    let questions = nodes.iter().map(|name| (name.clone(), Inquiry::plain([section])));
    let answers = ask(fleet, questions).await.into_iter();
    let read = |facts: Facts| match part(facts) {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(Fault { said, .. })) => Err(Some(failed(said))),
        None => Err(Some(failed("it said nothing".to_owned()))),
    };
    answers.map(|(name, answer)| (name, answer.and_then(read))).collect()
}
