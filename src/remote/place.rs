//! The directory of a connection's control socket: gone with the connection, or, where this process was killed, with the
//! next one that connects.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Once;
use tempfile::TempDir;

/// What all names begin with. Short: the path of a Unix socket has room for about a hundred characters.
const PREFIX: &str = "fctl";
/// Tries to make one; between its making and its locking somebody else may remove it as a leftover.
const TRIES: usize = 10;

static SWEPT: Once = Once::new();

/// A directory of this process's own. It is locked (flock) for as long as this lives, so that nobody takes it for one
/// whose process was killed.
pub(super) struct Place {
    directory: TempDir,
    _lock: File,
}

impl Place {
    /// Makes one, and once a process removes those of killed ones.
    pub(super) fn make() -> io::Result<Self> {
        let above = std::env::temp_dir();
        SWEPT.call_once(|| sweep(&above));
        Self::make_in(&above)
    }

    fn make_in(above: &Path) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..TRIES {
            let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(above)?;
            match lock(directory.path()) {
                Ok(lock) => return Ok(Self { directory, _lock: lock }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Locks a directory, which must still be there then.
fn lock(path: &Path) -> io::Result<File> {
    let directory = File::open(path)?;
    directory.try_lock()?;
    if fs::symlink_metadata(path)?.ino() == directory.metadata()?.ino() {
        Ok(directory)
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Removes what killed processes of this user left. One that can't be removed is in nobody's way.
fn sweep(above: &Path) {
    let own = nix::unistd::geteuid().as_raw();
    for entry in fs::read_dir(above).into_iter().flatten().filter_map(Result::ok) {
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let ours = || entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == own);
        if named
            && ours()
            && let Ok(_lock) = lock(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_goes_and_what_is_in_use_stays() {
        let above = tempfile::tempdir().unwrap();
        let used = Place::make_in(above.path()).unwrap();
        fs::write(used.path().join("said"), "").unwrap();
        let left = above.path().join("fctlkilled");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("said"), "").unwrap();
        let other = above.path().join("other");
        fs::create_dir(&other).unwrap();
        sweep(above.path());
        assert!(used.path().join("said").exists() && other.exists());
        assert!(!left.exists());
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }
}
