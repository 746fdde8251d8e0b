//! What is wrong in an inventory: collected while reading, then shown all at once.

use std::ops::Range;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// The inventory can't be used.
    #[default]
    Error,
    /// It can, but a person should know.
    Warning,
}

/// One thing that is wrong, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file, as it is shown.
    pub path: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What stands at that place, in a few words.
    pub label: Option<String>,
    /// A second place that explains the first, with what stands there.
    pub related: Option<(Place, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The octets of the text it covers.
    pub span: Range<usize>,
}

/// A range of octets in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// A finding before its line and column are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    severity: Severity,
    span: Span,
    message: String,
    label: Option<String>,
    related: Option<(Span, String)>,
    help: Option<String>,
}

impl Draft {
    /// It is only something to know.
    pub(super) fn warning(&mut self) -> &mut Self {
        self.severity = Severity::Warning;
        self
    }

    /// What to do about it.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// What stands at the place.
    pub(super) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// The second place; one that is the first again (through an alias) says nothing new.
    pub(super) fn related(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        if span != self.span {
            self.related = Some((span, label.into()));
        }
        self
    }
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(super) struct Drafts(Vec<Draft>);

impl Drafts {
    /// Notes a finding; details can be added to what is returned.
    pub(super) fn add(&mut self, span: Span, message: impl Into<String>) -> &mut Draft {
        let index = self.0.len();
        let severity = Severity::Error;
        self.0.push(Draft {
            severity,
            span,
            message: message.into(),
            label: None,
            related: None,
            help: None,
        });
        &mut self.0[index]
    }

    /// Whether nothing is wrong; there may be warnings.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|draft| draft.severity == Severity::Warning)
    }

    /// The findings in order of their places, each once.
    pub(super) fn finish(mut self, path: &str, text: &str) -> Vec<Finding> {
        self.0.sort_by(|a, b| a.span.cmp(&b.span).then_with(|| a.message.cmp(&b.message)));
        self.0.dedup();
        let lines = Lines::new(text);
        self.0
            .into_iter()
            .map(|draft| Finding {
                severity: draft.severity,
                path: path.to_owned(),
                message: draft.message,
                place: lines.place(draft.span),
                label: draft.label,
                related: draft.related.map(|(span, label)| (lines.place(span), label)),
                help: draft.help,
            })
            .collect()
    }
}

/// Where the lines of a text start.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(index, _)| index + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    fn place(&self, span: Span) -> Place {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end.max(span.start));
        let line = self.starts.partition_point(|first| *first <= start).max(1);
        let first = self.starts[line - 1];
        Place { line, column: self.text[first..start].chars().count() + 1, span: start..end }
    }

    /// The offset itself, or the nearest one before it that a slice may start at.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a: 1\nü: xy\n";
        let place = Lines::new(text).place(Span { start: 9, end: 11 });
        assert_eq!((place.line, place.column), (2, 4));
        assert_eq!(&text[place.span], "xy");
    }

    #[test]
    fn findings_come_in_order_of_their_places_and_once() {
        let mut drafts = Drafts::default();
        drafts.add(Span { start: 5, end: 6 }, "second");
        drafts.add(Span { start: 0, end: 1 }, "first");
        drafts.add(Span { start: 5, end: 6 }, "second");
        let messages: Vec<String> =
            drafts.finish("f", "a: 1\nb: 2\n").into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, ["first", "second"]);
    }
}
