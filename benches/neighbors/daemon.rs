//! The daemon under measurement: a process in the leaf's namespace, known by its command line alone.

use crate::Result;
use crate::machine::Machine;
use crate::netns::Netns;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// A daemon that was started has had time to open its sockets after this.
const SETTLE: Duration = Duration::from_secs(1);

/// What runs it, and with which files.
pub struct Program {
    binary: PathBuf,
    files: tempfile::TempDir,
}

/// One instance; killed when dropped.
pub struct Daemon {
    child: Child,
    /// The moment before it was started.
    pub started: Instant,
}

/// What it used in some time.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Time of a processor, user and system, in % of one.
    pub processor: f64,
    /// The most that was resident, in MB (1,000,000 octets).
    pub resident: f64,
    /// How busy the whole machine was meanwhile, in %.
    pub machine: f64,
}

impl Program {
    /// That binary.
    pub fn new(binary: &Path) -> Result<Self> {
        let binary = fs::canonicalize(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        let files = tempfile::tempdir()?;
        // A daemon that gave up being root must still be able to read its file.
        fs::set_permissions(files.path(), Permissions::from_mode(0o755))?;
        let program = Self { binary, files };
        fs::create_dir(program.run())?;
        Ok(program)
    }

    /// Where the binary is.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Starts it in that namespace with that configuration. All its instances have a `/run` that nobody else has:
    /// they must not meet another daemon there, but may leave something for each other.
    pub fn start(&self, leaf: &Netns, config: &str) -> Result<Daemon> {
        let file = self.files.path().join("rdnbrd.conf");
        fs::write(&file, format!("{config}\n"))?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = leaf.command(self.binary.to_str().ok_or("the binary's path isn't text")?)?;
        command.arg("--config").arg(file).stderr(log);
        let run = self.run();
        // SAFETY: system calls between fork and exec, nothing that allocates or locks: the path is a short one.
        unsafe {
            command.pre_exec(move || {
                let nothing = None::<&str>;
                unshare(CloneFlags::CLONE_NEWNS)?;
                mount(nothing, "/", nothing, MsFlags::MS_PRIVATE | MsFlags::MS_REC, nothing)?;
                mount(Some(run.as_path()), "/run", nothing, MsFlags::MS_BIND, nothing)?;
                Ok(())
            });
        }
        let started = Instant::now();
        Ok(Daemon { child: command.spawn()?, started })
    }

    /// Starts it and gives it time to listen.
    pub fn start_and_settle(&self, leaf: &Netns, config: &str) -> Result<Daemon> {
        let daemon = self.start(leaf, config)?;
        std::thread::sleep(SETTLE);
        Ok(daemon)
    }

    /// The end of what the instances logged, for an error.
    pub fn last_words(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    fn run(&self) -> PathBuf {
        self.files.path().join("run")
    }

    fn log(&self) -> PathBuf {
        self.files.path().join("log")
    }
}

impl Daemon {
    /// Ends it and waits until it has ended.
    pub fn end(mut self, signal: Signal) -> Result<()> {
        kill(self.pid()?, signal)?;
        let status = self.child.wait()?;
        if signal == Signal::SIGTERM && !status.success() {
            return Err(format!("the daemon ended with {status}").into());
        }
        Ok(())
    }

    /// What it uses from now on for that time.
    pub fn usage(&self, time: Duration) -> Result<Usage> {
        let clock = ClockId::pid_cpu_clock_id(self.pid()?)?;
        let used = || -> Result<Duration> { Ok(Duration::from(clock.now()?)) };
        let (begin, before, machine) = (Instant::now(), used()?, Machine::now()?);
        let mut resident = 0.0_f64;
        while begin.elapsed() < time {
            std::thread::sleep(Duration::from_secs(1).min(time.saturating_sub(begin.elapsed())));
            resident = resident.max(self.resident()?);
        }
        let processor = used()?.saturating_sub(before).as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0;
        Ok(Usage { processor, resident, machine: machine.busy_since()? })
    }

    fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let kib: f64 = kib.ok_or("the daemon has ended")?.trim().parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(self.child.id().try_into()?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
