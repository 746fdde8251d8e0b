//! What the leaf of a container knows of it: port, neighbour, daemon, kernel, zebra, BGP.

use super::Hop;
use super::container::Place;
use super::scene::{Judged, Look, Scene};
use crate::fabric::{HostRoutes, NodeName};
use crate::parse::KernelRoute;
use crate::verify::facts::Fault;
use crate::verify::forwarding::{forwarding, proxy_arp};
use ipnet::Ipv4Net;
use std::net::IpAddr;

pub(super) fn port(place: &Place<'_>) -> Vec<Hop> {
    vec![place.scene.port(place.end, "leaf port")]
}

pub(super) fn passing(place: &Place<'_>) -> Vec<Hop> {
    let leaf = &place.leaf.name;
    let judged = forwards(place.scene, leaf, &[place.end.port.as_str()]);
    let command = format!("sysctl net.ipv4.ip_forward net.ipv4.conf.{}.proxy_arp", place.end.port);
    vec![judged.hop("forwarding and proxy ARP", leaf, command)]
}

/// Whether a router forwards, and speaks for others on those ports.
pub(super) fn forwards(scene: &Scene<'_>, node: &NodeName, speaking: &[&str]) -> Judged {
    let settings = scene.look(node, |facts| &facts.settings);
    if let Some(blind) = settings.blind() {
        return blind;
    }
    let (Look::Said(settings), Some(node)) = (settings, scene.fabric.nodes.get(node)) else {
        return Judged::Unknown("its settings can't be read".to_owned());
    };
    let off =
        forwarding(node, settings).or_else(|| speaking.iter().find_map(|port| proxy_arp(settings, port)));
    if let Some(off) = off {
        return Judged::bad(format!("{} = 0", off.key), off.cause, off.fix);
    }
    let speaks = if speaking.is_empty() { "" } else { ", proxy ARP is on" };
    Judged::Ok(format!("forwarding is on{speaks}"))
}

pub(super) fn kernel_neighbor(place: &Place<'_>) -> Vec<Hop> {
    let leaf = &place.leaf.name;
    let command = format!("ip neigh show {}", place.workload.address);
    let neighbors = place.scene.look(leaf, |facts| &facts.neighbors);
    let judged = neighbors.blind().unwrap_or_else(|| match neighbors {
        Look::Said(all) => {
            let address = IpAddr::from(place.workload.address);
            let entry = all.iter().find(|one| one.address == address && one.dev == place.end.port.as_str());
            match entry {
                None => Judged::Ok("no entry; the kernel makes one when it has a packet".to_owned()),
                Some(entry) => neighbor(place, entry),
            }
        }
        Look::Failed(fault) => Judged::Unknown(fault.to_string()),
        Look::Unasked | Look::Silent(_) => Judged::Unknown(String::new()),
    });
    vec![judged.hop("kernel neighbour", leaf, command)]
}

fn neighbor(place: &Place<'_>, entry: &crate::parse::KernelNeighbor) -> Judged {
    let (address, port) = (place.workload.address, &place.end.port);
    let Some(mac) = entry.mac.filter(|_| !entry.failed) else {
        // rdnbrd asks more often than the kernel: it has the last word.
        return Judged::Unknown(format!("the kernel's last request for {address} on {port} wasn't answered"));
    };
    let own = place.mac().and_then(|mac| mac.parse::<crate::fabric::Mac>().ok());
    if entry.fresh && own.is_some_and(|own| own != mac) {
        let own = place.mac().unwrap_or_default();
        let cause = format!("somebody else behind {port} answers for {address}: the container has {own}");
        let fix = format!("find out who has {mac} behind {port}; ip neigh flush {address}");
        return Judged::bad(format!("{address} dev {port} lladdr {mac}"), cause, fix);
    }
    Judged::Ok(format!("{address} dev {port} lladdr {mac}"))
}

pub(super) fn daemon(place: &Place<'_>) -> Vec<Hop> {
    let leaf = &place.leaf.name;
    let judged = if place.leaf.platform.has_own_rdnbrd() {
        Judged::Unknown(format!("{} brings a daemon of its own, which can't be asked", place.leaf.platform))
    } else {
        let status = place.scene.look(leaf, |facts| &facts.daemon);
        status.blind().unwrap_or_else(|| match status {
            Look::Said(status) => known(place, status),
            Look::Failed(fault) => {
                let cause = place.scene.ailing(leaf, "rdnbrd");
                let cause = cause.unwrap_or_else(|| "rdnbrd doesn't answer".to_owned());
                Judged::bad(fault.to_string(), cause, "service rdnbrd start; its log says why it ended")
            }
            Look::Unasked | Look::Silent(_) => Judged::Unknown(String::new()),
        })
    };
    vec![judged.hop("rdnbrd", leaf, "rdnbrd status")]
}

