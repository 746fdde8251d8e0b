//! How long reading and judging takes, without any device: `make bench-judge`.
//!
//! Answers are made in the form in which FRR 10 and iproute2 print them. Only reading and judging is timed; making the
//! answers isn't. Figures are compared with their targets, but only a failure to measure is a failure.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark looks at the clock and at its own memory, and prints what it found"
)]

use fabricctl::fabric::{Fabric, Node, NodeName};
use fabricctl::parse::{frr_routes, ip_routes};
use fabricctl::verify::routes::{Expectation, expect};
use fabricctl::verify::{self, CheckName, Facts, Scope, Status, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

const SPINES: u32 = 4;
const LEAFS: u32 = 196;
const SERVERS: u32 = 800;
const CONTAINERS: u32 = 4000;

fn main() {
    spine(1_000_000);
    fabric();
}

/// A large fabric's inventory.
fn inventory() -> String {
    let mut text = "fabric: large\ndefaults: { mtu: 9216 }\nnodes:\n".to_owned();
    let below = |base: u32, at: u32| Ipv4Addr::from(base + at);
    let lo = u32::from(Ipv4Addr::new(10, 1, 0, 0));
    let hosts = u32::from(Ipv4Addr::new(172, 16, 0, 0));
    for at in 0..SPINES {
        let _ = writeln!(text, "  spine{at}: {{ role: spine, asn: 65020, loopback: {} }}", below(lo, 1 + at));
    }
    for at in 0..LEAFS {
        let asn = 4_200_000_000_u32 + at;
        let _ = writeln!(text, "  leaf{at}: {{ role: leaf, asn: {asn}, loopback: {} }}", below(lo, 256 + at));
    }
    for at in 0..SERVERS {
        let (own, data) = (below(lo, 1024 + at), below(hosts, 60_000 + at));
        let _ = writeln!(text, "  server{at}: {{ role: server, loopback: {own}, addresses: [{data}] }}");
    }
    text.push_str("links:\n");
    for leaf in 0..LEAFS {
        for spine in 0..SPINES {
            let _ = writeln!(text, "  - [leaf{leaf}:swp{}, spine{spine}:swp{leaf}]", 100 + spine);
        }
    }
    for server in 0..SERVERS {
        let _ = writeln!(text, "  - [server{server}:eth1, leaf{}:swp{}]", server % LEAFS, server / LEAFS);
    }
    text.push_str("networks:\n  containers: { subnet: 172.16.0.0/16, gateway: 172.16.0.1 }\n");
    text.push_str("images:\n  identify: { build: true }\nworkloads:\n");
    for at in 0..CONTAINERS {
        let (server, address) = (at % SERVERS, below(hosts, 2 + at));
        let _ =
            writeln!(text, "  web{at}: {{ server: server{server}, address: {address}, image: identify }}");
    }
    text
}

/// One route as `show ip route json` of FRR 10 has it.
fn route(text: &mut String, prefix: &str, protocol: &str, ports: &[&str]) {
    let _ = write!(
        text,
        r#""{prefix}":[{{"prefix":"{prefix}","prefixLen":32,"protocol":"{protocol}","vrfId":0,"vrfName":"default","selected":true,"destSelected":true,"distance":20,"metric":0,"installed":true,"table":254,"internalStatus":16,"internalFlags":8,"internalNextHopNum":1,"internalNextHopActiveNum":1,"nexthopGroupId":13,"installedNexthopGroupId":13,"uptime":"00:00:04","nexthops":["#
    );
    for (at, port) in ports.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}{{"flags":3,"fib":true,"ip":"fe80::5c6f:92ff:fe1c:64cf","afi":"ipv6","interfaceIndex":2,"interfaceName":"{port}","active":true,"weight":1}}"#
        );
    }
    text.push_str("]}]\n,");
}

/// Answers in which everything is as the model says.
fn rib(routes: &[&Expectation]) -> String {
    let mut text = "{".to_owned();
    for one in routes {
        let ports: Vec<&str> = one.next_hops.iter().map(fabricctl::fabric::IfName::as_str).collect();
        route(&mut text, &one.prefix.to_string(), one.source.protocols()[0], &ports);
    }
    text.pop();
    text + "}"
}

