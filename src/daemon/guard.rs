//! `rdnbrd --guard`: a small process that starts the daemon again when it dies, for systems without a service
//! manager that does. When the daemon can't be kept alive, its routes are removed: nobody looks after them.

use super::pidfile::PidFile;
use crate::neighbor::{Config, Level};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// From a death to the next start; twice as long each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Who lived that long was well.
const WELL: Duration = Duration::from_secs(10);
/// After this time without a daemon that is well, the routes go.
const HOPE: Duration = Duration::from_secs(30);

/// What ended the waiting.
enum Woken {
    /// The daemon ended.
    Ended(ExitStatus),
    /// Somebody told us to end, and the daemon has.
    Told(ExitStatus),
}

/// Keeps the daemon alive until it, or this process, is told to end; returns the exit code to end with.
///
/// # Errors
/// When signals don't work or the program can't be started.
pub(super) fn run(typed: &[OsString], pid_file: &Path, config: &Config) -> io::Result<u8> {
    let log = super::log::Log::new(Level::Info);
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGCHLD]);
    signals.thread_block()?;
    let (mut pause, mut ill_since) = (FIRST_PAUSE, None);
    loop {
        let born = Instant::now();
        let mut child = Command::new("/proc/self/exe").args(typed).spawn()?;
        let status = match wait(&mut child, &signals)? {
            Woken::Told(status) => return Ok(code(status)),
            Woken::Ended(status) => status,
        };
        // Ended as told, or it can't work with these arguments and this file: trying again changes nothing.
        if status.success() || status.code() == Some(i32::from(super::WRONG)) {
            return Ok(code(status));
        }
        if born.elapsed() >= WELL {
            (pause, ill_since) = (FIRST_PAUSE, None);
        }
        let since = *ill_since.get_or_insert_with(Instant::now);
        log.say(Level::Error, &format!("event=died status={:?} effect=restart", status.to_string()));
        // Who wants to stop the daemon between two lives finds this process.
        let mut in_between = PidFile::claim(pid_file);
        if since.elapsed() >= HOPE && in_between.is_ok() {
            log.say(Level::Error, "event=hopeless effect=flush");
            super::flush(config);
            ill_since = None;
        }
        if let Some(signal) = sleep(pause, &signals) {
            log.say(Level::Info, &format!("event=guard-stopped signal={signal}"));
            if let Ok(file) = &mut in_between {
                file.release();
            }
            return Ok(super::DONE);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Waits for the daemon's end, and hands on what is meant for it.
fn wait(child: &mut Child, signals: &SigSet) -> io::Result<Woken> {
    let pid = Pid::from_raw(child.id().cast_signed());
    let mut told = false;
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(status) = child.try_wait()? {
                    return Ok(if told { Woken::Told(status) } else { Woken::Ended(status) });
                }
            }
            Ok(signal) => {
                told |= signal != Signal::SIGHUP;
                // It may have ended this moment; then its end is the next to be told.
                let _ = kill(pid, signal);
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Sleeps, unless somebody tells us to end.
fn sleep(pause: Duration, signals: &SigSet) -> Option<Signal> {
    let end = Instant::now() + pause;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let (seconds, nanos) = (left.as_secs(), left.subsec_nanos());
        let time = libc::timespec {
            tv_sec: libc::time_t::try_from(seconds).unwrap_or_default(),
            tv_nsec: nanos.into(),
        };
        // SAFETY: both pointers lead to values that live through the call; no information is asked for.
        let signal = unsafe { libc::sigtimedwait(signals.as_ref(), std::ptr::null_mut(), &raw const time) };
        match Signal::try_from(signal) {
            Ok(Signal::SIGTERM) => return Some(Signal::SIGTERM),
            Ok(Signal::SIGINT) => return Some(Signal::SIGINT),
            _ => {}
        }
    }
}

/// The exit code of a process, that of a failure where a signal ended it.
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(super::FAILED)
}
