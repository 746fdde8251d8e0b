//! `fabricctl inventory …`, as typed.

use super::Format;
use crate::fabric::NodeName;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Look at the inventory; works offline
#[derive(Debug, Args)]
pub struct InventoryArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub verb: InventoryVerb,
}

/// What can be done with an inventory.
#[derive(Debug, Subcommand)]
pub enum InventoryVerb {
    /// Check it and report everything that is wrong, with file, line and column
    Validate,
    /// Show it with every setting resolved and everything derived
    Show {
        /// Only this node, with its ports and workloads
        node: Option<NodeName>,
    },
    /// List nodes and workloads
    List,
    /// Draw it: spines above, then leafs, servers and containers, with the ports at the ends of links
    #[command(after_long_help = super::help::GRAPH)]
    Graph(GraphArgs),
}

/// `fabricctl inventory graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// Form of the picture
    // It takes the place of every command's option of this name, which a word before the verb still reaches.
    #[arg(
        short,
        long,
        default_value = "svg",
        value_name = "FORM",
        value_parser = PossibleValuesParser::new(["svg", "dot", "mermaid", "html", "json"]).map(|form| picture(&form))
    )]
    pub output: Format,

    /// Write it to this file; without it, to stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The form of that name.
fn picture(form: &str) -> Format {
    match form {
        "dot" => Format::Dot,
        "mermaid" => Format::Mermaid,
        "html" => Format::Html,
        "json" => Format::Json,
        _ => Format::Svg,
    }
}
