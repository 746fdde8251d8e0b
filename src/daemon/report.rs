//! What the daemon says of itself: JSON for programs and people, and text for Prometheus.

use crate::fabric::Mac;
use crate::neighbor::{Counters, HostView, IfIndex, Moment, State};
use ipnet::IpNet;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

/// Hosts that are written at a time.
const HOSTS_AT_ONCE: usize = 256;

/// Who knows the present state.
pub(super) trait Reporter {
    /// Everything, to be written bit by bit.
    fn status(&self) -> Report;
    /// The figures, for Prometheus.
    fn metrics(&self) -> String;
}

/// What the doors of the daemon counted.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct DoorCounters {
    /// Packets taken from the kernel.
    pub(super) packets_received: u64,
    /// Of these, those that say nothing of a host or break the rules.
    pub(super) packets_unreadable: u64,
    /// Packets that the kernel dropped because they were not taken in time.
    pub(super) packets_dropped: u64,
    /// Frames that the kernel didn't take.
    pub(super) send_errors: u64,
    /// Times that announcements of the kernel were lost.
    pub(super) netlink_overruns: u64,
    /// Changes of routes that the kernel refused.
    pub(super) route_errors: u64,
    /// Copies of our routes that FRR left in the main table when it died, and that were removed.
    pub(super) orphans_removed: u64,
}

/// A port for the report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PortLine {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) up: bool,
    pub(super) prefixes: BTreeSet<IpNet>,
    /// Addresses that were heard of there.
    pub(super) hosts: usize,
}

/// The state at one moment.
pub(super) struct Facts {
    pub(super) now: Moment,
    pub(super) degraded: bool,
    pub(super) table: u32,
    pub(super) protocol: u8,
    pub(super) ports: Vec<PortLine>,
    pub(super) hosts: Vec<HostView>,
    pub(super) counters: Counters,
    pub(super) doors: DoorCounters,
}

#[derive(Serialize)]
struct Head<'a> {
    schema: u32,
    version: &'static str,
    pid: u32,
    uptime_s: f64,
    degraded: bool,
    table: u32,
    protocol: u8,
    ports: &'a [PortLine],
}

#[derive(Serialize)]
struct HostLine<'a> {
    address: IpAddr,
    port: &'a str,
    mac: Option<Mac>,
    state: &'static str,
    /// How long it has been at this place.
    age_s: f64,
    /// None as long as it never answered.
    last_answer_s: Option<f64>,
    settled: bool,
    moves: u32,
    rival: Option<RivalLine<'a>>,
}

/// Another place that answers for the same address.
#[derive(Serialize)]
struct RivalLine<'a> {
    port: &'a str,
    mac: Option<Mac>,
}

/// The JSON document, written bit by bit.
pub(super) struct Report {
    /// What comes next, if it isn't a host.
    next: String,
    hosts: std::vec::IntoIter<HostView>,
    names: BTreeMap<IfIndex, String>,
    /// What comes after the hosts.
    tail: Option<String>,
    now: Moment,
    first: bool,
}

impl Facts {
    /// How many hosts there are on a port in each state.
    fn by_port_and_state(&self) -> BTreeMap<(&str, &'static str), usize> {
        let mut counts = BTreeMap::new();
        for port in &self.ports {
            for state in ["candidate", "live", "probing", "adopted"] {
                counts.insert((port.name.as_str(), state), 0);
            }
        }
        for host in &self.hosts {
            if let Some(port) = self.ports.iter().find(|port| port.index == host.interface.0) {
                *counts.entry((port.name.as_str(), state(host))).or_default() += 1;
            }
        }
        counts
    }

    /// All counters by name, those of the machine first.
    fn counters(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut all = serde_json::Map::new();
        for counters in [serde_json::to_value(self.counters), serde_json::to_value(self.doors)] {
            if let Ok(serde_json::Value::Object(counters)) = counters {
                all.extend(counters);
            }
        }
        all
    }

    /// The exposition format of Prometheus, version 0.0.4.
    pub(super) fn metrics(&self) -> String {
        let mut text = String::new();
        let version = env!("CARGO_PKG_VERSION");
        let mut gauge = |name: &str, help: &str, samples: &[(String, f64)]| {
            let _ = write!(text, "# HELP rdnbrd_{name} {help}\n# TYPE rdnbrd_{name} gauge\n");
            for (labels, value) in samples {
                let _ = writeln!(text, "rdnbrd_{name}{labels} {value}");
            }
        };
        gauge("info", "The version that runs.", &[(format!("{{version=\"{version}\"}}"), 1.0)]);
        gauge("uptime_seconds", "Time since it started.", &[(String::new(), seconds(self.now.0))]);
        let degraded = f64::from(u8::from(self.degraded));
        gauge("degraded", "Whether it can't do all it should right now.", &[(String::new(), degraded)]);
        let port = |name: &str| format!("port=\"{}\"", escaped(name));
        let up: Vec<_> = self
            .ports
            .iter()
            .map(|line| (format!("{{{}}}", port(&line.name)), f64::from(u8::from(line.up))))
            .collect();
        gauge("port_up", "Whether the port can carry packets.", &up);
        let hosts: Vec<_> = self
            .by_port_and_state()
            .into_iter()
            .map(|((name, state), count)| {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                (format!("{{{},state=\"{state}\"}}", port(name)), f64::from(count))
            })
            .collect();
        gauge(
            "hosts",
            "Addresses by port and by how far their proof is; all but candidates have routes.",
            &hosts,
        );
        for (name, count) in self.counters() {
            let _ = write!(text, "# TYPE rdnbrd_{name}_total counter\nrdnbrd_{name}_total {count}\n");
        }
        text
    }

