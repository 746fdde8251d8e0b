//! A lab for a test: of its own name and state directory, gone at the end whatever happens, and the means to look
//! for what is left of it.

#![allow(clippy::disallowed_methods, clippy::missing_panics_doc, clippy::unwrap_used, missing_docs)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A spine, a leaf and a server, on documentation prefixes that nothing else on the machine uses.
const SMALL: &str = "\
fabric: small
defaults: { mtu: 9216 }
nodes:
  spine01: { role: spine, asn: 65020, loopback: 203.0.113.21, management: 198.51.100.21/24 }
  leaf01: { role: leaf, asn: 65011, loopback: 203.0.113.11, management: 198.51.100.11/24 }
  server01: { role: server, loopback: 203.0.113.31, management: 198.51.100.31/24, addresses: [192.0.2.251] }
links:
  - [leaf01:swp51, spine01:swp1]
  - [server01:eth1, leaf01:swp1]
networks:
  containers: { subnet: 192.0.2.0/24, gateway: 192.0.2.1 }
";

/// The interfaces of a lab's node that an inventory's author thinks of.
pub const NODES: [&str; 3] = ["leaf01", "server01", "spine01"];

static COUNT: AtomicUsize = AtomicUsize::new(0);

pub struct TestLab {
    pub name: String,
    pub state: PathBuf,
    inventory: PathBuf,
    directory: tempfile::TempDir,
}

impl TestLab {
    /// A place for a lab of three nodes; nothing runs yet.
    pub fn small() -> Self {
        let mut lab = Self::of(PathBuf::new());
        lab.inventory = lab.directory.path().join("fabric.yml");
        fs::write(&lab.inventory, SMALL).unwrap();
        lab
    }

    /// A place for a lab of the reference fabric.
    pub fn reference() -> Self {
        Self::of(Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory/reference"))
    }

    fn of(inventory: PathBuf) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "tests of the lab need root: run them with sudo");
        let directory = tempfile::tempdir().unwrap();
        // ssh looks into it as whoever runs it.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(directory.path(), mode).unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{number}", std::process::id());
        Self { name, state: directory.path().join("labs"), inventory, directory }
    }

    /// Another name in the same state directory, with the same inventory.
    pub fn sibling(&self) -> Self {
        let mut other = Self::of(self.inventory.clone());
        other.state.clone_from(&self.state);
        other
    }

    pub fn fabricctl(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fabricctl"));
        command.arg("--inventory").arg(&self.inventory).env("FABRICCTL_LAB_DIR", &self.state);
        command.stdin(Stdio::null());
        command
    }

    fn verb(&self, words: &[&str]) -> Command {
        let mut command = self.fabricctl();
        command.args(words).args(["--name", &self.name]);
        command
    }

    pub fn up_command(&self) -> Command {
        self.verb(&["lab", "up"])
    }

    pub fn up(&self) -> String {
        said(&self.up_command().output().unwrap())
    }

    pub fn start_up(&self) -> Child {
        self.up_command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub fn down(&self) -> String {
        said(&self.verb(&["lab", "down"]).output().unwrap())
    }

    pub fn path(&self) -> PathBuf {
        self.state.join(&self.name)
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("ssh_config")
    }

    pub fn ssh(&self, node: &str, command: &str) -> Output {
        Command::new("ssh").arg("-F").arg(self.config()).args([node, command]).output().unwrap()
    }

    /// What a command that must succeed prints on a node.
    pub fn on(&self, node: &str, command: &str) -> String {
        said(&self.ssh(node, command))
    }

    pub fn list(&self) -> Value {
        let output = self.fabricctl().args(["lab", "list", "-o", "json"]).output().unwrap();
        let labs: Value = serde_json::from_str(&said(&output)).unwrap();
        labs.as_array()
            .unwrap()
            .iter()
            .find(|lab| lab["name"] == self.name.as_str())
            .cloned()
            .unwrap_or(Value::Null)
    }

    /// Processes whose command line has the lab's directory in it.
    pub fn processes(&self) -> Vec<i32> {
        let directory = self.path();
        let directory = directory.to_str().unwrap().as_bytes();
        pids()
            .filter(|pid| {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                line.split(|octet| *octet == 0).any(|word| word == directory)
            })
            .collect()
    }

    /// PID 1 of a node.
    pub fn init(&self, node: &str) -> i32 {
        let named = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|octet| *octet == 0).any(|word| word == node.as_bytes())
        };
        self.processes().into_iter().find(named).unwrap()
    }

    /// Every process that is in a namespace of the lab. (The namespaces' own numbers are soon used again.)
    pub fn members(&self) -> BTreeSet<Member> {
        let own = namespaces_of("self");
        let all = self.processes().into_iter().flat_map(|pid| namespaces_of(&pid.to_string()));
        let namespaces: BTreeSet<u64> = all.filter(|namespace| !own.contains(namespace)).collect();
        pids()
            .filter(|pid| !namespaces_of(&pid.to_string()).is_disjoint(&namespaces))
            .filter_map(|pid| Some((pid, started(pid)?)))
            .collect()
    }

    /// Fails if anything of the lab is left; `members` were in its namespaces.
    pub fn assert_nothing_left(&self, members: &BTreeSet<Member>) {
        assert_eq!(self.processes(), Vec::<i32>::new(), "processes");
        assert!(!self.path().exists(), "{} exists", self.path().display());
        assert!(!self.state.exists() || fs::read_dir(&self.state).unwrap().count() == 0, "state directory");
        assert_eq!(self.control_groups(), Vec::<PathBuf>::new(), "control groups");
        let directory = self.path();
        for pid in pids() {
            let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
            assert!(!mounts.contains(directory.to_str().unwrap()), "process {pid} has a mount of the lab");
        }
        for (pid, start) in members {
            assert_ne!(started(*pid).as_ref(), Some(start), "process {pid} is in a namespace of the lab");
        }
    }

    /// The lab's groups in all hierarchies.
    pub fn control_groups(&self) -> Vec<PathBuf> {
        let root = Path::new("/sys/fs/cgroup");
        let hierarchies = fs::read_dir(root).unwrap().flatten().map(|entry| entry.path());
        std::iter::once(root.to_owned())
            .chain(hierarchies)
            .filter_map(|hierarchy| fs::read_dir(hierarchy).ok())
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                name.starts_with(&format!("fabricctl-{}-", self.name))
            })
            .collect()
    }
}

