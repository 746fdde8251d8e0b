//! The journal: what every run that changes devices did, one file a run, below `.fabricctl/` beside the inventory.
//!
//! `runs/<RUN>.jsonl` holds one [`Record`] a line and only grows. While its process lives, the file is locked
//! (flock): a file without an end whose lock is free is that of a run that was killed. The first two records, the
//! run and its plan, are on the disk before the first device is touched; a journal that can't be written stops the
//! run there. From then on devices matter more: what can't be written any more is told once, counted in the last
//! record, and the run goes on. Records are written and flushed to the disk by a thread of their own, those that came
//! meanwhile in one go, so that no device waits for it: a kill or a loss of power costs the last few milliseconds.

mod prune;
mod record;
mod story;
mod who;
mod writer;

pub use record::{End, Header, Line, Outcome, Record, SCHEMA, Safety};
pub use story::{Fate, SafetyStory, StepStory, Story, StoryError};
pub use who::Who;
pub use writer::{Recorder, RunStart};

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The journal's folder, beside the inventory.
pub const JOURNAL_FOLDER: &str = ".fabricctl";
/// How many runs are kept where nobody says otherwise.
pub const KEPT_RUNS: usize = 100;

/// How the name of a run's file ends.
const SUFFIX: &str = ".jsonl";

/// Why the journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A folder or file of it can't be written.
    #[error("can't write the journal {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder or file of it can't be read.
    #[error("can't read the journal {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No run has that name.
    #[error("the journal {} has no run {given:?}", journal.display())]
    NoRun {
        /// The journal's folder.
        journal: PathBuf,
        /// What was given.
        given: String,
    },
    /// Several runs' names begin like this.
    #[error("{given:?} could be {}", runs.join(", "))]
    Ambiguous {
        /// What was given.
        given: String,
        /// The runs.
        runs: Vec<String>,
    },
    /// A run's file tells of no run.
    #[error("can't make out what happened in run {run}")]
    Story {
        /// The run.
        run: String,
        /// Why.
        source: StoryError,
    },
    /// The run's process still writes its file.
    #[error("run {run} is still under way")]
    Running {
        /// The run.
        run: String,
    },
}

impl JournalError {
    fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }

    fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space there, or keep the journal elsewhere with --journal DIR (or FABRICCTL_JOURNAL)"
            }
            Self::Write { .. } => {
                "make it writable for you, or keep the journal elsewhere with --journal DIR (or FABRICCTL_JOURNAL)"
            }
            Self::Read { .. } => {
                "is it somebody else's? name your own with --journal DIR (or FABRICCTL_JOURNAL)"
            }
            Self::NoRun { .. } => "`fabricctl history` lists the runs",
            Self::Ambiguous { .. } => "write more of it",
            Self::Story { .. } => "look into its file; `fabricctl history` lists the other runs",
            Self::Running { .. } => "wait until it is through",
        }
    }
}

/// A journal's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    folder: PathBuf,
}

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Its process lives.
    Running,
    /// Its process is gone and didn't say how it ended.
    Interrupted,
    /// It came to an end.
    Ended(Outcome),
}

impl Status {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => Outcome::Interrupted.as_str(),
            Self::Ended(outcome) => outcome.as_str(),
        }
    }
}

/// One run of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name.
    pub run: String,
    /// Whether it goes on.
    pub status: Status,
    /// What happened in it.
    pub story: Story,
}

