//! Old runs go.

use super::{Journal, is_held};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// How the name of a file ends that isn't a run's yet.
pub(super) const NEW: &str = ".new";
/// A file that isn't a run's after this time never will be.
const ABANDONED: Duration = Duration::from_secs(3600);
/// More than a run without changes has behind its plan.
const TAIL: u64 = 4096;

/// Removes runs until there are at most `keep`. Those that changed nothing go first, then the oldest; the newest and
/// those that are still under way stay. What can't be removed is left: no run may fail of that.
pub(super) fn prune(journal: &Journal, keep: usize) {
    let Ok(mut runs) = journal.runs() else { return };
    let newest = runs.pop();
    let spare = (runs.len() + usize::from(newest.is_some())).saturating_sub(keep.max(1));
    if spare > 0 {
        let (unchanged, changed): (Vec<_>, Vec<_>) =
            runs.iter().map(|run| journal.file_of(run)).partition(|path| changed_nothing(path));
        let gone = unchanged.iter().chain(&changed).filter(|path| remove(path));
        gone.take(spare).for_each(drop);
    }
    abandoned(&journal.runs_folder());
}

/// Removes a run's file unless its process lives.
fn remove(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    !is_held(&file) && fs::remove_file(path).is_ok()
}

/// Whether a run's last record says that there was nothing to do.
fn changed_nothing(path: &Path) -> bool {
    let tail = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        Ok(tail)
    };
    let tail = tail().unwrap_or_default();
    let last = String::from_utf8_lossy(&tail).trim_end().rsplit('\n').next().map(serde_json::from_str);
    let Some(Ok(super::Line { record: super::Record::End(end), .. })) = last else { return false };
    end.outcome == super::Outcome::Unchanged
}

/// Removes what runs left that were killed while they began.
fn abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(NEW));
        let modified = entry.metadata().and_then(|file| file.modified());
        let old = modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED));
        if ours && old {
            let _ = fs::remove_file(entry.path());
        }
    }
}