/// A process and when it started, in the kernel's ticks: the number alone is used again.
pub type Member = (i32, String);

fn started(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    (fields.first() != Some(&"Z")).then(|| fields.get(19).map(|field| (*field).to_owned()))?
}

impl Drop for TestLab {
    fn drop(&mut self) {
        let _ = self.verb(&["lab", "down"]).stdout(Stdio::null()).output();
    }
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn namespaces_of(pid: &str) -> BTreeSet<u64> {
    ["net", "mnt", "uts", "pid", "ipc", "cgroup"]
        .iter()
        .filter_map(|kind| fs::metadata(format!("/proc/{pid}/ns/{kind}")).ok())
        .map(|namespace| namespace.ino())
        .collect()
}

/// The standard output of a program that must have succeeded.
pub fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The machine's own network configuration: links, addresses, routes, rules, packet filters, kernel settings.
pub fn host_network() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for words in [
        "ip -j link",
        "ip -j -4 route show table all",
        "ip -j -6 route show table all",
        "ip -j rule",
        "ip -j neigh show nud permanent",
        "ip netns list",
        "nft -s list ruleset",
        "iptables-save",
    ] {
        let mut parts = words.split(' ');
        let output = Command::new(parts.next().unwrap()).args(parts).output();
        // What isn't installed can't have been used to configure anything; `ip` itself must be there.
        assert!(output.is_ok() || !words.starts_with("ip "), "{words}: iproute2 is not installed");
        let text =
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        // iptables-save writes comments with the time.
        let text = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        all.push((words.to_owned(), text));
    }
    let output = Command::new("ip").args(["-j", "addr"]).output().unwrap();
    let mut addresses: Value = serde_json::from_slice(&output.stdout).unwrap();
    for address in addresses.as_array_mut().unwrap().iter_mut() {
        for info in address["addr_info"].as_array_mut().unwrap() {
            let info = info.as_object_mut().unwrap();
            info.remove("valid_life_time");
            info.remove("preferred_life_time");
        }
    }
    all.push(("ip -j addr".to_owned(), addresses.to_string()));
    for tree in ["net/ipv4", "net/core", "net/ipv6/conf", "vm", "kernel"] {
        settings(&Path::new("/proc/sys").join(tree), &mut all);
    }
    all
}

/// Kernel settings; those that count something or are made up by the kernel itself are left out.
fn settings(path: &Path, all: &mut Vec<(String, String)>) {
    const MOVING: [&str; 5] = ["random", "ns_last_pid", "nf_conntrack", "tcp_fastopen_key", "stable_secret"];
    let name = path.display().to_string();
    if MOVING.iter().any(|moving| name.contains(moving)) {
        return;
    }
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path).unwrap().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for entry in entries {
            settings(&entry, all);
        }
    } else if let Ok(value) = fs::read_to_string(path) {
        all.push((name, value));
    }
}
