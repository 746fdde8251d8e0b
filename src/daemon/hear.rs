//! From what comes in to events of the machine.

use super::kernel::Kernel;
use super::log::Log;
use super::run::{Daemon, RunError};
use crate::neighbor::{Event, IfIndex, Level};
use crate::netlink::{
    Announcement, KernelRoute, NetlinkError, Protocol, interface_addresses, interfaces, neighbours,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// Between two comparisons of everything with the kernel.
const RECONCILE_EVERY: Duration = Duration::from_secs(30);
/// The same where FRR imports our table.
const RECONCILE_IMPORTED_EVERY: Duration = Duration::from_secs(2);
/// From the start to the first one.
pub(super) const RECONCILE_FIRST: Duration = Duration::from_secs(5);
/// After a doubt, so that a burst of changes is one comparison.
const RECONCILE_SOON: Duration = Duration::from_millis(100);
/// Datagrams of announcements taken before something else has its turn.
const ANNOUNCEMENTS_PER_TURN: usize = 1024;

impl Daemon {
    /// Reads the configuration again; the old one stays in force when the new one has faults.
    pub(super) fn reload(&mut self) {
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
        self.machine.configure(config.settings.clone(), self.now);
        let moved = config.socket != self.config.socket;
        self.config = config;
        if moved {
            self.open_control();
        }
        self.reconcile_at = self.now;
        self.tell_news();
        self.say(Level::Info, "event=reloaded");
    }

    /// Takes what the kernel announced.
    pub(super) fn read_announcements(&mut self) -> Result<(), RunError> {
        let mut announcements = Vec::new();
        for _ in 0..ANNOUNCEMENTS_PER_TURN {
            let more = match self.monitor.receive_some(&mut announcements) {
                Err(NetlinkError::Overrun) => {
                    self.doors.netlink_overruns += 1;
                    self.say(Level::Warning, "event=overrun effect=reading-everything-again");
                    // What is still in the queue is older than what is read now.
                    while matches!(
                        self.monitor.receive_some(&mut announcements),
                        Ok(true) | Err(NetlinkError::Overrun)
                    ) {
                        announcements.clear();
                    }
                    self.reconcile()?;
                    return self.hint();
                }
                more => more?,
            };
            for heard in announcements.drain(..) {
                self.take(heard);
            }
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, heard: Announcement) {
        match heard {
            Announcement::Neighbour(entry) => {
                let interface = IfIndex(entry.index);
                if self.view.manages(interface) {
                    self.tell(Event::NeighbourSeen { interface, address: entry.address, mac: entry.mac });
                }
            }
            Announcement::NeighbourLost { index, address } => {
                let interface = IfIndex(index);
                if self.view.manages(interface) {
                    self.tell(Event::NeighbourLost { interface, address });
                }
            }
            Announcement::Route(route) => self.route_changed(&route, true),
            Announcement::RouteGone(route) => self.route_changed(&route, false),
            change => {
                if self.view.note(&change) && self.tell_news() {
                    // The kernel removes routes with links and addresses, and doesn't say so.
                    self.doubt();
                }
            }
        }
    }

    fn route_changed(&mut self, route: &KernelRoute, there: bool) {
        if let Some(ours) = self.kernel.ours(route) {
            if self.machine.has_route(ours) != there {
                self.doubt();
            }
        } else if !there {
            // It may have stood in the way of ours.
            if self.machine.has_host(route.address) {
                self.doubt();
            }
        } else if self.kernel.is_foreign(route) && self.view.leads_away(route) {
            self.tell(Event::RouteElsewhere { address: route.address });
        }
    }

    pub(super) fn doubt(&mut self) {
        self.reconcile_at = self.reconcile_at.min(self.now + RECONCILE_SOON);
    }

    /// Tells the machine what changed of interfaces and addresses, and listens where it has to; true if anything did.
    fn tell_news(&mut self) -> bool {
        let news = self.view.news(&self.config);
        let changed = !news.is_empty();
        for event in news {
            if let Event::LinkGone { interface } | Event::LinkDown { interface } = &event {
                self.ports.close(*interface);
            }
            self.listen();
            self.tell(event);
        }
        changed
    }

    /// Opens and closes sockets until exactly the interfaces that can have hosts are listened to.
    fn listen(&mut self) {
        for (interface, error) in self.ports.open_exactly(&self.view.listening(), &self.waiting) {
            let port = self.view.name(interface);
            self.say(Level::Error, &format!("event=deaf port={port} reason={:?}", error.to_string()));
            // It may be about to vanish; else it is tried again with every comparison.
            self.doubt();
        }
    }

    /// Takes what came in by one socket.
    pub(super) fn read_packets(&mut self, interface: IfIndex, protocol: Protocol) {
        let debug = self.debugs(interface);
        let Self { ports, machine, effects, now, log, view, .. } = self;
        ports.receive(interface, protocol, |heard| {
            if debug {
                let port = view.name(interface);
                log.say(Level::Info, &format!("event=packet-in port={port} heard={heard:?}"));
            }
            let (address, mac, kind) = (heard.address, heard.mac, heard.kind);
            effects.extend(machine.on(Event::Heard { interface, address, mac, kind }, *now));
        });
        self.perform();
    }

    pub(super) fn debugs(&self, interface: IfIndex) -> bool {
        !self.config.debug_arp.is_empty() && {
            let port = self.view.name(interface);
            self.config.debug_arp.iter().any(|pattern| pattern.matches(&port))
        }
    }

    /// Tells the machine, and does what it wants.
    pub(super) fn tell(&mut self, event: Event) {
        self.effects.extend(self.machine.on(event, self.now));
        self.perform();
    }

    /// Reads interfaces and addresses anew.
    pub(super) fn resync(&mut self) -> Result<(), RunError> {
        let interfaces = interfaces(&mut self.kernel.socket)?;
        let addresses = interface_addresses(&mut self.kernel.socket)?;
        self.view.replace(interfaces, addresses);
        self.tell_news();
        self.listen();
        Ok(())
    }

    /// Shows the machine what the kernel believes of neighbours.
    pub(super) fn hint(&mut self) -> Result<(), RunError> {
        for entry in neighbours(&mut self.kernel.socket)? {
            self.take(Announcement::Neighbour(entry));
        }
        Ok(())
    }

    /// Compares everything with the kernel.
    pub(super) fn reconcile(&mut self) -> Result<(), RunError> {
        // The copies that FRR makes of an imported table can go without a word.
        let pause = if self.kernel.is_imported() { RECONCILE_IMPORTED_EVERY } else { RECONCILE_EVERY };
        self.reconcile_at = self.now + pause;
        self.resync()?;
        // What is noted but not done would look like a difference.
        self.flush();
        let routes = self.kernel.routes()?;
        let addresses: BTreeSet<IpAddr> = routes.iter().map(|route| route.address).collect();
        self.tell(Event::RoutesDumped { routes });
        if self.kernel.is_imported() {
            self.mend_import(&addresses)?;
        }
        self.ports.count_drops();
        Ok(())
    }

    fn mend_import(&mut self, ours: &BTreeSet<IpAddr>) -> Result<(), RunError> {
        let mended = self.orphans.mend(&mut self.kernel.socket, &self.view, ours, self.now)?;
        for route in &mended.removed {
            let port = self.view.name(IfIndex(route.index));
            let text = format!("event=orphan-removed host={} port={port} protocol=zebra", route.address);
            self.say(Level::Warning, &text);
        }
        self.doors.orphans_removed += mended.removed.len() as u64;
        // Ever more seldom: what doesn't help the first times needs an operator.
        if mended.tries.is_power_of_two() {
            let text = format!("event=import-missing hosts={} tries={}", mended.missing, mended.tries);
            self.say(Level::Warning, &text);
        }
        if mended.copied > 0 {
            self.say(Level::Info, &format!("event=import-mended hosts={}", mended.copied));
        }
        if let Some(due) = self.orphans.due() {
            self.reconcile_at = self.reconcile_at.min(due.max(self.now + RECONCILE_SOON));
        }
        Ok(())
    }
}
