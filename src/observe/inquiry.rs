//! The question to one device for what the checks look at.

use super::script::{LIBRARY, Question, drift_text};
use crate::fabric::{Fabric, ImageSource, Node, PortKind, Role};
use crate::planner::{self, RDNBRD_PATH};
use crate::remote::{Attachment, quote_all};
use crate::verify::Section;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The functions, constant.
const FACTS: &str = include_str!("facts.sh");
/// The prober.
const PROBE: &str = include_str!("probe.py");
/// The TCP port that is probed; a refusal is an answer, too.
const PROBED_PORT: u16 = 80;
/// Above this many containers each asks only so many others, spread over all.
const PROBED_TARGETS: usize = 256;

/// What is asked of one device: the sections, and the names that they need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inquiry {
    /// The parts.
    pub sections: BTreeSet<Section>,
    services: Vec<String>,
    /// Ports with a link; behind the `=` an address of the far end, where it has one.
    cables: Vec<String>,
    /// Containers that say in their log when their leaf knows them.
    identifying: Vec<String>,
    /// Containers that are asked whom they reach: name, address, MTU.
    probed: Vec<(String, Ipv4Addr, u32)>,
    targets: Vec<Ipv4Addr>,
    /// Prefixes that BGP is asked for.
    prefixes: Vec<Ipv4Net>,
    /// Containers that are looked into.
    opened: Vec<String>,
    /// The node's part.
    role: Option<Role>,
}

impl Inquiry {
    /// What to ask a node, of these sections those that concern its role.
    pub fn of(fabric: &Fabric, node: &Node, sections: &BTreeSet<Section>) -> Self {
        let sections: BTreeSet<Section> =
            sections.iter().copied().filter(|section| section.concerns(node.role)).collect();
        let mut services: Vec<String> = planner::services(node).into_keys().collect();
        services.push("ssh".to_owned());
        let far_end = |port: &crate::fabric::Port| {
            let far = fabric.nodes.get(&port.peer.node)?.port(&port.peer.port)?;
            let address = far.addresses.first().map(Ipv4Net::addr)?;
            Some(address.to_string())
        };
        let cables =
            node.ports.iter().map(|port| format!("{}={}", port.name, far_end(port).unwrap_or_default()));
        let role = Some(node.role);
        let mut inquiry = Self { cables: cables.collect(), services, sections, role, ..Self::default() };
        if node.role == Role::Server {
            inquiry.containers(fabric, node);
        }
        inquiry
    }

    /// With the prefixes that [`Section::Paths`] asks for.
    #[must_use]
    pub fn tracing(mut self, prefixes: impl IntoIterator<Item = Ipv4Net>) -> Self {
        self.prefixes = prefixes.into_iter().collect();
        self
    }

    /// With the containers that [`Section::Inside`] looks into, of those that this node should run.
    #[must_use]
    pub fn opening(mut self, containers: &BTreeSet<String>) -> Self {
        self.opened = self
            .probed
            .iter()
            .map(|(name, ..)| name)
            .filter(|name| containers.contains(*name))
            .cloned()
            .collect();
        self
    }

    /// With other targets than all containers for [`Section::Probes`].
    #[must_use]
    pub fn probing(mut self, targets: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        self.targets = targets.into_iter().collect();
        self
    }

    /// A question for some sections only, which need no names.
    pub fn plain(sections: impl IntoIterator<Item = Section>) -> Self {
        Self { sections: sections.into_iter().collect(), ..Self::default() }
    }

    fn containers(&mut self, fabric: &Fabric, node: &Node) {
        for workload in fabric.workloads_on(&node.name) {
            let built =
                fabric.images.get(&workload.image).is_some_and(|image| image.source == ImageSource::Build);
            if built {
                self.identifying.push(workload.name.clone());
            }
            let mtu = node
                .ports_of(PortKind::Data)
                .find(|port| port.networks.contains(&workload.network))
                .map_or(1500, |port| port.mtu);
            self.probed.push((workload.name.clone(), workload.address, mtu));
        }
        if self.sections.contains(&Section::Probes) {
            let all = fabric.workloads.len();
            let step = all.div_ceil(PROBED_TARGETS).max(1);
            self.targets = fabric.workloads.values().step_by(step).map(|workload| workload.address).collect();
        }
    }

