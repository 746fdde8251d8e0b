//! Ctrl-C and its kin as a flag that long work looks at.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicBool, Ordering};

static RAISED: AtomicBool = AtomicBool::new(false);
static NEVER: AtomicBool = AtomicBool::new(false);

/// Whether the user asked for the end; passed to whatever must stop and clean up when they do.
#[derive(Debug, Clone, Copy)]
pub struct Interrupt(&'static AtomicBool);

extern "C" fn raise(_: libc::c_int) {
    RAISED.store(true, Ordering::Relaxed);
}

impl Interrupt {
    /// From now on `SIGINT`, `SIGTERM` and `SIGHUP` no longer end the process but raise this flag.
    ///
    /// # Errors
    /// When the kernel refuses the handler.
    pub fn install() -> std::io::Result<Self> {
        let action = SigAction::new(SigHandler::Handler(raise), SaFlags::empty(), SigSet::empty());
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
            unsafe { sigaction(signal, &action) }?;
        }
        Ok(Self(&RAISED))
    }

    /// A flag that nobody raises.
    pub fn never() -> Self {
        Self(&NEVER)
    }

    /// Whether the end was asked for.
    pub fn raised(self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
