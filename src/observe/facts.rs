//! Asks a device, in one exec, for what the checks look at.
#![expect(clippy::disallowed_methods, reason = "the device's clock is compared with this machine's")]

use super::drift::evidence;
use super::inquiry::{Inquiry, drift_word};
use super::sections::{Answers, Cutter, draw_word};
use super::{AskError, BUSY, ObserveError};
use crate::parse::{self, KernelRoutesReader, ParseError, RibReader};
use crate::remote::{Script, Session};
use crate::verify::drift::Evidence;
use crate::verify::{Answer, Clock, Docker, Facts, Fault, OpenRun, Release, Section, Service};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Asks one device; nothing on it changes.
///
/// # Errors
/// When the script can't run to its end. That a program of the device fails, or answers what can't be read, is no
/// error here: it is in the facts.
pub async fn facts(session: &Session, inquiry: &Inquiry, timeout: Duration) -> Result<Facts, AskError> {
    let word = draw_word();
    let script = Script { text: inquiry.script(&word), attachments: inquiry.attachments(&word), timeout };
    let (mut hearing, mut cutter, sent) = (Hearing::default(), Cutter::new(&word), now());
    let output = session
        .stream(&script, |octets| cutter.push(octets, |name, octets| hearing.listen(name, octets)))
        .await?;
    let answers = cutter.end(|name, octets| hearing.listen(name, octets));
    if answers.get("done").is_none() {
        return Err(ObserveError::Short(output.stderr.trim().to_owned()).into());
    }
    Ok(read(&answers, hearing, inquiry, &word, sent))
}

/// Reads what a device once said to a question, by the word of its marks.
pub fn recorded(inquiry: &Inquiry, word: &str, said: &[u8]) -> Facts {
    let (mut hearing, mut cutter) = (Hearing::default(), Cutter::new(word));
    cutter.push(said, |name, octets| hearing.listen(name, octets));
    let answers = cutter.end(|name, octets| hearing.listen(name, octets));
    let then = hearing.clock.unwrap_or_else(now);
    read(&answers, hearing, inquiry, word, then)
}

/// What isn't kept until the end of an answer.
#[derive(Default)]
struct Hearing {
    /// When the device's clock was heard.
    clock: Option<f64>,
    /// Tables of routes can be large.
    rib: RibReader,
    fib: KernelRoutesReader,
}

