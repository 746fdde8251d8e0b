//! The asynchronous part of a verb, and what Ctrl-C does to it.

use crate::output::{Exit, Failure};
use std::future::Future;

/// Runs a verb to its end, or until the first Ctrl-C or SIGTERM: then every connection is closed and the devices'
/// own time limits end what still runs there.
pub(super) fn block_on(verb: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    runtime.block_on(async {
        tokio::select! {
            ended = verb => ended,
            () = interrupted() => Err(Failure::say(
                Exit::Interrupted,
                "interrupted; a step that had begun on a device may still come to its end there",
                "run the same command again: it goes on from here",
            )),
        }
    })
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without a handler the signal ends the process by itself.
        return std::future::pending().await;
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => {
            if pressed.is_err() {
                std::future::pending::<()>().await;
            }
        }
        _ = terminate.recv() => {}
    }
}
