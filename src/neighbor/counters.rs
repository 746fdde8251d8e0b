//! What happened so far, in numbers that only grow.

use serde::Serialize;

/// Counts since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Hosts that were proven and got a route.
    pub learned: u64,
    /// Routes that an earlier instance left and that were taken over.
    pub adopted: u64,
    /// Hosts that were withdrawn because they fell silent.
    pub withdrawn_silent: u64,
    /// Hosts that were withdrawn because their interface or its address went.
    pub withdrawn_link: u64,
    /// Hosts that were withdrawn for another reason, such as a change of the configuration.
    pub withdrawn_other: u64,
    /// Addresses that went to another interface or hardware address.
    pub moves: u64,
    /// Times that two places answered for one address.
    pub duplicates: u64,
    /// Announcements in the name of hosts that went to another leaf.
    pub announcements: u64,
    /// Probes sent to hosts that are known or may become so.
    pub probes: u64,
    /// Probes beyond the first of each round.
    pub retries: u64,
    /// Requests of the search for silent hosts.
    pub sweep_requests: u64,
    /// Probes put off because the packet rate is bounded.
    pub deferred: u64,
    /// Packets and neighbour entries that were looked at.
    pub heard: u64,
    /// Of these, those whose address the interface or the configuration doesn't admit.
    pub refused_address: u64,
    /// Of these, those that came when no more hosts fitted.
    pub refused_full: u64,
    /// Announced hosts that answered no probe.
    pub unproven: u64,
    /// Routes of ours that had to be put right in the kernel.
    pub reconciled: u64,
}
