//! Our routes in the kernel.

use crate::neighbor::{Config, HostRoute, IfIndex};
use crate::netlink::{
    KernelRoute, NetlinkError, Socket, add_route, announce_removal, delete_route, host_routes,
};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Reads and writes the routes of our protocol number in our table.
pub(super) struct Kernel {
    pub(super) socket: Socket,
    table: u32,
    protocol: u8,
}

impl Kernel {
    pub(super) fn open(config: &Config) -> Result<Self, NetlinkError> {
        Ok(Self { socket: Socket::open()?, table: config.route_table, protocol: config.protocol })
    }

    /// False when a route to that address was there already, whoever made it.
    pub(super) fn add(&mut self, route: HostRoute) -> Result<bool, NetlinkError> {
        match self.kernel_route(route) {
            Some(route) => add_route(&mut self.socket, &route),
            None => Ok(true),
        }
    }

    /// Deletes a route that should be there. Where the kernel has removed it without a word, listeners such as FRR
    /// still believe in it: they are made to hear of it.
    pub(super) fn delete(&mut self, route: HostRoute) -> Result<(), NetlinkError> {
        let Some(route) = self.kernel_route(route) else { return Ok(()) };
        if !delete_route(&mut self.socket, &route)? {
            announce_removal(&mut self.socket, &route)?;
        }
        Ok(())
    }

    /// Our routes in our table. Those with our number in another table, left there by another configuration, go.
    pub(super) fn routes(&mut self) -> Result<BTreeSet<HostRoute>, NetlinkError> {
        let mut ours = BTreeSet::new();
        for route in host_routes(&mut self.socket, self.protocol)? {
            if route.table == self.table {
                ours.insert(host_route(&route));
            } else {
                delete_route(&mut self.socket, &route)?;
            }
        }
        Ok(ours)
    }

    /// Removes all our routes from all tables and says how many they were.
    pub(super) fn flush(&mut self) -> Result<usize, NetlinkError> {
        let routes = host_routes(&mut self.socket, self.protocol)?;
        for route in &routes {
            delete_route(&mut self.socket, route)?;
        }
        Ok(routes.len())
    }

    /// Whether an announced route is one of ours.
    pub(super) fn owns(&self, route: &KernelRoute) -> bool {
        route.table == self.table && route.protocol == self.protocol
    }

    fn kernel_route(&self, route: HostRoute) -> Option<KernelRoute> {
        let IpAddr::V4(address) = route.address else { return None };
        Some(KernelRoute { address, index: route.interface.0, table: self.table, protocol: self.protocol })
    }
}

/// The machine's word for a route.
pub(super) fn host_route(route: &KernelRoute) -> HostRoute {
    HostRoute { address: route.address.into(), interface: IfIndex(route.index), settled: false }
}