    /// The JSON document.
    pub(super) fn into_report(self) -> Report {
        let head = Head {
            schema: 1,
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            uptime_s: seconds(self.now.0),
            degraded: self.degraded,
            table: self.table,
            protocol: self.protocol,
            ports: &self.ports,
        };
        let mut next = serde_json::to_string(&head).unwrap_or_default();
        // The object goes on with the hosts.
        next.pop();
        next.push_str(",\"hosts\":[");
        let counters = serde_json::Value::Object(self.counters());
        let names = self.ports.iter().map(|port| (IfIndex(port.index), port.name.clone())).collect();
        Report {
            next,
            hosts: self.hosts.into_iter(),
            names,
            tail: Some(format!("],\"counters\":{counters}}}\n")),
            now: self.now,
            first: true,
        }
    }
}

impl Report {
    /// Appends some more of it; false when there is nothing left.
    pub(super) fn write_some(&mut self, octets: &mut Vec<u8>) -> bool {
        octets.extend(std::mem::take(&mut self.next).into_bytes());
        let name = |interface| self.names.get(&interface).map_or("", String::as_str);
        for host in self.hosts.by_ref().take(HOSTS_AT_ONCE) {
            let line = HostLine {
                address: host.address,
                port: name(host.interface),
                mac: host.mac,
                state: state(&host),
                age_s: seconds(self.now.since(host.since)),
                last_answer_s: host.proven.then(|| seconds(self.now.since(host.heard))),
                settled: host.settled,
                moves: host.moves,
                rival: host.rival.map(|place| RivalLine { port: name(place.interface), mac: place.mac }),
            };
            if !std::mem::take(&mut self.first) {
                octets.push(b',');
            }
            // Writing into memory can't fail.
            let _ = serde_json::to_writer(&mut *octets, &line);
        }
        if self.hosts.len() == 0 {
            octets.extend(self.tail.take().unwrap_or_default().into_bytes());
        }
        self.tail.is_some()
    }
}

/// One word for how far the proof is.
fn state(host: &HostView) -> &'static str {
    match host.state {
        State::Candidate { .. } => "candidate",
        State::Live => "live",
        State::Probing { .. } if host.proven => "probing",
        State::Probing { .. } => "adopted",
    }
}

/// Seconds, to the millisecond.
fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e3).round() / 1e3
}

/// As the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u8, state: State, proven: bool) -> HostView {
        HostView {
            address: IpAddr::from([172, 16, 1, number]),
            interface: IfIndex(3),
            mac: proven.then_some(Mac([2, 0, 0, 0, 0, number])),
            state,
            proven,
            heard: Moment::millis(9_750),
            since: Moment::millis(4_000),
            settled: false,
            rival: None,
            moves: 0,
        }
    }

    fn facts(hosts: Vec<HostView>) -> Facts {
        let prefixes = BTreeSet::from(["172.16.1.1/24".parse().unwrap()]);
        Facts {
            now: Moment::millis(10_000),
            degraded: false,
            table: 254,
            protocol: 76,
            ports: vec![PortLine { name: "swp1".into(), index: 3, up: true, prefixes, hosts: hosts.len() }],
            hosts,
            counters: Counters { learned: 2, ..Counters::default() },
            doors: DoorCounters { packets_received: 5, ..DoorCounters::default() },
        }
    }

    fn document(facts: Facts) -> serde_json::Value {
        let (mut report, mut octets) = (facts.into_report(), Vec::new());
        while report.write_some(&mut octets) {}
        assert!(octets.ends_with(b"\n"));
        serde_json::from_slice(&octets).unwrap()
    }

    #[test]
    fn the_document_is_one_object_whatever_the_number_of_hosts() {
        for count in [0, 1, 255, 256, 257, 600] {
            let hosts =
                (0..count).map(|number: u32| host(number.to_le_bytes()[0], State::Live, true)).collect();
            let document = document(facts(hosts));
            assert_eq!(document["hosts"].as_array().unwrap().len(), count as usize);
            assert_eq!((&document["schema"], &document["counters"]["learned"]), (&1.into(), &2.into()));
        }
    }

    #[test]
    fn a_host_is_told_with_its_port_and_how_far_its_proof_is() {
        let hosts = vec![
            host(11, State::Live, true),
            host(12, State::Candidate { left: 2 }, false),
            host(13, State::Probing { left: 2 }, true),
            host(14, State::Probing { left: 2 }, false),
        ];
        let document = document(facts(hosts));
        let states: Vec<_> =
            document["hosts"].as_array().unwrap().iter().map(|host| &host["state"]).collect();
        assert_eq!(states, ["live", "candidate", "probing", "adopted"]);
        let first = &document["hosts"][0];
        assert_eq!((&first["address"], &first["port"]), (&"172.16.1.11".into(), &"swp1".into()));
        assert_eq!((&first["mac"], &first["last_answer_s"]), (&"02:00:00:00:00:0b".into(), &0.25.into()));
        assert_eq!(
            (&first["age_s"], &first["settled"], &first["moves"]),
            (&6.0.into(), &false.into(), &0.into())
        );
        assert!(first["rival"].is_null() && document["hosts"][3]["last_answer_s"].is_null());
        assert_eq!(document["ports"][0]["prefixes"][0], "172.16.1.1/24");
    }

    #[test]
    fn metrics_have_a_type_and_a_value_each() {
        let mut facts = facts(vec![host(11, State::Live, true)]);
        facts.ports[0].name = "a\"b\\".into();
        let text = facts.metrics();
        assert!(text.contains("rdnbrd_hosts{port=\"a\\\"b\\\\\",state=\"live\"} 1\n"), "{text}");
        assert!(text.contains("# TYPE rdnbrd_learned_total counter\nrdnbrd_learned_total 2\n"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (_, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
        }
    }
}
