//! What a killed FRR leaves behind. It copies the routes of an imported table to the main one.
//!
//! The copies of routes that go while it is dead stay, and it never looks for them again. And from 10.3 on, a zebra that
//! is started again takes its own old copies for routes of the kernel, which it prefers to those it imports, and loses
//! them with their next hop objects: then the main table lacks the copies, and nothing is advertised. A route of the
//! kernel that comes and goes makes it decide again (measured on 8.4.4 and 10.3).

use super::kernel::MAIN;
use super::view::View;
use crate::neighbor::{IfIndex, Moment};
use crate::netlink::{
    KernelRoute, NetlinkError, RouteChange, Socket, announce_removals, change_routes, direct_host_routes,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// The protocol number of FRR's copies (`RTPROT_ZEBRA`).
const ZEBRA: u8 = 11;
/// One that is nobody's (`RTPROT_BOOT`): zebra listens to it.
const ZEBRA_HEARS: u8 = 3;
/// How long a copy has to have been without its original: FRR takes its time to remove one.
const GRACE: Duration = Duration::from_secs(5);
/// How long an original has to have been without a copy: FRR makes one in half a second.
const COPIED_WITHIN: Duration = Duration::from_secs(1);
/// Between two attempts to make FRR look at a route again: it may not run at all, or not yet.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a host that left is remembered: FRR may have died before it heard of that.
const MEMORY: Duration = Duration::from_secs(120);

/// Copies without an original, originals without a copy.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    since: BTreeMap<KernelRoute, Moment>,
    /// Our routes that FRR hasn't copied.
    missing: BTreeMap<IpAddr, Missing>,
    /// The addresses of our routes at the last look.
    before: BTreeSet<IpAddr>,
    /// Those that had a route lately, and when they were found without.
    left: BTreeMap<IpAddr, Moment>,
}

/// A route without a copy.
#[derive(Debug, Clone, Copy)]
struct Missing {
    /// When FRR is to be made to look at it.
    due: Moment,
    /// How often it was.
    tries: u32,
}

/// What was done, and whether it helped.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mended {
    /// Copies that were removed.
    pub(super) removed: Vec<KernelRoute>,
    /// Routes that FRR hasn't copied, and was made to look at.
    pub(super) missing: usize,
    /// How often it was made to look at one of those, this time included.
    pub(super) tries: u32,
    /// Routes that FRR has copied after it was made to look at them.
    pub(super) copied: usize,
}

impl Orphans {
    /// Removes copies that have been without an original for a while: host routes of FRR in the main table, without a
    /// gateway, out of a port of ours, to an address of its prefixes that has no route in our table. Makes FRR look again
    /// at our routes that it hasn't copied, and at those that went lately.
    pub(super) fn mend(
        &mut self,
        socket: &mut Socket,
        view: &View,
        ours: &BTreeSet<IpAddr>,
        now: Moment,
    ) -> Result<Mended, NetlinkError> {
        let found = direct_host_routes(socket, ZEBRA)?;
        let mut mended = Mended::default();
        let overlooked = self.overlooked(&found, ours, now, &mut mended);
        let old = self.judge(found, view, ours, now);
        let changes: Vec<_> = old.iter().map(|route| RouteChange::DeleteAnyWay(*route)).collect();
        let refused: BTreeSet<usize> =
            change_routes(socket, &changes)?.into_iter().map(|(at, _)| at).collect();
        mended.removed =
            (0..).zip(old).filter(|(at, _)| !refused.contains(at)).map(|(_, route)| route).collect();
        // At the best metric: with another one zebra keeps what it believes in.
        let of_kernel =
            |address| KernelRoute { address, index: 0, table: MAIN, protocol: ZEBRA_HEARS, metric: 0 };
        let routes: Vec<_> = overlooked.into_iter().map(of_kernel).collect();
        announce_removals(socket, &routes)?;
        Ok(mended)
    }

    /// When there will be something to do, as far as is known.
    pub(super) fn due(&self) -> Option<Moment> {
        let copies = self.since.values().map(|since| *since + GRACE);
        copies.chain(self.missing.values().map(|missing| missing.due)).min()
    }

