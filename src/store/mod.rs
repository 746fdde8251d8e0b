//! Local files: the inventory, its templates and image archives, the daemon that stands beside this program, and the
//! journal.
#![expect(clippy::disallowed_methods, reason = "this is the door to local files")]

pub mod journal;
mod out;
mod saved;
mod secrets;
mod tree;

pub use out::write_file;
pub use saved::{PLAN_SCHEMA, SavedPlan, SavedPlanError};
pub use secrets::LocalSecrets;
pub use tree::{TreeError, TreeFile, write_tree};

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The file that makes a folder an inventory.
pub const FABRIC_FILE: &str = "fabric.yml";
/// More text than any inventory or template has, in octets.
const MAX_TEXT: u64 = 16 << 20;
/// How deep folders below `templates/` may go.
const MAX_DEPTH: usize = 32;

/// Why local files couldn't be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no inventory at that path.
    #[error("there is no inventory at {}", path.display())]
    NoInventory {
        /// The path as given.
        path: PathBuf,
    },
    /// The folder has no `fabric.yml`.
    #[error("{} has no {FABRIC_FILE}", path.display())]
    NoFabric {
        /// The folder as given.
        path: PathBuf,
    },
    /// A file can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that must be text isn't.
    #[error("{} is not UTF-8 text (line {line})", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first octet that is no text, from 1.
        line: usize,
    },
    /// A file that must be text is larger than text is.
    #[error("{} is larger than {} MiB", path.display(), MAX_TEXT >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Folders in each other without end, most likely through a link.
    #[error("{} goes deeper than {MAX_DEPTH} folders", path.display())]
    TooDeep {
        /// The folder where it was given up.
        path: PathBuf,
    },
    /// The daemon's binary is neither named nor beside this program.
    #[error("there is no rdnbrd beside {}", beside.display())]
    NoDaemon {
        /// This program.
        beside: PathBuf,
    },
}

impl StoreError {
    /// What to do about it, where that isn't plain.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoInventory { .. } | Self::NoFabric { .. } => Some(
                "point -i (or FABRICCTL_INVENTORY) at a folder with a fabric.yml, or at such a file; - reads stdin",
            ),
            Self::NotText { .. } => Some("save it as UTF-8"),
            Self::NoDaemon { .. } => {
                Some("build it with `cargo build --release --bin rdnbrd`, or name the file with --rdnbrd")
            }
            Self::TooDeep { .. } => Some("is a link in there that leads back up?"),
            Self::Read { .. } | Self::TooLarge { .. } => None,
        }
    }
}

/// An inventory as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryFile {
    /// How the file is shown to people.
    pub path: String,
    /// What it says.
    pub text: String,
    /// The folder that its own paths are relative to.
    pub base: PathBuf,
}

/// Reads the inventory at a path: a folder with `fabric.yml`, a file, or `-` for standard input.
///
/// # Errors
/// When there is none, or it can't be read as text.
pub fn read_inventory(path: &Path) -> Result<InventoryFile, StoreError> {
    if path == Path::new("-") {
        let shown = Path::new("<stdin>");
        let text = text(shown, io::stdin().lock())?;
        return Ok(InventoryFile { path: shown.display().to_string(), text, base: PathBuf::from(".") });
    }
    let file = if path.is_dir() { path.join(FABRIC_FILE) } else { path.to_owned() };
    let open = File::open(&file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound if file == path => StoreError::NoInventory { path: path.to_owned() },
        io::ErrorKind::NotFound => StoreError::NoFabric { path: path.to_owned() },
        _ => StoreError::Read { path: file.clone(), source },
    })?;
    let text = text(&file, open)?;
    let base = inventory_folder(path);
    Ok(InventoryFile { path: file.display().to_string(), text, base })
}

