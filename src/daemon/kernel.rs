//! Our routes in the kernel.

use crate::neighbor::{Config, HostRoute, IfIndex};
use crate::netlink::{
    KernelRoute, NetlinkError, RouteChange, Socket, announce_removals, change_routes, host_routes,
};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

/// The routing table that everything follows.
pub(super) const MAIN: u32 = 254;

/// The metric of a route whose host has been there for a while.
const SETTLED: u32 = 10;
/// Of one that is new. For IPv6 zero would be 1024.
const NEW_IPV4: u32 = 0;
const NEW_IPV6: u32 = 1;

/// Reads and writes the routes of our protocol number in our table.
pub(super) struct Kernel {
    pub(super) socket: Socket,
    table: u32,
    protocol: u8,
    pending: Vec<RouteChange>,
}

/// Something the kernel didn't do as it was told.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A route to that address is there already, whoever made it.
    Exists(IpAddr),
    /// A route couldn't be added or deleted.
    Failed(RouteChange, io::Error),
}

impl Kernel {
    pub(super) fn open(config: &Config) -> Result<Self, NetlinkError> {
        let (table, protocol) = (config.route_table, config.protocol);
        Ok(Self { socket: Socket::open()?, table, protocol, pending: Vec::new() })
    }

    /// Notes that the route is to be added.
    pub(super) fn add(&mut self, route: HostRoute) {
        self.pending.push(RouteChange::Add(self.kernel_route(route)));
    }

    /// Notes that the route is to be deleted.
    pub(super) fn delete(&mut self, route: HostRoute) {
        self.pending.push(RouteChange::Delete(self.kernel_route(route)));
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Makes all noted changes in their order. Where a route to be deleted isn't there, because the kernel has removed
    /// it without a word, listeners such as FRR still believe in it: they are made to hear of it.
    pub(super) fn carry_out(&mut self) -> Result<Vec<Refusal>, NetlinkError> {
        let pending = std::mem::take(&mut self.pending);
        let mut refusals = Vec::new();
        for changes in self.in_parts(&pending) {
            let mut unheard = Vec::new();
            for (at, error) in change_routes(&mut self.socket, changes)? {
                match (changes.get(at), error.raw_os_error()) {
                    (Some(RouteChange::Add(route)), Some(libc::EEXIST)) => {
                        refusals.push(Refusal::Exists(route.address));
                    }
                    (Some(RouteChange::Delete(route)), Some(libc::ESRCH | libc::ENODEV)) => {
                        unheard.push(*route);
                    }
                    (Some(change), _) => refusals.push(Refusal::Failed(*change, error)),
                    (None, _) => {}
                }
            }
            if !unheard.is_empty() {
                announce_removals(&mut self.socket, &unheard)?;
            }
        }
        // Room for the next burst, without going on to hold that of the largest.
        self.pending = pending;
        self.pending.clear();
        self.pending.shrink_to(1024);
        Ok(refusals)
    }

    /// What may be done in one go. FRR 8.4 loses a route that it imported from another table when it is replaced:
    /// there it must hear that the old one is gone before the new one is added.
    fn in_parts<'a>(&self, changes: &'a [RouteChange]) -> Vec<&'a [RouteChange]> {
        let mut deleted = BTreeSet::new();
        let together = |_: &RouteChange, next: &RouteChange| match next {
            RouteChange::Delete(route) => {
                deleted.insert(route.address);
                true
            }
            RouteChange::Add(route) if deleted.contains(&route.address) => {
                deleted.clear();
                false
            }
            _ => true,
        };
        if self.table == MAIN { vec![changes] } else { split(changes, together) }
    }

    /// Our routes in our table. Those with our number elsewhere or with another metric, left there by another
    /// configuration, are noted to be deleted.
    pub(super) fn routes(&mut self) -> Result<BTreeSet<HostRoute>, NetlinkError> {
        let mut ours = BTreeSet::new();
        for route in host_routes(&mut self.socket, self.protocol)? {
            match self.ours(&route) {
                Some(route) => {
                    ours.insert(route);
                }
                None => self.pending.push(RouteChange::Delete(route)),
            }
        }
        Ok(ours)
    }

    /// Removes all our routes from all tables and says how many they were.
    pub(super) fn flush(&mut self) -> Result<usize, NetlinkError> {
        let routes = host_routes(&mut self.socket, self.protocol)?;
        self.pending.clear();
        self.pending.extend(routes.iter().map(|route| RouteChange::Delete(*route)));
        let refused = self.carry_out()?;
        Ok(routes.len() - refused.len())
    }

    /// The machine's word for a route, where it is one of ours.
    pub(super) fn ours(&self, route: &KernelRoute) -> Option<HostRoute> {
        let host = HostRoute {
            address: route.address,
            interface: IfIndex(route.index),
            settled: route.metric == SETTLED,
        };
        (self.kernel_route(host) == *route).then_some(host)
    }

    /// Whether somebody else made it.
    pub(super) fn is_foreign(&self, route: &KernelRoute) -> bool {
        route.protocol != self.protocol
    }

    /// Whether the routes are in a table that FRR imports.
    pub(super) fn is_imported(&self) -> bool {
        self.table != MAIN
    }

    fn kernel_route(&self, route: HostRoute) -> KernelRoute {
        let metric = match route.address {
            _ if route.settled => SETTLED,
            IpAddr::V4(_) => NEW_IPV4,
            IpAddr::V6(_) => NEW_IPV6,
        };
        KernelRoute {
            address: route.address,
            index: route.interface.0,
            table: self.table,
            protocol: self.protocol,
            metric,
        }
    }
}

/// Splits before each change that may not follow in the same part.
fn split(
    changes: &[RouteChange],
    mut together: impl FnMut(&RouteChange, &RouteChange) -> bool,
) -> Vec<&[RouteChange]> {
    let Some(first) = changes.first() else { return Vec::new() };
    // The rule looks at the later of two only, and must see the first as well.
    together(first, first);
    changes.chunk_by(together).collect()
}