impl Journal {
    /// The journal in a folder, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn runs_folder(&self) -> PathBuf {
        self.folder.join("runs")
    }

    fn file_of(&self, run: &str) -> PathBuf {
        self.runs_folder().join(format!("{run}{SUFFIX}"))
    }

    /// Makes the folder if it isn't there, and tries to write in it, so that a run that couldn't be recorded can stop
    /// before it contacts a device.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn prepare(&self) -> Result<(), JournalError> {
        make_folder(&self.folder)?;
        let ignore = self.folder.join(".gitignore");
        match File::options().write(true).create_new(true).mode(0o600).open(&ignore) {
            Ok(mut file) => {
                // What a run says of devices is nothing for a repository.
                file.write_all(b"*\n").map_err(JournalError::write(&ignore))?;
                own(&file, &self.folder).map_err(JournalError::write(&ignore))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(JournalError::write(&ignore)(error)),
        }
        let runs = self.runs_folder();
        make_folder(&runs)?;
        tempfile::tempfile_in(&runs).map(drop).map_err(JournalError::write(&runs))
    }

    /// The names of all runs, from the oldest to the newest; none where there is no journal.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn runs(&self) -> Result<Vec<String>, JournalError> {
        let folder = self.runs_folder();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(JournalError::read(&folder))?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let name = entry.map_err(JournalError::read(&folder))?.file_name();
            let run = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            runs.extend(run.filter(|run| !run.starts_with('.')).map(str::to_owned));
        }
        runs.sort();
        Ok(runs)
    }

    /// The run that is meant: its name, as much of its beginning as no other run shares, or what stands after its dash.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn find(&self, given: &str) -> Result<String, JournalError> {
        let runs = self.runs()?;
        if runs.iter().any(|run| run == given) {
            return Ok(given.to_owned());
        }
        let begins = runs.iter().filter(|run| run.starts_with(given)).cloned();
        let mut meant: Vec<String> = begins.collect();
        if meant.is_empty() {
            let ends = |run: &&String| run.rsplit_once('-').is_some_and(|(_, end)| end.starts_with(given));
            meant = runs.iter().filter(ends).cloned().collect();
        }
        match &meant[..] {
            [run] => Ok(run.clone()),
            [] => Err(JournalError::NoRun { journal: self.folder.clone(), given: given.to_owned() }),
            _ => Err(JournalError::Ambiguous { given: given.to_owned(), runs: meant }),
        }
    }

    /// Reads a run.
    ///
    /// # Errors
    /// When its file can't be read or tells of no run.
    pub fn read(&self, run: &str) -> Result<Entry, JournalError> {
        let path = self.file_of(run);
        let file = File::open(&path).map_err(JournalError::read(&path))?;
        // Before the text: a run that ends meanwhile is then seen with its end, or still as running.
        let held = is_held(&file);
        let octets = fs::read(&path).map_err(JournalError::read(&path))?;
        let story = Story::read(&String::from_utf8_lossy(&octets))
            .map_err(|source| JournalError::Story { run: run.to_owned(), source })?;
        let status = match &story.end {
            Some(end) => Status::Ended(end.outcome),
            None if held => Status::Running,
            None => Status::Interrupted,
        };
        Ok(Entry { run: run.to_owned(), status, story })
    }

    /// Adds a record to a run whose process is gone; one that was torn off half-way is dropped first.
    ///
    /// # Errors
    /// When there is no such run, it is still under way, or its file can't be written.
    pub fn add(&self, run: &str, record: Record) -> Result<(), JournalError> {
        let path = self.file_of(run);
        let failed = || JournalError::write(&path);
        let file = File::options().read(true).append(true).open(&path).map_err(failed())?;
        if is_held(&file) {
            return Err(JournalError::Running { run: run.to_owned() });
        }
        // Who only reads the history holds it for a moment.
        file.lock().map_err(failed())?;
        let octets = fs::read(&path).map_err(failed())?;
        let whole = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(failed())?;
        let began = Story::read(&String::from_utf8_lossy(&octets))
            .map_err(|source| JournalError::Story { run: run.to_owned(), source })?
            .header
            .at;
        let line = Line { after_ms: writer::since(&began), record };
        (&file).write_all(&line.to_octets()).and_then(|()| file.sync_data()).map_err(failed())
    }
}

/// Whether the process that writes a run's file lives.
fn is_held(file: &File) -> bool {
    matches!(patiently(|| file.try_lock_shared()), Err(TryLockError::WouldBlock))
}

/// Tries for a moment: a program that is just being started holds the locks of the one that starts it until it is loaded.
fn patiently(lock: impl Fn() -> Result<(), TryLockError>) -> Result<(), TryLockError> {
    for _ in 0..10 {
        match lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
    lock()
}

/// Makes a folder that is nobody else's business, and makes sure that it outlives a loss of power.
fn make_folder(path: &Path) -> Result<(), JournalError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(JournalError::write(parent))?;
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        // Another run was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        Err(error) => return Err(JournalError::write(path)(error)),
    }
    File::open(path)
        .and_then(|folder| own(&folder, parent))
        .and_then(|()| sync_folder(parent))
        .map_err(JournalError::write(path))
}

/// What root makes in a folder of somebody else becomes theirs: who runs this with and without sudo has one journal.
fn own(file: &File, folder: &Path) -> io::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let (theirs, ours) = (fs::metadata(folder)?, file.metadata()?);
    if (theirs.uid(), theirs.gid()) == (ours.uid(), ours.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(theirs.uid()), Some(theirs.gid()))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
