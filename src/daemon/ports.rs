//! The raw sockets of the ports.

use super::wait::{Source, Waiting};
use crate::fabric::Mac;
use crate::neighbor::IfIndex;
use crate::netlink::{Heard, Mailbag, PortSocket, Protocol, heard};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

/// Packets taken from one port before the others have their turn.
const PER_TURN: u64 = 8192;

/// A socket for each protocol on each interface that hosts can be behind.
#[derive(Default)]
pub(super) struct Ports {
    sockets: BTreeMap<(IfIndex, Protocol), PortSocket>,
    mailbag: Mailbag,
    /// Interfaces whose socket couldn't be opened, so that it is said once.
    deaf: BTreeMap<(IfIndex, Protocol), Mac>,
    /// Packets taken since the start.
    pub(super) received: u64,
    /// Of these, those that say nothing or break the rules.
    pub(super) unreadable: u64,
    /// Packets that the kernel dropped because they were not taken in time.
    pub(super) dropped: u64,
    /// Frames that the kernel didn't send.
    pub(super) unsent: u64,
}

impl Ports {
    /// Opens and closes sockets until they are those that are wanted, with the hardware addresses of the interfaces.
    /// What couldn't be opened is reported when it is first tried.
    pub(super) fn open_exactly(
        &mut self,
        wanted: &BTreeMap<(IfIndex, Protocol), Mac>,
        waiting: &Waiting,
    ) -> Vec<(IfIndex, io::Error)> {
        self.count_drops();
        self.sockets.retain(|key, socket| wanted.get(key) == Some(&socket.mac()));
        self.deaf.retain(|key, mac| wanted.get(key) == Some(mac));
        let mut failed = Vec::new();
        for (key, mac) in wanted {
            if self.sockets.contains_key(key) {
                continue;
            }
            let (interface, protocol) = *key;
            let opened = PortSocket::open(interface.0, *mac, protocol).and_then(|socket| {
                waiting.read(&socket, Source::Port(interface, protocol))?;
                Ok(socket)
            });
            match opened {
                Ok(socket) => {
                    self.sockets.insert(*key, socket);
                    self.deaf.remove(key);
                }
                Err(error) => {
                    if self.deaf.insert(*key, *mac).is_none() {
                        failed.push((interface, error));
                    }
                }
            }
        }
        failed
    }

    /// Closes an interface's sockets.
    pub(super) fn close(&mut self, interface: IfIndex) {
        self.count_drops();
        self.sockets.retain(|(theirs, _), _| *theirs != interface);
    }

    /// Whether an interface that must be listened to can't be.
    pub(super) fn any_deaf(&self) -> bool {
        !self.deaf.is_empty()
    }

    /// Takes what came in by one socket.
    pub(super) fn receive(&mut self, interface: IfIndex, protocol: Protocol, mut take: impl FnMut(Heard)) {
        let Some(socket) = self.sockets.get(&(interface, protocol)) else { return };
        let own = socket.mac();
        let limit = self.received + PER_TURN;
        loop {
            // An error here is an interface that went down, which the kernel announces as well.
            let Ok(more) = socket.receive(&mut self.mailbag) else { return };
            for octets in self.mailbag.frames() {
                self.received += 1;
                match heard(octets) {
                    // Its own frames come back from a loop in the segment.
                    Some(heard) if heard.mac != own => take(heard),
                    _ => self.unreadable += 1,
                }
            }
            if !more || self.received >= limit {
                return;
            }
        }
    }

    /// Notes a question, for the next [`Ports::flush`].
    pub(super) fn ask(&mut self, interface: IfIndex, source: IpAddr, target: IpAddr, station: Option<Mac>) {
        if let Some(socket) = self.sockets.get_mut(&(interface, Protocol::of(target))) {
            socket.ask(source, target, station);
        }
    }

    /// Notes a question to all IPv6 hosts.
    pub(super) fn ask_everybody(&mut self, interface: IfIndex, source: Ipv6Addr) {
        if let Some(socket) = self.sockets.get_mut(&(interface, Protocol::Discovery)) {
            socket.ask_everybody(source);
        }
    }

    /// Notes an announcement.
    pub(super) fn announce(&mut self, interface: IfIndex, address: IpAddr) {
        if let Some(socket) = self.sockets.get_mut(&(interface, Protocol::of(address))) {
            socket.announce(address);
        }
    }

    /// Sends all that was noted.
    pub(super) fn flush(&mut self) {
        for socket in self.sockets.values_mut().filter(|socket| socket.has_mail()) {
            self.unsent += socket.flush() as u64;
        }
    }

    /// Asks the kernel what it dropped: it counts from one question to the next.
    pub(super) fn count_drops(&mut self) {
        self.dropped += self.sockets.values().map(|socket| u64::from(socket.drops())).sum::<u64>();
    }
}
