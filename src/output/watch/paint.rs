//! Texts and their looks. Every text that is drawn passes here, without secrets and control characters.

use crate::output::hidden::masked;
use crate::output::routes::{BAD, GOOD};
use crate::output::verify::groups::clean;
use crate::verify::overview::Mark;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

/// Whether there are colours. Without them everything can be told all the same: by marks, by bold and reversed letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// There are.
    pub colours: bool,
}

impl Paint {
    fn coloured(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    /// How a state looks.
    pub(super) fn of(self, mark: Mark) -> Style {
        match mark {
            Mark::Ok => self.coloured(Color::Green),
            Mark::Unknown => self.coloured(Color::Yellow),
            Mark::Failed => self.coloured(Color::Red).add_modifier(Modifier::BOLD),
        }
    }

    /// What is there to be found, and not to be read.
    pub(super) fn faint(self) -> Style {
        self.coloured(Color::DarkGray)
    }

    /// A mark.
    pub(super) fn mark(self, mark: Mark) -> Span<'static> {
        Span::styled(glyph(mark), self.of(mark))
    }
}

/// The mark of a state.
pub(super) fn glyph(mark: Mark) -> &'static str {
    match mark {
        Mark::Ok => GOOD,
        Mark::Unknown => "?",
        Mark::Failed => BAD,
    }
}

/// A text as it may be drawn.
pub(super) fn text(raw: &str) -> String {
    masked(&clean(raw)).replace(['\n', '\t'], " ")
}

/// The same, in letters as wide as this; what is longer ends in `…`.
pub(super) fn fit(raw: &str, width: usize) -> String {
    let text = text(raw);
    if text.chars().count() <= width {
        return format!("{text:width$}");
    }
    let cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { String::new() } else { format!("{cut}…") }
}

/// What is selected.
pub(super) fn selected(style: Style) -> Style {
    style.add_modifier(Modifier::REVERSED)
}

/// What stands out.
pub(super) fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}
