//! What most verbs begin with: the fabric, and the nodes a run is about.

use crate::cli::{Format, Global};
use crate::fabric::{Fabric, Node, NodeName};
use crate::inventory::{self, Absent, LimitError, nearest_node, node_names};
use crate::output::{self, Exit, Failure, Problem, findings};
use crate::state::digest;
use crate::store::{self, LocalSecrets, StoreError};
use std::collections::BTreeSet;
use std::io::IsTerminal as _;

/// Reads and validates the inventory, says what a person should know about it, and hides its secrets from then on.
///
/// # Errors
/// With everything that is wrong with it ([`Exit::Usage`]), also secrets that can't be read.
pub fn load(global: &Global) -> Result<Fabric, Failure> {
    load_with_digest(global).map(|(fabric, _)| fabric)
}

/// The same, with the SHA-256 of its text.
///
/// # Errors
/// As [`load`].
pub fn load_with_digest(global: &Global) -> Result<(Fabric, String), Failure> {
    let Inventory { fabric, warnings, digest } = read(global, Absent::IsWrong)?;
    warn(global, warnings);
    Ok((fabric, digest))
}

/// The same for what gets by without secrets: those that can't be read are empty, and nothing is said of any.
///
/// # Errors
/// As [`load`].
pub fn load_without_secrets(global: &Global) -> Result<Fabric, Failure> {
    read(global, Absent::IsFine).map(|read| read.fabric)
}

/// An inventory that is right.
pub struct Inventory {
    /// What it describes.
    pub fabric: Fabric,
    /// What is worth knowing about it.
    pub warnings: Vec<Problem>,
    /// SHA-256 of its text.
    pub digest: String,
}

/// The inventory, and what is worth knowing about it.
///
/// # Errors
/// As [`load`].
pub fn read(global: &Global, absent: Absent) -> Result<Inventory, Failure> {
    let file = store::read_inventory(&global.inventory).map_err(|error| store_failure(&error))?;
    let reading = inventory::read_with(&file.path, &file.text, &file.base, &LocalSecrets, absent);
    output::hide(&reading.secrets);
    let problems = findings::problems(&reading.findings, &reading.shown);
    match reading.fabric {
        Some(fabric) => Ok(Inventory { fabric, warnings: problems, digest: digest(file.text.as_bytes()) }),
        None => Err(Failure { exit: Exit::Usage, problems }),
    }
}

/// Tells people what keeps nothing from going on; programs that read JSON are told errors only.
pub fn warn(global: &Global, warnings: Vec<Problem>) {
    let read_by_program = global.output == Format::Json && !std::io::stderr().is_terminal();
    if !warnings.is_empty() && !global.quiet && !read_by_program {
        output::note(Failure { exit: Exit::Ok, problems: warnings }.to_text().trim_end());
    }
}

/// The nodes that `--limit` selects; all without it.
///
/// # Errors
/// When a part of the pattern matches no node ([`Exit::Usage`]).
pub fn selected(global: &Global, fabric: &Fabric) -> Result<BTreeSet<NodeName>, Failure> {
    inventory::select(fabric, global.limit.as_deref()).map_err(|error| limit_failure(&error))
}

/// A part of the fabric: some nodes, their links, and what servers among them run.
pub fn limited(selected: &BTreeSet<NodeName>, mut fabric: Fabric) -> Fabric {
    fabric.nodes.retain(|name, _| selected.contains(name));
    fabric.links.retain(|link| link.ends().iter().any(|end| selected.contains(&end.node)));
    fabric.workloads.retain(|_, workload| selected.contains(&workload.server));
    fabric
}

/// The node of that name, which `--limit` must not leave out.
///
/// # Errors
/// When there is none ([`Exit::Usage`]), with the one that was likely meant.
pub fn node<'f>(global: &Global, fabric: &'f Fabric, name: &str) -> Result<&'f Node, Failure> {
    let Some(node) = fabric.nodes.values().find(|node| node.name.as_str() == name) else {
        let hint = match nearest_node(name, fabric) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("nodes are {}", node_names(fabric)),
        };
        return Err(Failure::say(Exit::Usage, format!("there is no node {name}"), hint));
    };
    if !selected(global, fabric)?.contains(&node.name) {
        let hint = "leave --limit out: the node is named already";
        return Err(Failure::say(Exit::Usage, format!("--limit leaves {name} out"), hint));
    }
    Ok(node)
}

/// A failure to read local files, with what to do.
pub fn store_failure(error: &StoreError) -> Failure {
    let mut problem = Problem::from_error(error);
    problem.hint = error.hint().map(str::to_owned);
    Failure::one(Exit::Usage, problem)
}

fn limit_failure(error: &LimitError) -> Failure {
    Failure::one(Exit::Usage, Problem::from_error(error).hint(error.hint()))
}
