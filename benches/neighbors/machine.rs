//! The machine that everything runs on: how busy it is, and keeping it busy.

use crate::Result;
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// Its processors' time until now, in ticks.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    idle: f64,
    all: f64,
}

impl Machine {
    /// As `/proc/stat` has it.
    pub fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let words = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
        let ticks: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; what follows is part of the first two.
        let ticks = ticks.get(..8).ok_or("/proc/stat has another form")?;
        Ok(Self { idle: ticks[3] + ticks[4], all: ticks.iter().sum() })
    }

    /// How busy it was since, in %.
    pub fn busy_since(self) -> Result<f64> {
        let now = Self::now()?;
        Ok(100.0 - (now.idle - self.idle) / (now.all - self.all).max(1.0) * 100.0)
    }
}

/// Its processors.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What the figures are taken on.
pub fn description() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} cores, Linux {}, {}", cores(), kernel.trim(), load())
}

/// How many processes wanted to run, with whatever else goes on.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// Processes that do nothing as fast as they can, one a processor; gone when dropped.
pub struct Spinners(Vec<Child>);

impl Spinners {
    /// Starts them.
    pub fn start() -> Result<Self> {
        let mut spinners = Self(Vec::new());
        for _ in 0..cores() {
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
            // SAFETY: one system call between fork and exec, nothing that allocates or locks.
            unsafe {
                command.pre_exec(|| Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?));
            }
            spinners.0.push(command.spawn()?);
        }
        Ok(spinners)
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
