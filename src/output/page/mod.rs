//! A page about a fabric: what stands in it, whoever found it out. [`page_html`] writes it down.

mod html;

pub use html::page_html;

use crate::picture::{Scene, State};
use serde::Serialize;

/// A page. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// What it is about.
    pub title: String,
    /// The whole in one word, where something was judged.
    pub state: Option<State>,
    /// The whole in one sentence.
    pub summary: String,
    /// Where it comes from.
    pub facts: Vec<(String, String)>,
    /// The fabric.
    pub picture: Option<Scene>,
    /// What was found out.
    pub sections: Vec<Section>,
}

impl Page {
    /// A page with nothing but a picture.
    pub fn of_picture(scene: Scene) -> Self {
        Self {
            title: format!("Fabric {}", scene.title),
            state: None,
            summary: scene.summary.clone(),
            facts: Vec::new(),
            picture: Some(scene),
            sections: Vec::new(),
        }
    }
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// Its place in the page's address; letters and `-`.
    pub id: &'static str,
    /// Its title.
    pub title: String,
    /// How it is, where something was judged.
    pub state: Option<State>,
    /// The same in one sentence.
    pub summary: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// Something in a section.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "block", rename_all = "lowercase")]
pub enum Block {
    /// A sentence.
    Text {
        /// The sentence.
        text: String,
    },
    /// Verdicts or facts, one a row.
    Table(Table),
    /// Every row against every column.
    Matrix(Matrix),
    /// Durations.
    Bars {
        /// What they are of.
        title: String,
        /// One after the other.
        bars: Vec<Bar>,
    },
    /// How files changed.
    Diffs {
        /// File by file.
        diffs: Vec<Diff>,
    },
}

/// A table; every row has as many cells as there are columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What it is about.
    pub title: String,
    /// Titles of the columns.
    pub columns: Vec<String>,
    /// Rows.
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// How it is, where something was judged.
    pub state: Option<State>,
    /// Its cells.
    pub cells: Vec<String>,
}

/// A matrix of verdicts; every row has as many cells as there are columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// What the rows are.
    pub title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows.
    pub rows: Vec<MatrixRow>,
    /// What an empty cell means.
    pub empty: String,
}

/// A row of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixRow {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// A verdict for each column; none where none is expected.
    pub cells: Vec<Option<Verdict>>,
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How it is.
    pub state: State,
    /// Why.
    pub note: String,
}

/// A duration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// What took so long.
    pub label: String,
    /// How long, in milliseconds.
    pub ms: u64,
    /// How it ended.
    pub state: State,
}

/// How a file changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Which file, on which device.
    pub title: String,
    /// A unified diff.
    pub text: String,
}
