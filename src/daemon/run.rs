//! The loop: sockets in, machine, sockets out. One thread, asleep until something happens or is due.

use super::kernel::{Kernel, host_route};
use super::log::Log;
use super::view::View;
use crate::neighbor::{Config, Effect, Event, IfIndex, Kind, Level, Machine, Moment, OnExit};
use crate::netlink::{
    Announcement, ArpOperation, ArpPacket, ArpSocket, Monitor, NetlinkError, announcement, announcements,
    interface_addresses, interfaces, neighbours,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two comparisons of everything with the kernel.
const RECONCILE_EVERY: Duration = Duration::from_secs(30);
/// After a doubt, so that a burst of changes is one comparison.
const RECONCILE_SOON: Duration = Duration::from_millis(100);
/// Packets taken from one interface before the others have their turn.
const PACKETS_PER_TURN: usize = 1024;

/// Why the daemon can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The kernel's network configuration can't be read.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// Signals or waiting don't work.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
}

/// All that the loop holds.
pub(super) struct Daemon {
    config: Config,
    /// Where the configuration is read again on SIGHUP.
    path: PathBuf,
    /// Whether that file must exist.
    named: bool,
    log: Log,
    machine: Machine,
    view: View,
    kernel: Kernel,
    sockets: BTreeMap<IfIndex, ArpSocket>,
    monitor: Monitor,
    signals: SignalFd,
    started: Instant,
    reconcile_at: Moment,
}

