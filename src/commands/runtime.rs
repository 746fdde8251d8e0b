//! The asynchronous part of a verb, and what Ctrl-C does to it.

use crate::apply::Stop;
use crate::output::{self, Exit, Failure};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long the runtime waits for what can't be stopped, such as a read from a terminal.
const PATIENCE: Duration = Duration::from_millis(500);

/// What Ctrl-C, SIGTERM and SIGHUP mean for a verb: its end; or, while it changes devices, first the wish that it comes
/// to an orderly end, and only then its end.
#[derive(Clone)]
pub(super) struct Interrupts {
    wish: Arc<watch::Sender<bool>>,
    orderly: Arc<Mutex<Option<Orderly>>>,
    plain: Arc<Mutex<Failure>>,
}

/// What a person is told at the first and at the second interrupt.
#[derive(Clone)]
pub(super) struct Orderly {
    pub first: String,
    pub second: String,
}

impl Interrupts {
    fn new() -> Self {
        let said =
            Failure::say(Exit::Interrupted, "interrupted, nothing was changed", "run the same command again");
        Self {
            wish: Arc::new(watch::Sender::new(false)),
            orderly: Arc::default(),
            plain: Arc::new(Mutex::new(said)),
        }
    }

    /// What a person is told at an interrupt that ends a verb at once.
    pub(super) fn say(&self, message: &str, hint: &str) {
        if let Ok(mut plain) = self.plain.lock() {
            *plain = Failure::say(Exit::Interrupted, message, hint);
        }
    }

    /// From now on the first interrupt is only a wish, the second one the end.
    pub(super) fn orderly(&self, words: Orderly) -> Stop {
        if let Ok(mut orderly) = self.orderly.lock() {
            *orderly = Some(words);
        }
        Stop::new(self.wish.subscribe())
    }

    /// From now on the first interrupt is only a wish, of which nobody is told.
    pub(super) fn quietly(&self) -> Stop {
        let second = "interrupted".to_owned();
        self.orderly(Orderly { first: String::new(), second })
    }

    /// Waits for the end, and returns it.
    async fn end(&self) -> Failure {
        let mut signals = Signals::new();
        loop {
            signals.next().await;
            let words = self.orderly.lock().map(|words| words.clone()).unwrap_or_default();
            match words {
                Some(words) if !*self.wish.borrow() => {
                    if !words.first.is_empty() {
                        output::note(&words.first);
                    }
                    self.wish.send_replace(true);
                }
                Some(words) => {
                    let hint = "when the devices are through, run the same command again";
                    return Failure::say(Exit::Interrupted, words.second, hint);
                }
                None => {
                    return self.plain.lock().unwrap_or_else(PoisonError::into_inner).clone();
                }
            }
        }
    }
}

/// Runs a verb to its end, or until it is interrupted: then every connection is closed and the devices' own time limits
/// end what still runs there.
pub(super) fn block_on<W>(verb: impl FnOnce(Interrupts) -> W) -> Result<Exit, Failure>
where
    W: Future<Output = Result<Exit, Failure>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    let interrupts = Interrupts::new();
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = verb(interrupts.clone()) => ended,
            failure = interrupts.end() => Err(failure),
        }
    });
    runtime.shutdown_timeout(PATIENCE);
    ended
}

/// Runs what blocks beside the verb, so that an interrupt is heard meanwhile; none when it panicked.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// The signals that interrupt; without handlers they end the process by themselves.
struct Signals(Vec<tokio::signal::unix::Signal>);

impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            // All of them are asked, so that all of them wake this up.
            let heard = self
                .0
                .iter_mut()
                .map(|signal| signal.poll_recv(context).is_ready())
                .fold(false, |a, b| a | b);
            if heard { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}
