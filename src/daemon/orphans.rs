//! What FRR leaves behind. It copies the routes of an imported table to the main one; when it is killed, the copies
//! of routes that go meanwhile stay, and it never looks for them again.

use super::kernel::MAIN;
use super::view::View;
use crate::neighbor::{IfIndex, Moment};
use crate::netlink::{KernelRoute, NetlinkError, RouteChange, Socket, change_routes, direct_host_routes};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// The protocol number of FRR's copies (`RTPROT_ZEBRA`).
const ZEBRA: u8 = 11;
/// How long a copy has to have been without its original: FRR takes its time to remove one.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// Copies without an original, and since when they are known.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    since: BTreeMap<KernelRoute, Moment>,
}

impl Orphans {
    /// Removes copies that have been without an original for a while and returns them: host routes of FRR in the
    /// main table, without a gateway, out of a port of ours, to an address of its prefixes that has no route in our
    /// table.
    pub(super) fn remove(
        &mut self,
        socket: &mut Socket,
        view: &View,
        ours: &BTreeSet<IpAddr>,
        now: Moment,
    ) -> Result<Vec<KernelRoute>, NetlinkError> {
        let found = direct_host_routes(socket, ZEBRA)?;
        let old = self.judge(found, view, ours, now);
        let changes: Vec<_> = old.iter().map(|route| RouteChange::Delete(*route)).collect();
        change_routes(socket, &changes)?;
        Ok(old)
    }

    /// Whether any are waiting for their time.
    pub(super) fn any(&self) -> bool {
        !self.since.is_empty()
    }

    fn judge(
        &mut self,
        found: Vec<KernelRoute>,
        view: &View,
        ours: &BTreeSet<IpAddr>,
        now: Moment,
    ) -> Vec<KernelRoute> {
        let alone = found.into_iter().filter(|route| {
            route.table == MAIN
                && view.could_have_behind(IfIndex(route.index), route.address)
                && !ours.contains(&route.address)
        });
        self.since = alone.map(|route| (route, self.since.get(&route).copied().unwrap_or(now))).collect();
        let old = self.since.iter().filter(|(_, since)| now.since(**since) >= GRACE);
        let old: Vec<KernelRoute> = old.map(|(route, _)| *route).collect();
        self.since.retain(|route, _| !old.contains(route));
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::Mac;
    use crate::neighbor::Config;
    use crate::netlink::{Interface, InterfaceAddress};

    fn view() -> View {
        let mut view = View::default();
        let mac = Some(Mac([2, 0, 0, 0, 0, 1]));
        let swp1 = Interface { index: 3, name: "swp1".into(), mac, up: true };
        let uplink = Interface { index: 4, name: "eth0".into(), ..swp1.clone() };
        let address = |index| InterfaceAddress { index, address: "172.16.1.1/24".parse().unwrap() };
        view.replace(vec![swp1, uplink], vec![address(3), address(4)]);
        view.news(&Config::default());
        view
    }

    fn copy(address: &str) -> KernelRoute {
        KernelRoute { address: address.parse().unwrap(), index: 3, table: MAIN, protocol: ZEBRA, metric: 20 }
    }

    #[test]
    fn only_what_stays_alone_for_a_while_is_an_orphan() {
        let (mut orphans, view) = (Orphans::default(), view());
        let ours = BTreeSet::from([copy("172.16.1.11").address]);
        let found = || {
            vec![
                copy("172.16.1.11"),
                copy("172.16.1.12"),
                copy("10.1.1.1"),
                KernelRoute { index: 4, ..copy("172.16.1.13") },
                KernelRoute { table: 10, ..copy("172.16.1.14") },
            ]
        };
        let mut at = |millis, found| orphans.judge(found, &view, &ours, Moment::millis(millis));
        assert_eq!(at(0, found()), []);
        assert_eq!(at(4_999, found()), []);
        // Its original was back in between.
        assert_eq!(at(5_000, vec![]), []);
        assert_eq!(at(6_000, found()), []);
        assert_eq!(at(11_000, found()), [copy("172.16.1.12")]);
        assert!(!orphans.any());
    }
}
