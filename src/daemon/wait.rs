//! What the daemon waits for: all its descriptors, in one place of the kernel's (epoll).

use crate::neighbor::IfIndex;
use crate::netlink::Protocol;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::os::fd::AsFd;
use std::time::Duration;

/// Descriptors told of at once; the others are told of the next time.
const AT_ONCE: usize = 64;

/// Something that can be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A signal came.
    Signals,
    /// The kernel announced something.
    Monitor,
    /// Somebody wants to ask something.
    Listener,
    /// Somebody who asks, by the number of the place.
    Client(u32),
    /// Packets came in.
    Port(IfIndex, Protocol),
}

impl Source {
    fn to_number(self) -> u64 {
        let (kind, which) = match self {
            Source::Signals => (0, 0),
            Source::Monitor => (1, 0),
            Source::Listener => (2, 0),
            Source::Client(place) => (3, place),
            Source::Port(interface, Protocol::Arp) => (4, interface.0),
            Source::Port(interface, Protocol::Discovery) => (5, interface.0),
        };
        (kind << 32) | u64::from(which)
    }

    fn from_number(number: u64) -> Option<Self> {
        let which = u32::try_from(number & u64::from(u32::MAX)).ok()?;
        match number >> 32 {
            0 => Some(Source::Signals),
            1 => Some(Source::Monitor),
            2 => Some(Source::Listener),
            3 => Some(Source::Client(which)),
            4 => Some(Source::Port(IfIndex(which), Protocol::Arp)),
            5 => Some(Source::Port(IfIndex(which), Protocol::Discovery)),
            _ => None,
        }
    }
}

/// The descriptors. One that is closed is forgotten by itself.
pub(super) struct Waiting {
    epoll: Epoll,
    ready: [EpollEvent; AT_ONCE],
    count: usize,
}

impl Waiting {
    pub(super) fn new() -> Result<Self, Errno> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, ready: [EpollEvent::empty(); AT_ONCE], count: 0 })
    }

    /// Waits for input as well.
    pub(super) fn read(&self, descriptor: impl AsFd, source: Source) -> Result<(), Errno> {
        self.epoll.add(descriptor, EpollEvent::new(EpollFlags::EPOLLIN, source.to_number()))
    }

    /// Waits for room for output instead.
    pub(super) fn write(&self, descriptor: impl AsFd, source: Source) -> Result<(), Errno> {
        self.epoll.modify(descriptor, &mut EpollEvent::new(EpollFlags::EPOLLOUT, source.to_number()))
    }

    /// Sleeps until something is ready or the time is over, rounded up to milliseconds: waking too early would be
    /// waking twice.
    pub(super) fn wait(&mut self, time: Duration) -> Result<(), Errno> {
        let millis = time.as_nanos().div_ceil(1_000_000);
        let timeout = EpollTimeout::try_from(millis).unwrap_or(EpollTimeout::MAX);
        self.count = match self.epoll.wait(&mut self.ready, timeout) {
            Err(Errno::EINTR) => 0,
            done => done?,
        };
        Ok(())
    }

    /// The one at that position of those that are ready.
    pub(super) fn ready(&self, at: usize) -> Option<Source> {
        let event = self.ready.get(..self.count)?.get(at)?;
        Source::from_number(event.data())
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_back_to_its_source() {
        for source in [
            Source::Signals,
            Source::Monitor,
            Source::Listener,
            Source::Client(7),
            Source::Port(IfIndex(u32::MAX), Protocol::Arp),
            Source::Port(IfIndex(3), Protocol::Discovery),
        ] {
            assert_eq!(Source::from_number(source.to_number()), Some(source));
        }
    }
}
