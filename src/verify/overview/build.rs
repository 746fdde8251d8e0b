//! From answers and findings to the state of everything.

use super::{CHECKS, Container, Count, Device, Line, Mark, Overview, Route, State, Table};
use crate::fabric::{Endpoint, Link, Node, NodeName, Role};
use crate::parse::BgpNeighbor;
use crate::verify::facts::{Facts, World};
use crate::verify::finding::{CheckName, Finding, Status};
use crate::verify::routes::Kind;
use crate::verify::scope::{Scope, has_session};
use crate::verify::{checks, facts};
use std::collections::BTreeMap;

/// Judges what devices answered; those that the world doesn't know weren't heard yet.
pub fn overview(scope: &Scope<'_>, world: &World) -> Overview {
    let findings = checks::judge(scope, &CHECKS.into_iter().collect(), world);
    let judged = Judged { scope, world, by_subject: index(&findings) };
    let tables = tables(&findings);
    let lines = scope.fabric.links.iter().filter(|link| judged.concerns(link));
    let lines: Vec<Line> = lines.map(|link| judged.line(link)).collect();
    let workloads = scope.fabric.workloads.values().filter(|one| scope.nodes.contains(&one.server));
    let containers: Vec<Container> = workloads.map(|one| judged.container(one)).collect();
    let in_order = Role::ALL.into_iter().flat_map(|role| scope.fabric.with_role(role));
    let devices = in_order.filter(|node| scope.nodes.contains(&node.name));
    let devices = devices.map(|node| judged.device(node, &lines, &containers, &tables)).collect();
    let heard = world.iter().filter(|(_, facts)| facts.is_ok()).map(|(node, _)| node.clone()).collect();
    let failed = findings.into_iter().filter(|one| one.status == Status::Failed).collect();
    Overview { devices, lines, containers, tables, failed, heard }
}

type Subjects<'a> = BTreeMap<(CheckName, &'a NodeName, &'a str), &'a Finding>;

fn index(findings: &[Finding]) -> Subjects<'_> {
    let of_routes = |one: &&Finding| one.check == CheckName::Routes;
    let others = findings.iter().filter(|one| !of_routes(one));
    others.map(|one| ((one.check, &one.node, one.subject.as_str()), one)).collect()
}

/// The routes by router, from the findings about them.
fn tables(findings: &[Finding]) -> BTreeMap<NodeName, Table> {
    let mut tables: BTreeMap<NodeName, Table> = BTreeMap::new();
    for finding in findings.iter().filter(|one| one.check == CheckName::Routes) {
        let table = tables.entry(finding.node.clone()).or_default();
        let ok = finding.status == Status::Ok;
        match finding.kind {
            Some(Kind::Workload) => table.containers.add(ok),
            Some(Kind::Loopback) => table.loopbacks.add(ok),
            _ => {}
        }
        if !ok {
            let state = State::new(Mark::Failed, finding.reason.clone().unwrap_or_default());
            let absent = finding.found.is_none();
            table.wrong.insert(finding.subject.clone(), Route { state, absent });
        }
    }
    tables
}

struct Judged<'a> {
    scope: &'a Scope<'a>,
    world: &'a World,
    by_subject: Subjects<'a>,
}

