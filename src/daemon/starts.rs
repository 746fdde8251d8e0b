//! How often the daemon was started without living long enough to prove what it found.
//!
//! A route that an earlier instance left stays until it is proven or not, which takes about two seconds. A daemon
//! that dies sooner, and is started again, would keep the routes of dead hosts for ever. So starts are counted in
//! a file: after a few such, everything is removed and learned anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

/// Starts in a row that proved nothing, after which nothing is adopted any more.
const PATIENCE: u32 = 3;

/// The count, and the file that it is kept in, open for as long as the daemon lives.
pub(super) struct Starts {
    file: File,
    /// Unproven starts before this one.
    before: u32,
}

impl Starts {
    /// Reads the count beside the file with the process id, and counts this start.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn count(pid_file: &Path) -> io::Result<Self> {
        let path = pid_file.with_extension("starts");
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut text = String::new();
        // What isn't a number counts for nothing.
        let before = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0);
        let mut starts = Self { file, before };
        starts.write(before.saturating_add(1))?;
        Ok(starts)
    }

    /// Whether what is found in the kernel may not be believed in once more.
    pub(super) fn are_too_many(&self) -> bool {
        self.before >= PATIENCE
    }

    /// Unproven starts before this one.
    pub(super) fn before(&self) -> u32 {
        self.before
    }

    /// This instance has proven what it found: the count begins anew.
    pub(super) fn proven(&mut self) -> io::Result<()> {
        self.before = 0;
        self.write(0)
    }

    /// This instance ends as it was told: that doesn't count.
    pub(super) fn ended(&mut self) -> io::Result<()> {
        self.write(self.before)
    }

    fn write(&mut self, count: u32) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        writeln!(self.file, "{count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_starts_that_proved_nothing_and_died_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("rdnbrd.pid");
        let start = || Starts::count(&pid_file).unwrap();
        for before in 0..3 {
            let starts = start();
            assert_eq!((starts.before(), starts.are_too_many()), (before, false));
        }
        assert!(start().are_too_many());
        // Told to end before it could prove anything.
        start().ended().unwrap();
        assert_eq!(start().before(), 4);
        start().proven().unwrap();
        assert_eq!(start().before(), 0);
        std::fs::write(folder.path().join("rdnbrd.starts"), "many").unwrap();
        assert_eq!(start().before(), 0);
    }
}
