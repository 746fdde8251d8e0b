//! What must hold beyond the form: everything that would break a fabric is found here, before a device hears of it.

mod addresses;
mod links;
mod nodes;
mod workloads;

use super::finding::Drafts;
use super::suggest::{either, nearest};
use super::view::View;

/// Reports everything that doesn't hold.
pub(super) fn all(view: &View<'_>, drafts: &mut Drafts) {
    nodes::check(view, drafts);
    links::check(view, drafts);
    addresses::check(view, drafts);
    workloads::check(view, drafts);
}

/// Advice for a name that nothing has.
fn known_names<'n>(name: &str, what: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.clone().next().is_none() => format!("there are no {what} in this inventory yet"),
        None => format!("{what} are {}", either(known)),
    }
}
