//! A page about one thing, line by line; and that about a container.

use super::paint::{Paint, bold, text};
use super::{Watch, routes, topology};
use crate::fabric::Workload;
use crate::verify::overview::{Container, Mark};
use ratatui::text::{Line, Span};
use std::time::Duration;

/// Lines under titles.
pub(super) struct Page {
    paint: Paint,
    pub lines: Vec<Line<'static>>,
}

impl Page {
    pub(super) fn new(paint: Paint) -> Self {
        Self { paint, lines: Vec::new() }
    }

    pub(super) fn line(&mut self, said: &str) {
        self.lines.push(Line::from(text(said)));
    }

    pub(super) fn title(&mut self, said: &str) {
        self.lines.push(Line::default());
        self.lines.push(Line::from(Span::styled(text(said), bold())));
    }

    pub(super) fn marked(&mut self, mark: Mark, said: &str) {
        let style = if mark == Mark::Ok { ratatui::style::Style::new() } else { self.paint.of(mark) };
        let said = Span::styled(text(said), style);
        self.lines.push(Line::from(vec![self.paint.mark(mark), Span::raw(" "), said]));
    }

    pub(super) fn hint(&mut self, said: &str) {
        self.lines.push(Line::from(Span::styled(text(&format!("  → {said}")), self.paint.faint())));
    }
}

/// A container's page.
pub(super) fn container(watch: &Watch, name: &str, paint: Paint) -> Page {
    let mut page = Page::new(paint);
    let shown = watch.overview.containers.iter().find(|one| one.name == name);
    let (Some(one), Some(workload)) = (shown, watch.fabric.workloads.get(name)) else {
        page.line("it isn't watched");
        return page;
    };
    page.line(&format!("{} on {}, {} on {}", workload.image, one.server, one.address, workload.network));
    page.marked(one.state.state, &one.state.is);
    let finding = watch
        .overview
        .failed
        .iter()
        .find(|finding| finding.node == one.server && finding.subject == one.name);
    if let Some(hint) = finding.and_then(|finding| finding.hint.as_ref()) {
        page.hint(hint);
    }
    engine(watch, one, &mut page);
    way(watch, workload, &mut page);
    page.title("routes");
    for router in watch.overview.devices.iter().filter(|device| device.role.routes()) {
        let (_, mark) = routes::cell(watch, &router.node, one);
        let said = match watch.overview.tables.get(&router.node) {
            None => router.reached.is.clone(),
            Some(table) => match table.wrong.get(&crate::verify::overview::route_to(one)) {
                Some(route) => route.state.is.clone(),
                None => next_hops(watch, one, &router.node),
            },
        };
        page.marked(mark, &format!("{:9} {said}", router.node));
    }
    page.hint(&format!("fabricctl diagnose {name} walks its way hop by hop"));
    page
}

/// What its engine says of it.
fn engine(watch: &Watch, one: &Container, page: &mut Page) {
    let facts = watch.world.get(&one.server).and_then(|facts| facts.as_ref().ok());
    let docker = facts.and_then(|facts| facts.docker.as_ref()?.as_ref().ok());
    let Some(found) = docker.and_then(|docker| docker.containers.get(&one.name)) else { return };
    page.title("engine");
    let restarts = match found.restarts {
        0 => String::new(),
        times => format!(", started again {times} times"),
    };
    let since = found.started_at.as_deref().and_then(|at| at.get(..19)).map(|at| at.replace('T', " "));
    let since = since.map(|since| format!(", started {since}Z")).unwrap_or_default();
    page.line(&format!("{}{since}{restarts}", found.status));
    page.line(&format!("image {}", found.image));
}

/// Where it is plugged in.
fn way(watch: &Watch, workload: &Workload, page: &mut Page) {
    page.title("leaf");
    for end in watch.fabric.attachments(workload) {
        let cable = watch.overview.lines.iter().find(|cable| cable.a == *end || cable.b == *end);
        let (mark, said) = match cable {
            Some(cable) => (topology::wire(cable).1, cable.link.is.clone()),
            None => (Mark::Unknown, "it isn't watched".to_owned()),
        };
        page.marked(mark, &format!("{} {}: {said}", end.node, end.port));
    }
}

/// By which ports a router sends what is for it.
fn next_hops(watch: &Watch, one: &Container, router: &crate::fabric::NodeName) -> String {
    let facts = watch.world.get(router).and_then(|facts| facts.as_ref().ok());
    let rib = facts.and_then(|facts| facts.rib.as_ref()?.as_ref().ok());
    let Some(entry) = rib.and_then(|rib| rib.selected(&one.address.into())) else {
        return "as it should be".to_owned();
    };
    let by = entry.nexthops.iter().filter(|hop| hop.forwards()).filter_map(|hop| hop.interface.as_deref());
    format!("{} via {}", entry.protocol, by.collect::<Vec<_>>().join(", "))
}

/// A time as people say it: its two greatest units.
pub(super) fn told_span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
