//! A page as one HTML file that needs nothing else: no network, no script to be read.

use super::{Bar, Block, Diff, Matrix, Page, Row, Section, Table};
use crate::output::{masked, printable};
use crate::picture::{SVG_STYLE, Scene, Setting, State, escape, svg};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing may be loaded, not even by something that slipped into a text.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Writes a page down.
pub fn page_html(page: &Page) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>\n{STYLE}{SVG_STYLE}</style>\n</head>\n<body>\n",
        text(&page.title)
    );
    header(&mut html, page);
    html.push_str("<main>\n");
    if let Some(scene) = &page.picture {
        picture(&mut html, scene);
    }
    for part in &page.sections {
        section(&mut html, part);
    }
    let _ = write!(html, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    html
}

/// A text as it may stand in the page: no secrets, nothing that drives a terminal, no markup.
fn text(said: &str) -> String {
    escape(&printable(&masked(said)))
}

fn badge(state: State) -> String {
    let (word, sign) = (state.as_str(), state.sign());
    format!("<span class=\"badge {word}\"><span aria-hidden=\"true\">{sign}</span> {word}</span>")
}

fn header(html: &mut String, page: &Page) {
    let badge = page.state.map(badge).unwrap_or_default();
    let _ = write!(
        html,
        "<header>\n<h1>{}</h1>\n<p class=\"verdict\">{badge} {}</p>\n",
        text(&page.title),
        text(&page.summary)
    );
    if !page.facts.is_empty() {
        html.push_str("<dl class=\"facts\">\n");
        for (name, value) in &page.facts {
            let _ = writeln!(html, "<div><dt>{}</dt><dd>{}</dd></div>", text(name), text(value));
        }
        html.push_str("</dl>\n");
    }
    if page.sections.len() > 1 {
        html.push_str("<nav aria-label=\"Sections\">\n");
        for section in &page.sections {
            let class = section.state.map_or("", State::as_str);
            let sign = section.state.map_or(String::new(), |state| format!("{} ", state.sign()));
            let (id, title) = (section.id, text(&section.title));
            let _ = writeln!(html, "<a class=\"{class}\" href=\"#{id}\">{sign}{title}</a>");
        }
        html.push_str("</nav>\n");
    }
    html.push_str("</header>\n");
}

fn picture(html: &mut String, scene: &Scene) {
    let width = scene.size.0;
    let _ = write!(
        html,
        "<figure id=\"picture\" style=\"--natural:{width}px\">\n\
         <div class=\"tools\" hidden>\n\
         <button type=\"button\" data-zoom=\"out\" aria-label=\"Smaller\">−</button>\n\
         <button type=\"button\" data-zoom=\"in\" aria-label=\"Larger\">+</button>\n\
         <button type=\"button\" data-zoom=\"fit\">Fit</button>\n\
         <button type=\"button\" data-zoom=\"full\">1:1</button>\n</div>\n\
         <div class=\"view\" tabindex=\"0\" role=\"region\" aria-label=\"Topology\">\n{}</div>\n\
         <div class=\"details\" aria-live=\"polite\" hidden></div>\n</figure>\n",
        svg(scene, Setting::Page)
    );
}

fn section(html: &mut String, section: &Section) {
    let badge = section.state.map(badge).unwrap_or_default();
    let _ = write!(
        html,
        "<section id=\"{}\">\n<h2>{} {badge}</h2>\n<p>{}</p>\n",
        section.id,
        text(&section.title),
        text(&section.summary)
    );
    for block in &section.blocks {
        match block {
            Block::Text { text: said } => {
                let _ = writeln!(html, "<p>{}</p>", text(said));
            }
            Block::Table(table) => write_table(html, table),
            Block::Matrix(matrix) => write_matrix(html, matrix),
            Block::Bars { title, bars } => write_bars(html, title, bars),
            Block::Diffs { diffs } => diffs.iter().for_each(|diff| write_diff(html, diff)),
        }
    }
    html.push_str("</section>\n");
}

