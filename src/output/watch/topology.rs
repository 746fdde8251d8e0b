//! The fabric as it is cabled: spines above, below them each leaf with its links upwards, and its servers.

use super::Watch;
use super::paint::{Paint, bold, fit, glyph, selected, text};
use super::view::View;
use crate::fabric::{Endpoint, NodeName, PortKind, Role};
use crate::verify::overview::{Container, Line as Cable, Mark};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Spines(Vec<NodeName>),
    Leaf(NodeName),
    /// A server below a leaf, by which port of that; without one, it has no link to a leaf that is shown.
    Server {
        node: NodeName,
        port: Option<Endpoint>,
    },
}

/// The rows, from above.
pub(super) fn places(watch: &Watch) -> Vec<Place> {
    let mut places = Vec::new();
    let spines: Vec<NodeName> = watch.shown(Role::Spine).collect();
    if !spines.is_empty() {
        places.push(Place::Spines(spines));
    }
    let mut below = std::collections::BTreeSet::new();
    for leaf in watch.fabric.with_role(Role::Leaf).filter(|leaf| watch.nodes.contains(&leaf.name)) {
        places.push(Place::Leaf(leaf.name.clone()));
        for port in leaf.ports_of(PortKind::Server).filter(|port| watch.nodes.contains(&port.peer.node)) {
            below.insert(port.peer.node.clone());
            let end = Endpoint { node: leaf.name.clone(), port: port.name.clone() };
            places.push(Place::Server { node: port.peer.node.clone(), port: Some(end) });
        }
    }
    let alone = watch.shown(Role::Server).filter(|node| !below.contains(node));
    places.extend(alone.map(|node| Place::Server { node, port: None }));
    places
}

/// How a cable looks: double while all over it is up, single without its session, cut without itself.
pub(super) fn wire(cable: &Cable) -> (&'static str, Mark) {
    match (cable.link.state, cable.session.as_ref().map(|session| session.state)) {
        (Mark::Failed, _) => ("╳", Mark::Failed),
        (_, Some(Mark::Failed)) => ("┄", Mark::Failed),
        (Mark::Unknown, _) | (_, Some(Mark::Unknown)) => ("?", Mark::Unknown),
        (Mark::Ok, Some(Mark::Ok)) => ("═", Mark::Ok),
        (Mark::Ok, None) => ("─", Mark::Ok),
    }
}

struct Columns {
    /// Of the names of leafs.
    names: usize,
    /// Of each spine.
    each: usize,
    /// The first spine that is shown, and how many are.
    first: usize,
    shown: usize,
}

/// The lines of the drawing, and which of them has the cursor.
pub(super) fn lines(
    watch: &Watch,
    view: &View,
    width: usize,
    paint: Paint,
    focus: bool,
) -> (Vec<Line<'static>>, usize) {
    let places = places(watch);
    let spines: &[NodeName] = match places.first() {
        Some(Place::Spines(spines)) => spines,
        _ => &[],
    };
    let columns = columns(watch, view, spines, width);
    let at = view.row.min(places.len().saturating_sub(1));
    let lines = places.iter().enumerate().map(|(number, place)| {
        let here = focus && number == at;
        match place {
            Place::Spines(spines) => spine_row(watch, view, spines, &columns, paint, here),
            Place::Leaf(leaf) => leaf_row(watch, leaf, spines, &columns, paint, here),
            Place::Server { node, port } => server_row(watch, (node, port.as_ref()), width, paint, here),
        }
    });
    (lines.collect(), at)
}

fn columns(watch: &Watch, view: &View, spines: &[NodeName], width: usize) -> Columns {
    let longest = |role| watch.fabric.with_role(role).map(|node| node.name.as_str().len()).max().unwrap_or(0);
    let ports = watch.fabric.with_role(Role::Leaf).flat_map(|leaf| leaf.ports_of(PortKind::Uplink));
    let port = ports.map(|port| port.name.as_str().len()).max().unwrap_or(0);
    let names = longest(Role::Leaf).max(4) + 2;
    let each = longest(Role::Spine).max(port) + 3;
    let shown = (width.saturating_sub(names + 1) / each.max(1)).clamp(1, spines.len().max(1));
    let first = view.spine.min(spines.len().saturating_sub(1)).saturating_sub(shown - 1);
    Columns { names, each, first, shown }
}