fn known(place: &Place<'_>, status: &crate::parse::NeighborStatus) -> Judged {
    let (address, port) = (place.workload.address, &place.end.port);
    let fix = || format!("tcpdump -ni {port} arp and host {address} shows whether it is asked and answers");
    let Some(host) = status.hosts.iter().find(|host| host.address == IpAddr::from(address)) else {
        if let Some(down) = status.ports.iter().find(|one| one.name == port.as_str() && !one.up) {
            let cause = format!("rdnbrd holds {} to be down", down.name);
            return Judged::bad(
                format!("{address} is not among its hosts"),
                cause,
                format!("ip link show {port}"),
            );
        }
        let cause = format!("nobody behind {port} answers for {address}");
        return Judged::bad(format!("{address} is not among its hosts"), cause, fix());
    };
    let mac = host.mac.map_or("no Ethernet address".to_owned(), |mac| mac.to_string());
    let evidence = format!("{address} is {} at {}, {mac}", host.state, host.port);
    if !host.state.advertised() {
        return Judged::bad(evidence, format!("{address} was heard of, but doesn't answer rdnbrd"), fix());
    }
    if host.port != port.as_str() {
        let cause = format!("somebody behind {} answers for it, not behind {port}", host.port);
        return Judged::bad(evidence, cause, format!("find out who has {mac} there"));
    }
    let last = host.last_answer_s.map(|s| format!(", answered {s:.1} s ago")).unwrap_or_default();
    Judged::Ok(format!("{evidence}{last}"))
}

pub(super) fn kernel_route(place: &Place<'_>) -> Vec<Hop> {
    let leaf = &place.leaf.name;
    let (name, command) = match place.leaf.host_routes {
        HostRoutes::Main => ("main", format!("ip route show {}/32", place.workload.address)),
        HostRoutes::Table => ("10", format!("ip route show table 10 {}/32", place.workload.address)),
    };
    let fib = place.scene.look(leaf, |facts| &facts.fib);
    let judged = fib.blind().unwrap_or_else(|| match fib {
        Look::Said(routes) => routed(place, routes, name),
        Look::Failed(fault) => Judged::Unknown(fault.to_string()),
        Look::Unasked | Look::Silent(_) => Judged::Unknown(String::new()),
    });
    vec![judged.hop("kernel route", leaf, command)]
}

fn routed(place: &Place<'_>, routes: &[KernelRoute], table: &str) -> Judged {
    let (address, port) = (place.workload.address, &place.end.port);
    let prefix = Ipv4Net::from(address);
    let own = routes
        .iter()
        .filter(|route| route.prefix == prefix && route.table.as_deref().unwrap_or("main") == table)
        .min_by_key(|route| route.metric.unwrap_or(0));
    let Some(route) = own else {
        let cause = "rdnbrd knows it, the kernel has no route to it: somebody has deleted it".to_owned();
        return Judged::bad(
            format!("no route to {address}/32 in table {table}"),
            cause,
            "service rdnbrd restart",
        );
    };
    let by: Vec<&str> = route.next_hops.iter().filter_map(|hop| hop.dev.as_deref()).collect();
    let maker = route.protocol.as_deref().map(|by| format!(" proto {by}")).unwrap_or_default();
    let kind = if route.kind == "unicast" { String::new() } else { format!("{} ", route.kind) };
    let line =
        format!("{kind}{address}{}{maker}", by.first().map(|dev| format!(" dev {dev}")).unwrap_or_default());
    if route.kind != "unicast" || !by.contains(&port.as_str()) {
        let cause = "another route to it is preferred to rdnbrd's: somebody put it there";
        return Judged::bad(line, cause, format!("ip route del {kind}{address}/32"));
    }
    Judged::Ok(line)
}

/// A daemon of FRR that gave no answer.
pub(super) fn router_fault(scene: &Scene<'_>, node: &NodeName, fault: &Fault, who: &str) -> Judged {
    let ailing = scene.ailing(node, "frr");
    let fix = match &ailing {
        Some(why) if why.contains("daemons") => "service frr restart",
        _ => "service frr start; its log says why it ended",
    };
    let cause = ailing.unwrap_or_else(|| format!("{who} on {node} doesn't answer"));
    Judged::bad(fault.to_string(), cause, fix)
}

