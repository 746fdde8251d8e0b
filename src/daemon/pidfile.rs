//! The process id file, locked for as long as the daemon lives: there is never a second one beside it.

use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Holds the lock; the file goes with it.
pub(super) struct PidFile {
    path: PathBuf,
    lock: Flock<File>,
}

impl PidFile {
    /// Writes the process id.
    ///
    /// # Errors
    /// `WouldBlock` when another daemon holds the lock, else what the file system says.
    pub(super) fn claim(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        let mut lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
        lock.set_len(0)?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Whether a daemon holds the lock.
    ///
    /// # Errors
    /// What the file system says, but not that there is no such file.
    pub(super) fn is_held(path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Ok(false),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(true),
            Err((_, errno)) => Err(errno.into()),
        }
    }

    /// Removes the file. A daemon that became another user may lack the right to; then it is empty.
    pub(super) fn release(&mut self) {
        if std::fs::remove_file(&self.path).is_err() {
            let _ = self.lock.set_len(0);
        }
    }
}
