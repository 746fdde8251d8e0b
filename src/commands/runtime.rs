//! The asynchronous part of a verb, and what Ctrl-C does to it.

use crate::output::{Exit, Failure};
use std::future::Future;
use std::time::Duration;

/// How long the runtime waits for what can't be stopped, such as a read from a terminal.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs a verb to its end, or until the first Ctrl-C, SIGTERM or SIGHUP: then every connection is closed and the devices'
/// own time limits end what still runs there.
pub(super) fn block_on(verb: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = verb => ended,
            () = interrupted() => Err(Failure::say(
                Exit::Interrupted,
                "interrupted; a step that had begun on a device may still come to its end there",
                "run the same command again: it goes on from here",
            )),
        }
    });
    runtime.shutdown_timeout(PATIENCE);
    ended
}

/// Runs what blocks beside the verb, so that an interrupt is heard meanwhile; none when it panicked.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = (SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup());
    let (Ok(mut pressed), Ok(mut terminated), Ok(mut hung_up)) =
        (signal(kinds.0), signal(kinds.1), signal(kinds.2))
    else {
        // Without a handler the signal ends the process by itself.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = pressed.recv() => {}
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
}
