//! The script that asks.

use crate::fabric::Role;
use crate::remote::{quote, quote_all};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What is asked of a device, beyond what every device is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Paths whose content is fetched.
    pub files: Vec<String>,
    /// Paths of large files, compared by hash.
    pub hashed: Vec<String>,
    /// Kernel settings.
    pub sysctls: Vec<String>,
    /// Services.
    pub services: Vec<String>,
    /// The fabric whose Docker objects matter.
    pub fabric: String,
    /// Names of Docker objects that matter, whoever made them.
    pub names: BTreeSet<String>,
    /// Environment variables of containers whose values are compared, by container.
    pub variables: BTreeMap<String, BTreeSet<String>>,
    /// The node's part: routers are asked for their configuration in effect, servers for Docker's objects.
    pub role: Option<Role>,
}

/// What every script begins with.
pub(super) const LIBRARY: &str = include_str!("library.sh");
/// The functions, constant.
const OBSERVE: &str = include_str!("observe.sh");

/// More of them, for what was put there.
const DRIFT: &str = include_str!("drift.sh");

/// So many seconds are enough for another run's step to come to its end.
pub(super) const PATIENCE: u8 = 60;

/// The whole script; `word` is one that no answer holds.
pub(super) fn text(question: &Question, word: &str) -> String {
    format!("{LIBRARY}{OBSERVE}{}patience={PATIENCE}\nmain\n", assignments(question, word))
}

/// The one that asks what was put there, and what of it is there; it waits so many seconds for another run.
pub(super) fn drift_text(question: &Question, word: &str, patience: u8) -> String {
    format!("{LIBRARY}{OBSERVE}{DRIFT}{}patience={patience}\ndrift\n", assignments(question, word))
}

fn assignments(question: &Question, word: &str) -> String {
    let mut text = String::new();
    // Quoted twice: the assignment takes off one layer, the script's `eval` the other.
    let list = |items: &[String]| quote(&quote_all(items.iter().map(String::as_str)));
    let routing = question.role.is_some_and(Role::routes);
    let docker = question.role == Some(Role::Server);
    let answer = |yes: bool| if yes { "yes" } else { "no" };
    let _ = write!(
        text,
        "word={word}\nfiles={}\nhashed={}\nsysctls={}\nservices={}\nrouting={}\ndocker={}\n",
        list(&question.files),
        list(&question.hashed),
        list(&question.sysctls),
        list(&question.services),
        answer(routing),
        answer(docker),
    );
    text
}
