//! What there is to know of a node.

use super::Watch;
use super::page::{Page, told_span};
use super::paint::Paint;
use super::topology::wire;
use crate::fabric::{Endpoint, Node, NodeName, Role};
use crate::verify::overview::{Device, Mark};
use std::fmt::Write as _;
use std::time::SystemTime;

/// Its page.
pub(super) fn page(watch: &Watch, name: &NodeName, paint: Paint, now: SystemTime) -> Page {
    let mut page = Page::new(paint);
    let (Some(node), Some(device)) = (watch.fabric.nodes.get(name), watch.overview.device(name)) else {
        page.line("it isn't watched");
        return page;
    };
    page.line(&head(node, device));
    let ago = watch.heard.get(name).and_then(|then| now.duration_since(*then).ok());
    let heard = ago.map(|ago| format!(", heard {} ago", told_span(ago))).unwrap_or_default();
    page.marked(device.reached.state, &format!("{}{heard}", device.reached.is));
    for (service, state) in &device.services {
        page.marked(state.state, &format!("{service}: {}", state.is));
    }
    findings(watch, name, &mut page);
    ports(watch, node, &mut page, now);
    routes(watch, name, &mut page);
    if node.role == Role::Server {
        page.title("containers");
        for one in watch.overview.containers.iter().filter(|one| one.server == *name) {
            page.marked(one.state.state, &format!("{}  {}  {}", one.name, one.address, one.state.is));
        }
    }
    page.hint(&format!("fabricctl diagnose {name} looks further"));
    page
}

fn head(node: &Node, device: &Device) -> String {
    let asn = node.asn.map(|asn| format!(", AS {asn}")).unwrap_or_default();
    let release = device.release.as_ref().map(|release| {
        let version = if node.role.routes() {
            release.frr.as_ref().map(|version| format!(", FRR {version}"))
        } else {
            release.docker.as_ref().map(|version| format!(", Docker {version}"))
        };
        format!(", {}{}", release.os, version.unwrap_or_default())
    });
    format!("{}{asn}, loopback {}{}", node.role, node.loopback, release.unwrap_or_default())
}

/// What isn't as desired on it, and what to do.
fn findings(watch: &Watch, name: &NodeName, page: &mut Page) {
    let own: Vec<_> = watch.overview.failed.iter().filter(|finding| finding.node == *name).collect();
    if own.is_empty() {
        return;
    }
    page.title("not as desired");
    for finding in own {
        let reason = finding.reason.as_deref().unwrap_or_default();
        page.marked(Mark::Failed, &format!("{} {}: {reason}", finding.check, finding.subject));
        if let Some(hint) = &finding.hint {
            page.hint(hint);
        }
    }
}

fn ports(watch: &Watch, node: &Node, page: &mut Page, now: SystemTime) {
    page.title("ports");
    for port in &node.ports {
        let end = Endpoint { node: node.name.clone(), port: port.name.clone() };
        let Some(cable) = watch.overview.lines.iter().find(|cable| cable.a == end || cable.b == end) else {
            continue;
        };
        let (glyph, mark) = wire(cable);
        let mut said = format!("{:6} {glyph} {}", port.name, port.peer);
        if cable.link.ok() {
            said.push_str(", up");
        } else {
            let _ = write!(said, ", {}", cable.link.is);
        }
        if let Some(session) = &cable.session {
            let key = (node.name.clone(), port.name.to_string());
            let since = watch.since.get(&key).and_then(|since| now.duration_since(*since).ok());
            match since.filter(|_| session.ok()) {
                Some(since) => drop(write!(said, ", session up for {}", told_span(since))),
                None => drop(write!(said, ", session {}", session.is)),
            }
            let accepted = accepted(watch, &end).filter(|_| session.ok());
            if let Some(accepted) = accepted {
                let _ = write!(said, ", {accepted} prefixes");
            }
        }
        page.marked(mark, &said);
    }
}

/// How many prefixes have come by a session.
fn accepted(watch: &Watch, end: &Endpoint) -> Option<u64> {
    let facts = watch.world.get(&end.node)?.as_ref().ok()?;
    facts.bgp.as_ref()?.as_ref().ok()?.get(end.port.as_str())?.accepted
}

fn routes(watch: &Watch, name: &NodeName, page: &mut Page) {
    let Some(table) = watch.overview.tables.get(name) else { return };
    page.title("routes");
    for (count, what) in [(table.containers, "/32s of containers"), (table.loopbacks, "loopbacks")] {
        let mark = if count.whole() { Mark::Ok } else { Mark::Failed };
        page.marked(mark, &format!("{} of {} {what}", count.ok, count.expected));
    }
    for (subject, route) in &table.wrong {
        page.marked(Mark::Failed, &format!("{subject}: {}", route.state.is));
    }
}
