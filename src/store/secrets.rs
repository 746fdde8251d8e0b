//! Secrets that don't stand in the inventory: files beside it, and this process's environment.

use super::{StoreError, text};
use crate::fabric::Secret;
use crate::inventory::{SecretFile, SourceError, Sources};
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The real sources of secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalSecrets;

impl Sources for LocalSecrets {
    fn file(&self, path: &Path) -> Result<SecretFile, SourceError> {
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::Missing,
            _ => SourceError::Refused(error.to_string()),
        };
        let file = File::open(path).map_err(refused)?;
        let mode = file.metadata().map_err(refused)?.permissions().mode();
        let secret = text(path, file).map_err(|error| match error {
            StoreError::Read { source, .. } => SourceError::Refused(source.to_string()),
            StoreError::NotText { .. } => SourceError::NotText,
            other => SourceError::Refused(other.to_string()),
        })?;
        Ok(SecretFile { secret: Secret::new(secret), open_to_all: mode & 0o004 != 0 })
    }

    fn variable(&self, name: &str) -> Result<String, SourceError> {
        std::env::var(name).map_err(|error| match error {
            std::env::VarError::NotPresent => SourceError::Missing,
            std::env::VarError::NotUnicode(_) => SourceError::NotText,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_read_and_those_open_to_all_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bgp");
        assert_eq!(LocalSecrets.file(&path), Err(SourceError::Missing));
        assert!(matches!(LocalSecrets.file(folder.path()), Err(SourceError::Refused(_))));
        fs::write(&path, "hunter22\n").unwrap();
        for (mode, open_to_all) in [(0o644, true), (0o640, false), (0o600, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let found = LocalSecrets.file(&path).unwrap();
            assert_eq!((found.secret.reveal(), found.open_to_all), ("hunter22\n", open_to_all), "{mode:o}");
        }
        fs::write(&path, b"\xff\xff\xff\xff").unwrap();
        assert_eq!(LocalSecrets.file(&path), Err(SourceError::NotText));
    }

    #[test]
    fn variables_are_those_of_this_process() {
        assert_eq!(LocalSecrets.variable("PATH").ok(), std::env::var("PATH").ok());
        assert_eq!(LocalSecrets.variable("FABRICCTL_NEVER_SET"), Err(SourceError::Missing));
    }
}
