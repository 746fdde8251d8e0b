//! The same deed on many devices at the same time.

use crate::fabric::NodeName;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs a task for each node, at most `parallel` at a time, and gathers what each returned.
///
/// A task that panics is left out of the answer; callers find the node missing and report it.
pub async fn each<I, T, F, W>(
    nodes: impl IntoIterator<Item = (NodeName, I)>,
    parallel: usize,
    task: F,
) -> BTreeMap<NodeName, T>
where
    F: Fn(NodeName, I) -> W,
    W: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let places = Arc::new(Semaphore::new(parallel.max(1)));
    let mut running = JoinSet::new();
    for (node, input) in nodes {
        let work = task(node.clone(), input);
        let places = Arc::clone(&places);
        running.spawn(async move {
            // The semaphore is never closed, so waiting for a place can't fail.
            let _place = places.acquire_owned().await;
            (node, work.await)
        });
    }
    let mut answers = BTreeMap::new();
    while let Some(ended) = running.join_next().await {
        if let Ok((node, answer)) = ended {
            answers.insert(node, answer);
        }
    }
    answers
}
