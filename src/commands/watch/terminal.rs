//! The terminal as a full screen, and as it was before: on every way out.

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{Event, read};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use std::io::{self, IsTerminal as _, Stdout, stdout};
use std::sync::Once;
use tokio::sync::mpsc;

/// The full screen; the terminal is as before when this is dropped.
pub(super) struct Screen {
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When it is none, or won't.
    pub(super) fn enter() -> io::Result<Self> {
        // A panic is told on the screen that was there before.
        static HOOKED: Once = Once::new();
        HOOKED.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                before(panic);
            }));
        });
        let taken = enable_raw_mode()
            .and_then(|()| execute!(stdout(), EnterAlternateScreen))
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        if taken.is_err() {
            leave();
        }
        Ok(Self { terminal: taken? })
    }

    /// Gives the terminal back, sleeps until somebody wakes the process, and takes it again.
    ///
    /// # Errors
    /// When it can't be taken again.
    pub(super) fn suspend(self) -> io::Result<Self> {
        drop(self);
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?;
        Self::enter()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Whether stdout is a terminal on which more can be done than to print lines.
pub(super) fn can_draw() -> bool {
    stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// The terminal as it was. One that is gone needs nothing.
fn leave() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Keys and changes of size. The thread sits in a read from the terminal until the process ends.
pub(super) fn inputs() -> mpsc::UnboundedReceiver<Event> {
    let (tell, told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = read() {
            if tell.send(event).is_err() {
                return;
            }
        }
    });
    told
}
