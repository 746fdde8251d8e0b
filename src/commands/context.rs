//! What most verbs begin with: the fabric, and the nodes a run is about.

use crate::cli::Global;
use crate::fabric::{Fabric, NodeName};
use crate::inventory::{self, LimitError};
use crate::output::{Exit, Failure, Problem, findings};
use crate::state::digest;
use crate::store::{self, StoreError};
use std::collections::BTreeSet;

/// Reads and validates the inventory.
///
/// # Errors
/// With everything that is wrong with it ([`Exit::Usage`]).
pub fn load(global: &Global) -> Result<Fabric, Failure> {
    load_with_digest(global).map(|(fabric, _)| fabric)
}

/// The same, with the SHA-256 of its text.
///
/// # Errors
/// As [`load`].
pub fn load_with_digest(global: &Global) -> Result<(Fabric, String), Failure> {
    let file = store::read_inventory(&global.inventory).map_err(|error| store_failure(&error))?;
    let fabric = inventory::read(&file.path, &file.text, &file.base)
        .map_err(|found| Failure { exit: Exit::Usage, problems: findings::problems(&found, &file.text) })?;
    Ok((fabric, digest(file.text.as_bytes())))
}

/// The nodes that `--limit` selects; all without it.
///
/// # Errors
/// When a part of the pattern matches no node ([`Exit::Usage`]).
pub fn selected(global: &Global, fabric: &Fabric) -> Result<BTreeSet<NodeName>, Failure> {
    inventory::select(fabric, global.limit.as_deref()).map_err(|error| limit_failure(&error))
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
