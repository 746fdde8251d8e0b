//! A scene as SVG: one element that needs nothing else, with classes for its colours, a title and a description.

use super::escape::escape;
use super::layout::TITLE;
use super::marks::{Mark, State};
use super::measure::{CONTAINER, LINE};
use super::scene::{Kind, PortShape, Scene, Shape, Wire};
use std::fmt::Write as _;

/// The colours and fonts of a picture, light and dark.
pub const STYLE: &str = include_str!("picture.css");

/// What an SVG is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// A file of its own: with its style and its ground.
    Alone,
    /// A part of a page that has the style and the title already; its nodes can be reached by keyboard.
    Page,
}

/// How far below its top the base line of a line of text is.
const BASE: i32 = 13;

/// Writes a scene down.
pub fn svg(scene: &Scene, setting: Setting) -> String {
    let (w, h) = scene.size;
    let top = if setting == Setting::Alone { 0 } else { TITLE };
    let high = h - top;
    let mut text = String::new();
    let (title, summary) = (escape(&format!("Fabric {}", scene.title)), escape(&scene.summary));
    let role = if setting == Setting::Alone { "img" } else { "group" };
    let marked = if scene.marked { " marked" } else { "" };
    let _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fabric{marked}\" viewBox=\"0 {top} {w} {high}\" width=\"{w}\" \
         height=\"{high}\" role=\"{role}\" aria-labelledby=\"fabric-title fabric-desc\">\n\
         <title id=\"fabric-title\">{title}</title>\n<desc id=\"fabric-desc\">{summary}</desc>"
    );
    if setting == Setting::Alone {
        let _ = writeln!(text, "<style>\n{STYLE}</style>");
    }
    let _ = writeln!(text, "<rect class=\"ground\" width=\"{w}\" height=\"{h}\"/>");
    if setting == Setting::Alone {
        let _ = writeln!(text, "<text class=\"title\" x=\"24\" y=\"42\">{title}</text>");
        let _ = writeln!(text, "<text class=\"summary\" x=\"24\" y=\"62\">{summary}</text>");
    }
    for heading in &scene.headings {
        let ((x, y), said) = (heading.at, escape(&heading.text));
        let _ = writeln!(text, "<text class=\"heading\" x=\"{x}\" y=\"{y}\">{said}</text>");
    }
    for rack in &scene.racks {
        let (x, y, w, h) = (rack.x, rack.y, rack.w, rack.h);
        let _ = writeln!(
            text,
            "<rect class=\"rack\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"10\"/>"
        );
    }
    for wire in &scene.wires {
        write_wire(&mut text, wire);
    }
    for shape in &scene.shapes {
        write_shape(&mut text, shape, setting);
    }
    if scene.marked {
        write_legend(&mut text, h);
    }
    text.push_str("</svg>\n");
    text
}

fn write_wire(text: &mut String, wire: &Wire) {
    let mut path = String::new();
    for (at, (x, y)) in wire.points.iter().enumerate() {
        let _ = write!(path, "{}{x} {y}", if at == 0 { "M" } else { "L" });
    }
    let node = |end: &str| escape(end.split(':').next().unwrap_or_default());
    let told = format!("{} – {}\nMTU: {}{}", wire.upper, wire.lower, wire.mtu, told(wire.mark.as_ref()));
    let _ = writeln!(
        text,
        "<g class=\"wire{}\" data-upper=\"{}\" data-lower=\"{}\"><title>{}</title>\
         <path class=\"hit\" d=\"{path}\"/><path class=\"seen\" d=\"{path}\"/></g>",
        class(wire.mark.as_ref()),
        node(&wire.upper),
        node(&wire.lower),
        escape(&told)
    );
}

/// A state as a class.
fn class(mark: Option<&Mark>) -> String {
    mark.map_or(String::new(), |mark| format!(" {}", mark.state.as_str()))
}