    /// The addresses that FRR is to look at again. Only IPv4: no version before 10.6 imports IPv6.
    fn overlooked(
        &mut self,
        found: &[KernelRoute],
        ours: &BTreeSet<IpAddr>,
        now: Moment,
        mended: &mut Mended,
    ) -> Vec<IpAddr> {
        let copied: BTreeSet<IpAddr> =
            found.iter().filter(|route| route.table == MAIN).map(|route| route.address).collect();
        let left = self.before.iter().filter(|address| !ours.contains(address));
        self.left.extend(left.map(|address| (*address, now)));
        self.left.retain(|address, at| now.since(*at) < MEMORY && !ours.contains(address));
        self.before.clone_from(ours);
        let helped = |(address, missing): &(&IpAddr, &Missing)| missing.tries > 0 && copied.contains(address);
        mended.copied =
            self.missing.iter().filter(helped).filter(|(address, _)| ours.contains(address)).count();
        let missing = ours.iter().filter(|address| address.is_ipv4() && !copied.contains(address));
        let new = Missing { due: now + COPIED_WITHIN, tries: 0 };
        self.missing =
            missing.map(|address| (*address, self.missing.get(address).copied().unwrap_or(new))).collect();
        let mut overlooked = Vec::new();
        for (address, missing) in &mut self.missing {
            if missing.due <= now {
                *missing = Missing { due: now + PATIENCE, tries: missing.tries + 1 };
                mended.tries = mended.tries.max(missing.tries);
                overlooked.push(*address);
            }
        }
        mended.missing = overlooked.len();
        if !overlooked.is_empty() {
            let left = std::mem::take(&mut self.left).into_keys();
            overlooked.extend(left.filter(|address| address.is_ipv4() && !copied.contains(address)));
        }
        overlooked
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
        assert_eq!(orphans.due(), None);
    }

    #[test]
    fn what_is_not_copied_is_announced_again_with_what_went_lately() {
        let mut orphans = Orphans::default();
        let [one, two] = ["172.16.1.11", "172.16.1.12"].map(copy);
        let both = BTreeSet::from([one.address, two.address]);
        let mut at = |millis, found: &[KernelRoute], ours: &BTreeSet<IpAddr>| {
            let mut mended = Mended::default();
            let overlooked = orphans.overlooked(found, ours, Moment::millis(millis), &mut mended);
            (overlooked, orphans.due(), [mended.missing, mended.tries as usize, mended.copied])
        };
        assert_eq!(at(0, &[one, two], &both), (vec![], None, [0, 0, 0]));
        // One dies, FRR has lost the copies of both.
        let ours = BTreeSet::from([one.address]);
        let [first, second] = [2_000, 7_000].map(|millis| Some(Moment::millis(millis)));
        assert_eq!(at(1_000, &[], &ours), (vec![], first, [0, 0, 0]));
        assert_eq!(at(2_000, &[], &ours), (vec![one.address, two.address], second, [1, 1, 0]));
        assert_eq!(at(3_000, &[], &ours), (vec![], second, [0, 0, 0]));
        assert_eq!(at(7_000, &[], &ours).2, [1, 2, 0]);
        assert_eq!(at(8_000, &[one], &ours), (vec![], None, [0, 0, 1]), "only now is it mended");
        assert_eq!(at(9_000, &[one], &ours).2, [0, 0, 0]);
    }

    #[test]
    fn what_frr_copies_by_itself_or_what_goes_was_not_mended() {
        let mut orphans = Orphans::default();
        let one = copy("172.16.1.11");
        let ours = BTreeSet::from([one.address]);
        let mut at = |millis, found: &[KernelRoute], ours: &BTreeSet<IpAddr>| {
            let mut mended = Mended::default();
            orphans.overlooked(found, ours, Moment::millis(millis), &mut mended);
            mended.copied
        };
        assert_eq!([at(0, &[], &ours), at(500, &[one], &ours)], [0, 0]);
        assert_eq!(
            [at(1_000, &[], &ours), at(2_000, &[], &ours), at(3_000, &[one], &BTreeSet::new())],
            [0; 3]
        );
    }
}