impl Hearing {
    /// Takes a piece of an answer; `false` leaves it to others.
    fn listen(&mut self, name: &str, octets: &[u8]) -> bool {
        match name {
            "rib" => self.rib.push(octets),
            "fib" => self.fib.push(octets),
            "clock" => {
                self.clock.get_or_insert_with(now);
                return false;
            }
            _ => return false,
        }
        true
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn read(answers: &Answers, hearing: Hearing, inquiry: &Inquiry, word: &str, sent: f64) -> Facts {
    let heard = hearing.clock.unwrap_or(sent);
    let one = Reader { answers, inquiry };
    let tables =
        if inquiry.sections.contains(&Section::Cables) { Section::Cables } else { Section::Neighbors };
    Facts {
        rib: one.of(Section::Rib, "rib", "show ip route json", |_| hearing.rib.end()),
        fib: one.of(Section::Fib, "fib", "ip -j -4 route show table all", |_| hearing.fib.end()),
        bgp: one.of(Section::Bgp, "bgp", "show bgp neighbors json", parse::frr_bgp_neighbors),
        links: one.of(Section::Links, "links", "ip -j addr show", parse::ip_addresses),
        neighbors: one.of(tables, "neighbors", "ip -j neigh show", parse::ip_neighbors),
        lldp: parse::lldp_neighbors(&answers.text("lldp")),
        daemon: one.of(Section::Daemon, "daemon", "rdnbrd status -o json", parse::neighbor_status),
        docker: one.of(Section::Docker, "docker", "docker inspect", docker),
        logs: one.of(Section::Logs, "logs", "docker logs", |text| Ok(logs(text))),
        services: one.of(Section::Services, "services", "service --status-all", |text| Ok(services(text))),
        clock: one.of(Section::Clock, "clock", "date +%s.%N", |text| clock(text, sent, heard)),
        probes: one.of(Section::Probes, "probes", "the prober", parse::probes),
        paths: one.of(Section::Paths, "paths", "show bgp ipv4 unicast PREFIX json", |text| {
            let mut known = parse::frr_bgp_paths(text)?;
            for prefix in &inquiry.prefixes {
                known.entry(*prefix).or_default();
            }
            Ok(known)
        }),
        config: one
            .of(Section::Config, "config", "show running-config", |text| Ok(parse::frr_running_config(text))),
        settings: one.of(Section::Settings, "settings", "sysctl -a", |text| Ok(settings(text))),
        inside: one.of(Section::Inside, "inside", "nsenter --net", parse::insides),
        drift: one.drift(word),
        release: one.of(Section::Release, "release", "dpkg-query -W", |text| Ok(release(text))),
        runs: one.of(Section::Runs, "runs", "cat /var/lib/fabricctl/runs/*", |text| Ok(runs(text))),
    }
}

struct Reader<'a> {
    answers: &'a Answers,
    inquiry: &'a Inquiry,
}

impl Reader<'_> {
    /// Reads one part, if it was asked. An answer that can be read counts, whatever its program's exit status.
    fn of<T>(
        &self,
        section: Section,
        name: &str,
        command: &str,
        read: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Answer<T> {
        if !self.inquiry.sections.contains(&section) {
            return None;
        }
        let body = self.answers.get(name)?;
        let text = String::from_utf8_lossy(body);
        let (status, complaint) = self.ended(name);
        let answer = read(&text);
        if status != "0" {
            // What was read while it came isn't kept; the error holds what it said instead.
            let said = match &answer {
                Err(ParseError::Refused { answer, .. }) => answer,
                _ => &*text,
            };
            return Some(Err(fault(command, &status, &complaint, said)));
        }
        Some(answer.map_err(|error| Fault { command: command.to_owned(), said: told(&error), absent: false }))
    }

    /// How a part ended, and what it complained of.
    fn ended(&self, name: &str) -> (String, String) {
        let ended = self.answers.text(&format!("{name}.end"));
        let (status, complaint) = ended.trim().split_once('\n').unwrap_or((ended.trim(), ""));
        (status.to_owned(), complaint.to_owned())
    }

    fn drift(&self, word: &str) -> Answer<Evidence> {
        if !self.inquiry.sections.contains(&Section::Drift) {
            return None;
        }
        let body = self.answers.get("drift")?;
        let (status, complaint) = self.ended("drift");
        let fault = |said: String, absent| Fault { command: RECORD.to_owned(), said, absent };
        if status == BUSY.to_string() {
            // What is halfway is neither as it was nor as it is to be.
            return Some(Err(fault("another run is at work".to_owned(), true)));
        }
        Some(evidence(&drift_word(word), body, &complaint).map_err(|error| fault(told(&error), false)))
    }
}

/// The command by which a person asks the same.
const RECORD: &str = "fabricctl verify drift";

/// A program that failed: what it complained of, else what it said, else how it ended.
fn fault(command: &str, status: &str, complaint: &str, said: &str) -> Fault {
    let line = complaint.lines().chain(said.lines()).map(str::trim).find(|line| !line.is_empty());
    let said = match line {
        // Many programs begin with their own name.
        Some(line) => {
            let own = command.split(' ').next().map(|program| format!("{program}: ")).unwrap_or_default();
            line.strip_prefix(&own).unwrap_or(line).chars().take(200).collect()
        }
        None => format!("it ended with status {status}"),
    };
    Fault { command: command.to_owned(), said, absent: status == "127" }
}

/// An error and its causes.
fn told(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

fn docker(text: &str) -> Result<Docker, ParseError> {
    let objects = parse::docker_objects(text)?;
    Ok(Docker {
        containers: objects.containers.into_iter().map(|one| (one.name.clone(), one)).collect(),
        networks: objects.networks.into_iter().map(|one| (one.name.clone(), one)).collect(),
        images: objects.images,
    })
}

/// Lines of a container's name and what it said.
fn logs(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, said)| (name.to_owned(), said.trim().to_owned())).collect()
}

