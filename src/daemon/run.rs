//! The loop: sockets in, machine, sockets out. One thread, asleep until something happens or is due.

use super::control::Control;
use super::kernel::Kernel;
use super::log::Log;
use super::notify::Notify;
use super::orphans::Orphans;
use super::ports::Ports;
use super::report::DoorCounters;
use super::starts::Starts;
use super::view::View;
use super::wait::{Source, Waiting};
use crate::neighbor::{Config, Effect, Event, Level, Machine, Moment, OnExit};
use crate::netlink::{Monitor, NetlinkError, announcements};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two ticks of the machine, so that what is due about the same time is done together. It makes a probe, or the
/// judgement of a missing answer, that much later.
const TICK: Duration = Duration::from_millis(4);

/// Why the daemon can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The kernel's network configuration can't be read.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// Signals, waiting or giving up privileges don't work.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
}

impl RunError {
    fn system(what: &'static str, source: impl Into<io::Error>) -> Self {
        RunError::System { what, source: source.into() }
    }
}

/// All that the loop holds.
pub(super) struct Daemon {
    pub(super) config: Config,
    /// Where the configuration is read again on SIGHUP.
    pub(super) path: PathBuf,
    /// Whether that file must exist.
    pub(super) named: bool,
    pub(super) log: Log,
    pub(super) machine: Machine,
    pub(super) view: View,
    pub(super) kernel: Kernel,
    pub(super) ports: Ports,
    pub(super) orphans: Orphans,
    pub(super) doors: DoorCounters,
    pub(super) monitor: Monitor,
    pub(super) waiting: Waiting,
    pub(super) control: Option<Control>,
    pub(super) notify: Notify,
    starts: Option<Starts>,
    signals: SignalFd,
    started: Instant,
    /// When this turn began: everything in it happens then.
    pub(super) now: Moment,
    pub(super) reconcile_at: Moment,
    /// Before this the machine isn't told the time again.
    tick_at: Moment,
    /// When the service manager wants to hear of us.
    pulse_at: Option<Moment>,
    /// When what was found at the start is proven or gone.
    proven_at: Option<Moment>,
    /// What the machine wants done, in order.
    pub(super) effects: Vec<Effect>,
    /// Whether the kernel took all changes of routes the last time.
    pub(super) routes_refused: bool,
}

