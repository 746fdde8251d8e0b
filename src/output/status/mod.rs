//! The state of a fabric at a glance, for people and for programs.

mod table;

pub use table::status_table;

use super::history::summary_json;
use crate::fabric::NodeName;
use crate::store::journal::Entry;
use crate::verify::OpenRun;
use crate::verify::overview::{Count, Overview};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The form of the JSON document. It is counted up when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// The JSON Schema (draft 2020-12) of [`status_json`].
pub const STATUS_SCHEMA: &str = include_str!("schema.json");

/// Everything that is shown.
#[derive(Debug, Clone, Copy)]
pub struct Status<'a> {
    /// The fabric's name.
    pub fabric: &'a str,
    /// The lab, if the devices are a lab's.
    pub lab: Option<&'a str>,
    /// When the devices were asked (RFC 3339, UTC).
    pub at: &'a str,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What they said.
    pub overview: &'a Overview,
    /// The run that changed them last, by this machine's journal.
    pub last: Option<&'a Entry>,
    /// Runs that devices hold open, and which devices.
    pub open: &'a [(OpenRun, BTreeSet<NodeName>)],
}

/// The document for programs, as [`STATUS_SCHEMA`] describes it.
pub fn status_json(status: &Status<'_>) -> Value {
    let overview = status.overview;
    let open = status.open.iter().map(|(run, nodes)| {
        json!({
            "run": run.run,
            "who": run.who,
            "waits_for_confirm": run.by_hand,
            "puts_back_in_s": run.left_s,
            "nodes": nodes,
        })
    });
    let count = |count: Count| json!(count);
    json!({
        "schema": SCHEMA,
        "ok": overview.ok(),
        "at": status.at,
        "took_ms": status.took_ms,
        "fabric": status.fabric,
        "lab": status.lab,
        "summary": {
            "devices": count(overview.reached()),
            "links": count(overview.links()),
            "sessions": count(overview.sessions()),
            "routes": count(overview.routes()),
            "containers": count(overview.running()),
        },
        "devices": overview.devices,
        "links": overview.lines,
        "containers": overview.containers,
        "findings": overview.failed,
        "last_run": status.last.map(summary_json),
        "open_runs": open.collect::<Vec<_>>(),
    })
}
