//! What makes a run on a device a transaction: the lock, the snapshot with its guard, and the two ways to end.
//!
//! ```text
//! lock ─▶ open (snapshot, guard) ─▶ stages ─▶ close  (confirmed, or kept as it is)
//!                 │                    └────▶ put_back (by the run; or by the device itself, when it hears nothing
//!                 │                           of the run for too long, or was restarted)
//!                 └─▶ nothing was changed, nothing is left
//! ```
//!
//! A device holds all that it takes to help itself in `/var/lib/fabricctl/runs/RUN`: `restore.sh` and what it reads.

mod close;
mod lock;
mod open;
mod present;
mod saved;

pub use crate::state::{Saved, SavedContainer, SavedService};
pub use close::{Closed, How, PutBack, close, put_back, stop};
pub use lock::{Claim, Holder, Lock, LockError, OpenRun, lock};
pub use open::{KEPT_MIB, KEPT_RUNS, Opening, open};
pub use present::{Wanted, present};
pub use saved::{Memory, Record, SavedRun, runs, saved, since};

use super::compile::header;
use crate::action::RunId;
use crate::remote::ExecError;

/// What is on the device for every run, one directory each.
const RUNS: &str = "/var/lib/fabricctl/runs";

/// Why a deed of a transaction failed on a device.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// The script didn't run to its end.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The device could not do it.
    #[error("{0}")]
    Device(String),
    /// What it answered can't be read.
    #[error("the device's answer can't be read: {0}")]
    Answer(String),
}

/// The directory of a run on a device.
fn directory(run: &RunId) -> String {
    format!("{RUNS}/{run}")
}

/// The script that lies on the device beside the snapshot.
fn restore_script(fabric: &str, run: &RunId) -> String {
    format!(
        "{}{}{}{}{}",
        header(fabric, run, true),
        super::compile::DEVICE,
        include_str!("state.sh"),
        include_str!("guard.sh"),
        include_str!("restore.sh")
    )
}
