//! The devices of one run: connected once, asked and changed over that connection.

use crate::cli::{Global, Target};
use crate::fabric::{Fabric, Node, NodeName};
use crate::lab;
use crate::output::{Exit, Failure, Problem};
use crate::remote::{self, ConnectError, ExecError, Options, Session};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Connections to a set of nodes.
pub(super) struct Fleet {
    pub sessions: BTreeMap<NodeName, Arc<Session>>,
    pub timeout: Duration,
    pub parallel: usize,
}

/// Longest time for one connection to come about.
const CONNECT: Duration = Duration::from_secs(15);

impl Fleet {
    /// Connects to every node. When one can't be reached, none is left connected: what changes devices begins
    /// with all of them or not at all.
    pub(super) async fn connect(
        global: &Global,
        target: &Target,
        fabric: &Fabric,
        nodes: &BTreeSet<NodeName>,
    ) -> Result<Self, Failure> {
        let (fleet, mut problems) = Self::reach(global, target, fabric, nodes).await?;
        if problems.is_empty() {
            return Ok(fleet);
        }
        if !fleet.sessions.is_empty() {
            let answered: Vec<&str> = fleet.sessions.keys().map(NodeName::as_str).collect();
            let message = format!("nothing was changed; these nodes did answer: {}", answered.join(", "));
            problems.push(Problem { message, ..Problem::default() });
        }
        fleet.close().await;
        Err(Failure { exit: Exit::Unreachable, problems })
    }

    /// Connects to the nodes that can be reached, and says of each other why it can't.
    pub(super) async fn reach(
        global: &Global,
        target: &Target,
        fabric: &Fabric,
        nodes: &BTreeSet<NodeName>,
    ) -> Result<(Self, Vec<Problem>), Failure> {
        let config = ssh_config(global, target, fabric)?;
        let members = nodes.iter().filter_map(|name| fabric.nodes.get(name));
        let work = members.map(|node| (node.name.clone(), options(node, config.clone())));
        let connected = remote::each(work, global.parallel, |_, options| async move {
            Session::connect(&options).await.map_err(|error| (options.destination, error))
        })
        .await;
        let mut fleet = Self {
            sessions: BTreeMap::new(),
            timeout: Duration::from_secs(global.timeout),
            parallel: global.parallel,
        };
        let mut problems = Vec::new();
        for (node, session) in connected {
            match session {
                Ok(session) => drop(fleet.sessions.insert(node, Arc::new(session))),
                Err((destination, error)) => problems.push(connect_problem(&node, &destination, &error)),
            }
        }
        Ok((fleet, problems))
    }

    /// Ends every connection.
    pub(super) async fn close(self) {
        let work = self.sessions.into_iter();
        remote::each(work, self.parallel, |_, session| async move {
            // Every other holder has returned by now; one that hasn't keeps its connection until it does.
            if let Some(session) = Arc::into_inner(session) {
                session.close().await;
            }
        })
        .await;
    }
}

/// The lab's configuration, the one given, or none: then the user's own.
fn ssh_config(global: &Global, target: &Target, fabric: &Fabric) -> Result<Option<PathBuf>, Failure> {
    let Some(lab) = target.lab_name(&fabric.name) else { return Ok(global.ssh_config.clone()) };
    lab::ssh_config(&target.lab_dir, &lab).map(Some).map_err(|error| super::lab::failure(&error))
}

fn options(node: &Node, config: Option<PathBuf>) -> Options {
    Options {
        destination: node.ssh.host.clone().unwrap_or_else(|| node.name.to_string()),
        config,
        user: node.ssh.user.clone(),
        port: node.ssh.port,
        connect_timeout: CONNECT,
    }
}

fn connect_problem(node: &NodeName, destination: &str, error: &ConnectError) -> Problem {
    let mut problem = Problem::from_error(error).on(node).hint(error.hint(destination));
    problem.step = Some("connect".to_owned());
    problem
}

/// A script that failed on a node, as a problem.
pub(super) fn exec_problem(node: &NodeName, step: &str, error: &ExecError) -> Problem {
    let mut problem = Problem::from_error(error).on(node).hint(error.hint());
    problem.step = Some(step.to_owned());
    problem
}
