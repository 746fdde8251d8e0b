//! Writing a run's file, beside the run.

use super::record::{End, Header, Line, Record, SCHEMA};
use super::{Journal, JournalError, Who, prune, sync_folder};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What run begins, apart from what the journal knows by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// `deploy`, `rollback` or `teardown`.
    pub verb: String,
    /// The run that it undoes, if it is one that does.
    pub of: Option<String>,
    /// What was typed after the program's name.
    pub arguments: Vec<String>,
    /// The fabric.
    pub fabric: String,
    /// The lab, if the devices are a lab's.
    pub lab: Option<String>,
    /// The nodes that it is about, whether or not something is to be done there.
    pub nodes: Vec<String>,
    /// The inventory's path as it was given.
    pub inventory: String,
    /// SHA-256 of the inventory's text.
    pub inventory_digest: String,
    /// The run's name on the devices, where it has one already.
    pub run: Option<String>,
}

/// Told once when a record can't be written.
pub type Warn = Box<dyn FnOnce(JournalError) + Send>;

/// The file of the run that goes on; its lock is held until this is dropped.
pub struct Recorder {
    run: String,
    began: Instant,
    to: Sender<Message>,
    ended: AtomicBool,
}

enum Message {
    Record(Box<Line>),
    /// The last one; answered when it is on the disk.
    End(u64, End, Sender<()>),
}

impl Journal {
    /// Begins a run: its first two records are on the disk when this returns. Then runs beyond the newest `keep` go.
    ///
    /// # Errors
    /// When they can't be written; then no device may be touched.
    pub fn begin(
        &self,
        keep: usize,
        start: &RunStart,
        plan: Value,
        warn: Warn,
    ) -> Result<Recorder, JournalError> {
        self.prepare()?;
        let (run, file) = self.create(start, plan)?;
        prune::prune(self, keep);
        Recorder::start(run.clone(), self.file_of(&run), file, warn)
    }

    /// Makes a run's file with its first records; nobody sees it before it is whole and locked.
    fn create(&self, start: &RunStart, plan: Value) -> Result<(String, File), JournalError> {
        let folder = self.runs_folder();
        let failed = || JournalError::write(&folder);
        let mut new =
            tempfile::Builder::new().prefix(".").suffix(prune::NEW).tempfile_in(&folder).map_err(failed())?;
        super::own(new.as_file(), &folder).map_err(failed())?;
        new.as_file().try_lock().map_err(|error| failed()(error.into()))?;
        let plan = Line { after_ms: 0, record: Record::Plan { plan } }.to_octets();
        let mut now = SystemTime::now();
        let mut given = start.run.clone();
        loop {
            let run = given.take().unwrap_or_else(|| name_of(now));
            let header = Header {
                schema: SCHEMA,
                run: run.clone(),
                verb: start.verb.clone(),
                of: start.of.clone(),
                arguments: start.arguments.clone(),
                fabric: start.fabric.clone(),
                lab: start.lab.clone(),
                nodes: start.nodes.clone(),
                who: Who::here(),
                at: humantime::format_rfc3339_millis(now).to_string(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                inventory: start.inventory.clone(),
                inventory_digest: start.inventory_digest.clone(),
            };
            let first = Line { after_ms: 0, record: Record::Run(Box::new(header)) }.to_octets();
            let file = new.as_file_mut();
            file.set_len(0)
                .and_then(|()| io::Seek::rewind(file))
                .and_then(|()| file.write_all(&first))
                .and_then(|()| file.write_all(&plan))
                .and_then(|()| file.sync_all())
                .map_err(failed())?;
            match new.persist_noclobber(self.file_of(&run)) {
                Ok(file) => {
                    sync_folder(&folder).map_err(failed())?;
                    return Ok((run, file));
                }
                // Another run began in the same moment.
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                    new = error.file;
                    now += TICK;
                }
                Err(error) => return Err(failed()(error.error)),
            }
        }
    }
}

/// The smallest difference between two runs' names.
const TICK: std::time::Duration = std::time::Duration::from_nanos(1_000_000_000 / 0x1_0000 + 1);