/// A state and its reasons as lines.
fn told(mark: Option<&Mark>) -> String {
    let Some(mark) = mark else { return String::new() };
    let state = format!("\nstate: {}", mark.state.as_str());
    std::iter::once(state.as_str())
        .chain(mark.notes.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join("\n")
}

fn write_shape(text: &mut String, shape: &Shape, setting: Setting) {
    let Shape { rect, kind, .. } = shape;
    let again = if shape.again { " again" } else { "" };
    let said =
        if *kind == Kind::More { shape.name.clone() } else { format!("{} {}", kind.as_str(), shape.name) };
    let mut lines = vec![format!("{said}{}", told(shape.mark.as_ref()))];
    lines.extend(shape.facts.iter().map(|(name, value)| format!("{name}: {value}")));
    let told = escape(&lines.join("\n"));
    let focus = match setting {
        Setting::Alone => String::new(),
        Setting::Page => {
            let state =
                shape.mark.as_ref().map_or(String::new(), |mark| format!(", {}", mark.state.as_str()));
            format!(" tabindex=\"0\" role=\"img\" aria-label=\"{}\"", escape(&format!("{said}{state}")))
        }
    };
    let _ = writeln!(
        text,
        "<g class=\"node {}{}{again}\" id=\"{}\" data-name=\"{}\"{focus}><title>{told}</title>",
        kind.as_str(),
        class(shape.mark.as_ref()),
        escape(&shape.id),
        escape(&shape.name),
    );
    let round = if matches!(kind, Kind::Container | Kind::More) { 4 } else { 7 };
    let _ = writeln!(
        text,
        "<rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\"/>",
        rect.x, rect.y, rect.w, rect.h
    );
    write_lines(text, shape);
    for port in &shape.ports {
        write_port(text, port);
    }
    if let Some(mark) = &shape.mark {
        let y = if rect.h == CONTAINER { rect.y + CONTAINER / 2 } else { rect.y + shape.lead + LINE / 2 };
        write_sign(text, rect.x + 13, y, mark.state);
    }
    text.push_str("</g>\n");
}

fn write_lines(text: &mut String, shape: &Shape) {
    let rect = shape.rect;
    let small = matches!(shape.kind, Kind::Container | Kind::More);
    for (at, line) in (0..).zip(&shape.lines) {
        let (class, x, y) = match (at, small) {
            (0, false) => ("name", rect.middle(), rect.y + shape.lead + BASE),
            (_, false) => ("line", rect.middle(), rect.y + shape.lead + BASE + at * LINE),
            (0, true) if shape.mark.is_some() => ("name", rect.x + 25, rect.y + shape.lead + BASE),
            (0, true) => ("name", rect.x + 9, rect.y + shape.lead + BASE),
            (_, true) => ("line", rect.right() - 9, rect.y + shape.lead + BASE),
        };
        let _ = writeln!(text, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(line));
    }
}

fn write_port(text: &mut String, port: &PortShape) {
    let rect = port.rect;
    let (x, y) = (rect.middle(), rect.y + rect.h / 2);
    let turn = if port.upright { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
    let _ = writeln!(
        text,
        "<g class=\"port\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"/>\
         <text x=\"{x}\" y=\"{}\"{turn}>{}</text></g>",
        rect.x,
        rect.y,
        rect.w,
        rect.h,
        y + 3,
        escape(&port.name)
    );
}

fn write_sign(text: &mut String, x: i32, y: i32, state: State) {
    let (low, sign) = (y + 4, state.sign());
    let _ = writeln!(
        text,
        "<g class=\"sign\" aria-hidden=\"true\"><circle cx=\"{x}\" cy=\"{y}\" r=\"7\"/><text x=\"{x}\" y=\"{low}\">{sign}</text></g>"
    );
}

fn write_legend(text: &mut String, height: i32) {
    text.push_str("<g class=\"legend\">\n");
    for (at, state) in (0..).zip(State::ALL) {
        let (x, y) = (24 + at * 100, height - 30);
        let _ = writeln!(text, "<g class=\"{}\">", state.as_str());
        write_sign(text, x + 7, y, state);
        let _ = writeln!(text, "<text x=\"{}\" y=\"{}\">{}</text></g>", x + 20, y + 4, state.as_str());
    }
    text.push_str("</g>\n");
}
