//! The matrix of routes: containers by routers.

use super::Watch;
use super::paint::{Paint, bold, fit, selected};
use super::view::View;
use crate::fabric::{NodeName, Role};
use crate::verify::overview::{Container, Mark, route_to};
use ratatui::text::{Line, Span};

/// A route that is there and not as it should be.
const WRONG: &str = "!";

/// The routers whose columns fit: spines, and leafs where all of them fit, too.
fn routers(watch: &Watch, room: usize) -> Vec<NodeName> {
    let spines: Vec<NodeName> = watch.shown(Role::Spine).collect();
    let all: Vec<NodeName> = spines.iter().cloned().chain(watch.shown(Role::Leaf)).collect();
    let width = |names: &[NodeName]| -> usize { names.iter().map(|name| name.as_str().len() + 1).sum() };
    if spines.is_empty() || width(&all) <= room {
        return all
            .into_iter()
            .scan(0, |used, name| {
                *used += name.as_str().len() + 1;
                (*used <= room).then_some(name)
            })
            .collect();
    }
    let fitting = (1..=spines.len()).rev().find(|count| width(&spines[..*count]) <= room).unwrap_or(1);
    spines[..fitting].to_vec()
}

fn names(watch: &Watch) -> usize {
    watch.overview.containers.iter().map(|one| one.name.len()).max().unwrap_or(0).clamp(5, 20) + 2
}

/// How wide the matrix is when it may be at most so wide.
pub(super) fn width(watch: &Watch, most: usize) -> usize {
    let names = names(watch) + 1;
    let columns = routers(watch, most.saturating_sub(names));
    names + columns.iter().map(|name| name.as_str().len() + 1).sum::<usize>()
}

/// The heading, the rows, and which of these has the cursor.
pub(super) fn lines(
    watch: &Watch,
    view: &View,
    width: usize,
    paint: Paint,
    focus: bool,
) -> (Line<'static>, Vec<Line<'static>>, usize) {
    let first = names(watch) + 1;
    let routers = routers(watch, width.saturating_sub(first));
    let mut heading = vec![Span::raw(" ".repeat(first))];
    heading.extend(routers.iter().map(|name| Span::styled(format!("{name} "), paint.faint())));
    let at = view.container.min(watch.overview.containers.len().saturating_sub(1));
    let rows = watch.overview.containers.iter().enumerate().map(|(number, one)| {
        let style = if one.state.state == Mark::Failed { paint.of(Mark::Failed) } else { bold() };
        let style = if focus && number == at { selected(style) } else { style };
        let mut spans = vec![
            paint.mark(one.state.state),
            Span::raw(" "),
            Span::styled(fit(&one.name, first - 3).trim_end().to_owned(), style),
        ];
        let used: usize = spans.iter().map(|span| span.content.chars().count()).sum();
        spans.push(Span::raw(" ".repeat(first.saturating_sub(used))));
        for router in &routers {
            let (glyph, mark) = cell(watch, router, one);
            let side = router.as_str().len() / 2;
            spans.push(Span::raw(" ".repeat(side)));
            spans.push(Span::styled(glyph, paint.of(mark)));
            spans.push(Span::raw(" ".repeat(router.as_str().len() - side)));
        }
        Line::from(spans)
    });
    (Line::from(heading), rows.collect(), at)
}

/// What a router has of a container's route.
pub(super) fn cell(watch: &Watch, router: &NodeName, container: &Container) -> (&'static str, Mark) {
    let reached = watch.overview.device(router).is_some_and(|device| device.reached.ok());
    let Some(table) = watch.overview.tables.get(router).filter(|_| reached) else {
        return ("?", Mark::Unknown);
    };
    match table.wrong.get(&route_to(container)) {
        None => ("✔", Mark::Ok),
        Some(route) if route.absent => ("✖", Mark::Failed),
        Some(_) => (WRONG, Mark::Failed),
    }
}