impl Daemon {
    /// Opens everything. Signals are blocked from here on and read in the loop.
    pub(super) fn open(config: Config, path: PathBuf, named: bool) -> Result<Self, RunError> {
        let mask = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
        let signals = mask
            .thread_block()
            .and_then(|()| SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC))
            .map_err(|errno| RunError::System {
                what: "opening a signal descriptor",
                source: errno.into(),
            })?;
        Ok(Self {
            log: Log::new(config.loglevel),
            machine: Machine::new(config.settings.clone()),
            view: View::default(),
            kernel: Kernel::open(&config)?,
            sockets: BTreeMap::new(),
            // Before anything is read, so that no change is missed between reading and hearing.
            monitor: announcements()?,
            signals,
            started: Instant::now(),
            reconcile_at: Moment::default(),
            config,
            path,
            named,
        })
    }

    /// Runs until it is told to end.
    pub(super) fn run(&mut self) -> Result<(), RunError> {
        self.say(Level::Info, &format!("event=started version={}", env!("CARGO_PKG_VERSION")));
        self.resync()?;
        for route in self.kernel.routes()? {
            self.tell(Event::RouteFound { route });
        }
        self.hint()?;
        self.reconcile_at = self.now() + RECONCILE_EVERY;
        loop {
            self.wait()?;
            if self.read_signals() {
                return self.end();
            }
            self.read_announcements()?;
            self.read_packets();
            let now = self.now();
            if self.machine.deadline().is_some_and(|deadline| deadline <= now) {
                self.tell(Event::Tick);
            }
            if self.reconcile_at <= now {
                self.reconcile()?;
            }
        }
    }

    fn now(&self) -> Moment {
        Moment(self.started.elapsed())
    }

    fn say(&self, level: Level, text: &str) {
        self.log.say(level, text);
    }

    /// Sleeps until a socket has something or the next deadline.
    fn wait(&self) -> Result<(), RunError> {
        let due = self.machine.deadline().map_or(self.reconcile_at, |due| due.min(self.reconcile_at));
        // Rounded up: waking too early would be waking twice.
        let millis = due.since(self.now()).as_nanos().div_ceil(1_000_000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let mut waiting = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.monitor.as_fd(), PollFlags::POLLIN),
        ];
        let sockets = self.sockets.values().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
        waiting.extend(sockets);
        match poll(&mut waiting, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(RunError::System { what: "waiting for events", source: errno.into() }),
        }
    }

    /// True when the daemon is told to end.
    fn read_signals(&mut self) -> bool {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            if signal.ssi_signo.cast_signed() == Signal::SIGHUP as i32 {
                self.reload();
            } else {
                return true;
            }
        }
        false
    }

    fn end(&mut self) -> Result<(), RunError> {
        if self.config.on_exit == OnExit::Flush {
            self.kernel.flush()?;
        }
        self.say(Level::Info, &format!("event=stopped routes={}", self.config.on_exit));
        Ok(())
    }

    /// Reads the configuration again; the old one stays in force when the new one has faults.
    fn reload(&mut self) {
        let config = match super::read_config(&self.path, self.named) {
            Ok(config) => config,
            Err(faults) => {
                for fault in faults {
                    self.say(Level::Error, &format!("event=reload-refused reason={fault:?}"));
                }
                return;
            }
        };
        if (config.route_table, config.protocol) != (self.config.route_table, self.config.protocol) {
            match self.kernel.flush().and_then(|_| Kernel::open(&config)) {
                Ok(kernel) => self.kernel = kernel,
                Err(error) => return self.failed("reload", &error),
            }
        }
        self.log = Log::new(config.loglevel);
        self.machine.configure(config.settings.clone(), self.now());
        self.config = config;
        self.reconcile_at = self.now();
        self.tell_news();
        self.say(Level::Info, "event=reloaded");
    }

    fn read_announcements(&mut self) -> Result<(), RunError> {
        match self.monitor.receive() {
            Ok(messages) => {
                for message in messages.iter().filter_map(announcement) {
                    self.take(message);
                }
                Ok(())
            }
            Err(NetlinkError::Overrun) => {
                self.say(Level::Warning, "event=overrun effect=reading-everything-again");
                self.resync()?;
                self.hint()?;
                self.reconcile()
            }
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, heard: Announcement) {
        match heard {
            Announcement::Neighbour(entry) => {
                let interface = IfIndex(entry.index);
                if self.view.manages(interface) {
                    self.tell(Event::NeighbourSeen {
                        interface,
                        address: entry.address.into(),
                        mac: entry.mac,
                    });
                }
            }
            Announcement::NeighbourLost { index, address } => {
                let interface = IfIndex(index);
                if self.view.manages(interface) {
                    self.tell(Event::NeighbourLost { interface, address: address.into() });
                }
            }
            Announcement::Route(route) | Announcement::RouteGone(route) => {
                let gone = matches!(heard, Announcement::RouteGone(_));
                let ours = host_route(&route);
                if self.kernel.owns(&route) && self.machine.has_route(ours) == gone {
                    self.doubt();
                }
            }
            change => {
                if self.view.note(&change) && self.tell_news() {
                    // The kernel removes routes with links and addresses, and doesn't say so.
                    self.doubt();
                }
            }
        }
    }

    fn doubt(&mut self) {
        self.reconcile_at = self.reconcile_at.min(self.now() + RECONCILE_SOON);
    }

    /// Tells the machine what changed of interfaces and addresses, and listens where it has to; true if anything did.
    fn tell_news(&mut self) -> bool {
        let news = self.view.news(&self.config);
        let changed = !news.is_empty();
        for event in news {
            if let Event::LinkGone { interface } | Event::LinkDown { interface } = &event {
                self.sockets.remove(interface);
            }
            self.listen();
            self.tell(event);
        }
        changed
    }

    /// Opens and closes sockets until exactly the interfaces that can have hosts are listened to.
    fn listen(&mut self) {
        let wanted: BTreeMap<_, _> = self.view.listening().collect();
        self.sockets.retain(|interface, socket| wanted.get(interface) == Some(&socket.mac()));
        for (interface, mac) in wanted {
            if self.sockets.contains_key(&interface) {
                continue;
            }
            match ArpSocket::open(interface.0, mac) {
                Ok(socket) => {
                    self.sockets.insert(interface, socket);
                }
                Err(error) => {
                    let port = self.view.name(interface);
                    self.say(Level::Error, &format!("event=deaf port={port} reason={:?}", error.to_string()));
                }
            }
        }
    }

    fn read_packets(&mut self) {
        let interfaces: Vec<IfIndex> = self.sockets.keys().copied().collect();
        for interface in interfaces {
            for _ in 0..PACKETS_PER_TURN {
                // An error here is an interface that went down, which the monitor reports as well.
                let heard = self.sockets.get(&interface).map(ArpSocket::receive);
                let Some(Ok(Some(packet))) = heard else { break };
                self.hear(interface, &packet);
            }
        }
    }

    fn hear(&mut self, interface: IfIndex, packet: &ArpPacket) {
        let kind = match packet.operation {
            _ if packet.sender == packet.target => Kind::Announcement,
            ArpOperation::Request => Kind::Request,
            ArpOperation::Reply => Kind::Reply,
        };
        self.debug_arp(interface, || format!("event=arp-in packet={packet:?}"));
        self.tell(Event::Heard { interface, address: packet.sender.into(), mac: packet.sender_mac, kind });
    }

    fn debug_arp(&self, interface: IfIndex, text: impl FnOnce() -> String) {
        if !self.config.debug_arp.is_empty() {
            let port = self.view.name(interface);
            if self.config.debug_arp.iter().any(|pattern| pattern.matches(&port)) {
                self.say(Level::Info, &format!("{} port={port}", text()));
            }
        }
    }

    fn tell(&mut self, event: Event) {
        for effect in self.machine.on(event, self.now()) {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Log { level, text } => self.say(level, &text),
            Effect::SendProbe { interface, source, target, mac } => {
                self.debug_arp(interface, || format!("event=arp-out target={target} mac={mac:?}"));
                let (IpAddr::V4(source), IpAddr::V4(target)) = (source, target) else { return };
                let sent = self.sockets.get(&interface).map(|socket| socket.ask(source, target, mac));
                if let Some(Err(error)) = sent {
                    self.say(
                        Level::Debug,
                        &format!("event=unsent host={target} reason={:?}", error.to_string()),
                    );
                }
            }
            Effect::AskEverybody { .. } | Effect::Announce { .. } => {}
            Effect::AddRoute { route } => match self.kernel.add(route) {
                Ok(true) => {}
                Ok(false) => {
                    self.say(Level::Debug, &format!("event=route-exists host={}", route.address));
                    self.doubt();
                }
                Err(error) => self.failed("add-route", &error),
            },
            Effect::DeleteRoute { route } => {
                if let Err(error) = self.kernel.delete(route) {
                    self.failed("delete-route", &error);
                }
            }
        }
    }

    /// Says what the kernel refused, and looks again before long.
    fn failed(&mut self, what: &str, error: &NetlinkError) {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        self.say(
            Level::Warning,
            &format!("event=failed what={what} reason={:?}", format!("{error}: {cause}")),
        );
        self.doubt();
    }

    /// Reads interfaces and addresses anew.
    fn resync(&mut self) -> Result<(), RunError> {
        let interfaces = interfaces(&mut self.kernel.socket)?;
        let addresses = interface_addresses(&mut self.kernel.socket)?;
        self.view.replace(interfaces, addresses);
        self.tell_news();
        self.listen();
        Ok(())
    }

    /// Shows the machine what the kernel believes of neighbours.
    fn hint(&mut self) -> Result<(), RunError> {
        for entry in neighbours(&mut self.kernel.socket)? {
            self.take(Announcement::Neighbour(entry));
        }
        Ok(())
    }

    /// Compares everything with the kernel.
    fn reconcile(&mut self) -> Result<(), RunError> {
        self.reconcile_at = self.now() + RECONCILE_EVERY;
        self.resync()?;
        let routes = self.kernel.routes()?;
        self.tell(Event::RoutesDumped { routes });
        Ok(())
    }
}