fn name(watch: &Watch, node: &NodeName, paint: Paint, here: bool) -> Vec<Span<'static>> {
    let mark = watch.mark_of(node);
    let style = if mark == Mark::Failed { paint.of(mark) } else { bold() };
    let style = if here { selected(style) } else { style };
    vec![Span::styled(glyph(mark), paint.of(mark)), Span::raw(" "), Span::styled(text(node.as_str()), style)]
}

fn padded(mut spans: Vec<Span<'static>>, width: usize) -> Vec<Span<'static>> {
    let used: usize = spans.iter().map(|span| span.content.chars().count()).sum();
    spans.push(Span::raw(" ".repeat(width.saturating_sub(used))));
    spans
}

fn spine_row(
    watch: &Watch,
    view: &View,
    spines: &[NodeName],
    columns: &Columns,
    paint: Paint,
    here: bool,
) -> Line<'static> {
    let hidden = spines.len() - columns.shown.min(spines.len());
    let more = if hidden > 0 { format!("+{hidden}") } else { String::new() };
    let mut spans = vec![Span::styled(fit(&more, columns.names + 1), paint.faint())];
    let chosen = view.spine.min(spines.len().saturating_sub(1));
    for (number, spine) in spines.iter().enumerate().skip(columns.first).take(columns.shown) {
        spans.extend(padded(name(watch, spine, paint, here && number == chosen), columns.each));
    }
    Line::from(spans)
}

fn leaf_row(
    watch: &Watch,
    leaf: &NodeName,
    spines: &[NodeName],
    columns: &Columns,
    paint: Paint,
    here: bool,
) -> Line<'static> {
    let mut spans = padded(name(watch, leaf, paint, here), columns.names + 1);
    for spine in spines.iter().skip(columns.first).take(columns.shown) {
        let between = |cable: &&Cable| {
            let ends = [&cable.a.node, &cable.b.node];
            ends.contains(&leaf) && ends.contains(&spine)
        };
        let cables: Vec<&Cable> = watch.overview.lines.iter().filter(between).collect();
        // Of several, the one that is worst off.
        let worst = cables.iter().max_by_key(|cable| wire(cable).1);
        let cell = match worst {
            None => vec![Span::raw("")],
            Some(cable) => {
                let end = if cable.a.node == *leaf { &cable.a } else { &cable.b };
                let (glyph, mark) = wire(cable);
                let more = if cables.len() > 1 { format!("+{}", cables.len() - 1) } else { String::new() };
                vec![
                    Span::styled(glyph, paint.of(mark)),
                    Span::raw(" "),
                    Span::styled(text(&format!("{}{more}", end.port)), quiet(mark, paint)),
                ]
            }
        };
        spans.extend(padded(cell, columns.each));
    }
    Line::from(spans)
}

fn quiet(mark: Mark, paint: Paint) -> Style {
    if mark == Mark::Ok { Style::new() } else { paint.of(mark) }
}

fn server_row(
    watch: &Watch,
    (server, port): (&NodeName, Option<&Endpoint>),
    width: usize,
    paint: Paint,
    here: bool,
) -> Line<'static> {
    let mut spans = vec![Span::raw("  ")];
    let cable =
        port.and_then(|end| watch.overview.lines.iter().find(|cable| cable.a == *end || cable.b == *end));
    if let (Some(end), Some(cable)) = (port, cable) {
        let far = if cable.a == *end { &cable.b } else { &cable.a };
        let (glyph, mark) = wire(cable);
        spans.push(Span::styled(fit(end.port.as_str(), 6), quiet(mark, paint)));
        spans.push(Span::styled(glyph.repeat(2), paint.of(mark)));
        spans.push(Span::styled(format!(" {} ", fit(far.port.as_str(), 5)), quiet(mark, paint)));
    }
    spans.extend(name(watch, server, paint, here));
    let line = Line::from(spans.clone());
    let own: Vec<&Container> = watch.overview.containers.iter().filter(|one| one.server == *server).collect();
    let names: usize = own.iter().map(|one| one.name.chars().count() + 2).sum();
    if line.width() + 1 + names <= width {
        spans.push(Span::raw(" "));
        for one in own {
            let mark = one.state.state;
            spans.extend([
                Span::raw(" "),
                paint.mark(mark),
                Span::styled(text(&one.name), quiet(mark, paint)),
            ]);
        }
    } else if let Some(worst) = own.iter().map(|one| one.state.state).max() {
        let up = own.iter().filter(|one| one.state.ok()).count();
        spans.push(Span::styled(format!("  {up}/{}", own.len()), paint.of(worst)));
    }
    Line::from(spans)
}