/// Lines of `NAME running|stopped enabled|disabled|unknown [DEAD-DAEMON…]`.
fn services(text: &str) -> BTreeMap<String, Service> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(runs), Some(starts)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let enabled = match starts {
            "enabled" => Some(true),
            "disabled" => Some(false),
            _ => None,
        };
        let dead = words.map(str::to_owned).collect();
        found.insert(name.to_owned(), Service { running: runs == "running", enabled, dead });
    }
    found
}

/// The lines of os-release, then lines of `PACKAGE VERSION STATUS`.
fn release(text: &str) -> Release {
    let version = |names: [&str; 2]| {
        text.lines().find_map(|line| {
            let mut words = line.split(' ');
            let named = words.next().is_some_and(|name| names.contains(&name));
            let version = words.next().filter(|_| named)?;
            // Debian puts an epoch before a colon and its own revision behind a dash or plus: 5:26.1.5+dfsg1-9.
            let plain = version.rsplit(':').next()?.split(['-', '+', '~']).next()?;
            (words.next() == Some("installed")).then(|| plain.to_owned())
        })
    };
    Release {
        os: parse::os_pretty_name(text),
        frr: version(["frr", "quagga"]),
        docker: version(["docker.io", "docker-ce"]),
    }
}

/// Lines of `RUN SECONDS auto|manual WHO`.
fn runs(text: &str) -> Vec<OpenRun> {
    let run = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let (run, left_s) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        let by_hand = words.next()? == "manual";
        Some(OpenRun { run, left_s, by_hand, who: words.next().unwrap_or_default().to_owned() })
    };
    text.lines().filter_map(run).collect()
}

/// Lines of grep: the setting's path, a colon, its value.
fn settings(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("/proc/sys/")?.split_once(':'));
    lines.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

