//! The fabric as network people draw it: spines above, then leafs, servers and their containers; ports at the ends of links.
//!
//! [`draw`] lays a fabric out as a [`Scene`] (boxes, ports and wires with coordinates), which [`svg`] writes down. [`dot`] and
//! [`mermaid`] leave the layout to other programs. All of them take [`Marks`]: what is known of each part's state.

mod bands;
mod boxes;
mod dot;
mod escape;
mod layout;
mod marks;
mod measure;
mod mermaid;
mod racks;
mod scene;
mod svg;
mod wires;

pub use dot::dot;
pub use escape::escape;
pub use layout::draw;
pub use marks::{Mark, Marks, State};
pub use mermaid::mermaid;
pub use scene::{Heading, Kind, PortShape, Rect, Scene, Shape, Wire};
pub use svg::{STYLE as SVG_STYLE, Setting, svg};
