//! The devices of one run: connected once, asked and changed over that connection.

use super::troubles::Troubles;
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
    options: BTreeMap<NodeName, Options>,
}

/// Longest time for one connection to come about, if `--timeout` isn't shorter.
const CONNECT: Duration = Duration::from_secs(15);

impl Fleet {
    /// Connects to the nodes that can be reached, and says of each other why it can't.
    ///
    /// # Errors
    /// When there is no configuration by which any could be reached.
    pub(super) async fn reach(
        global: &Global,
        target: &Target,
        fabric: &Fabric,
        nodes: &BTreeSet<NodeName>,
    ) -> Result<(Self, Troubles), Failure> {
        let lab = target.lab_name(&fabric.name);
        let mut fleet = Self::apart(global, target, fabric, nodes)?;
        let mut troubles = Troubles::default();
        for (node, session) in fleet.connect(fleet.options.keys()).await {
            match session {
                Ok(session) => drop(fleet.sessions.insert(node, session)),
                Err((by_hand, error)) => {
                    let exit = match error {
                        ConnectError::Configuration(_) | ConnectError::Start(_) => Exit::Usage,
                        _ => Exit::Unreachable,
                    };
                    let hint = lab.as_deref().and_then(|lab| lab_hint(&error, lab));
                    let hint = hint.unwrap_or_else(|| error.hint(&by_hand));
                    troubles.add(exit, Problem::from_error(&error).on(&node).during("connect").hint(hint));
                }
            }
        }
        Ok((fleet, troubles))
    }

    /// Connects to none of them yet.
    ///
    /// # Errors
    /// When there is no configuration by which any could be reached.
    pub(super) fn apart(
        global: &Global,
        target: &Target,
        fabric: &Fabric,
        nodes: &BTreeSet<NodeName>,
    ) -> Result<Self, Failure> {
        let config = ssh_config(global, target, target.lab_name(&fabric.name).as_deref())?;
        let members = nodes.iter().filter_map(|name| fabric.nodes.get(name));
        let timeout = Duration::from_secs(global.timeout);
        let options = members
            .map(|node| (node.name.clone(), options(fabric, node, config.clone(), timeout.min(CONNECT))))
            .collect();
        Ok(Self { sessions: BTreeMap::new(), timeout, parallel: global.parallel, options })
    }

    /// New connections, besides those there are; where one fails, with the command that tries the same by hand.
    pub(super) async fn connect<'a>(
        &self,
        nodes: impl IntoIterator<Item = &'a NodeName>,
    ) -> BTreeMap<NodeName, Result<Arc<Session>, (String, ConnectError)>> {
        let work = nodes.into_iter().filter_map(|node| Some((node.clone(), self.options.get(node)?.clone())));
        remote::each(work, self.parallel, |_, options| async move {
            let session = Session::connect(&options).await;
            session.map(Arc::new).map_err(|error| (options.by_hand(), error))
        })
        .await
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

/// What a name that is none may come from.
const TAKEN: &str = "; the word behind `--lab` is the lab's name: for the one named like the fabric write `--lab=`, or `--lab` last";

/// The lab's configuration, the one given, or none: then the user's own.
fn ssh_config(global: &Global, target: &Target, lab: Option<&str>) -> Result<Option<PathBuf>, Failure> {
    if let Some(lab) = lab {
        return lab::ssh_config(&target.lab_dir, lab).map(Some).map_err(|error| {
            let mut failure = super::lab::failure(&error);
            // The word behind it may have been meant for something else: a check, a node, a file.
            if target.lab.as_deref() == Some(lab) {
                for hint in failure.problems.iter_mut().filter_map(|problem| problem.hint.as_mut()) {
                    hint.push_str(TAKEN);
                }
            }
            failure
        });
    }
    match &global.ssh_config {
        Some(path) if !path.exists() => Err(Failure::say(
            Exit::Usage,
            format!("there is no ssh configuration at {}", path.display()),
            "name an OpenSSH configuration with --ssh-config (or FABRICCTL_SSH_CONFIG), or none for your own",
        )),
        given => Ok(given.clone()),
    }
}

/// What to do in a lab, where nobody else made the keys and the ways.
fn lab_hint(error: &ConnectError, lab: &str) -> Option<String> {
    match error {
        ConnectError::Unreachable(_) | ConnectError::Timeout(_) => Some(format!(
            "`fabricctl lab list` shows what runs; `sudo fabricctl lab up --name {lab}` starts the nodes that are missing"
        )),
        ConnectError::Refused(_) | ConnectError::HostKeyChanged { .. } | ConnectError::HostKeyUnknown(_) => {
            Some(format!(
                "the lab's keys were changed by hand; make it anew: sudo fabricctl lab down --name {lab}, then lab up"
            ))
        }
        _ => None,
    }
}

/// The way to one node, for who doesn't share a connection.
pub(super) fn way(
    global: &Global,
    target: &Target,
    fabric: &Fabric,
    node: &Node,
) -> Result<Options, Failure> {
    let config = ssh_config(global, target, target.lab_name(&fabric.name).as_deref())?;
    Ok(options(fabric, node, config, CONNECT.min(Duration::from_secs(global.timeout))))
}

fn options(fabric: &Fabric, node: &Node, config: Option<PathBuf>, connect_timeout: Duration) -> Options {
    Options {
        destination: node.ssh.host.clone().unwrap_or_else(|| node.name.to_string()),
        config,
        user: node.ssh.user.clone(),
        port: node.ssh.port,
        connect_timeout,
        withheld: fabric.secrets.variables().map(str::to_owned).collect(),
    }
}

/// A script that failed on a node, as a problem.
pub(super) fn exec_problem(node: &NodeName, step: &str, error: &ExecError) -> Problem {
    Problem::from_error(error).on(node).during(step).hint(error.hint())
}
