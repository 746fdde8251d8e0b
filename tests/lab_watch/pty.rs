//! A terminal to run something on, and what is to be seen on it.

use crate::support::eventually;
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

pub struct Pty {
    child: Child,
    keys: File,
    /// Kept open, so that the terminal's settings can be looked at when the program is gone.
    terminal: OwnedFd,
    before: Termios,
    screen: Arc<Mutex<vt100::Parser>>,
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn parser(rows: u16, columns: u16) -> vt100::Parser {
    vt100::Parser::new(NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap(), 0)
}

impl Pty {
    pub fn run(mut command: Command) -> Self {
        let OpenptyResult { master, slave } = openpty(&size(24, 80), None).unwrap();
        let before = tcgetattr(&slave).unwrap();
        let end = || slave.try_clone().unwrap();
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: both calls are async-signal-safe, and nothing else runs between fork and exec.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                if libc::ioctl(0, libc::TIOCSCTTY, 0) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        let screen = Arc::new(Mutex::new(parser(24, 80)));
        let (keys, mut shown) = (File::from(master.try_clone().unwrap()), File::from(master));
        let parser = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut octets = vec![0; 65_536];
            while let Ok(count @ 1..) = shown.read(&mut octets) {
                parser.lock().unwrap().process(&octets[..count]);
            }
        });
        Self { child, keys, terminal: slave, before, screen }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub fn shows(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until a text is to be seen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let began = std::time::Instant::now();
        while !self.shows().contains(text) {
            assert!(began.elapsed().as_secs() < 90, "never: {text:?} in\n{}", self.shows());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        let (tall, wide) = (NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap());
        self.screen.lock().unwrap().screen_mut().set_size(tall, wide);
        let size = size(rows, columns);
        // SAFETY: the descriptor is open and the structure is one that the call reads.
        let done = unsafe { libc::ioctl(self.terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(done, 0);
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    pub fn is_full_screen(&self) -> bool {
        self.screen.lock().unwrap().screen().alternate_screen()
    }

    /// Waits for the end; the terminal must be as it was.
    #[track_caller]
    pub fn ends(&mut self, code: i32) {
        let mut status = None;
        eventually("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(code), "{}", self.shows());
        eventually("the screen of before", || !self.is_full_screen());
        assert!(!self.screen.lock().unwrap().screen().hide_cursor());
        let (now, before) = (tcgetattr(&self.terminal).unwrap(), &self.before);
        assert_eq!((now.local_flags, now.input_flags), (before.local_flags, before.input_flags));
        assert_eq!((now.output_flags, now.control_flags), (before.output_flags, before.control_flags));
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
