//! What the leaf's kernel announces of the daemon's routes, with the moment at which it was heard.

use crate::Result;
use crate::netns::Netns;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The protocol number of the daemon's routes.
const PROTOCOL: u8 = 76;
/// `RTNLGRP_IPV4_ROUTE`.
const ROUTES: u32 = 7;
/// Some 100,000 announcements.
const BUFFER: usize = 64 * 1024 * 1024;

/// A host got its first route, or lost its last.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// When it was heard.
    pub at: Instant,
    /// Whether it came.
    pub added: bool,
    /// Where it leads.
    pub address: Ipv4Addr,
}

/// Everything since the watch began.
#[derive(Debug, Default)]
pub struct Seen {
    /// In the order of their announcement.
    pub changes: Vec<Change>,
    /// What is there now.
    pub live: BTreeSet<Ipv4Addr>,
    /// By address and metric: a host that settles has two for a moment.
    routes: BTreeSet<(Ipv4Addr, u32)>,
    failed: Option<String>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
    stop: AtomicBool,
}

/// A thread that listens.
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Listens in that namespace, which has no routes of the daemon yet.
    pub fn begin(leaf: &Netns) -> Result<Self> {
        let socket = leaf.enter(|| {
            let open = || -> std::io::Result<Socket> {
                let mut socket = Socket::new(NETLINK_ROUTE)?;
                socket.bind_auto()?;
                socket.set_non_blocking(true)?;
                // SAFETY: the descriptor is open for as long as the borrow.
                let descriptor = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
                setsockopt(&descriptor, sockopt::RcvBufForce, &BUFFER)?;
                socket.add_membership(ROUTES)?;
                Ok(socket)
            };
            open().map_err(|error| format!("netlink socket: {error}"))
        })?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || theirs.listen(&socket));
        Ok(Self { shared, thread: Some(thread) })
    }

    /// What was seen until now.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.lock()
    }

    /// How many changes were seen until now.
    pub fn mark(&self) -> usize {
        self.seen().changes.len()
    }

    /// The changes since that mark.
    pub fn since(&self, mark: usize) -> Vec<Change> {
        self.seen().changes[mark..].to_vec()
    }

    /// Waits until it is so; false when the limit passes before.
    pub fn until(&self, limit: Duration, mut so: impl FnMut(&Seen) -> bool) -> Result<bool> {
        let seen = self.shared.lock();
        let wait = |seen: &mut Seen| seen.failed.is_none() && !so(seen);
        let (seen, timeout) =
            self.shared.changed.wait_timeout_while(seen, limit, wait).unwrap_or_else(PoisonError::into_inner);
        match &seen.failed {
            Some(reason) => Err(format!("the watch over the kernel's routes failed: {reason}").into()),
            None => Ok(!timeout.timed_out()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, socket: &Socket) {
        let mut buffer = Vec::with_capacity(64 * 1024);
        while !self.stop.load(Ordering::Relaxed) {
            // SAFETY: the descriptor is open for as long as the borrow.
            let descriptor = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
            let _ = poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], PollTimeout::from(100u8));
            loop {
                buffer.clear();
                match socket.recv(&mut buffer, 0) {
                    Ok(_) => self.take(&buffer),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    // Lost announcements make every figure that follows wrong.
                    Err(error) => {
                        self.lock().failed = Some(error.to_string());
                        self.changed.notify_all();
                        return;
                    }
                }
            }
        }
    }

    fn take(&self, datagram: &[u8]) {
        let at = Instant::now();
        // The kernel announces one change a datagram.
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(datagram) else { return };
        let (added, route) = match &message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) => (true, route),
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(route)) => (false, route),
            _ => return,
        };
        let Some((address, metric)) = host(route) else { return };
        let mut seen = self.lock();
        if added {
            seen.routes.insert((address, metric));
        } else {
            seen.routes.remove(&(address, metric));
        }
        let lives = seen.routes.range((address, 0)..=(address, u32::MAX)).next().is_some();
        let changed = if lives { seen.live.insert(address) } else { seen.live.remove(&address) };
        if changed {
            seen.changes.push(Change { at, added: lives, address });
            self.changed.notify_all();
        }
    }
}

/// The address and the metric of a host route of the daemon's.
fn host(route: &RouteMessage) -> Option<(Ipv4Addr, u32)> {
    let header = &route.header;
    let ours = u8::from(header.protocol) == PROTOCOL && header.kind == RouteType::Unicast;
    if !ours || header.destination_prefix_length != 32 {
        return None;
    }
    let address = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    })?;
    let metric = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    Some((address, metric.unwrap_or_default()))
}
