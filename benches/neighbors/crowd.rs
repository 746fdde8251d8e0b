//! A leaf with thousands of hosts: one namespace a port, whose kernel answers for all addresses of a range.
//!
//! Nobody sends IP packets, and nobody asks for the leaf's own address, so that the kernel's table of neighbours,
//! whose limit all namespaces share, stays all but empty.

use crate::frames::{Ear, Speaker};
use crate::netns::Netns;
use crate::watch::Watch;
use crate::{LIMIT, Result};
use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Between two announcements of a host.
const AGAIN: Duration = Duration::from_secs(1);

/// After the last announcement: who has no route then gets none.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the hosts of a leaf began to speak.
#[derive(Debug, Clone, Copy)]
pub struct Introduction {
    /// The moment before the first frame.
    pub began: Instant,
    /// How often those without a route announced themselves.
    pub times: usize,
    /// How many were not heard all the same.
    pub missing: usize,
}

/// The ports, with the hosts behind them.
pub struct Crowd {
    /// Where the daemon runs.
    pub leaf: Netns,
    ports: Vec<Port>,
}

struct Port {
    server: Netns,
    speaker: Speaker,
    hosts: Vec<Ipv4Addr>,
}

impl Crowd {
    /// So many ports with so many hosts each; every port has a prefix of its own. The hosts don't answer yet.
    pub fn new(ports: u8, hosts_per_port: u32) -> Result<Self> {
        let leaf = Netns::new()?;
        // The network, the gateway, and the broadcast address are no hosts.
        let size = (hosts_per_port + 3).next_power_of_two();
        let length = 32 - size.trailing_zeros();
        let mut crowd = Self { leaf, ports: Vec::new() };
        for number in 1..=ports {
            let base = u32::from(Ipv4Addr::new(10, 66, 0, 0)) + u32::from(number - 1) * size;
            let first = base + 2;
            let hosts: Vec<Ipv4Addr> = (first..first + hosts_per_port).map(Ipv4Addr::from).collect();
            let server = Netns::new()?;
            let mac = [2, 0x42, 0, 0, 2, number];
            let text = mac.map(|octet| format!("{octet:02x}")).join(":");
            let pid = server.holder();
            crowd.leaf.ip(&[
                format!("link add swp{number} type veth peer name eth1 address {text} netns {pid}"),
                format!("address add {}/{length} dev swp{number}", Ipv4Addr::from(base + 1)),
                format!("link set swp{number} up"),
            ])?;
            let mut lines = vec![
                "link set eth1 up".to_owned(),
                format!("address add {}/{length} dev eth1", Ipv4Addr::from(first)),
            ];
            let rest = prefixes(first + 1, first + hosts_per_port);
            lines.extend(rest.map(|(prefix, length)| format!("route add local {prefix}/{length} dev lo")));
            server.ip(&lines)?;
            let speaker = server.enter(|| Speaker::open("eth1", mac))?;
            crowd.ports.push(Port { server, speaker, hosts });
        }
        crowd.answer(true)?;
        Ok(crowd)
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.ports.iter().map(|port| port.hosts.len()).sum()
    }

    /// Lets the hosts of all ports answer, or has them all die at once; returns the moment before.
    pub fn answer(&self, answer: bool) -> Result<Instant> {
        let before = Instant::now();
        for port in &self.ports {
            port.answer(answer)?;
        }
        Ok(before)
    }

    /// The same for one port only; returns how many hosts that are, too.
    pub fn answer_on_first(&self, answer: bool) -> Result<(Instant, usize)> {
        let port = self.ports.first().ok_or("there are no ports")?;
        let before = Instant::now();
        port.answer(answer)?;
        Ok((before, port.hosts.len()))
    }

    /// Every host without a route announces itself, once a second up to so many times, all at once, until all have
    /// routes.
    pub fn introduce(&self, watch: &Watch, times: usize) -> Result<Introduction> {
        let mut introduction = Introduction { began: Instant::now(), times: 0, missing: 0 };
        let deadline = introduction.began + LIMIT;
        while introduction.times < times && Instant::now() < deadline {
            introduction.times += 1;
            let live = watch.seen().live.clone();
            for port in &self.ports {
                for host in port.hosts.iter().filter(|host| !live.contains(host)) {
                    port.speaker.announce(*host)?;
                }
            }
            if watch.until(AGAIN, |seen| seen.live.len() >= self.len())? {
                return Ok(introduction);
            }
        }
        watch.until(PATIENCE, |seen| seen.live.len() >= self.len())?;
        introduction.missing = self.len().saturating_sub(watch.seen().live.len());
        Ok(introduction)
    }

    /// Waits until the leaf has heard an answer of every host, and says when it had.
    pub fn heard_all(&self, ear: &Ear, limit: Duration) -> Option<Instant> {
        let mut missing: std::collections::HashSet<Ipv4Addr> =
            self.ports.iter().flat_map(|port| port.hosts.iter().copied()).collect();
        let deadline = Instant::now() + limit;
        while !missing.is_empty() {
            missing.remove(&ear.answer(deadline)?);
        }
        Some(Instant::now())
    }

    /// Entries in the leaf's table of neighbours: none of a host, or the kernel's limit would be what is measured.
    pub fn neighbours(&self) -> Result<usize> {
        self.leaf.ip_lines("-4 neigh show")
    }

    /// The daemon's routes as the kernel has them.
    pub fn routes(&self) -> Result<usize> {
        self.leaf.ip_lines("-4 route show table all proto 76")
    }
}

impl Port {
    fn answer(&self, answer: bool) -> Result<()> {
        // 8: "do not reply for all local addresses" (the kernel's ip-sysctl.rst).
        let value = if answer { "0" } else { "8" };
        self.server.enter(|| {
            fs::write("/proc/sys/net/ipv4/conf/all/arp_ignore", value).map_err(|error| error.to_string())
        })
    }
}

/// The fewest prefixes that are exactly the addresses from `from` to before `to`.
fn prefixes(mut from: u32, to: u32) -> impl Iterator<Item = (Ipv4Addr, u32)> {
    std::iter::from_fn(move || {
        if from >= to {
            return None;
        }
        let fits = (to - from).ilog2();
        let bits = from.trailing_zeros().min(fits);
        let prefix = (Ipv4Addr::from(from), 32 - bits);
        from += 1 << bits;
        Some(prefix)
    })
}