pub(super) fn rib(place: &Place<'_>) -> Vec<Hop> {
    let (leaf, address) = (&place.leaf.name, place.workload.address);
    let rib = place.scene.look(leaf, |facts| &facts.rib);
    let wanted = match place.leaf.host_routes {
        HostRoutes::Main => "kernel",
        HostRoutes::Table => "table",
    };
    let judged = rib.blind().unwrap_or_else(|| match rib {
        Look::Failed(fault) => router_fault(place.scene, leaf, fault, "zebra"),
        Look::Said(rib) => match rib.selected(&Ipv4Net::from(address)) {
            Some(entry) if entry.protocol == wanted => {
                Judged::Ok(format!("{address}/32 is selected, from {wanted}"))
            }
            Some(entry) => Judged::bad(
                format!("{address}/32 is selected from {}", entry.protocol),
                format!("zebra prefers another route to it, from {}", entry.protocol),
                format!("vtysh -c 'show ip route {address}/32'; remove the route that isn't rdnbrd's"),
            ),
            None => Judged::bad(
                format!("{address}/32 is not in FRR's table"),
                format!("zebra didn't take up rdnbrd's route from {wanted}"),
                "fabricctl deploy puts the configuration right; else service frr restart",
            ),
        },
        Look::Unasked | Look::Silent(_) => Judged::Unknown(String::new()),
    });
    vec![judged.hop("zebra", leaf, format!("vtysh -c 'show ip route {address}/32'"))]
}

pub(super) fn bgp(place: &Place<'_>) -> Vec<Hop> {
    vec![speaker(place.scene, &place.leaf.name)]
}

/// Does bgpd answer?
pub(super) fn speaker(scene: &Scene<'_>, node: &NodeName) -> Hop {
    let bgp = scene.look(node, |facts| &facts.bgp);
    let judged = bgp.blind().unwrap_or_else(|| match bgp {
        Look::Failed(fault) => router_fault(scene, node, fault, "bgpd"),
        Look::Said(neighbors) if neighbors.is_empty() => Judged::bad(
            "no neighbours",
            format!("no BGP is configured on {node}"),
            "fabricctl deploy puts the configuration right",
        ),
        Look::Said(neighbors) => {
            let up = neighbors.values().filter(|one| one.established()).count();
            Judged::Ok(format!("{up} of {} sessions established", neighbors.len()))
        }
        Look::Unasked | Look::Silent(_) => Judged::Unknown(String::new()),
    });
    judged.hop("bgpd", node, "vtysh -c 'show bgp summary'")
}

/// Did the leaf bring it into BGP?
pub(super) fn origin(place: &Place<'_>) -> Vec<Hop> {
    let (leaf, address) = (&place.leaf.name, place.workload.address);
    let prefix = Ipv4Net::from(address);
    let paths = place.scene.look(leaf, |facts| &facts.paths);
    let judged = paths.blind().unwrap_or_else(|| match paths {
        Look::Said(paths) => match paths.get(&prefix) {
            None => Judged::Unknown("it wasn't asked".to_owned()),
            Some(found) if found.own() => {
                let told: Vec<&str> = found.advertised_to.iter().map(String::as_str).collect();
                Judged::Ok(format!("{prefix} is its own, told to {}", told.join(", ")))
            }
            Some(_) => not_brought(place.scene, leaf, prefix, redistribution(place.leaf.host_routes)),
        },
        Look::Failed(fault) => router_fault(place.scene, leaf, fault, "bgpd"),
        Look::Unasked | Look::Silent(_) => Judged::Unknown(String::new()),
    });
    vec![judged.hop("BGP on the leaf", leaf, format!("vtysh -c 'show bgp ipv4 unicast {prefix}'"))]
}

fn redistribution(host_routes: HostRoutes) -> &'static str {
    match host_routes {
        HostRoutes::Main => "redistribute kernel",
        HostRoutes::Table => "redistribute table 10",
    }
}

/// Why a router doesn't bring a prefix into BGP that it has itself.
pub(super) fn not_brought(scene: &Scene<'_>, node: &NodeName, prefix: Ipv4Net, wanted: &str) -> Judged {
    let evidence = format!("BGP has no path of its own to {prefix}");
    let loopback = scene.fabric.nodes.get(node).is_some_and(|node| node.loopback == prefix.addr());
    let what = if loopback { "its loopback doesn't go" } else { "host routes don't go" };
    let fix = "fabricctl deploy puts the configuration right";
    let Some(config) = scene.said(node, |facts| &facts.config) else {
        return Judged::bad(
            evidence,
            format!("its configuration lacks `{wanted}`, or a route map refuses it"),
            fix,
        );
    };
    let line = config.iter().find(|line| line.contains(&format!("> {wanted}")));
    match line.and_then(|line| line.rsplit("> ").next()) {
        None => Judged::bad(evidence, format!("{what} to BGP: `{wanted}` is missing"), fix),
        Some(line) => {
            let map = line.split("route-map ").nth(1).unwrap_or("").trim();
            Judged::bad(
                format!("{evidence}; the configuration has `{line}`"),
                format!("the route map {map}, or its prefix list, refuses it"),
                format!("vtysh -c 'show route-map {map}'; {fix}"),
            )
        }
    }
}
