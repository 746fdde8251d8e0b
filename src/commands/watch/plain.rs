//! Events as lines.

use super::Room;
use crate::apply::Stop;
use crate::output::{self, Exit, Failure};
use tokio::time::{Instant, sleep_until};

/// Prints what changes until it is told to end, or nobody reads it any more.
pub(super) async fn run(mut room: Room, mut stop: Stop, as_json: bool) -> Result<Exit, Failure> {
    let mut due = None;
    loop {
        tokio::select! {
            said = room.devices.next() => {
                room.take(said?);
                if due.is_none() && room.watch.is_fresh() {
                    due = Some(Instant::now() + room.patience());
                }
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                due = None;
                for event in room.judge() {
                    let line = if as_json { event.json_line()? } else { event.line() };
                    if !output::next_line(&line) {
                        return Ok(Exit::Ok);
                    }
                }
            }
            () = stop.wish() => return Ok(Exit::Interrupted),
        }
    }
}
