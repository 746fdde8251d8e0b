//! A matrix of marks, drawn in several pieces where it is too wide.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, LineStyle, Table};
use std::fmt::Write as _;

const GAP: usize = 2;

/// What is drawn: a few words before each row, then one mark a column.
pub(super) struct Grid<'a> {
    /// The headings of the words.
    pub words: &'a [&'a str],
    /// The headings of the marks.
    pub columns: Vec<&'a str>,
    /// The rows.
    pub rows: Vec<(Vec<String>, Vec<&'a str>)>,
}

impl Grid<'_> {
    /// Draws it at most `width` columns wide, as far as the headings allow.
    pub(super) fn draw(&self, text: &mut String, width: usize) {
        let longest = |at: usize| {
            let words =
                self.rows.iter().filter_map(|(words, _)| words.get(at)).map(|word| word.chars().count());
            words.chain([self.words[at].chars().count()]).max().unwrap_or(0)
        };
        let taken: usize = (0..self.words.len()).map(|at| longest(at) + GAP).sum();
        for (from, to) in pieces(&self.columns, width.saturating_sub(taken)) {
            let mut table = Table::new();
            table.load_style(NOTHING.header_separator(LineStyle::none().fill('─').junction('─')));
            let header = self.words.iter().chain(&self.columns[from..to]);
            table.set_header(header.map(|word| Cell::new(*word)).collect::<Vec<_>>());
            for (words, marks) in &self.rows {
                let row = words.iter().map(String::as_str).chain(marks[from..to].iter().copied());
                table.add_row(row.map(Cell::new).collect::<Vec<_>>());
            }
            for (at, column) in table.column_iter_mut().enumerate() {
                // The style puts a blank between columns as well.
                column.set_padding((0, 1));
                if at >= self.words.len() {
                    column.set_cell_alignment(CellAlignment::Center);
                }
            }
            for line in table.lines() {
                let _ = writeln!(text, "{}", line.trim_end());
            }
            text.push('\n');
        }
    }
}

/// Cuts the columns into groups whose headings fit side by side.
fn pieces(columns: &[&str], room: usize) -> Vec<(usize, usize)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    let mut used = 0;
    for (at, column) in columns.iter().enumerate() {
        let needed = column.chars().count() + GAP;
        match groups.last_mut() {
            Some(group) if used + needed <= room => group.1 = at + 1,
            _ => {
                groups.push((at, at + 1));
                used = 0;
            }
        }
        used += needed;
    }
    groups
}
