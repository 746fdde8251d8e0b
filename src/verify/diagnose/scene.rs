//! One round of answers, prepared for looking things up, and the making of hops.

use super::{Hop, HopStatus};
use crate::fabric::{Endpoint, Fabric, NodeName};
use crate::verify::checks::judge;
use crate::verify::facts::{Answer, Facts, Fault, World};
use crate::verify::finding::{CheckName, Finding, Status};
use crate::verify::scope::Scope;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;

/// The answers and what the checks make of them.
pub(super) struct Scene<'a> {
    pub fabric: &'a Fabric,
    pub world: &'a World,
    pub findings: Vec<Finding>,
    /// Where each finding is, by node and check.
    index: BTreeMap<(NodeName, &'static str), Vec<usize>>,
}

/// What a device said to one question.
pub(super) enum Look<'w, T> {
    Said(&'w T),
    Failed(&'w Fault),
    /// It wasn't asked.
    Unasked,
    /// It can't be reached, and why.
    Silent(&'w str),
}

/// A judgement about one hop, before it is known where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judged {
    Ok(String),
    Bad { evidence: String, cause: String, fix: String },
    Unknown(String),
    Silent(String),
}

impl Judged {
    pub(super) fn bad(evidence: impl Into<String>, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Bad { evidence: evidence.into(), cause: cause.into(), fix: fix.into() }
    }

    /// As a hop.
    pub(super) fn hop(self, title: &str, device: &NodeName, command: impl Into<String>) -> Hop {
        let (status, evidence, cause, fix) = match self {
            Judged::Ok(evidence) => (HopStatus::Ok, evidence, None, None),
            Judged::Bad { evidence, cause, fix } => (HopStatus::Failed, evidence, Some(cause), Some(fix)),
            Judged::Unknown(evidence) => (HopStatus::Unknown, evidence, None, None),
            Judged::Silent(why) => (
                HopStatus::Unreachable,
                why,
                Some(format!("{device} can't be reached; it may be switched off or cut off")),
                Some(format!("look at its console and its management port; then: ssh {device}")),
            ),
        };
        Hop {
            title: title.to_owned(),
            device: device.clone(),
            object: None,
            status,
            evidence,
            command: command.into(),
            cause,
            fix,
        }
    }
}

impl<'a> Scene<'a> {
    pub(super) fn new(scope: &Scope<'a>, world: &'a World) -> Self {
        let findings = judge(scope, &CheckName::all().collect(), world);
        let mut index: BTreeMap<(NodeName, &'static str), Vec<usize>> = BTreeMap::new();
        for (at, finding) in findings.iter().enumerate() {
            index.entry((finding.node.clone(), finding.check.as_str())).or_default().push(at);
        }
        Self { fabric: scope.fabric, world, findings, index }
    }

    /// What a device said to one question.
    pub(super) fn look<T>(
        &self,
        node: &NodeName,
        part: impl for<'f> Fn(&'f Facts) -> &'f Answer<T>,
    ) -> Look<'a, T> {
        match self.world.get(node) {
            None => Look::Unasked,
            Some(Err(why)) => Look::Silent(why),
            Some(Ok(facts)) => match part(facts) {
                None => Look::Unasked,
                Some(Ok(said)) => Look::Said(said),
                Some(Err(fault)) => Look::Failed(fault),
            },
        }
    }

    /// The same where only an answer matters.
    pub(super) fn said<T>(
        &self,
        node: &NodeName,
        part: impl for<'f> Fn(&'f Facts) -> &'f Answer<T>,
    ) -> Option<&'a T> {
        match self.look(node, part) {
            Look::Said(said) => Some(said),
            _ => None,
        }
    }

    /// All findings of one check about one node.
    pub(super) fn of(&self, check: CheckName, node: &NodeName) -> impl Iterator<Item = &Finding> {
        let places = self.index.get(&(node.clone(), check.as_str())).into_iter().flatten();
        places.filter_map(|at| self.findings.get(*at))
    }

    /// The finding about one thing of a node.
    pub(super) fn about(&self, check: CheckName, node: &NodeName, subject: &str) -> Option<&Finding> {
        self.of(check, node).find(|finding| finding.subject == subject)
    }

    /// The finding about one prefix on a router.
    pub(super) fn route(&self, node: &NodeName, prefix: Ipv4Net) -> Option<&Finding> {
        self.of(CheckName::Routes, node).find(|finding| finding.prefix == Some(prefix))
    }

    /// A finding as a judgement; without one, why there is none.
    pub(super) fn judged(&self, node: &NodeName, finding: Option<&Finding>) -> Judged {
        let Some(finding) = finding else { return self.silence(node) };
        let found = finding.found.clone();
        let reason = finding.reason.clone();
        match finding.status {
            Status::Ok => Judged::Ok(found.or(reason).unwrap_or_else(|| "as the inventory says".to_owned())),
            Status::Skipped => Judged::Unknown(reason.or(found).unwrap_or_default()),
            Status::Failed => {
                let cause = cause_of(finding);
                let fix = fix_of(finding).unwrap_or_else(|| "fabricctl plan shows what differs".to_owned());
                Judged::Bad { evidence: found.unwrap_or_else(|| cause.clone()), cause, fix }
            }
        }
    }

    /// Why nothing is known of a node.
    pub(super) fn silence(&self, node: &NodeName) -> Judged {
        match self.world.get(node) {
            Some(Err(why)) => Judged::Silent(why.clone()),
            Some(Ok(_)) => Judged::Unknown("it wasn't asked for this".to_owned()),
            None => Judged::Unknown("it wasn't asked".to_owned()),
        }
    }

    /// A port as the check of links sees it.
    pub(super) fn port(&self, end: &Endpoint, title: &str) -> Hop {
        let finding = self.about(CheckName::Links, &end.node, end.port.as_str());
        self.judged(&end.node, finding)
            .hop(&format!("{title} {}", end.port), &end.node, format!("ip addr show {}", end.port))
            .about(end.port.as_str())
    }

    /// What ails a service of a node, if it doesn't run as it should.
    pub(super) fn ailing(&self, node: &NodeName, service: &str) -> Option<String> {
        let finding = self.about(CheckName::Services, node, service)?;
        (finding.status == Status::Failed).then(|| cause_of(finding))
    }
}

/// Why a finding failed, in the words of every hop that comes from it; services are named.
pub(super) fn cause_of(finding: &Finding) -> String {
    let reason = finding.reason.clone().unwrap_or_default();
    if finding.check == CheckName::Services { format!("{}: {reason}", finding.subject) } else { reason }
}

/// What to do about a finding, unless that is to ask for this diagnosis.
pub(super) fn fix_of(finding: &Finding) -> Option<String> {
    finding.hint.clone().filter(|hint| !hint.starts_with("fabricctl diagnose"))
}

impl<T> Look<'_, T> {
    /// The judgement where there is nothing to look at; `Err` with the answer or the fault.
    pub(super) fn blind(&self) -> Option<Judged> {
        match self {
            Look::Unasked => Some(Judged::Unknown("it wasn't asked".to_owned())),
            Look::Silent(why) => Some(Judged::Silent((*why).to_owned())),
            Look::Said(_) | Look::Failed(_) => None,
        }
    }
}
