//! A tree of files below a folder, as `fabricctl render --out` leaves it.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

/// One file of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeFile<'a> {
    /// Path below the tree's folder.
    pub path: &'a Path,
    /// The octets.
    pub content: &'a [u8],
    /// Permission bits.
    pub mode: u32,
}

/// Why a tree couldn't be written.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The path would leave the folder.
    #[error("{} does not stay below the folder it is to be written to", path.display())]
    Outside {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("can't write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Writes files below a folder, which is made if it isn't there. What else is in it stays.
///
/// # Errors
/// At the first file that can't be written; those before it are.
pub fn write_tree<'a>(
    folder: &Path,
    files: impl IntoIterator<Item = TreeFile<'a>>,
) -> Result<usize, TreeError> {
    let mut count = 0;
    for file in files {
        if !file.path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(TreeError::Outside { path: file.path.to_owned() });
        }
        let path = folder.join(file.path);
        write(&path, file).map_err(|source| TreeError::Write { path, source })?;
        count += 1;
    }
    Ok(count)
}

fn write(path: &Path, file: TreeFile<'_>) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // The mode from the first octet on: a file may hold a secret.
    let mut open =
        OpenOptions::new().write(true).create(true).truncate(true).mode(file.mode & 0o600).open(path)?;
    open.write_all(file.content)?;
    open.set_permissions(Permissions::from_mode(file.mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file<'a>(path: &'a str, content: &'a str, mode: u32) -> TreeFile<'a> {
        TreeFile { path: Path::new(path), content: content.as_bytes(), mode }
    }

    #[test]
    fn files_get_their_content_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("out");
        for (text, mode) in [("long before", 0o600), ("after", 0o755)] {
            assert_eq!(write_tree(&below, [file("leaf01/etc/a", text, mode)]).unwrap(), 1);
            let path = below.join("leaf01/etc/a");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
    }

    #[test]
    fn nothing_is_written_outside() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["/etc/passwd", "../a", "a/../../b"] {
            let result = write_tree(folder.path(), [file(path, "x", 0o644)]);
            assert!(matches!(result, Err(TreeError::Outside { .. })), "{path}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_the_system_refuses_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("leaf01"), "").unwrap();
        let error = write_tree(folder.path(), [file("leaf01/etc/a", "x", 0o644)]).unwrap_err();
        assert!(error.to_string().ends_with("leaf01/etc/a"), "{error}");
    }
}