/// The folder that an inventory's own paths are relative to.
pub fn inventory_folder(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// All files below `templates/` of an inventory: path relative to that folder, with `/`, and text; in order of paths.
/// Empty when there is no such folder.
///
/// # Errors
/// When a file or folder can't be read, or a file isn't text.
pub fn templates_folder(inventory: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let folder = inventory_folder(inventory).join("templates");
    let mut files = Vec::new();
    if folder.is_dir() {
        walk(&folder, "", 0, &mut files)?;
    }
    files.sort();
    Ok(files)
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Vec<(String, String)>,
) -> Result<(), StoreError> {
    if depth > MAX_DEPTH {
        return Err(StoreError::TooDeep { path: folder.to_owned() });
    }
    let failed = |source| StoreError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(StoreError::NotText { path, line: 1 });
        };
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            walk(&path, &format!("{relative}/"), depth + 1, files)?;
        } else {
            let open = File::open(&path).map_err(|source| StoreError::Read { path: path.clone(), source })?;
            files.push((relative, text(&path, open)?));
        }
    }
    Ok(())
}

/// Reads an image archive made by `docker save`.
///
/// # Errors
/// When it can't be read.
pub fn read_archive(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|source| StoreError::Read { path: path.to_owned(), source })
}

/// The neighbour daemon's binary: the file that is named, else `rdnbrd` beside this program.
///
/// # Errors
/// When the file can't be read, or none is named and there is none beside this program.
pub fn rdnbrd_binary(explicit: Option<&Path>) -> Result<Vec<u8>, StoreError> {
    if let Some(path) = explicit {
        return fs::read(path).map_err(|source| StoreError::Read { path: path.to_owned(), source });
    }
    let this = std::env::current_exe()
        .map_err(|source| StoreError::Read { path: PathBuf::from("/proc/self/exe"), source })?;
    let path = this.with_file_name("rdnbrd");
    fs::read(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::NoDaemon { beside: this },
        _ => StoreError::Read { path, source },
    })
}

/// Reads text of a sane size.
fn text(path: &Path, from: impl Read) -> Result<String, StoreError> {
    let mut octets = Vec::new();
    from.take(MAX_TEXT + 1)
        .read_to_end(&mut octets)
        .map_err(|source| StoreError::Read { path: path.to_owned(), source })?;
    if octets.len() as u64 > MAX_TEXT {
        return Err(StoreError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(octets).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|octet| *octet == b'\n').count();
        StoreError::NotText { path: path.to_owned(), line }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_is_a_folder_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_inventory(folder.path()), Err(StoreError::NoFabric { .. })));
        let file = folder.path().join(FABRIC_FILE);
        assert!(matches!(read_inventory(&file), Err(StoreError::NoInventory { .. })));
        fs::write(&file, "fabric: x\n").unwrap();
        let by_folder = read_inventory(folder.path()).unwrap();
        assert_eq!(by_folder, read_inventory(&file).unwrap());
        assert_eq!((by_folder.text.as_str(), by_folder.base.as_path()), ("fabric: x\n", folder.path()));
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FABRIC_FILE);
        fs::write(&file, b"fabric: x\nnodes: \xff\n").unwrap();
        assert!(matches!(read_inventory(&file), Err(StoreError::NotText { line: 2, .. })));
        File::create(&file).unwrap().set_len(MAX_TEXT + 1).unwrap();
        assert!(matches!(read_inventory(&file), Err(StoreError::TooLarge { .. })));
    }

    #[test]
    fn templates_are_listed_in_order() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(templates_folder(folder.path()).unwrap(), []);
        for name in ["templates/debian/etc/b.j2", "templates/debian/a.j2", "templates/debian/etc/a.j2"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let names: Vec<String> =
            templates_folder(folder.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["debian/a.j2", "debian/etc/a.j2", "debian/etc/b.j2"]);
        std::os::unix::fs::symlink("..", folder.path().join("templates/debian/up")).unwrap();
        assert!(templates_folder(folder.path()).is_err());
    }

    #[test]
    fn a_named_daemon_must_be_there() {
        assert!(matches!(rdnbrd_binary(Some(Path::new("/nonexistent"))), Err(StoreError::Read { .. })));
    }
}
