//! The door to devices: one SSH connection each, over which scripts run.
//!
//! The connection is an OpenSSH client in the foreground that multiplexes sessions (`ssh -M -N`), started as a child
//! that dies with this process, even on SIGKILL; the `openssh` crate opens sessions over its control socket.
//! Everything that OpenSSH is configured to do (jump hosts, agents, host keys, algorithms) stays the user's.
#![expect(clippy::disallowed_methods, reason = "this is the door through which ssh is started")]

mod child;
mod each;
mod error;
mod followed;
mod held;
mod master;
mod place;
mod quote;
mod session;

pub use each::each;
pub use error::{ConnectError, ExecError};
pub use followed::Followed;
pub use held::{Held, Hold};
pub use quote::{quote, quote_all};
pub use session::{Attachment, Options, Output, Script, Session, as_root};
