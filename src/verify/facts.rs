//! What the devices answered, as the checks look at it: one round of one question to each device.

use super::drift::Evidence;
use crate::fabric::{NodeName, Role};
use crate::parse::{
    BgpNeighbor, BgpPrefix, Container, DockerImage, DockerNetwork, Inside, Interface, KernelNeighbor,
    KernelRoute, LldpNeighbor, NeighborStatus, Probes, Rib,
};
use ipnet::Ipv4Net;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A part of the question to a device. A check asks for the sections it looks at; each is asked once, however many
/// checks want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// FRR's IPv4 routes.
    Rib,
    /// The kernel's IPv4 routes.
    Fib,
    /// FRR's BGP neighbours.
    Bgp,
    /// Interfaces and their addresses.
    Links,
    /// The kernel's neighbour tables, after everybody on the ports between nodes was asked to speak.
    Cables,
    /// The kernel's neighbour tables as they are.
    Neighbors,
    /// rdnbrd's hosts.
    Daemon,
    /// Docker's containers, networks and images.
    Docker,
    /// What containers logged of themselves.
    Logs,
    /// Which services run and start with the device.
    Services,
    /// What the device's clock shows.
    Clock,
    /// What containers reach.
    Probes,
    /// How BGP came by certain prefixes.
    Paths,
    /// FRR's configuration in effect.
    Config,
    /// The kernel's settings for routers.
    Settings,
    /// What certain containers see from within.
    Inside,
    /// What the last run put there, and what of it is there.
    Drift,
    /// What is installed on the device.
    Release,
    /// Runs of this tool that are neither confirmed nor undone.
    Runs,
}

impl Section {
    /// Whether devices of a role have anything to say to it.
    pub fn concerns(self, role: Role) -> bool {
        match self {
            Section::Rib
            | Section::Fib
            | Section::Bgp
            | Section::Paths
            | Section::Config
            | Section::Settings => role.routes(),
            Section::Daemon | Section::Neighbors => role == Role::Leaf,
            Section::Docker | Section::Logs | Section::Probes | Section::Inside => role == Role::Server,
            Section::Links
            | Section::Cables
            | Section::Services
            | Section::Clock
            | Section::Drift
            | Section::Release
            | Section::Runs => true,
        }
    }
}

/// An answer to one section: `None` if it wasn't asked, else what was read, or why it couldn't be.
pub type Answer<T> = Option<Result<T, Fault>>;

/// Why a section has no answer although its device was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The command that was asked.
    pub command: String,
    /// What it said, or what is wrong with its answer.
    pub said: String,
    /// The program isn't on the device, so that nothing can be said.
    pub absent: bool,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is wrong with an answer names the command itself.
        if self.said.contains(&format!("`{}`", self.command)) {
            f.write_str(&self.said)
        } else {
            write!(f, "`{}` failed: {}", self.command, self.said)
        }
    }
}

/// Everything that one device answered in one round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// FRR's IPv4 routes.
    pub rib: Answer<Rib>,
    /// The kernel's IPv4 routes of all tables.
    pub fib: Answer<Vec<KernelRoute>>,
    /// FRR's BGP neighbours, by interface.
    pub bgp: Answer<BTreeMap<String, BgpNeighbor>>,
    /// Interfaces by name.
    pub links: Answer<BTreeMap<String, Interface>>,
    /// The kernel's neighbour tables.
    pub neighbors: Answer<Vec<KernelNeighbor>>,
    /// LLDP's neighbours, by interface; empty where no LLDP daemon runs.
    pub lldp: BTreeMap<String, LldpNeighbor>,
    /// rdnbrd's hosts.
    pub daemon: Answer<NeighborStatus>,
    /// Docker's objects.
    pub docker: Answer<Docker>,
    /// The last lines that containers logged, by container.
    pub logs: Answer<BTreeMap<String, String>>,
    /// The services that were asked for.
    pub services: Answer<BTreeMap<String, Service>>,
    /// The clock.
    pub clock: Answer<Clock>,
    /// What containers reach.
    pub probes: Answer<Probes>,
    /// How BGP came by the prefixes that were asked for; nothing stands at those that it doesn't know.
    pub paths: Answer<BTreeMap<Ipv4Net, BgpPrefix>>,
    /// FRR's configuration in effect: its lines, each with the contexts it stands in.
    pub config: Answer<BTreeSet<String>>,
    /// Kernel settings by their path below `/proc/sys`.
    pub settings: Answer<BTreeMap<String, String>>,
    /// Containers from within, those that were asked for and run.
    pub inside: Answer<BTreeMap<String, Inside>>,
    /// What the last run put there, and what of it is there.
    pub drift: Answer<Evidence>,
    /// What is installed.
    pub release: Answer<Release>,
    /// Runs that are neither confirmed nor undone.
    pub runs: Answer<Vec<OpenRun>>,
}

impl Facts {
    /// Takes over what a later round answered; what it didn't ask for stays.
    pub fn update(&mut self, later: Self) {
        fn newer<T>(old: &mut Answer<T>, new: Answer<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        newer(&mut self.rib, later.rib);
        newer(&mut self.fib, later.fib);
        newer(&mut self.bgp, later.bgp);
        newer(&mut self.links, later.links);
        if later.neighbors.is_some() {
            (self.neighbors, self.lldp) = (later.neighbors, later.lldp);
        }
        newer(&mut self.daemon, later.daemon);
        newer(&mut self.docker, later.docker);
        newer(&mut self.logs, later.logs);
        newer(&mut self.services, later.services);
        newer(&mut self.clock, later.clock);
        newer(&mut self.probes, later.probes);
        newer(&mut self.paths, later.paths);
        newer(&mut self.config, later.config);
        newer(&mut self.settings, later.settings);
        newer(&mut self.inside, later.inside);
        newer(&mut self.drift, later.drift);
        newer(&mut self.release, later.release);
        newer(&mut self.runs, later.runs);
    }
}

/// What a server's engine holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Docker {
    /// Containers by name.
    pub containers: BTreeMap<String, Container>,
    /// Networks by name.
    pub networks: BTreeMap<String, DockerNetwork>,
    /// Images.
    pub images: Vec<DockerImage>,
}

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// It runs.
    pub running: bool,
    /// It starts with the device; `None` if that can't be told.
    pub enabled: Option<bool>,
    /// Daemons of it that were started and are gone.
    pub dead: Vec<String>,
}

/// What is installed on a device, as its packages call it; empty where it isn't.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The operating system.
    pub os: String,
    /// FRR, or Quagga.
    pub frr: Option<String>,
    /// Docker Engine.
    pub docker: Option<String>,
}

/// A run that is neither confirmed nor undone on a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenRun {
    /// Its name.
    pub run: String,
    /// `user@host` of the machine that it ran on, or runs on.
    pub who: String,
    /// In how many seconds the device puts back what was there before, unless it hears of the run.
    pub left_s: i64,
    /// It waits for a person to confirm it.
    pub by_hand: bool,
}

/// A device's clock against this machine's, as far as the time that the question took allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// How far it is ahead, in seconds; negative if it is behind.
    pub offset_s: f64,
    /// How wrong that can be, in seconds: half of the time between question and answer.
    pub error_s: f64,
}

/// What all devices answered in one round; a device that couldn't be asked says why.
pub type World = BTreeMap<NodeName, Result<Facts, String>>;

/// The sections of a question, by device.
pub type Sections = BTreeMap<NodeName, BTreeSet<Section>>;
