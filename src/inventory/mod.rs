//! The inventory: text in, a resolved and valid fabric out, or everything that is wrong with it.
//!
//! Settings by precedence, the first that is written wins: the node's own, its role's (`roles`), everybody's
//! (`defaults`), built in (platform `debian`, MTU 1500, management port `eth0`, host routes in the main table, on
//! Cumulus Linux in table 10). The maps `management`, `ssh` and `vars` are merged key by key by the same rule.
//! A link has the MTU it names, else the lower one of its two nodes.

mod build;
mod check;
mod extract;
mod finding;
mod limit;
mod meaning;
mod raw;
mod suggest;
mod view;
mod yaml;

pub use finding::{Finding, Place};
pub use limit::{LimitError, select};

use crate::fabric::{Fabric, NodeName};
use finding::{Drafts, Span};
use std::path::Path;

/// Reads an inventory. `path` is how the file is shown in findings, `base` the folder that its own paths are relative to.
///
/// # Errors
/// With every finding of the whole text, in order of their places; the fabric exists only without any.
pub fn read(path: &str, text: &str, base: &Path) -> Result<Fabric, Vec<Finding>> {
    let mut drafts = Drafts::default();
    let fabric = fabric(text, base, &mut drafts);
    match fabric {
        Some(fabric) if drafts.is_empty() => Ok(fabric),
        _ => {
            if drafts.is_empty() {
                drafts
                    .add(Span::default(), "this inventory can't be resolved")
                    .help("this is a bug of fabricctl: please report it with the inventory");
            }
            Err(drafts.finish(path, text))
        }
    }
}

fn fabric(text: &str, base: &Path, drafts: &mut Drafts) -> Option<Fabric> {
    let Some(root) = yaml::parse(text, drafts) else {
        if drafts.is_empty() {
            drafts.add(Span::default(), "this inventory is empty").help(
                "it needs at least `fabric`, `nodes` and `links`; inventory/reference shows a complete one",
            );
        }
        return None;
    };
    let inventory = raw::read(&root, base, drafts);
    let view = view::View::new(&inventory);
    check::all(&view, drafts);
    if drafts.is_empty() { build::fabric(&view) } else { None }
}

/// The node that a misspelt name was likely meant to be.
pub fn nearest_node<'f>(name: &str, fabric: &'f Fabric) -> Option<&'f str> {
    suggest::nearest(name, fabric.nodes.keys().map(NodeName::as_str))
}

/// The names of the nodes as a sentence lists them, cut when there are many.
pub fn node_names(fabric: &Fabric) -> String {
    suggest::either(fabric.nodes.keys().map(NodeName::as_str))
}
