//! Do rdnbrd, the kernel's neighbour table and the kernel's routes tell the same of a leaf's hosts?

use super::facts::{Facts, Fault, World};
use super::finding::{CheckName, Finding};
use super::scope::Scope;
use crate::fabric::{Fabric, Node, NodeName, Role, Workload};
use crate::parse::{KernelRoute, Neighbor, NeighborStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

const CHECK: CheckName = CheckName::Neighbors;

/// One verdict a workload on each leaf that it is behind, and one a host in nobody's name.
pub(super) fn neighbors(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let places = advertised(world);
    let mut findings = Vec::new();
    for (leaf, facts) in scope.of_role(world, Role::Leaf) {
        if leaf.platform.has_own_rdnbrd() {
            let why = format!("{} brings a daemon of its own, which can't be asked", leaf.platform);
            findings.push(Finding::skipped(CHECK, &leaf.name, "rdnbrd", why));
            continue;
        }
        match &facts.daemon {
            None => {}
            Some(Err(fault)) => {
                let hint = "see whether it runs: service rdnbrd status";
                // It isn't optional: where it isn't installed, that is the failure.
                findings.push(Finding::failed(CHECK, &leaf.name, "rdnbrd", fault.to_string()).hint(hint));
            }
            Some(Ok(_)) if unread(facts).is_some() => {
                findings.extend(
                    unread(facts)
                        .map(|(subject, fault)| Finding::of_fault(CHECK, &leaf.name, subject, fault)),
                );
            }
            Some(Ok(status)) => {
                let routes = routes(facts, status);
                let places = &places;
                findings.extend(Leaf { scope, world, node: leaf, facts, status, places, routes }.judged());
            }
        }
    }
    findings
}

/// The kernel's side, where it can't be read: without it there is nothing to agree with.
fn unread(facts: &Facts) -> Option<(&'static str, &Fault)> {
    let fib = facts.fib.as_ref().and_then(|fib| Some(("kernel routes", fib.as_ref().err()?)));
    fib.or_else(|| Some(("kernel neighbours", facts.neighbors.as_ref()?.as_ref().err()?)))
}

/// Which leafs advertise each address.
fn advertised(world: &World) -> BTreeMap<IpAddr, BTreeSet<&NodeName>> {
    let mut places: BTreeMap<IpAddr, BTreeSet<&NodeName>> = BTreeMap::new();
    for (node, facts) in world {
        let Ok(Facts { daemon: Some(Ok(status)), .. }) = facts else { continue };
        for host in status.hosts.iter().filter(|host| host.state.advertised()) {
            places.entry(host.address).or_default().insert(node);
        }
    }
    places
}

/// The kernel's routes to single hosts in the daemon's table, the preferred one of each.
fn routes<'a>(facts: &'a Facts, status: &NeighborStatus) -> BTreeMap<Ipv4Addr, &'a KernelRoute> {
    let mut routes: BTreeMap<Ipv4Addr, &KernelRoute> = BTreeMap::new();
    let Some(Ok(fib)) = &facts.fib else { return routes };
    let own = status.table.filter(|table| *table != 254).map_or("main".to_owned(), |table| table.to_string());
    let hosts = fib.iter().filter(|route| route.prefix.prefix_len() == 32 && route.kind == "unicast");
    for route in hosts.filter(|route| route.table.as_deref().unwrap_or("main") == own) {
        let kept = routes.entry(route.prefix.addr()).or_insert(route);
        if route.metric.unwrap_or(0) < kept.metric.unwrap_or(0) {
            *kept = route;
        }
    }
    routes
}

struct Leaf<'a> {
    scope: &'a Scope<'a>,
    world: &'a World,
    node: &'a Node,
    facts: &'a Facts,
    status: &'a NeighborStatus,
    places: &'a BTreeMap<IpAddr, BTreeSet<&'a NodeName>>,
    routes: BTreeMap<Ipv4Addr, &'a KernelRoute>,
}

