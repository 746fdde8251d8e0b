//! One run at a time works on a lab.

use super::LabError;
use super::record::LabDir;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// The lock of a lab, held until dropped. Its file stands beside the lab's directory, so that it outlives it.
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of a lab, making the directory of all labs if need be.
    pub(super) fn take(dir: &LabDir, name: &str) -> Result<Self, LabError> {
        let Some(root) = dir.path().parent() else {
            return Err(LabError::LongPath { path: dir.path().to_owned() });
        };
        let path = root.join(format!(".{name}.lock"));
        loop {
            fs::create_dir_all(root).map_err(LabError::file("making", root))?;
            let file = match File::options().create(true).append(true).open(&path) {
                Ok(file) => file,
                // Another run just removed the empty directory.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(LabError::file("opening", &path)(error)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LabError::Busy { name: name.to_owned() }),
                Err(TryLockError::Error(error)) => return Err(LabError::file("locking", &path)(error)),
            }
            // The file that is locked must still be the one in the directory.
            let here = file.metadata().map_err(LabError::file("reading", &path))?;
            if fs::metadata(&path).is_ok_and(|there| there.ino() == here.ino()) {
                return Ok(Self { file, path });
            }
        }
    }

    /// Whether some run holds the lock of a lab.
    pub(super) fn is_held(dir: &LabDir, name: &str) -> bool {
        let path = dir.path().with_file_name(format!(".{name}.lock"));
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Ends the lock and removes its file; the directory of all labs too if it is empty, and this tool's own around it.
    pub(super) fn remove(self) {
        let _ = fs::remove_file(&self.path);
        drop(self.file);
        for directory in self.path.ancestors().skip(1).take(2) {
            let ours = directory.ends_with("labs") || directory.ends_with("fabricctl");
            if !ours || fs::remove_dir(directory).is_err() {
                break;
            }
        }
    }
}
