//! Findings in a person's file, drawn into the text they are about.

use super::failure::{Location, Problem};
use crate::inventory::{Finding, Place, Severity};
use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};
use std::ops::Range;

/// Draws findings into the text they came from, as it may be shown. Colours are in it; printing takes them out where they don't belong.
pub fn problems(findings: &[Finding], text: &str) -> Vec<Problem> {
    findings.iter().map(|finding| problem(finding, text)).collect()
}

fn problem(finding: &Finding, text: &str) -> Problem {
    let Place { line, column, .. } = finding.place;
    let message = match &finding.related {
        Some((place, label)) => {
            format!("{} ({label}: {}:{}:{})", finding.message, finding.path, place.line, place.column)
        }
        None => finding.message.clone(),
    };
    Problem {
        message,
        location: Some(Location { file: finding.path.clone(), line, column }),
        hint: finding.help.clone(),
        warning: finding.severity == Severity::Warning,
        snippet: Some(draw(finding, text)),
        ..Problem::default()
    }
}

/// The look of rustc: message, place, the lines concerned with what stands there.
fn draw(finding: &Finding, text: &str) -> String {
    let related = finding.related.as_ref();
    let places = || std::iter::once(&finding.place).chain(related.map(|(place, _)| place));
    let lines = enclosing(text, places());
    let first_line = places().map(|place| place.line).min().unwrap_or(1);
    let inside = |place: &Place| visible(text, place, &lines);
    let mut primary: Annotation<'_> = AnnotationKind::Primary.span(inside(&finding.place));
    if let Some(label) = &finding.label {
        primary = primary.label(label.as_str());
    }
    let mut snippet = Snippet::source(&text[lines.clone()])
        .path(finding.path.as_str())
        .line_start(first_line)
        .annotation(primary);
    if let Some((place, label)) = related {
        snippet = snippet.annotation(AnnotationKind::Context.span(inside(place)).label(label.as_str()));
    }
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    Renderer::styled().render(&[level.primary_title(finding.message.as_str()).element(snippet)])
}

/// The whole lines that hold all these places: all that the drawing needs of a long text.
fn enclosing<'p>(text: &str, places: impl Iterator<Item = &'p Place>) -> Range<usize> {
    let (mut start, mut end) = (text.len(), 0);
    for place in places {
        start = start.min(place.span.start);
        end = end.max(place.span.end);
    }
    let start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[end.max(start)..].find('\n').map_or(text.len(), |newline| end.max(start) + newline);
    start..end
}

/// A place within the lines that are drawn; an empty one covers the character that stands there.
fn visible(text: &str, place: &Place, lines: &Range<usize>) -> Range<usize> {
    let start = place.span.start.clamp(lines.start, lines.end);
    let mut end = place.span.end.clamp(start, lines.end);
    if start == end {
        end = text[start..lines.end].chars().next().map_or(end, |c| start + c.len_utf8());
    }
    start - lines.start..end - lines.start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_drawn_with_both_places() {
        let text = "a: 1\nb: 2\nc: 1\n";
        let finding = Finding {
            severity: Severity::Error,
            path: "fabric.yml".into(),
            message: "1 is used twice".into(),
            place: Place { line: 3, column: 4, span: 13..14 },
            label: Some("again here".into()),
            related: Some((Place { line: 1, column: 4, span: 3..4 }, "first used here".into())),
            help: Some("change one".into()),
        };
        let problem = &problems(&[finding], text)[0];
        assert_eq!(problem.message, "1 is used twice (first used here: fabric.yml:1:4)");
        let plain = anstream::adapter::strip_str(problem.snippet.as_deref().unwrap()).to_string();
        let expected = "error: 1 is used twice\n --> fabric.yml:3:4\n  |\n1 | a: 1\n  |    - first used here\n2 | b: 2\n3 | c: 1\n  |    ^ again here";
        assert_eq!(plain, expected);
    }

    #[test]
    fn places_at_the_end_of_a_text_are_drawn() {
        let finding = Finding {
            severity: Severity::Error,
            path: "fabric.yml".into(),
            message: "nothing here".into(),
            place: Place { line: 1, column: 1, span: 0..0 },
            label: None,
            related: None,
            help: None,
        };
        let drawn = problems(std::slice::from_ref(&finding), "")[0].snippet.clone().unwrap();
        assert!(drawn.contains("nothing here"));
    }
}