/// What is wider than the page scrolls by itself; by keyboard too.
fn scrolled(html: &mut String, label: &str, inside: impl FnOnce(&mut String)) {
    let label = text(label);
    let _ = writeln!(html, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">");
    inside(html);
    html.push_str("</div>\n");
}

fn write_table(html: &mut String, table: &Table) {
    let judged = table.rows.iter().any(|row| row.state.is_some());
    scrolled(html, &table.title, |html| {
        let _ = write!(html, "<table>\n<caption>{}</caption>\n<thead><tr>", text(&table.title));
        if judged {
            html.push_str("<th scope=\"col\">state</th>");
        }
        for column in &table.columns {
            let _ = write!(html, "<th scope=\"col\">{}</th>", text(column));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for Row { state, cells } in &table.rows {
            html.push_str("<tr>");
            if judged {
                let _ = write!(html, "<td>{}</td>", state.map(badge).unwrap_or_default());
            }
            for cell in cells {
                let _ = write!(html, "<td>{}</td>", text(cell));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table>\n");
    });
}

fn write_matrix(html: &mut String, matrix: &Matrix) {
    scrolled(html, &matrix.title, |html| {
        let _ = write!(
            html,
            "<table class=\"matrix\">\n<caption>{}</caption>\n<thead><tr><td></td><td></td>",
            text(&matrix.title)
        );
        for column in &matrix.columns {
            let _ = write!(html, "<th scope=\"col\"><span>{}</span></th>", text(column));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &matrix.rows {
            let _ =
                write!(html, "<tr><th scope=\"row\">{}</th><td>{}</td>", text(&row.name), text(&row.address));
            for (column, cell) in matrix.columns.iter().zip(&row.cells) {
                let (class, sign, note) = match cell {
                    Some(verdict) => (verdict.state.as_str(), verdict.state.sign(), verdict.note.as_str()),
                    None => ("empty", "–", matrix.empty.as_str()),
                };
                let word = if class == "empty" { "not expected" } else { class };
                let title = text(&format!("{} on {column}: {word}\n{note}", row.name));
                let _ = write!(
                    html,
                    "<td class=\"cell {class}\" title=\"{title}\"><span aria-hidden=\"true\">{sign}</span>\
                     <span class=\"heard\">{word}</span></td>"
                );
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table>\n");
    });
    if matrix.rows.iter().any(|row| row.cells.contains(&None)) {
        let _ = writeln!(html, "<p class=\"note\">– {}</p>", text(&matrix.empty));
    }
}

fn write_bars(html: &mut String, title: &str, bars: &[Bar]) {
    let longest = bars.iter().map(|bar| bar.ms).max().unwrap_or(0).max(1);
    let _ = writeln!(html, "<h3>{}</h3>\n<ol class=\"bars\">", text(title));
    for bar in bars {
        let (class, sign) = (bar.state.as_str(), bar.state.sign());
        // A duration that is told is seen too.
        let share = (bar.ms.saturating_mul(100) / longest).max(1);
        let _ = writeln!(
            html,
            "<li class=\"{class}\"><span class=\"label\">{}</span>\
             <span class=\"track\"><span class=\"bar\" style=\"width:{share}%\"></span></span>\
             <span class=\"time\">{} {}</span></li>",
            text(&bar.label),
            if bar.state == State::Ok { "" } else { sign },
            seconds(bar.ms)
        );
    }
    html.push_str("</ol>\n");
}

/// `1.84 s`.
fn seconds(ms: u64) -> String {
    let hundredths = ms.saturating_add(5) / 10;
    format!("{}.{:02} s", hundredths / 100, hundredths % 100)
}

fn write_diff(html: &mut String, diff: &Diff) {
    let _ = write!(html, "<details>\n<summary>{}</summary>\n<pre tabindex=\"0\">", text(&diff.title));
    for line in diff.text.lines() {
        let class = match line.as_bytes().first() {
            Some(b'+') => "added",
            Some(b'-') => "removed",
            Some(b'@') => "place",
            _ => "same",
        };
        let _ = writeln!(html, "<span class=\"{class}\">{}</span>", text(line));
    }
    html.push_str("</pre>\n</details>\n");
}
