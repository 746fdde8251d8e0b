//! A command, and running it.

use super::error::package;
use super::{Interrupt, ProcessError};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a program that was told to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How often a wait looks at the clock and at the user's wish.
const TICK: Duration = Duration::from_millis(50);

/// A local program and how it is run.
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    withheld: Vec<String>,
    stdin: Vec<u8>,
    limit: Option<Duration>,
    interrupt: Interrupt,
}

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Command {
    /// A program by name or path, with no arguments, empty standard input and no time limit.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            withheld: Vec::new(),
            stdin: Vec::new(),
            limit: None,
            interrupt: Interrupt::never(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Keeps variables of this process's environment from it: they hold secrets.
    #[must_use]
    pub fn without<'a>(mut self, names: impl IntoIterator<Item = &'a String>) -> Self {
        self.withheld.extend(names.into_iter().cloned());
        self
    }

    /// What it reads on its standard input.
    #[must_use]
    pub fn stdin(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.stdin = octets.into();
        self
    }

    /// The longest time it may take.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Ends it when the user asks for the end.
    #[must_use]
    pub fn interrupted_by(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// When it can't be started, takes too long or the user asks for the end.
    pub fn run(&self) -> Result<Output, ProcessError> {
        self.run_watched(&mut |_| {})
    }

    /// Runs it to its end, which must be a good one.
    ///
    /// # Errors
    /// As [`Self::run`], and when the program says that it failed.
    pub fn run_ok(&self) -> Result<Output, ProcessError> {
        self.run_watched_ok(&mut |_| {})
    }

    /// As [`Self::run_ok`], handing over each line of standard error as it comes.
    ///
    /// # Errors
    /// As [`Self::run_ok`].
    pub fn run_watched_ok(&self, line: &mut dyn FnMut(&str)) -> Result<Output, ProcessError> {
        let output = self.run_watched(line)?;
        if output.status.success() {
            return Ok(output);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        Err(ProcessError::Failed {
            program: self.name(),
            status: match (output.status.code(), output.status.signal()) {
                (Some(code), _) => format!("exit {code}"),
                (None, signal) => format!("signal {}", signal.unwrap_or_default()),
            },
            stderr: lines[lines.len().saturating_sub(6)..].join("\n"),
        })
    }

    /// Starts it to live on by itself: `control` becomes its standard input, `log` its standard error.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(&self, control: OwnedFd, log: File) -> Result<Child, ProcessError> {
        // It outlives this process: what stands in a person's environment, secrets too, is none of its business.
        let environment = std::env::var_os("PATH").map(|path| ("PATH", path));
        self.prepared()
            .env_clear()
            .envs(environment)
            .stdin(Stdio::from(control))
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .map_err(|source| self.not_started(source))
    }

    /// Becomes the program; returns only if that fails.
    pub fn replace_this_process(&self) -> ProcessError {
        let source = self.prepared().exec();
        self.not_started(source)
    }

    fn prepared(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        for name in &self.withheld {
            command.env_remove(name);
        }
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    fn not_started(&self, source: io::Error) -> ProcessError {
        let program = self.name();
        if source.kind() == io::ErrorKind::NotFound {
            let package = package(&program);
            return ProcessError::Missing { program, package };
        }
        ProcessError::Start { program, source }
    }

    fn run_watched(&self, line: &mut dyn FnMut(&str)) -> Result<Output, ProcessError> {
        let started = Instant::now();
        let mut command = self.prepared();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        // SAFETY: prctl is a plain system call, safe between fork and exec.
        unsafe {
            command.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(io::Error::from));
        }
        let mut child = command.spawn().map_err(|source| self.not_started(source))?;
        let outcome = self.converse(&mut child, started, line);
        if outcome.is_err() {
            end(&mut child);
        }
        outcome
    }

    /// Feeds and reads the child until it ends.
    fn converse(
        &self,
        child: &mut Child,
        started: Instant,
        line: &mut dyn FnMut(&str),
    ) -> Result<Output, ProcessError> {
        let talk = |source| ProcessError::Talk { program: self.name(), source };
        let mut pipes = Pipes::new(child, &self.stdin).map_err(talk)?;
        loop {
            if self.interrupt.raised() {
                return Err(ProcessError::Interrupted);
            }
            if let Some(limit) = self.limit.filter(|limit| started.elapsed() > *limit) {
                return Err(ProcessError::TimedOut { program: self.name(), limit });
            }
            // First the status, then the last of the pipes: what was written before the end is not lost.
            let status = child.try_wait().map_err(talk)?;
            pipes.exchange(if status.is_some() { Duration::ZERO } else { TICK }).map_err(talk)?;
            pipes.take_lines(line);
            if let Some(status) = status {
                let (stdout, stderr) = (pipes.stdout.read, pipes.stderr.read);
                return Ok(Output { status, stdout, stderr, elapsed: started.elapsed() });
            }
        }
    }
}

/// The child's three pipes.
struct Pipes {
    stdin: Option<File>,
    unsent: Vec<u8>,
    stdout: Source,
    stderr: Source,
    lines_taken: usize,
}

/// One pipe that is read, and what came out of it.
struct Source {
    pipe: Option<File>,
    read: Vec<u8>,
}

impl Pipes {
    fn new(child: &mut Child, input: &[u8]) -> io::Result<Self> {
        let ours = |fd: Option<OwnedFd>| -> io::Result<Option<File>> {
            let Some(fd) = fd else { return Ok(None) };
            nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
            Ok(Some(File::from(fd)))
        };
        let stdin = ours(child.stdin.take().map(OwnedFd::from))?.filter(|_| !input.is_empty());
        let source = |pipe| Source { pipe, read: Vec::new() };
        Ok(Self {
            stdin,
            unsent: input.to_vec(),
            stdout: source(ours(child.stdout.take().map(OwnedFd::from))?),
            stderr: source(ours(child.stderr.take().map(OwnedFd::from))?),
            lines_taken: 0,
        })
    }

    /// Waits at most that long for something to do, and does it.
    fn exchange(&mut self, wait: Duration) -> io::Result<()> {
        let mut wanted: Vec<PollFd> = Vec::with_capacity(3);
        wanted.extend(self.stdin.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)));
        for source in [&self.stdout, &self.stderr] {
            wanted.extend(source.pipe.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        }
        // Once all pipes are closed only the end is awaited, which comes at once.
        let wait = if wanted.is_empty() { wait.min(Duration::from_millis(1)) } else { wait };
        match poll(&mut wanted, PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.feed()?;
        self.stdout.drain()?;
        self.stderr.drain()
    }

    fn feed(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.stdin else { return Ok(()) };
        match pipe.write(&self.unsent) {
            Ok(count) => drop(self.unsent.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            // It doesn't want to read on, which is its right.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.unsent.clear(),
            Err(error) => return Err(error),
        }
        if self.unsent.is_empty() {
            self.stdin = None;
        }
        Ok(())
    }

    fn take_lines(&mut self, line: &mut dyn FnMut(&str)) {
        while let Some(length) = self.stderr.read[self.lines_taken..].iter().position(|octet| *octet == b'\n')
        {
            let text = &self.stderr.read[self.lines_taken..self.lines_taken + length];
            line(&String::from_utf8_lossy(text));
            self.lines_taken += length + 1;
        }
    }
}

impl Source {
    /// Reads what is there; closes the pipe at its end.
    fn drain(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        match pipe.read_to_end(&mut self.read) {
            Ok(_) => self.pipe = None,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Ends a child and all of its process group: first asked to, then made to.
fn end(child: &mut Child) {
    let Ok(group) = i32::try_from(child.id()).map(Pid::from_raw) else { return };
    let _ = killpg(group, Signal::SIGTERM);
    let asked = Instant::now();
    while asked.elapsed() < GRACE {
        if !matches!(child.try_wait(), Ok(None)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    #[test]
    fn input_goes_in_and_both_outputs_come_out() {
        let megabyte = vec![b'x'; 1 << 20];
        let output = sh("cat; echo oops >&2").stdin(megabyte.clone()).run_ok().unwrap();
        assert_eq!(output.stdout, megabyte);
        assert_eq!(output.stderr, b"oops\n");
    }

    #[test]
    fn lines_of_stderr_come_one_by_one() {
        let mut lines = Vec::new();
        sh("printf 'one\\ntw' >&2; sleep 0.1; echo o >&2")
            .run_watched_ok(&mut |line| lines.push(line.to_owned()))
            .unwrap();
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_failure_says_how_and_why() {
        let error = sh("echo the reason >&2; exit 3").run_ok().unwrap_err();
        assert_eq!(error.to_string(), "sh failed (exit 3): the reason");
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = Command::new("mmdebstrap").env("PATH", "/nowhere").run().map(|_| ());
        // The search path of the started program is the one that counts.
        assert!(matches!(error, Err(ProcessError::Missing { package: Some("mmdebstrap"), .. })), "{error:?}");
        assert_eq!(error.unwrap_err().hint().unwrap(), "install it: sudo apt-get install mmdebstrap");
    }

    #[test]
    fn the_time_limit_ends_the_whole_group() {
        let started = Instant::now();
        let error = sh("sleep 60 & sleep 60").limit(Duration::from_millis(100)).run().unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut { .. }));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_grandchild_that_holds_the_pipes_is_not_waited_for() {
        let output = sh("sleep 60 >&2 & echo $!").run_ok().unwrap();
        assert!(output.elapsed < Duration::from_secs(5));
        let pid: i32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
}
