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
use fabricctl::parse::{RibReader, frr_routes, ip_routes};
use fabricctl::verify::routes::{Expectation, expect};
use fabricctl::verify::{self, CheckName, Facts, Scope, Status, World};
use nix::time::ClockId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

const SPINES: u32 = 4;
const LEAFS: u32 = 196;
const SERVERS: u32 = 800;
const CONTAINERS: u32 = 4000;
/// So much arrives at once.
const PIECE: usize = 64 << 10;

fn main() {
    spine(1_000_000, "FRR 10", str::to_owned);
    spine(1_000_000, "FRR 8", indented);
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

/// One spine with very many routes, read as they come: what is measured holds no more of the text than a run does.
fn spine(count: u32, name: &str, form: impl Fn(&str) -> String) {
    let base = u32::from(Ipv4Addr::new(100, 64, 0, 0));
    let inventory = include_str!("../../inventory/reference/fabric.yml");
    let fabric = fabricctl::inventory::read("fabric.yml", inventory, Path::new(".")).unwrap();
    let (mut octets, mut took, mut reader) = (0, Took::default(), RibReader::default());
    let mut piece = "{".to_owned();
    for at in 0..count {
        let prefix = format!("{}/32", Ipv4Addr::from(base + at));
        let mut one = String::new();
        route(&mut one, &prefix, "bgp", &[["swp1", "swp2", "swp3", "swp4"][at as usize % 4]]);
        piece.push_str(&form(&one));
        if at + 1 == count {
            piece.pop();
            piece.push('}');
        } else if piece.len() < PIECE {
            continue;
        }
        let began = Stopwatch::start();
        reader.push(piece.as_bytes());
        took += began.stop();
        octets += piece.len();
        piece.clear();
    }
    let began = Stopwatch::start();
    let facts = Facts { rib: Some(Ok(reader.end().unwrap())), ..Facts::default() };
    let node = NodeName::new("spine01").unwrap();
    let findings = judged(&fabric, &World::from([(node, Ok(facts))]));
    took += began.stop();
    println!(
        "a spine with {count} /32s ({} MB as {name} prints them): {took} (to reach 2 s), at most {} MB of memory (to reach 600 MB), {} verdicts",
        octets >> 20,
        peak(),
        findings.len()
    );
}

/// One thing a line, as FRR 8 prints it.
fn indented(route: &str) -> String {
    let (mut text, mut depth) = (String::with_capacity(route.len() * 2), 1);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    line(&mut text, depth);
    for c in route.chars().filter(|c| *c != '\n') {
        match c {
            '{' | '[' => {
                depth += 1;
                text.push(c);
                line(&mut text, depth);
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                if depth > 1 {
                    line(&mut text, depth);
                }
            }
            c => text.push(c),
        }
    }
    text
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
    let (mut world, mut reading) = (World::new(), Took::default());
    let routers: Vec<&Node> = fabric.nodes.values().filter(|node| node.role.routes()).collect();
    for node in &routers {
        let wanted = &of[&node.name];
        let (rib, fib) = (rib(wanted), fib(wanted));
        let began = Stopwatch::start();
        let facts = Facts {
            rib: Some(Ok(frr_routes(&rib).unwrap())),
            fib: Some(Ok(ip_routes(&fib).unwrap())),
            ..Facts::default()
        };
        reading += began.stop();
        world.insert(node.name.clone(), Ok(facts));
    }
    let began = Stopwatch::start();
    let findings = judged(&fabric, &world);
    let judging = began.stop();
    let wrong = findings.iter().filter(|finding| finding.status != Status::Ok).count();
    println!(
        "{} nodes with {} containers: read in {reading}, judged in {judging} (to reach 10 s together), {} verdicts, {wrong} wrong",
        fabric.nodes.len(),
        fabric.workloads.len(),
        findings.len()
    );
}

fn judged(fabric: &Fabric, world: &World) -> Vec<verify::Finding> {
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    verify::judge(&Scope { fabric, nodes: &nodes }, &BTreeSet::from([CheckName::Routes]), world)
}

/// How long something took: by the clock, and of that with a processor. On a machine that does other things, too, the
/// second is what tells.
#[derive(Clone, Copy, Default)]
struct Took {
    clock: Duration,
    working: Duration,
}

impl std::ops::AddAssign for Took {
    fn add_assign(&mut self, more: Self) {
        (self.clock, self.working) = (self.clock + more.clock, self.working + more.working);
    }
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s ({:.2} s of work)", self.clock.as_secs_f64(), self.working.as_secs_f64())
    }
}

struct Stopwatch(Instant, Duration);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now(), working())
    }

    fn stop(self) -> Took {
        Took { clock: self.0.elapsed(), working: working().saturating_sub(self.1) }
    }
}

/// How long this process has had a processor.
fn working() -> Duration {
    ClockId::CLOCK_PROCESS_CPUTIME_ID.now().unwrap().into()
}

/// The most memory that this process ever had, in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}