fn fib(routes: &[&Expectation]) -> String {
    let mut lines = Vec::new();
    for one in routes {
        let hops: Vec<String> = one
            .next_hops
            .iter()
            .map(|port| format!(r#"{{"via":{{"family":"inet6","host":"fe80::5c6f:92ff:fe1c:64cf"}},"dev":"{port}","weight":1,"flags":[]}}"#))
            .collect();
        let (to, hops) = (one.prefix.addr(), hops.join(","));
        lines.push(format!(
            r#"{{"dst":"{to}","nhid":20,"protocol":"bgp","metric":20,"flags":[],"nexthops":[{hops}]}}"#
        ));
    }
    format!("[{}]", lines.join(","))
}

/// One spine with very many routes.
fn spine(count: u32) {
    let base = u32::from(Ipv4Addr::new(100, 64, 0, 0));
    let mut text = String::with_capacity(450 << 20);
    text.push('{');
    for at in 0..count {
        let prefix = format!("{}/32", Ipv4Addr::from(base + at));
        route(&mut text, &prefix, "bgp", &[["swp1", "swp2", "swp3", "swp4"][at as usize % 4]]);
    }
    text.pop();
    text.push('}');
    let inventory = include_str!("../../inventory/reference/fabric.yml");
    let fabric = fabricctl::inventory::read("fabric.yml", inventory, Path::new(".")).unwrap();
    let (octets, began) = (text.len(), Instant::now());
    let rib = frr_routes(&text).unwrap();
    drop(text);
    let facts = Facts { rib: Some(Ok(rib)), ..Facts::default() };
    let name = NodeName::new("spine01").unwrap();
    let findings = judged(&fabric, &World::from([(name, Ok(facts))]));
    println!(
        "a spine with {count} /32s ({} MB of answer): {:.2} s (to reach 2 s), at most {} MB of memory (to reach 600 MB), {} verdicts",
        octets >> 20,
        began.elapsed().as_secs_f64(),
        peak(),
        findings.len()
    );
}

/// A whole fabric: reading and judging all answers of one round.
fn fabric() {
    let text = inventory();
    let fabric = fabricctl::inventory::read("fabric.yml", &text, Path::new(".")).unwrap();
    let expectations = expect(&fabric);
    let mut of: BTreeMap<&NodeName, Vec<&Expectation>> = BTreeMap::new();
    for route in &expectations.routes {
        of.entry(&route.node).or_default().push(route);
    }
    let (mut world, mut reading) = (World::new(), Duration::ZERO);
    let routers: Vec<&Node> = fabric.nodes.values().filter(|node| node.role.routes()).collect();
    for node in &routers {
        let wanted = &of[&node.name];
        let (rib, fib) = (rib(wanted), fib(wanted));
        let began = Instant::now();
        let facts = Facts {
            rib: Some(Ok(frr_routes(&rib).unwrap())),
            fib: Some(Ok(ip_routes(&fib).unwrap())),
            ..Facts::default()
        };
        reading += began.elapsed();
        world.insert(node.name.clone(), Ok(facts));
    }
    let began = Instant::now();
    let findings = judged(&fabric, &world);
    let judging = began.elapsed();
    let wrong = findings.iter().filter(|finding| finding.status != Status::Ok).count();
    println!(
        "{} nodes with {} containers: read in {:.1} s, judged in {:.1} s (to reach 10 s together), {} verdicts, {wrong} wrong",
        fabric.nodes.len(),
        fabric.workloads.len(),
        reading.as_secs_f64(),
        judging.as_secs_f64(),
        findings.len()
    );
}

fn judged(fabric: &Fabric, world: &World) -> Vec<verify::Finding> {
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    verify::judge(&Scope { fabric, nodes: &nodes }, &BTreeSet::from([CheckName::Routes]), world)
}

/// The most memory that this process ever had, in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}