    /// The whole script; `word` is one that no answer holds.
    pub(super) fn script(&self, word: &str) -> String {
        let words = |list: &[String]| quote_all(list.iter().map(String::as_str));
        let probed: Vec<String> = self.probed.iter().map(|(name, ..)| name.clone()).collect();
        let prefixes: Vec<String> = self.prefixes.iter().map(Ipv4Net::to_string).collect();
        let mut text = [LIBRARY, FACTS].concat();
        let asks = |section| self.sections.contains(&section);
        let _ = writeln!(text, "word={word}");
        if asks(Section::Clock) {
            text.push_str("part clock date +%s.%N\n");
        }
        // What takes its time begins first.
        let (cables, probing) = (asks(Section::Cables), asks(Section::Probes) && !probed.is_empty());
        if probing {
            let _ = writeln!(text, "begin probes probe {}", words(&probed));
        }
        let drift = asks(Section::Drift);
        if drift {
            text.push_str("begin drift sh \"$work/drift\"\n");
        }
        if cables {
            let _ = writeln!(text, "begin neighbors cables {}", words(&self.cables));
            text.push_str("begin lldp lldp\n");
        }
        for (section, name, command) in [
            (Section::Rib, "rib", "router 'show ip route json'".to_owned()),
            (Section::Fib, "fib", "ip -j -4 route show table all".to_owned()),
            (Section::Bgp, "bgp", "router 'show bgp neighbors json'".to_owned()),
            (Section::Links, "links", "ip -j addr show".to_owned()),
            (Section::Daemon, "daemon", format!("{RDNBRD_PATH} status -o json")),
            (Section::Services, "services", format!("services {}", words(&self.services))),
            (Section::Docker, "docker", "engine".to_owned()),
            (Section::Logs, "logs", format!("logs {}", words(&self.identifying))),
            (Section::Paths, "paths", format!("paths {}", words(&prefixes))),
            (Section::Config, "config", "router 'show running-config'".to_owned()),
            (Section::Settings, "settings", "settings".to_owned()),
            (Section::Inside, "inside", format!("inside {}", words(&self.opened))),
        ] {
            if asks(section) {
                let _ = writeln!(text, "part {name} {command}");
            }
        }
        if asks(Section::Neighbors) && !cables {
            text.push_str("part neighbors ip -j neigh show\n");
        }
        if cables || probing || drift {
            text.push_str("wait\n");
        }
        for (asked, name) in [(cables, "neighbors"), (cables, "lldp"), (probing, "probes"), (drift, "drift")]
        {
            if asked {
                let _ = writeln!(text, "end {name}");
            }
        }
        text.push_str("mark done\n");
        text
    }

    /// What travels with the script; `word` is the script's.
    pub(super) fn attachments(&self, word: &str) -> Vec<Attachment> {
        let mut attached = Vec::new();
        let mut attach = |name: &str, content: String| {
            attached.push(Attachment { name: name.to_owned(), content: content.into_bytes() });
        };
        if self.sections.contains(&Section::Drift) {
            let question = Question { role: self.role, ..Question::default() };
            // Whoever looks at everything needn't wait for one that is at work: then there is nothing to say.
            attach("drift", drift_text(&question, &drift_word(word), 0));
        }
        if self.sections.contains(&Section::Probes) && !self.probed.is_empty() {
            attach("probe.py", PROBE.to_owned());
            attach("plan", self.plan());
        }
        attached
    }

    /// What the prober is to do.
    fn plan(&self) -> String {
        let mut plan = format!("port {PROBED_PORT}\n");
        for (name, address, octets) in &self.probed {
            let _ = writeln!(plan, "from {name} {address} {octets}");
        }
        for target in &self.targets {
            let _ = writeln!(plan, "to {target}");
        }
        plan
    }
}

/// The word of the script within the script: its marks are no marks of the outer one.
pub(super) fn drift_word(word: &str) -> String {
    format!("{word}-drift")
}