/// The device read its clock some time between the question and the first of its answer.
fn clock(text: &str, sent: f64, heard: f64) -> Result<Clock, ParseError> {
    let text = text.trim();
    let Ok(shown) = text.parse::<f64>() else {
        return Err(ParseError::Value { what: "date +%s.%N", wanted: "seconds", found: text.to_owned() });
    };
    let (middle, error_s) = (f64::midpoint(sent, heard), (heard - sent).abs() / 2.0);
    Ok(Clock { offset_s: shown - middle, error_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::NodeName;
    use crate::parse::NeighborStatus;
    use crate::verify::{self, CheckName, Scope, World};
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    fn reading(sections: &[Section], said: &str) -> Facts {
        let inquiry = Inquiry::plain(sections.iter().copied());
        let (mut cutter, mut hearing) = (Cutter::new("w"), Hearing::default());
        cutter.push(said.as_bytes(), |name, octets| hearing.listen(name, octets));
        hearing.clock = hearing.clock.and(Some(100.5));
        let answers = cutter.end(|name, octets| hearing.listen(name, octets));
        read(&answers, hearing, &inquiry, "w", 100.0)
    }

    #[test]
    fn what_was_not_asked_has_no_answer_and_what_failed_says_why() {
        let said = "\n@@w clock\n1000.25\n\n@@w clock.end\n0\n\n@@w links\nnope\n\n@@w links.end\n0\n\
            \n@@w daemon\n\n@@w daemon.end\n127\nsh: 1: rdnbrd: not found\n\n@@w done\n";
        let facts = reading(&[Section::Clock, Section::Links, Section::Daemon], said);
        assert_eq!(facts.clock, Some(Ok(Clock { offset_s: 900.0, error_s: 0.25 })));
        let links = facts.links.unwrap().unwrap_err();
        assert_eq!(links.to_string(), "`ip -j addr show` was answered by \"nope\"");
        let daemon = facts.daemon.unwrap().unwrap_err();
        assert!(daemon.absent);
        assert_eq!(daemon.to_string(), "`rdnbrd status -o json` failed: sh: 1: rdnbrd: not found");
        assert!(facts.rib.is_none() && facts.docker.is_none());
    }

    #[test]
    fn tables_are_read_while_they_come() {
        let said = "\n@@w rib\n{\"10.0.0.1/32\":[{\"protocol\":\"bgp\"}]}\n\n@@w rib.end\n0\n\
            \n@@w fib\nError: ipv4: FIB table does not exist.\n\n@@w fib.end\n2\n\n@@w done\n";
        let facts = reading(&[Section::Rib, Section::Fib], said);
        assert_eq!(facts.rib.unwrap().unwrap().routes.len(), 1);
        let fib = facts.fib.unwrap().unwrap_err().to_string();
        assert_eq!(fib, "`ip -j -4 route show table all` failed: Error: ipv4: FIB table does not exist.");
    }

    #[test]
    fn releases_and_open_runs_are_read() {
        let said = "\n@@w release\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n\
            docker.io 20.10.24+dfsg1-1+deb12u1 installed\nfrr 8.4.4-1.1 config-files\n\n@@w release.end\n0\n\
            \n@@w runs\n20261122T090834Z-002f 87 manual root@here\nnonsense\n\n@@w runs.end\n0\n\n@@w done\n";
        let facts = reading(&[Section::Release, Section::Runs], said);
        let release = facts.release.unwrap().unwrap();
        assert_eq!(release.os, "Debian GNU/Linux 12 (bookworm)");
        assert_eq!((release.frr, release.docker.as_deref()), (None, Some("20.10.24")));
        let run = OpenRun {
            run: "20261122T090834Z-002f".into(),
            who: "root@here".into(),
            left_s: 87,
            by_hand: true,
        };
        assert_eq!(facts.runs, Some(Ok(vec![run])));
    }

    #[test]
    fn services_and_logs_are_read_by_name() {
        let said = "\n@@w services\nfrr running enabled bgpd \nrdnbrd stopped unknown \n\n@@w services.end\n0\n\
            \n@@w logs\nweb11 web11 is known to its leaf 172.16.1.1\nweb12 \n\n@@w logs.end\n0\n\n@@w done\n";
        let facts = reading(&[Section::Services, Section::Logs], said);
        let services = facts.services.unwrap().unwrap();
        assert_eq!(
            services["frr"],
            Service { running: true, enabled: Some(true), dead: vec!["bgpd".into()] }
        );
        assert_eq!(services["rdnbrd"], Service::default());
        let logs = facts.logs.unwrap().unwrap();
        assert_eq!((&*logs["web11"], &*logs["web12"]), ("web11 is known to its leaf 172.16.1.1", ""));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_device_and_command() {
        let text = include_str!("../../inventory/reference/fabric.yml");
        let fabric = crate::inventory::read("fabric.yml", text, std::path::Path::new(".")).unwrap();
        let checks: BTreeSet<CheckName> = CheckName::all().collect();
        let mut told = BTreeSet::new();
        for name in ["leaf01", "server01"].map(|name| NodeName::new(name).unwrap()) {
            let nodes = BTreeSet::from([name.clone()]);
            let scope = Scope { fabric: &fabric, nodes: &nodes };
            let asked = &verify::sections(&scope, &checks)[&name];
            let mut said = String::new();
            for part in
                ["clock", "rib", "fib", "bgp", "links", "neighbors", "daemon", "docker", "probes", "drift"]
            {
                let _ = write!(said, "\n@@w {part}\n<garbage>\n\n@@w {part}.end\n0\n");
            }
            let facts = recorded(&Inquiry::of(&fabric, &fabric.nodes[&name], asked), "w", said.as_bytes());
            // With interfaces and a daemon that can be read, what is held against them is looked at.
            let mut later = facts.clone();
            (later.links, later.daemon) = (Some(Ok(BTreeMap::new())), Some(Ok(NeighborStatus::default())));
            for facts in [facts, later] {
                let world = World::from([(name.clone(), Ok(facts))]);
                for finding in verify::judge(&scope, &checks, &world) {
                    assert_eq!(finding.node, name);
                    let reason = finding.reason.filter(|_| !finding.ok).unwrap_or_default();
                    told.extend(reason.split('`').nth(1).map(str::to_owned));
                }
            }
        }
        let commands = [
            "date +%s.%N",
            "docker inspect",
            "fabricctl verify drift",
            "ip -j -4 route show table all",
            "ip -j addr show",
            "ip -j neigh show",
            "rdnbrd status -o json",
            "show bgp neighbors json",
            "show ip route json",
            "the prober",
        ];
        assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), commands);
    }
}
