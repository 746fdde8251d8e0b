//! A network namespace.

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// A network namespace, held by a process that dies with the test.
pub struct Netns {
    pub holder: Child,
}

impl Netns {
    pub fn new() -> Self {
        let mut command = Command::new("sleep");
        command.arg("infinity").stdin(Stdio::null());
        // SAFETY: two system calls between fork and exec, nothing that allocates or locks.
        unsafe {
            command.pre_exec(|| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                nix::sched::unshare(CloneFlags::CLONE_NEWNET)?;
                Ok(())
            });
        }
        let netns = Self { holder: command.spawn().expect("these tests build namespaces: run them as root") };
        netns.ip("link set lo up");
        netns
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    /// A command in the namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path())).arg(program);
        command
    }

    /// `ip` in it.
    pub fn ip(&self, words: &str) -> String {
        let output = self.command("ip").args(words.split(' ')).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {words}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it in the namespace, in a thread of its own.
    pub fn enter<T: Send>(&self, deed: impl FnOnce() -> T + Send) -> T {
        let file = File::open(self.path()).unwrap();
        let inside = move || {
            setns(file, CloneFlags::CLONE_NEWNET).unwrap();
            deed()
        };
        std::thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
