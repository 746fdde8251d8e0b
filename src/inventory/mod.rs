//! The inventory: text in, a resolved and valid fabric out, or everything that is wrong with it.
//!
//! Settings by precedence, the first that is written wins: the node's own, its role's (`roles`), everybody's
//! (`defaults`), built in (platform `debian`, MTU 1500, management port `eth0`, host routes in the main table, on
//! Cumulus Linux in table 10). The maps `management`, `ssh` and `vars` are merged key by key by the same rule.
//! Values of `vars` and of a workload's `environment` can be secret, see [`Sources`].
//! A link has the MTU it names, else the lower one of its two nodes.

mod build;
mod check;
mod extract;
mod finding;
mod limit;
mod meaning;
mod raw;
mod secrets;
mod suggest;
mod view;
mod yaml;

pub use finding::{Finding, Place, Severity};
pub use limit::{LimitError, select};
pub use secrets::{Absent, SecretFile, SourceError, Sources};

use crate::fabric::{Fabric, NodeName, Secrets};
use finding::{Drafts, Span};
use std::path::Path;

/// What an inventory's text comes to.
#[derive(Debug)]
pub struct Reading {
    /// The fabric; none where a finding is an error.
    pub fabric: Option<Fabric>,
    /// Everything that was found, in order of places; with a fabric these are warnings.
    pub findings: Vec<Finding>,
    /// Every secret, also where there is no fabric.
    pub secrets: Secrets,
    /// The text as it may be shown: with stars in the place of each octet of a secret.
    pub shown: String,
}

/// Reads an inventory none of whose secrets come from elsewhere.
///
/// # Errors
/// As [`read_with`] finds them.
pub fn read(path: &str, text: &str, base: &Path) -> Result<Fabric, Vec<Finding>> {
    let reading = read_with(path, text, base, &NoSources, Absent::IsWrong);
    reading.fabric.ok_or(reading.findings)
}

/// Reads an inventory. `path` is how the file is shown in findings, `base` the folder that its own paths are relative
/// to; `sources` give the secrets that stand elsewhere, `absent` says what it means where they can't.
pub fn read_with(path: &str, text: &str, base: &Path, sources: &dyn Sources, absent: Absent) -> Reading {
    let mut drafts = Drafts::default();
    let root = yaml::parse(text, &mut drafts);
    let readable = root.is_some();
    let mut reader = secrets::Reader { base, sources, absent, found: Secrets::default(), spans: Vec::new() };
    let mut fabric = fabric(root, &mut reader, &mut drafts).filter(|_| drafts.is_empty());
    if fabric.is_none() && drafts.is_empty() {
        drafts
            .add(Span::default(), "this inventory can't be resolved")
            .help("this is a bug of fabricctl: please report it with the inventory");
    }
    let secrets = reader.found;
    if let Some(fabric) = &mut fabric {
        fabric.secrets = secrets.clone();
    }
    let shown = secrets::starred(text, &reader.spans, &secrets, readable);
    Reading { fabric, findings: drafts.finish(path, text), secrets, shown }
}

/// For inventories that hold everything themselves.
struct NoSources;

impl Sources for NoSources {
    fn file(&self, _: &Path) -> Result<SecretFile, SourceError> {
        Err(SourceError::Missing)
    }

    fn variable(&self, _: &str) -> Result<String, SourceError> {
        Err(SourceError::Missing)
    }
}

fn fabric(root: Option<yaml::Item>, reader: &mut secrets::Reader<'_>, drafts: &mut Drafts) -> Option<Fabric> {
    let Some(mut root) = root else {
        if drafts.is_empty() {
            drafts.add(Span::default(), "this inventory is empty").help(
                "it needs at least `fabric`, `nodes` and `links`; inventory/reference shows a complete one",
            );
        }
        return None;
    };
    reader.read(&mut root, drafts);
    let inventory = raw::read(&root, reader.base, drafts);
    let view = view::View::new(&inventory);
    check::all(&view, drafts);
    if drafts.is_empty() { build::fabric(&view) } else { None }
}

/// The node that a misspelt name was likely meant to be.
pub fn nearest_node<'f>(name: &str, fabric: &'f Fabric) -> Option<&'f str> {
    suggest::nearest(name, fabric.nodes.keys().map(NodeName::as_str))
}

/// The workload that a misspelt name was likely meant to be.
pub fn nearest_workload<'f>(name: &str, fabric: &'f Fabric) -> Option<&'f str> {
    suggest::nearest(name, fabric.workloads.keys().map(String::as_str))
}

/// The names of the nodes as a sentence lists them, cut when there are many.
pub fn node_names(fabric: &Fabric) -> String {
    suggest::either(fabric.nodes.keys().map(NodeName::as_str))
}
