//! The verdicts of all checks: one shape for each of them. Its JSON form is a contract.

use super::facts::Fault;
use super::routes::Kind;
use crate::fabric::NodeName;
use ipnet::Ipv4Net;
use serde::Serialize;

/// What can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckName {
    /// The services that the fabric needs run and start with their device.
    Services,
    /// Devices know what time it is.
    Time,
    /// Ports between nodes: carrier, MTU, and the right cable.
    Links,
    /// BGP sessions.
    Bgp,
    /// The /32s and loopbacks in FRR's and the kernel's tables.
    Routes,
    /// rdnbrd, the kernel's neighbours and its routes agree.
    Neighbors,
    /// Containers.
    Workloads,
    /// Every container reaches every container.
    Reachability,
    /// Devices are as the last run left them.
    Drift,
}

impl CheckName {
    /// The name as it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckName::Services => "services",
            CheckName::Time => "time",
            CheckName::Links => "links",
            CheckName::Bgp => "bgp",
            CheckName::Routes => "routes",
            CheckName::Neighbors => "neighbors",
            CheckName::Workloads => "workloads",
            CheckName::Reachability => "reachability",
            CheckName::Drift => "drift",
        }
    }
}

impl std::fmt::Display for CheckName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a question was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As the model says.
    Ok,
    /// Not as the model says.
    Failed,
    /// Couldn't be decided, or is the consequence of something that another finding tells; the reason says which.
    Skipped,
}

/// The verdict about one thing on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub check: CheckName,
    /// The node that it is about: where something is to be mended if it failed.
    pub node: NodeName,
    /// What of the node: a port, a prefix, a service, a container, a pair of containers.
    pub subject: String,
    /// It isn't known to be otherwise than desired: `status` tells whether it was decided.
    pub ok: bool,
    /// The verdict.
    pub status: Status,
    /// What the model wants.
    pub expected: Option<String>,
    /// What the node has.
    pub found: Option<String>,
    /// Why it isn't as desired, or couldn't be decided.
    pub reason: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Other nodes that have to do with it.
    pub related: Vec<NodeName>,
    /// The prefix, of verdicts about routes.
    pub prefix: Option<Ipv4Net>,
    /// What that prefix is.
    pub kind: Option<Kind>,
    /// When it became true, in milliseconds since the first question, if it wasn't at once.
    pub true_after_ms: Option<u64>,
}

impl Finding {
    fn new(check: CheckName, node: &NodeName, subject: impl Into<String>, status: Status) -> Self {
        Self {
            check,
            node: node.clone(),
            subject: subject.into(),
            ok: status != Status::Failed,
            status,
            expected: None,
            found: None,
            reason: None,
            hint: None,
            related: Vec::new(),
            prefix: None,
            kind: None,
            true_after_ms: None,
        }
    }

    /// As desired.
    pub fn ok(check: CheckName, node: &NodeName, subject: impl Into<String>) -> Self {
        Self::new(check, node, subject, Status::Ok)
    }

    /// Not as desired.
    pub fn failed(
        check: CheckName,
        node: &NodeName,
        subject: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(check, node, subject, Status::Failed) }
    }

    /// Not decided.
    pub fn skipped(
        check: CheckName,
        node: &NodeName,
        subject: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self { reason: Some(reason.into()), ..Self::new(check, node, subject, Status::Skipped) }
    }

    /// A program of the node that gave no answer: nothing can be said where it isn't there, else that is the failure.
    pub fn of_fault(check: CheckName, node: &NodeName, subject: impl Into<String>, fault: &Fault) -> Self {
        let status = if fault.absent { Status::Skipped } else { Status::Failed };
        Self { reason: Some(fault.to_string()), ..Self::new(check, node, subject, status) }
    }

    /// With what the model wants.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// With what the node has.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With another node that has to do with it.
    #[must_use]
    pub fn with(mut self, node: &NodeName) -> Self {
        self.related.push(node.clone());
        self
    }
}
