//! The screen: title, topology and routes, or a page, then events, and what keys there are.

use super::paint::{Paint, bold, fit, text};
use super::view::{Pane, Subject, View};
use super::{Event, Watch, node, page, routes, topology};
use crate::verify::overview::Mark;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph};
use std::time::SystemTime;

/// On less there is nothing to be seen.
const LEAST: (u16, u16) = (50, 12);

/// What `?` shows.
const HELP: [&str; 17] = [
    "arrows, hjkl     move                 Tab        to the next part",
    "Enter            look into it         Esc        out of it",
    "PgUp, PgDn       a screenful          Home, End  first, last",
    "q                quit                 ?          this",
    "",
    "✔ as it should be     ✖ not     ? nobody knows",
    "",
    "═ link and session up         ─ link up, no session on it",
    "┄ link up, session down       ╳ link down       ? not known",
    "",
    "routes: ✔ right   ✖ absent   ! wrong next hops, or not installed",
    "before a container's name: whether it runs as it should",
    "behind a server's name: its containers, or how many of them run",
    "",
    "Enter on a node or container shows what is wrong with it;",
    "fabricctl diagnose names the cause, verify checks what takes",
    "longer: cables, clocks, logs, the kernel, who reaches whom.",
];

pub(super) fn draw(watch: &Watch, view: &mut View, frame: &mut Frame<'_>, paint: Paint, now: SystemTime) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let said = format!("too small: {}×{} at least", LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(said), area);
        return;
    }
    let events = (area.height / 4).clamp(4, 16);
    let rows = [Constraint::Length(1), Constraint::Min(3), Constraint::Length(events), Constraint::Length(1)];
    let [head, body, log, foot] = Layout::vertical(rows).areas(area);
    frame.render_widget(Paragraph::new(title(watch, head.width, paint, now)), head);
    match view.page.clone() {
        Some(subject) => draw_page(watch, view, &subject, frame, body, paint, now),
        None => draw_fabric(watch, view, frame, body, paint),
    }
    draw_events(watch, view, frame, log, paint);
    let keys = match (&view.page, view.pane) {
        (Some(_), _) => "Esc back  ↑↓ scroll  Tab events  ? help  q quit",
        (None, Pane::Events) => "↑↓ scroll  Tab next part  ? help  q quit",
        (None, _) => "arrows move  Enter look into  Tab next part  ? help  q quit",
    };
    frame.render_widget(Paragraph::new(Span::styled(format!(" {keys}"), paint.faint())), foot);
    if view.help {
        draw_help(frame, area);
    }
}

/// The sums, and the time; where it is narrow, in fewer words.
fn title(watch: &Watch, width: u16, paint: Paint, now: SystemTime) -> Line<'static> {
    let overview = &watch.overview;
    let sums = [
        (["devices", "dev"], overview.reached()),
        (["links", "links"], overview.links()),
        (["sessions", "bgp"], overview.sessions()),
        (["routes", "routes"], overview.routes()),
        (["containers", "cont"], overview.running()),
    ];
    let clock = humantime::format_rfc3339_seconds(now).to_string();
    let clock = format!("{}Z ", clock.get(11..19).unwrap_or_default());
    let lab = watch.lab.as_ref().map(|lab| format!(" ({lab})")).unwrap_or_default();
    let line = |name: &str, short: usize| {
        let mut spans = vec![Span::styled(text(&format!(" {name}")), bold())];
        for (what, count) in sums.iter().filter(|(_, count)| count.expected > 0) {
            let mark = match count.whole() {
                true => Mark::Ok,
                false if overview.heard.is_empty() => Mark::Unknown,
                false => Mark::Failed,
            };
            spans.push(Span::raw("  "));
            spans.push(Span::styled(format!("{}/{}", count.ok, count.expected), paint.of(mark)));
            spans.push(Span::raw(format!(" {}", what[short])));
        }
        Line::from(spans)
    };
    let name = &watch.fabric.name;
    let whole = format!("{name}{lab}");
    let tries = [line(&whole, 0), line(&whole, 1), line(name, 1)];
    let room = usize::from(width).saturating_sub(clock.len() + 1);
    let fits = tries.iter().find(|line| line.width() <= room).cloned();
    let mut line = fits.unwrap_or_else(|| line("", 1));
    let rest = usize::from(width).saturating_sub(line.width() + clock.len());
    line.push_span(Span::raw(" ".repeat(rest)));
    line.push_span(Span::styled(clock, paint.faint()));
    line
}

fn frame_of(title: &str, focus: bool, paint: Paint) -> Block<'static> {
    let kind = if focus { BorderType::Thick } else { BorderType::Plain };
    let style = if focus { bold() } else { paint.faint() };
    Block::bordered()
        .border_type(kind)
        .border_style(style)
        .title(Span::styled(format!(" {} ", text(title)), bold()))
}