impl Judged<'_> {
    fn facts(&self, node: &NodeName) -> Option<&Facts> {
        self.world.get(node)?.as_ref().ok()
    }

    fn reason(&self, check: CheckName, node: &NodeName, subject: &str) -> Option<&str> {
        let finding = self.by_subject.get(&(check, node, subject))?;
        (finding.status == Status::Failed).then(|| finding.reason.as_deref().unwrap_or_default())
    }

    fn concerns(&self, link: &Link) -> bool {
        link.ends().iter().any(|end| self.scope.nodes.contains(&end.node))
    }

    fn line(&self, link: &Link) -> Line {
        let (a, b) = (link.a.clone(), link.b.clone());
        let ends = [&a, &b];
        let is_session = |end: &&Endpoint| {
            let node = self.scope.fabric.nodes.get(&end.node);
            node.and_then(|node| Some(has_session(self.scope.fabric, node, node.port(&end.port)?)))
                == Some(true)
        };
        let session = ends.iter().any(is_session).then(|| self.session(ends));
        Line { link: self.link(ends), session, a, b }
    }

    /// The ports at both ends: what a check found, else what one end says of itself.
    fn link(&self, ends: [&Endpoint; 2]) -> State {
        let judged = ends.iter().find_map(|end| {
            let why = self.reason(CheckName::Links, &end.node, end.port.as_str())?;
            Some(at_end(end, why))
        });
        let said: Vec<Option<&str>> = ends.iter().map(|end| self.port(end)).collect();
        let down = ends
            .iter()
            .zip(&said)
            .find_map(|(end, said)| Some(at_end(end, said.filter(|said| !said.is_empty())?)));
        match judged.or(down) {
            Some(why) => State::new(Mark::Failed, why),
            None if said.iter().all(Option::is_none) => State::new(Mark::Unknown, "neither end answers"),
            None => State::new(Mark::Ok, "up"),
        }
    }

    /// What is wrong with a port by its own words, empty if nothing; `None` where it didn't say.
    fn port(&self, end: &Endpoint) -> Option<&'static str> {
        let links = self.facts(&end.node)?.links.as_ref()?.as_ref().ok()?;
        Some(match links.get(end.port.as_str()) {
            None => "there is no such interface",
            Some(link) if !link.admin_up => "it is switched off",
            Some(link) if !link.carrier => "no carrier",
            Some(_) => "",
        })
    }

    fn session(&self, ends: [&Endpoint; 2]) -> State {
        let at = |end: &Endpoint| -> Option<Option<&BgpNeighbor>> {
            let neighbors = self.facts(&end.node)?.bgp.as_ref()?.as_ref().ok()?;
            Some(neighbors.get(end.port.as_str()))
        };
        let said = ends.map(at);
        let times = said.iter().flatten().flatten().map(|one| one.drops).max().unwrap_or(0);
        let up = |one: Option<&BgpNeighbor>| one.is_some_and(BgpNeighbor::established);
        let judged = ends.iter().find_map(|end| {
            let why = self.reason(CheckName::Bgp, &end.node, end.port.as_str())?;
            Some(at_end(end, &without_state(why)))
        });
        // What keeps bgpd from answering is its device's affair.
        let down = said.iter().flatten().any(|one| !up(*one)).then(|| "down".to_owned());
        let state = match judged.or(down) {
            Some(why) => State::new(Mark::Failed, why),
            None if said.iter().all(Option::is_none) => State::new(Mark::Unknown, "neither end answers"),
            None => State::new(Mark::Ok, "up"),
        };
        State { times, ..state }
    }

    fn container(&self, workload: &crate::fabric::Workload) -> Container {
        let docker = self.facts(&workload.server).and_then(|facts| facts.docker.as_ref());
        let found = docker.and_then(|docker| docker.as_ref().ok()?.containers.get(&workload.name));
        let why = self.reason(CheckName::Workloads, &workload.server, &workload.name);
        let state = match (docker, why) {
            (_, Some(why)) => State::new(Mark::Failed, why),
            (Some(Ok(_)), None) => State::new(Mark::Ok, "running"),
            (Some(Err(_)), None) => State::new(Mark::Unknown, "its engine doesn't answer"),
            (None, None) => State::new(Mark::Unknown, "its server doesn't answer"),
        };
        Container {
            name: workload.name.clone(),
            server: workload.server.clone(),
            address: workload.address,
            state: State { times: found.map_or(0, |found| found.restarts), ..state },
        }
    }

    fn device(
        &self,
        node: &Node,
        lines: &[Line],
        containers: &[Container],
        tables: &BTreeMap<NodeName, Table>,
    ) -> Device {
        let name = &node.name;
        let reached = match self.world.get(name) {
            None => State::new(Mark::Unknown, "not heard yet"),
            Some(Err(why)) => State::new(Mark::Failed, format!("no answer: {why}")),
            Some(Ok(_)) => State::new(Mark::Ok, "answers"),
        };
        let heard = reached.ok();
        let here = |line: &&Line| line.a.node == *name || line.b.node == *name;
        let sessions: Vec<bool> =
            lines.iter().filter(here).filter_map(|line| Some(line.session.as_ref()?.ok())).collect();
        let own: Vec<bool> =
            containers.iter().filter(|one| one.server == *name).map(|one| one.state.ok()).collect();
        let count = |of: Vec<bool>| super::counted(of.into_iter());
        let routes: Option<Count> = tables.get(name).map(|table| table.containers);
        Device {
            node: name.clone(),
            role: node.role,
            reached,
            release: self.facts(name).and_then(|facts| facts.release.clone()?.ok()),
            services: self.services(name),
            sessions: (heard && node.role.routes()).then(|| count(sessions)),
            routes,
            containers: (heard && node.role == Role::Server).then(|| count(own)),
        }
    }

    fn services(&self, node: &NodeName) -> BTreeMap<String, State> {
        let Some(Ok(services)) = self.facts(node).and_then(|facts| facts.services.as_ref()) else {
            return BTreeMap::new();
        };
        let state = |(name, _): (&String, &facts::Service)| {
            let state = match self.reason(CheckName::Services, node, name) {
                Some(why) => State::new(Mark::Failed, why),
                None => State::new(Mark::Ok, "running"),
            };
            (name.clone(), state)
        };
        services.iter().map(state).collect()
    }
}

/// What is wrong with one end of a cable, with the end's name.
fn at_end(end: &Endpoint, why: &str) -> String {
    let (node, port) = (&end.node, &end.port);
    let rest = why.strip_prefix("down: ").unwrap_or(why);
    if rest.strip_prefix(port.as_str()).is_some_and(|rest| rest.starts_with(' ')) {
        return format!("{node} {rest}");
    }
    match (why.strip_prefix("it "), why.strip_prefix("its ")) {
        (Some(does), _) => format!("{node} {port} {does}"),
        (_, Some(thing)) => format!("{node} {port}'s {thing}"),
        _ => format!("{node} {port}: {why}"),
    }
}

/// A session that is down goes through its states again and again; that is no news.
fn without_state(why: &str) -> String {
    match why.split_once(", in state ") {
        Some((down, rest)) => {
            let said = rest.split_once(", FRR says: ").map(|(_, said)| format!(": {said}"));
            format!("{down}{}", said.unwrap_or_default())
        }
        None => why.to_owned(),
    }
}

/// Whether what a finding is about has a state of its own.
pub(super) fn is_shown(overview: &Overview, finding: &Finding) -> bool {
    let at = |end: &Endpoint| end.node == finding.node && end.port.as_str() == finding.subject;
    match finding.check {
        CheckName::Routes => true,
        CheckName::Links | CheckName::Bgp => overview.lines.iter().any(|line| at(&line.a) || at(&line.b)),
        CheckName::Workloads => {
            overview.containers.iter().any(|one| one.name == finding.subject && one.server == finding.node)
        }
        CheckName::Services => overview
            .device(&finding.node)
            .is_some_and(|device| device.services.contains_key(&finding.subject)),
        _ => false,
    }
}