impl Daemon {
    /// Opens everything. Signals are blocked from here on and read in the loop.
    pub(super) fn open(
        config: Config,
        (path, named): (PathBuf, bool),
        starts: Option<Starts>,
    ) -> Result<Self, RunError> {
        let mask = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
        let signals = mask
            .thread_block()
            .and_then(|()| SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC))
            .map_err(|errno| RunError::system("opening a signal descriptor", errno))?;
        // Before anything is read, so that no change is missed between reading and hearing.
        let monitor = announcements()?;
        let waiting = Waiting::new()
            .and_then(|waiting| {
                waiting.read(&signals, Source::Signals)?;
                waiting.read(&monitor, Source::Monitor)?;
                Ok(waiting)
            })
            .map_err(|errno| RunError::system("opening an epoll descriptor", errno))?;
        let notify = Notify::from_environment();
        Ok(Self {
            log: Log::new(config.loglevel),
            machine: Machine::new(config.settings.clone()),
            view: View::default(),
            kernel: Kernel::open(&config)?,
            ports: Ports::default(),
            orphans: Orphans::default(),
            doors: DoorCounters::default(),
            monitor,
            waiting,
            control: None,
            pulse_at: notify.pulse().map(|_| Moment::default()),
            notify,
            starts,
            signals,
            started: Instant::now(),
            now: Moment::default(),
            reconcile_at: Moment::default(),
            tick_at: Moment::default(),
            proven_at: None,
            effects: Vec::new(),
            routes_refused: false,
            config,
            path,
            named,
        })
    }

    /// Runs until it is told to end.
    pub(super) fn run(&mut self) -> Result<(), RunError> {
        self.open_control();
        self.give_up_privileges().map_err(|error| RunError::system("giving up privileges", error))?;
        self.say(Level::Info, &format!("event=started version={}", env!("CARGO_PKG_VERSION")));
        self.read_the_clock();
        self.take_over()?;
        self.notify.ready();
        loop {
            self.wait()?;
            self.read_the_clock();
            for at in 0..self.waiting.count() {
                match self.waiting.ready(at) {
                    Some(Source::Signals) if self.read_signals() => return self.end(),
                    Some(Source::Signals) | None => {}
                    Some(Source::Monitor) => self.read_announcements()?,
                    Some(Source::Port(interface, protocol)) => self.read_packets(interface, protocol),
                    Some(Source::Listener) => self.let_in(),
                    Some(Source::Client(place)) => self.answer(place),
                }
            }
            // All that had come in when this turn began has been heard by now: nobody is judged silent unheard.
            if self.tick_at <= self.now && self.machine.deadline().is_some_and(|due| due <= self.now) {
                self.tick_at = self.now + TICK;
                self.tell(Event::Tick);
            }
            if self.reconcile_at <= self.now {
                self.reconcile()?;
            }
            self.flush();
            self.keep_time();
        }
    }

    /// Learns what is there, and takes over the routes of an earlier instance, for as long as they need to be proven.
    fn take_over(&mut self) -> Result<(), RunError> {
        self.resync()?;
        if let Some(starts) = self.starts.as_ref().filter(|starts| starts.are_too_many()) {
            let before = starts.before();
            let count = self.kernel.flush()?;
            let text = format!("event=unproven-starts count={before} effect=flush routes={count}");
            self.say(Level::Warning, &text);
        } else {
            for route in self.kernel.routes()? {
                self.tell(Event::RouteFound { route });
            }
        }
        self.hint()?;
        self.flush();
        self.proven_at = Some(self.now + self.config.settings.detection_time() + Duration::from_secs(1));
        // What FRR may have left behind, and what changed while all was read.
        self.reconcile_at = self.now + super::hear::RECONCILE_FIRST;
        Ok(())
    }

    pub(super) fn read_the_clock(&mut self) {
        self.now = Moment(self.started.elapsed());
    }

    pub(super) fn say(&self, level: Level, text: &str) {
        self.log.say(level, text);
    }

    /// Sleeps until a socket has something or the next deadline.
    fn wait(&mut self) -> Result<(), RunError> {
        let tick = self.machine.deadline().map(|due| due.max(self.tick_at));
        let clients = self.control.as_ref().and_then(Control::deadline);
        let others = [tick, clients, self.pulse_at, self.proven_at];
        let due = others.into_iter().flatten().fold(self.reconcile_at, Moment::min);
        // This turn has taken time.
        let span = due.since(Moment(self.started.elapsed()));
        self.waiting.wait(span).map_err(|errno| RunError::system("waiting for events", errno))
    }

    /// What only time brings.
    fn keep_time(&mut self) {
        if let Some(control) = &mut self.control {
            control.tidy(self.now);
        }
        if self.pulse_at.is_some_and(|due| due <= self.now) {
            self.notify.alive();
            self.pulse_at = self.notify.pulse().map(|pulse| self.now + pulse);
        }
        if self.proven_at.is_some_and(|due| due <= self.now) {
            self.proven_at = None;
            self.keep_count(Starts::proven);
        }
    }

    fn keep_count(&mut self, write: fn(&mut Starts) -> io::Result<()>) {
        if let Some(Err(error)) = self.starts.as_mut().map(write) {
            self.say(
                Level::Warning,
                &format!("event=failed what=count-starts reason={:?}", error.to_string()),
            );
        }
    }

    /// True when the daemon is told to end.
    fn read_signals(&mut self) -> bool {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            if signal.ssi_signo.cast_signed() == Signal::SIGHUP as i32 {
                self.notify.reloading();
                self.reload();
                self.notify.ready();
            } else {
                return true;
            }
        }
        false
    }

    fn end(&mut self) -> Result<(), RunError> {
        self.notify.stopping();
        if self.config.on_exit == OnExit::Flush {
            self.kernel.flush()?;
        }
        if self.proven_at.is_some() {
            self.keep_count(Starts::ended);
        }
        self.say(Level::Info, &format!("event=stopped routes={}", self.config.on_exit));
        Ok(())
    }
}
