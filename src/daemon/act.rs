//! From effects of the machine to what goes out, and what is told to those who ask.

use super::control::Control;
use super::kernel::Refusal;
use super::privileges::{self, User};
use super::report::{DoorCounters, Facts, PortLine, Report, Reporter};
use super::run::Daemon;
use crate::neighbor::{Effect, IfIndex, Level};
use crate::netlink::{NetlinkError, RouteChange};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Refusals of one turn that are logged one by one.
const REFUSALS_LOGGED: usize = 10;

impl Daemon {
    /// Does what the machine wants; routes and packets go out together at the end of the turn.
    pub(super) fn perform(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Log { level, text } => self.say(level, &text),
                Effect::SendProbe { interface, source, target, mac } => {
                    if self.debugs(interface) {
                        let port = self.view.name(interface);
                        let text = format!("event=packet-out port={port} target={target} mac={mac:?}");
                        self.say(Level::Info, &text);
                    }
                    self.ports.ask(interface, source, target, mac);
                }
                Effect::AskEverybody { interface, source } => self.ports.ask_everybody(interface, source),
                Effect::Announce { interface, address } => self.ports.announce(interface, address),
                Effect::AddRoute { route } => self.kernel.add(route),
                Effect::DeleteRoute { route } => self.kernel.delete(route),
            }
        }
        self.effects = effects;
    }

    /// Sends everything that was noted: routes first, so that an answer finds its way.
    pub(super) fn flush(&mut self) {
        if self.kernel.has_pending() {
            match self.kernel.carry_out() {
                Ok(refusals) => self.report_refusals(refusals),
                Err(error) => self.failed("change-routes", &error),
            }
        }
        self.ports.flush();
    }

    fn report_refusals(&mut self, refusals: Vec<Refusal>) {
        self.routes_refused = refusals.iter().any(|refusal| matches!(refusal, Refusal::Failed(..)));
        // When a route that stands in the way goes, the kernel says so.
        if self.routes_refused {
            self.doubt();
        }
        let more = refusals.len().saturating_sub(REFUSALS_LOGGED);
        for (at, refusal) in refusals.into_iter().enumerate() {
            let (level, text) = match refusal {
                Refusal::Exists(address) => (Level::Debug, format!("event=route-exists host={address}")),
                Refusal::Failed(change, error) => {
                    self.doors.route_errors += 1;
                    let (what, route) = match change {
                        RouteChange::Add(route) => ("add-route", route),
                        RouteChange::Delete(route) | RouteChange::DeleteAnyWay(route) => {
                            ("delete-route", route)
                        }
                        RouteChange::Discard(route) | RouteChange::DiscardNot(route) => {
                            ("announce-removal", route)
                        }
                    };
                    let (host, reason) = (route.address, error.to_string());
                    (Level::Warning, format!("event=failed what={what} host={host} reason={reason:?}"))
                }
            };
            if at < REFUSALS_LOGGED {
                self.say(level, &text);
            }
        }
        if more > 0 {
            self.say(Level::Debug, &format!("event=route-trouble more={more}"));
        }
    }

    /// Says what the kernel refused, and looks again before long.
    pub(super) fn failed(&mut self, what: &str, error: &NetlinkError) {
        self.doors.route_errors += 1;
        self.routes_refused = true;
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        let text = format!("event=failed what={what} reason={:?}", format!("{error}: {cause}"));
        self.say(Level::Warning, &text);
        self.doubt();
    }

    /// Opens the socket for questions, where one is wanted. Without it hosts are looked after all the same.
    pub(super) fn open_control(&mut self) {
        self.control = None;
        let Some(path) = self.config.socket.clone() else { return };
        match Control::open(Path::new(&path), &self.waiting) {
            Ok(control) => self.control = Some(control),
            Err(error) => {
                let reason = error.to_string();
                self.say(Level::Error, &format!("event=no-control-socket path={path:?} reason={reason:?}"));
            }
        }
    }

    /// Becomes the configured user, and keeps only the capabilities that are needed.
    pub(super) fn give_up_privileges(&mut self) -> io::Result<()> {
        let wanted = self.config.user.clone();
        let root = nix::unistd::Uid::effective().is_root();
        let user = if root { privileges::user(&wanted) } else { None };
        if let Some(user) = user.filter(|user| !user.uid.is_root()) {
            self.hand_over(user);
        }
        privileges::drop_all_but_two(user)?;
        match user {
            _ if !root => {}
            Some(user) => self.say(Level::Info, &format!("event=user user={wanted} uid={}", user.uid)),
            None => self.say(Level::Info, &format!("event=user user=root reason=\"no user {wanted}\"")),
        }
        let readable = std::fs::File::open(&self.path);
        if readable.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            let path = self.path.display();
            let text = format!("event=unreadable path={path} user={wanted} effect=no-reload");
            self.say(Level::Warning, &text);
        }
        Ok(())
    }

    /// The socket, and its folder where that holds nothing else, are the user's: it removes them at its end.
    fn hand_over(&self, user: User) {
        let Some(path) = self.control.as_ref().map(Control::path) else { return };
        let own = path
            .parent()
            .filter(|folder| std::fs::read_dir(folder).is_ok_and(|entries| entries.count() == 1));
        for place in own.into_iter().chain([path]) {
            if let Err(error) = nix::unistd::chown(place, Some(user.uid), Some(user.gid)) {
                let (place, reason) = (place.display(), error.to_string());
                self.say(Level::Warning, &format!("event=failed what=chown path={place} reason={reason:?}"));
            }
        }
    }

    /// Lets in who wants to ask.
    pub(super) fn let_in(&mut self) {
        if let Some(control) = &mut self.control {
            control.accept(&self.waiting, self.now);
        }
    }

    /// Goes on with one who asks.
    pub(super) fn answer(&mut self, place: u32) {
        self.ports.count_drops();
        let Some(mut control) = self.control.take() else { return };
        control.serve(place, &self.waiting, self);
        self.control = Some(control);
    }

    fn facts(&self) -> Facts {
        let hosts: Vec<_> = self.machine.hosts().collect();
        let mut counts: BTreeMap<IfIndex, usize> = BTreeMap::new();
        for host in &hosts {
            *counts.entry(host.interface).or_default() += 1;
        }
        let port = |(interface, name, up, prefixes): (IfIndex, &str, bool, &_)| PortLine {
            name: name.to_owned(),
            index: interface.0,
            up,
            prefixes: BTreeSet::clone(prefixes),
            hosts: counts.get(&interface).copied().unwrap_or_default(),
        };
        Facts {
            now: self.now,
            degraded: self.machine.is_degraded() || self.routes_refused || self.ports.any_deaf(),
            table: self.config.route_table,
            protocol: self.config.protocol,
            ports: self.view.ports().map(port).collect(),
            hosts,
            counters: *self.machine.counters(),
            doors: DoorCounters {
                packets_received: self.ports.received,
                packets_unreadable: self.ports.unreadable,
                packets_dropped: self.ports.dropped,
                send_errors: self.ports.unsent,
                ..self.doors
            },
        }
    }
}

impl Reporter for Daemon {
    fn status(&self) -> Report {
        self.facts().into_report()
    }

    fn metrics(&self) -> String {
        self.facts().metrics()
    }
}
