//! What a picture is made of: shapes and wires, with their places in pixels.

use super::marks::Mark;
use serde::Serialize;

/// A rectangle; x to the right, y downward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Width.
    pub w: i32,
    /// Height.
    pub h: i32,
}

impl Rect {
    /// The right edge.
    pub fn right(self) -> i32 {
        self.x + self.w
    }

    /// The lower edge.
    pub fn bottom(self) -> i32 {
        self.y + self.h
    }

    /// The middle of the width.
    pub fn middle(self) -> i32 {
        self.x + self.w / 2
    }

    /// Whether two have a point in common; touching doesn't count.
    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    /// Whether another one is wholly inside.
    pub fn holds(self, other: Self) -> bool {
        self.x <= other.x
            && other.right() <= self.right()
            && self.y <= other.y
            && other.bottom() <= self.bottom()
    }
}

/// What a shape stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A spine.
    Spine,
    /// A leaf.
    Leaf,
    /// A server; its containers are inside.
    Server,
    /// A container.
    Container,
    /// Containers that are not drawn one by one.
    More,
}

impl Kind {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spine => "spine",
            Self::Leaf => "leaf",
            Self::Server => "server",
            Self::Container => "container",
            Self::More => "more",
        }
    }
}

/// A port of a node, drawn inside its edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortShape {
    /// Its place.
    pub rect: Rect,
    /// The interface.
    pub name: String,
    /// The name runs upward.
    pub upright: bool,
}

/// A node or a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Its name in the picture; no other shape has it.
    pub id: String,
    /// What it stands for.
    pub kind: Kind,
    /// Its place.
    pub rect: Rect,
    /// Its whole name.
    pub name: String,
    /// What stands in it, the name first; what is too long is cut short.
    pub lines: Vec<String>,
    /// How far below its upper edge the lines begin.
    pub lead: i32,
    /// Its ports that have a link here.
    pub ports: Vec<PortShape>,
    /// What there is to tell of it besides.
    pub facts: Vec<(String, String)>,
    /// What is known of its state, where states are shown.
    pub mark: Option<Mark>,
    /// It is drawn before, and here once more.
    pub again: bool,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wire {
    /// The end that is drawn above, as `spine01:swp1`.
    pub upper: String,
    /// The end that is drawn below.
    pub lower: String,
    /// The corners of the line, from the upper end to the lower one.
    pub points: Vec<(i32, i32)>,
    /// The MTU in octets.
    pub mtu: u32,
    /// What is known of its state, where states are shown.
    pub mark: Option<Mark>,
}

/// A line of text above a part of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// Left end of its base line.
    pub at: (i32, i32),
    /// The text.
    pub text: String,
}

/// A picture of a fabric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scene {
    /// The fabric.
    pub title: String,
    /// What it consists of, as a sentence.
    pub summary: String,
    /// Width and height.
    pub size: (i32, i32),
    /// Text above the parts of a picture that has several.
    pub headings: Vec<Heading>,
    /// Leafs with their servers.
    pub racks: Vec<Rect>,
    /// Nodes and containers: a server before its containers.
    pub shapes: Vec<Shape>,
    /// Links.
    pub wires: Vec<Wire>,
    /// States are shown.
    pub marked: bool,
}