impl Leaf<'_> {
    fn judged(&self) -> Vec<Finding> {
        let mut findings = vec![self.daemon()];
        let mut named: BTreeSet<IpAddr> = BTreeSet::new();
        for workload in self.scope.fabric.workloads.values() {
            let mut ends = self.scope.fabric.attachments(workload).filter(|end| end.node == self.node.name);
            if let Some(end) = ends.next() {
                named.insert(workload.address.into());
                let ports: Vec<&str> =
                    std::iter::once(end).chain(ends).map(|end| end.port.as_str()).collect();
                findings.push(self.workload(workload, &ports));
            }
        }
        for host in self.status.hosts.iter().filter(|host| !named.contains(&host.address)) {
            findings.extend(self.other(host));
        }
        let proven: BTreeSet<IpAddr> = self.advertised().map(|host| host.address).collect();
        for (address, route) in &self.routes {
            if !proven.contains(&IpAddr::from(*address)) && self.is_daemons(route) {
                let reason = "the kernel has a route of rdnbrd's that it doesn't know of";
                let hint = format!("ip route del {address}/32, or service rdnbrd restart");
                findings.push(self.failed(address.to_string(), reason).hint(hint));
            }
        }
        findings
    }

    fn failed(&self, subject: impl Into<String>, reason: impl Into<String>) -> Finding {
        Finding::failed(CHECK, &self.node.name, subject, reason)
    }

    fn daemon(&self) -> Finding {
        let finding = if self.status.degraded {
            self.failed("rdnbrd", "it can't do all that it is told to")
                .hint("its log says what: /var/log/rdnbrd.log, or journalctl -u rdnbrd")
        } else {
            Finding::ok(CHECK, &self.node.name, "rdnbrd")
        };
        finding.found(format!("{} hosts advertised", self.advertised().count()))
    }

    fn advertised(&self) -> impl Iterator<Item = &Neighbor> {
        self.status.hosts.iter().filter(|host| host.state.advertised())
    }

    fn is_daemons(&self, route: &KernelRoute) -> bool {
        let number = self.status.protocol.map(|number| number.to_string());
        number.is_some() && route.protocol.as_deref() == number.as_deref()
    }

    fn workload(&self, workload: &Workload, ports: &[&str]) -> Finding {
        let subject = format!("{} {}", workload.name, workload.address);
        let expected = format!("live behind {}, with a route there", ports.join(" or "));
        let address = IpAddr::from(workload.address);
        let host = self.status.hosts.iter().find(|host| host.address == address);
        let finding = match host {
            Some(host) if host.state.advertised() => match self.trouble(workload, host, ports) {
                Some((reason, hint)) => self.failed(subject, reason).hint(hint),
                None => match self.duplicate(workload) {
                    Some(duplicate) => duplicate,
                    None => Finding::ok(CHECK, &self.node.name, subject),
                },
            }
            .found(format!("{} at {}", host.state, host.port)),
            Some(host) => self.absent(workload, subject, format!("it is heard, but {}", host.state)),
            None => self.absent(workload, subject, "it isn't heard".to_owned()),
        };
        finding.expected(expected)
    }

    /// Not advertised here: its server's fault where that says so, or where nobody knows.
    fn absent(&self, workload: &Workload, subject: String, reason: String) -> Finding {
        let elsewhere = self.places.get(&IpAddr::from(workload.address)).into_iter().flatten();
        let elsewhere: Vec<&NodeName> = elsewhere.copied().filter(|node| **node != self.node.name).collect();
        if self.also_behind(workload, &elsewhere) {
            return Finding::ok(CHECK, &self.node.name, subject)
                .found(format!("{reason} here, on another of its leafs"));
        }
        let server = &workload.server;
        let skipped = |why: String| Finding::skipped(CHECK, &self.node.name, &*subject, why).with(server);
        if let Some(other) = elsewhere.first() {
            return self
                .failed(&*subject, format!("{reason}; {other} has it"))
                .with(other)
                .with(server)
                .hint(format!("fabricctl diagnose {}", workload.name));
        }
        match self.world.get(server) {
            Some(Err(_)) => return skipped(format!("{reason}; {server} can't be reached")),
            Some(Ok(Facts { docker: Some(Ok(docker)), .. })) => {
                let found = docker.containers.get(&workload.name);
                if found.is_none_or(|found| found.status != "running") {
                    let is = found.map_or("not there", |found| found.status.as_str());
                    return skipped(format!("{reason}: the container is {is} on {server}"));
                }
                let has =
                    found.and_then(|found| found.networks.get(&workload.network)).and_then(|end| end.address);
                if has != Some(workload.address) {
                    let has = has.map_or("no address".to_owned(), |address| address.to_string());
                    return skipped(format!("{reason}: the container has {has} on {server}"));
                }
            }
            Some(Ok(Facts { docker: Some(Err(_)), .. })) => {
                return skipped(format!("{reason}: Docker on {server} doesn't answer"));
            }
            _ => {}
        }
        self.failed(&*subject, reason).with(server).hint(format!("fabricctl diagnose {}", workload.name))
    }

    fn also_behind(&self, workload: &Workload, elsewhere: &[&NodeName]) -> bool {
        self.scope.fabric.attachments(workload).any(|end| elsewhere.contains(&&end.node))
    }

    fn trouble(&self, workload: &Workload, host: &Neighbor, ports: &[&str]) -> Option<(String, String)> {
        let address = workload.address;
        if !ports.contains(&host.port.as_str()) {
            let reason = format!("it answers behind {}, not behind {}", host.port, ports.join(" or "));
            return Some((reason, format!("find out who has {address} there: {}", mac(host))));
        }
        if let Some(rival) = &host.rival {
            let reason = format!("a duplicate: somebody at {} answers for it, too", rival.port);
            return Some((reason, "one of the two must get another address".to_owned()));
        }
        self.kernel(address, host)
    }

    /// Right here, but somebody behind another leaf has the same address: that leaf tells it as a failure.
    fn duplicate(&self, workload: &Workload) -> Option<Finding> {
        let behind: BTreeSet<&NodeName> =
            self.scope.fabric.attachments(workload).map(|end| &end.node).collect();
        let places = self.places.get(&IpAddr::from(workload.address)).into_iter().flatten();
        let others: Vec<&NodeName> = places.copied().filter(|node| !behind.contains(*node)).collect();
        let names: Vec<&str> = others.iter().map(|node| node.as_str()).collect();
        let why = format!("right here, but {} advertises it, too", names.join(" and "));
        let subject = format!("{} {}", workload.name, workload.address);
        let finding = Finding::skipped(CHECK, &self.node.name, subject, why);
        (!others.is_empty()).then(|| others.iter().fold(finding, |finding, node| finding.with(node)))
    }

    /// Whether the kernel agrees with the daemon.
    fn kernel(&self, address: Ipv4Addr, host: &Neighbor) -> Option<(String, String)> {
        if let Some(Ok(_)) = &self.facts.fib {
            let hint = || format!("ip route show {address}/32; service rdnbrd restart");
            let Some(route) = self.routes.get(&address) else {
                return Some(("rdnbrd advertises it, the kernel has no route to it".to_owned(), hint()));
            };
            let by: Vec<&str> = route.next_hops.iter().filter_map(|hop| hop.dev.as_deref()).collect();
            if !by.contains(&host.port.as_str()) {
                let reason =
                    format!("rdnbrd has it at {}, the kernel's route goes by {}", host.port, by.join(", "));
                return Some((reason, hint()));
            }
        }
        let Some(Ok(neighbors)) = &self.facts.neighbors else { return None };
        let entry =
            neighbors.iter().find(|one| one.address == IpAddr::from(address) && one.dev == host.port)?;
        if let (Some(kernels), Some(daemons)) = (entry.mac, host.mac)
            && kernels != daemons
            && entry.fresh
        {
            let reason = format!("rdnbrd has it at {daemons}, the kernel at {kernels}");
            return Some((reason, format!("ip neigh show {address}")));
        }
        None
    }

    /// A host that is no workload of this leaf: a server, a workload of elsewhere, or nobody's.
    fn other(&self, host: &Neighbor) -> Option<Finding> {
        if !host.state.advertised() {
            return None;
        }
        let IpAddr::V4(address) = host.address else { return None };
        let name = owner(self.scope.fabric, address);
        let subject = name.as_ref().map_or(address.to_string(), |(name, _)| format!("{name} {address}"));
        let here = format!("it answers behind {} ({})", host.port, mac(host));
        let behind = self.node.ports.iter().find(|port| port.name.as_str() == host.port);
        let there = |finding: Finding| match behind {
            Some(port) => finding.with(&port.peer.node),
            None => finding,
        };
        Some(match name {
            Some((_, true)) => {
                let finding = if self.routes.contains_key(&address) {
                    Finding::ok(CHECK, &self.node.name, subject)
                } else {
                    self.failed(subject, "rdnbrd advertises it, the kernel has no route to it")
                };
                finding.found(format!("{} at {}", host.state, host.port))
            }
            Some((_, false)) => {
                let reason = format!("{here}, where its server isn't");
                there(self.failed(subject, reason)).hint(format!("fabricctl diagnose {address}"))
            }
            None => there(self.failed(subject, format!("{here} and is in nobody's name")))
                .hint("add it to the inventory, or stop it"),
        })
    }
}

fn mac(host: &Neighbor) -> String {
    host.mac.map_or_else(|| "of unknown Ethernet address".to_owned(), |mac| mac.to_string())
}

/// Whose an address is, and whether that is a server.
fn owner(fabric: &Fabric, address: Ipv4Addr) -> Option<(String, bool)> {
    let workload = fabric.workloads.values().find(|workload| workload.address == address);
    if let Some(workload) = workload {
        return Some((workload.name.clone(), false));
    }
    let server = fabric
        .with_role(Role::Server)
        .find(|server| server.ports.iter().flat_map(|port| &port.addresses).any(|own| own.addr() == address));
    server.map(|server| (server.name.to_string(), true))
}
