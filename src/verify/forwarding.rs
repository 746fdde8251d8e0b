//! Do routers forward, and do leafs speak for the rest of the network on the ports of servers (proxy ARP)?

use super::facts::World;
use super::finding::{CheckName, Finding};
use super::scope::Scope;
use crate::fabric::{Node, PortKind};
use std::collections::BTreeMap;

const CHECK: CheckName = CheckName::Links;
/// The subject of the verdict about a whole router.
const FORWARDING: &str = "forwarding";
/// How the subject of a verdict about a port begins.
const PROXY_ARP: &str = "proxy ARP on ";

/// A kernel setting that is off.
pub(super) struct Off {
    /// As `sysctl` calls it.
    pub key: String,
    /// What comes of it.
    pub cause: String,
    /// What to do.
    pub fix: String,
}

impl Off {
    fn new(key: &str, cause: String) -> Self {
        let key = key.replace('/', ".");
        let fix =
            format!("sysctl -w {key}=1; sysctl -p /etc/sysctl.d/90-fabricctl.conf puts all of them right");
        Self { key, cause, fix }
    }
}

/// One verdict a router, and one for each of its ports with servers behind it.
pub(super) fn findings(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, facts) in scope.answered(world).filter(|(node, _)| node.role.routes()) {
        let Some(Ok(settings)) = &facts.settings else { continue };
        let judged = |subject: String, off: Option<Off>, wanted: &str| {
            let finding = match off {
                None => Finding::ok(CHECK, &node.name, subject),
                Some(off) => Finding::failed(CHECK, &node.name, subject, off.cause)
                    .found(format!("{} = 0", off.key))
                    .hint(off.fix),
            };
            finding.expected(wanted)
        };
        findings.push(judged(FORWARDING.to_owned(), forwarding(node, settings), "on, on every port"));
        for port in node.ports_of(PortKind::Server).map(|port| port.name.as_str()) {
            findings.push(judged(format!("{PROXY_ARP}{port}"), proxy_arp(settings, port), "on"));
        }
    }
    findings
}

/// Whether a verdict of that subject is one of these.
pub(super) fn is_about(subject: &str) -> bool {
    subject == FORWARDING || subject.starts_with(PROXY_ARP)
}

/// Whether a router doesn't forward, wholly or from one of its ports
/// (Documentation/networking/ip-sysctl.rst, `ip_forward` and `conf/*/forwarding`).
pub(super) fn forwarding(node: &Node, settings: &BTreeMap<String, String>) -> Option<Off> {
    let whole = "net/ipv4/ip_forward";
    if off(settings, whole) {
        return Some(Off::new(whole, format!("{} doesn't forward packets", node.name)));
    }
    let key = |port: &str| format!("net/ipv4/conf/{port}/forwarding");
    let port = node.ports.iter().find(|port| off(settings, &key(port.name.as_str())))?;
    let cause = format!("{} doesn't forward what comes in by {}", node.name, port.name);
    Some(Off::new(&key(port.name.as_str()), cause))
}

/// Whether a port doesn't speak for others; one of the port's own setting and that of all ports is enough
/// (Documentation/networking/ip-sysctl.rst, `proxy_arp`).
pub(super) fn proxy_arp(settings: &BTreeMap<String, String>, port: &str) -> Option<Off> {
    let key = format!("net/ipv4/conf/{port}/proxy_arp");
    let all = settings.get("net/ipv4/conf/all/proxy_arp").is_some_and(|value| value == "1");
    (!all && off(settings, &key)).then(|| {
        let cause = format!("proxy ARP is off on {port}, so containers behind it find nobody in other racks");
        Off::new(&key, cause)
    })
}

fn off(settings: &BTreeMap<String, String>, key: &str) -> bool {
    settings.get(key).is_some_and(|value| value == "0")
}