/// A run's name: the second (UTC), and which part of it, so that names sort by time.
fn name_of(now: SystemTime) -> String {
    let part = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let second: String = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':', 'Z'], "");
    format!("{second}-{:04x}", u64::from(part) * 0x1_0000 / 1_000_000_000)
}

/// How long ago a moment was, in milliseconds.
pub(super) fn since(at: &str) -> u64 {
    let ago = humantime::parse_rfc3339(at).ok().and_then(|at| at.elapsed().ok());
    ago.map_or(0, milliseconds)
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Recorder {
    pub(super) fn start(run: String, path: PathBuf, file: File, warn: Warn) -> Result<Self, JournalError> {
        let (to, from) = mpsc::channel();
        let failed = JournalError::write(&path);
        let writer =
            Writer { good: file.metadata().map_or(0, |file| file.len()), file, lost: 0, torn: false };
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.write_all(&from, &path, warn))
            .map_err(failed)?;
        Ok(Self { run, began: Instant::now(), to, ended: AtomicBool::new(false) })
    }

    /// The run's name.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Adds a record; after the end there is nothing to add.
    pub fn record(&self, record: Record) {
        if !self.ended.load(Ordering::Acquire) {
            let line = Line { after_ms: milliseconds(self.began.elapsed()), record };
            // The writer is there as long as this is; if it panicked, the run goes on without it.
            let _ = self.to.send(Message::Record(Box::new(line)));
        }
    }

    /// Adds the last record, and returns when it is on the disk or can't be. Only the first end counts.
    pub fn end(&self, end: End) {
        if self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        let (written, wait) = mpsc::channel();
        if self.to.send(Message::End(milliseconds(self.began.elapsed()), end, written)).is_ok() {
            let _ = wait.recv();
        }
    }
}

struct Writer {
    file: File,
    /// Up to here the file holds whole records.
    good: u64,
    /// Whether there may be something behind it.
    torn: bool,
    lost: usize,
}

impl Writer {
    /// Writes what comes, each group with one flush to the disk, until nobody can send any more.
    fn write_all(mut self, from: &Receiver<Message>, path: &Path, warn: Warn) {
        let mut warn = Some(warn);
        while let Ok(first) = from.recv() {
            let (mut octets, mut count, mut written) = (Vec::new(), 0, None);
            for message in std::iter::once(first).chain(from.try_iter()) {
                let line = match message {
                    Message::Record(line) => *line,
                    Message::End(after_ms, end, tell) => {
                        written = Some(tell);
                        // Those of this group share its fate.
                        Line { after_ms, record: Record::End(End { lost: self.lost, ..end }) }
                    }
                };
                octets.extend(line.to_octets());
                count += 1;
            }
            if let Err(error) = self.append(&octets) {
                self.lost += count;
                if let Some(warn) = warn.take() {
                    warn(JournalError::write(path)(error));
                }
            }
            if let Some(written) = written {
                let _ = written.send(());
            }
        }
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        if self.torn {
            // Half a record that a full disk left: the next one must not continue it.
            self.file.set_len(self.good)?;
            io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.good))?;
        }
        self.torn = true;
        self.file.write_all(octets)?;
        self.good += octets.len() as u64;
        self.torn = false;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn names_sort_by_time_and_differ_by_a_tick() {
        let moment = UNIX_EPOCH + std::time::Duration::from_millis(1_795_337_215_250);
        assert_eq!(name_of(moment), "20261122T084655-4000");
        let mut before = name_of(moment);
        let mut now = moment;
        for _ in 0..100_000 {
            now += TICK;
            let name = name_of(now);
            assert!(name > before, "{name} after {before}");
            before = name;
        }
    }

    #[test]
    fn half_a_record_is_taken_away_before_the_next() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"whole\nhal").unwrap();
        let mut reader = file.try_clone().unwrap();
        let mut writer = Writer { file, good: 6, torn: true, lost: 1 };
        writer.append(b"next\n").unwrap();
        writer.append(b"last\n").unwrap();
        let mut text = String::new();
        io::Seek::rewind(&mut reader).unwrap();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "whole\nnext\nlast\n");
    }
}
