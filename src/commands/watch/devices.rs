//! One connection a device, for as long as somebody watches; one that is lost is made anew.

use crate::commands::fleet::Fleet;
use crate::fabric::NodeName;
use crate::observe::{self, Inquiry};
use crate::output::{Exit, Failure, chain};
use crate::remote::Session;
use crate::verify::Facts;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Between two attempts to reach a device: the first, and the longest.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// What a device has said.
pub(super) enum Said {
    /// What differs from before; nothing if nothing does.
    Heard(NodeName, Box<Facts>),
    /// It can't be reached any more.
    Lost(NodeName, String),
}

/// All that is followed; ends when this is dropped.
pub(super) struct Devices {
    tasks: JoinSet<()>,
    heard: mpsc::Receiver<Said>,
}

impl Devices {
    /// Begins to follow devices.
    pub(super) fn follow(
        fleet: &Arc<Fleet>,
        inquiries: Vec<(NodeName, Inquiry)>,
        interval: Duration,
    ) -> Self {
        let (tell, heard) = mpsc::channel(64);
        let places = Arc::new(Semaphore::new(fleet.parallel));
        let mut tasks = JoinSet::new();
        for (node, inquiry) in inquiries {
            let one = Device {
                fleet: Arc::clone(fleet),
                places: Arc::clone(&places),
                node,
                inquiry,
                interval,
                tell: tell.clone(),
            };
            tasks.spawn(one.follow());
        }
        Self { tasks, heard }
    }

    /// What is said next.
    ///
    /// # Errors
    /// When nothing will ever be: a task that panicked has said so already.
    pub(super) async fn next(&mut self) -> Result<Said, Failure> {
        tokio::select! {
            said = self.heard.recv() => said.ok_or_else(bug),
            Some(_) = self.tasks.join_next() => Err(bug()),
        }
    }
}

fn bug() -> Failure {
    Failure::say(
        Exit::Bug,
        "a device is not followed any more",
        "what was said above tells why; please report it",
    )
}

struct Device {
    fleet: Arc<Fleet>,
    /// So many connections are made at the same time.
    places: Arc<Semaphore>,
    node: NodeName,
    inquiry: Inquiry,
    interval: Duration,
    tell: mpsc::Sender<Said>,
}

impl Device {
    async fn follow(self) {
        let mut rest = REST.0;
        loop {
            let why = match self.connect().await {
                Ok(session) => {
                    let (heard, why) = self.listen(&session).await;
                    if heard {
                        rest = REST.0;
                    }
                    if let Some(session) = Arc::into_inner(session) {
                        session.close().await;
                    }
                    why
                }
                Err(why) => why,
            };
            if self.tell.send(Said::Lost(self.node.clone(), why)).await.is_err() {
                return;
            }
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(REST.1);
        }
    }

    async fn connect(&self) -> Result<Arc<Session>, String> {
        // The semaphore is never closed, so waiting for a place can't fail.
        let _place = self.places.acquire().await;
        match self.fleet.connect([&self.node]).await.remove(&self.node) {
            Some(Ok(session)) => Ok(session),
            Some(Err((_, error))) => Err(chain(&error)),
            None => Err("nobody knows the way".to_owned()),
        }
    }

    /// Passes on what it says; returns whether it said anything, and why it doesn't any more.
    async fn listen(&self, session: &Session) -> (bool, String) {
        let mut heard = false;
        let mut following = match observe::follow(session, self.inquiry.clone(), self.interval).await {
            Ok(following) => following,
            Err(error) => return (heard, chain(&error)),
        };
        loop {
            match following.next().await {
                Ok(facts) => {
                    heard = true;
                    if self.tell.send(Said::Heard(self.node.clone(), Box::new(facts))).await.is_err() {
                        return (heard, String::new());
                    }
                }
                Err(error) => return (heard, chain(&error)),
            }
        }
    }
}
