//! The full screen.

use super::Room;
use super::terminal::{Screen, inputs};
use crate::apply::Stop;
use crate::output::watch::{Flow, Paint, key_of};
use crate::output::{self, Exit, Failure};
use ratatui::crossterm::event::Event;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// The clock on the screen goes on, and so does what is shown to be how long ago.
const TICK: Duration = Duration::from_secs(1);

/// Shows what is known until somebody quits.
pub(super) async fn run(mut room: Room, mut stop: Stop) -> Result<Exit, Failure> {
    let paint = Paint { colours: output::has_colors() };
    let mut screen = Screen::enter().map_err(|error| failure(&error))?;
    let mut inputs = inputs();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut due = None;
    loop {
        let drawn = tokio::select! {
            said = room.devices.next() => {
                room.take(said?);
                if due.is_none() && room.watch.is_fresh() {
                    due = Some(Instant::now() + room.patience());
                }
                false
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                due = None;
                room.judge();
                true
            }
            input = inputs.recv() => match input {
                Some(Event::Key(key)) => match key_of(&key).map(|key| room.watch.press(key)) {
                    Some(Flow::Quit) => return Ok(Exit::Ok),
                    Some(Flow::Interrupted) => return Ok(Exit::Interrupted),
                    Some(Flow::Suspend) => {
                        screen = screen.suspend().map_err(|error| failure(&error))?;
                        true
                    }
                    Some(Flow::Continue) => true,
                    None => false,
                },
                Some(Event::Resize(..)) => true,
                Some(_) => false,
                // The terminal is gone.
                None => return Ok(Exit::Interrupted),
            },
            _ = tick.tick() => true,
            () = stop.wish() => return Ok(Exit::Interrupted),
        };
        if drawn {
            let now = SystemTime::now();
            screen
                .terminal
                .draw(|frame| room.watch.draw(frame, paint, now))
                .map_err(|error| failure(&error))?;
        }
    }
}

fn failure(error: &std::io::Error) -> Failure {
    let hint = "fabricctl watch --plain needs no terminal";
    Failure::say(Exit::Usage, format!("the terminal can't be used: {error}"), hint)
}