fn draw_fabric(watch: &Watch, view: &mut View, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let most = usize::from(area.width / 2).saturating_sub(3);
    let matrix = u16::try_from(routes::width(watch, most) + 3).unwrap_or(area.width / 2);
    let [left, right] = Layout::horizontal([Constraint::Min(20), Constraint::Length(matrix)]).areas(area);

    let focus = view.pane == Pane::Topology;
    let block = frame_of("topology", focus, paint);
    let inner = block.inner(left);
    let (lines, at) = topology::lines(watch, view, usize::from(inner.width), paint, focus);
    scrolled(frame, inner, lines, at);
    frame.render_widget(block, left);
    if focus {
        view.row = at;
        view.height = usize::from(inner.height);
    }

    let focus = view.pane == Pane::Routes;
    let block = frame_of("routes", focus, paint);
    let inner = block.inner(right);
    let [top, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(inner);
    let (heading, rows, at) = routes::lines(watch, view, usize::from(inner.width), paint, focus);
    frame.render_widget(Paragraph::new(heading), top);
    scrolled(frame, rest, rows, at);
    frame.render_widget(block, right);
    if focus {
        view.container = at;
        view.height = usize::from(rest.height);
    }
}

/// Lines of which the one with the cursor is to be seen.
fn scrolled(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>, at: usize) {
    let height = usize::from(area.height);
    let first = (at + 1).saturating_sub(height).min(lines.len().saturating_sub(height));
    let shown: Vec<Line<'static>> = lines.into_iter().skip(first).take(height).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

fn draw_page(
    watch: &Watch,
    view: &mut View,
    subject: &Subject,
    frame: &mut Frame<'_>,
    area: Rect,
    paint: Paint,
    now: SystemTime,
) {
    let focus = view.pane != Pane::Events;
    let (title, page) = match subject {
        Subject::Node(name) => (name.to_string(), node::page(watch, name, paint, now)),
        Subject::Container(name) => (name.clone(), page::container(watch, name, paint)),
    };
    let height = usize::from(area.height.saturating_sub(2));
    let last = page.lines.len().saturating_sub(height);
    view.scroll = view.scroll.min(last);
    let (from, to) = (view.scroll + 1, page.lines.len().min(view.scroll + height));
    let part = if last == 0 { String::new() } else { format!(", {from}–{to} of {}", page.lines.len()) };
    let block = frame_of(&format!("{title}{part}"), focus, paint);
    let inner = block.inner(area);
    let shown: Vec<Line<'static>> = page.lines.into_iter().skip(view.scroll).take(height).collect();
    frame.render_widget(Paragraph::new(shown), inner);
    frame.render_widget(block, area);
    if focus {
        view.height = height;
    }
}

/// The last events, or those that one has gone back to; on a node's page, those about it.
fn draw_events(watch: &Watch, view: &mut View, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let focus = view.pane == Pane::Events;
    let about = |event: &&Event| match &view.page {
        Some(Subject::Node(name)) => event.concerns(name),
        Some(Subject::Container(name)) => {
            event.subjects.iter().any(|subject| subject.split(' ').next() == Some(name.as_str()))
        }
        None => true,
    };
    let all: Vec<&Event> = watch.events.iter().filter(about).collect();
    let height = usize::from(area.height.saturating_sub(2));
    view.back = view.back.min(all.len().saturating_sub(height));
    let title = match (&view.page, view.back) {
        (Some(_), 0) => "events about it".to_owned(),
        (None, 0) => "events".to_owned(),
        (_, back) => format!("events, {back} later ones below"),
    };
    let block = frame_of(&title, focus, paint);
    let inner = block.inner(area);
    let end = all.len() - view.back;
    let shown = all[end.saturating_sub(height)..end].iter().map(|event| {
        let at = humantime::format_rfc3339_seconds(event.at).to_string();
        let room = usize::from(inner.width).saturating_sub(11);
        Line::from(vec![
            Span::styled(at.get(11..19).unwrap_or_default().to_owned(), paint.faint()),
            Span::raw(" "),
            Span::styled(event.mark(), paint.of(event.state)),
            Span::raw(" "),
            Span::raw(fit(&event.text(), room).trim_end().to_owned()),
        ])
    });
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), inner);
    frame.render_widget(block, area);
    if focus {
        view.height = height;
    }
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let width = 68.min(area.width);
    let height = u16::try_from(HELP.len() + 2).unwrap_or(area.height).min(area.height);
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    let block = Block::bordered().border_type(BorderType::Double).title(Span::styled(" help ", bold()));
    frame.render_widget(Clear, place);
    let lines: Vec<Line<'_>> = HELP.iter().map(|line| Line::from(format!(" {line}"))).collect();
    frame.render_widget(Paragraph::new(lines).block(block), place);
}
