//! A lab with a small fabric that goes back and forth between two desired states.

use super::node::Node;
use super::support::{Lab, Ran};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The devices that a change touches, in the order of their waves.
pub const CHANGED: [&str; 2] = ["leaf01", "server01"];
/// All devices.
pub const NODES: [&str; 3] = ["spine01", "leaf01", "server01"];
/// How long a device waits to hear of a run: the least there is.
pub const GUARD: Duration = Duration::from_secs(10);

/// What templates have in one state, and what they have instead in the other.
const CHANGES: [(&str, &str, &str); 6] = [
    ("etc/frr/frr.conf.j2", " coalesce-time 100", " coalesce-time {{ 120 if node.role == 'leaf' else 100 }}"),
    ("etc/frr/frr.conf.j2", " timers connect 1", " timers connect {{ 2 if node.role == 'leaf' else 1 }}"),
    ("etc/frr/frr.conf.j2", " ra-interval 1", " ra-interval {{ 2 if node.role == 'leaf' else 1 }}"),
    (
        "etc/sysctl.d/90-fabricctl.conf.j2",
        "hash_policy = 1",
        "hash_policy = {{ 0 if node.role == 'leaf' else 1 }}",
    ),
    (
        "etc/network/interfaces.j2",
        "node.loopback }}/32",
        "node.loopback }}/32{{ '\\n    address 203.0.113.9/32' if node.role == 'leaf' }}",
    ),
    ("etc/docker/daemon.json.j2", "\"max-size\": \"1m\"", "\"max-size\": \"2m\""),
];

pub type Fingerprints = BTreeMap<&'static str, String>;

pub struct Rig {
    pub lab: Lab,
    /// Where the lab lives.
    directory: PathBuf,
    /// Where runs keep their temporary files.
    pub temporary: tempfile::TempDir,
    /// Which of the two states is deployed.
    pub state: usize,
    /// What the devices are now.
    pub now: Fingerprints,
    /// What they are in each state, but for what is different each time.
    known: [Fingerprints; 2],
    /// The boundaries of a run from one state to the other, of each device that it changes.
    pub boundaries: BTreeMap<&'static str, Vec<String>>,
}

impl Rig {
    /// Brings a lab up and goes to both states once.
    pub fn up(number: usize, suite: &str) -> Self {
        let inventory = tempfile::tempdir().unwrap();
        fs::copy("tests/lab_faults/fabric.yml", inventory.path().join("fabric.yml")).unwrap();
        let lab = Lab { name: format!("faults{number}-{}", std::process::id()), inventory };
        lab.fabricctl(&["lab", "up", "--name", &lab.name, "--suite", suite]).exits(0);
        // A short path: sockets are below it.
        let temporary = tempfile::Builder::new().prefix("t").tempdir_in("/tmp").unwrap();
        let (known, now, boundaries) = Default::default();
        let directory = lab.ssh_config().parent().unwrap().to_owned();
        let mut rig = Self { lab, directory, temporary, state: 0, now, known, boundaries };
        rig.write(0);
        rig.deploy(&[]).exits(0);
        rig.known[0] = normal(&rig.fingerprints());
        rig.record(1);
        rig.record(0);
        rig
    }

    /// Goes to the other state and writes down what a run passes, and what the devices are then: that is the same each time.
    fn record(&mut self, state: usize) {
        self.write(state);
        for node in CHANGED {
            self.node(node).prepare(0);
        }
        self.deploy(&[]).exits(0);
        let passed = CHANGED.map(|node| (node, self.node(node).passed())).into();
        assert!(self.boundaries.is_empty() || self.boundaries == passed, "{:?}\n{passed:?}", self.boundaries);
        self.boundaries = passed;
        for node in CHANGED {
            self.node(node).tidy();
        }
        self.now = self.fingerprints();
        self.state = state;
        let known = normal(&self.now);
        if self.known[state].is_empty() {
            self.known[state] = known;
        } else {
            for (node, is) in &known {
                assert_eq!(difference(&self.known[state][node], is), "", "{node} is not what it was");
            }
        }
    }

    pub fn node(&self, name: &'static str) -> Node<'_> {
        Node::new(&self.directory, name)
    }

    /// Writes an inventory's templates: in the second state the leaf's and the server's files are others.
    pub fn write(&self, state: usize) {
        let templates = self.lab.inventory.path().join("templates");
        let _ = fs::remove_dir_all(&templates);
        let file = self.lab.fabric_file();
        let text = fs::read_to_string(&file).unwrap();
        let (red, blue) = ("COLOUR: red", "COLOUR: blue");
        fs::write(file, if state == 0 { text.replace(blue, red) } else { text.replace(red, blue) }).unwrap();
        if state == 0 {
            return;
        }
        let mut texts: BTreeMap<PathBuf, String> = BTreeMap::new();
        for (path, from, to) in CHANGES {
            let text = texts
                .entry(templates.join("debian").join(path))
                .or_insert_with(|| fs::read_to_string(PathBuf::from("templates/debian").join(path)).unwrap());
            assert!(text.contains(from), "{path} has no {from:?}");
            *text = text.replace(from, to);
        }
        for (path, text) in texts {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    /// Starts a deployment; what it says goes to files.
    pub fn start(&self, args: &[&str]) -> Running<'_> {
        let guard = format!("{}s", GUARD.as_secs());
        let words = ["deploy", "--yes", "--lab", &self.lab.name, "--confirm-within", &guard];
        let file = |name: &str| File::create(self.lab.inventory.path().join(name)).unwrap();
        let child = self
            .lab
            .command(&[&words, args].concat())
            .env("TMPDIR", self.temporary.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Running { rig: self, child }
    }

    /// Deploys without a fault; again where only this machine was too busy for a device to answer in time.
    pub fn deploy(&self, args: &[&str]) -> Ran {
        let deploy = || self.start(args).wait(Duration::from_secs(300)).unwrap();
        let mut ran = deploy();
        for _ in 0..3 {
            if ran.code == 0 || !ran.stderr.contains("no answer within") {
                break;
            }
            println!("once more: {}", ran.stderr.trim_end());
            ran = deploy();
        }
        ran
    }

    pub fn fingerprints(&self) -> Fingerprints {
        std::thread::scope(|scope| {
            let asked = NODES.map(|name| (name, scope.spawn(move || self.node(name).fingerprint())));
            asked.map(|(name, answer)| (name, answer.join().unwrap())).into()
        })
    }

    /// What makes a device another one than it is in a state; nothing if it is the same.
    pub fn differs(&self, state: usize, node: &str, is: &str) -> String {
        difference(&self.known[state][node], &normal_text(is))
    }

    /// What a run left here.
    pub fn remains(&self) -> Vec<String> {
        let mark = self.temporary.path().to_str().unwrap();
        let words =
            |entry: fs::DirEntry| fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(words);
        let processes = processes.filter(|words| words.starts_with("ssh\0") && words.contains(mark));
        let files = fs::read_dir(self.temporary.path()).unwrap().filter_map(Result::ok);
        processes.chain(files.map(|file| file.path().display().to_string())).collect()
    }
}

/// A deployment that is under way.
pub struct Running<'a> {
    rig: &'a Rig,
    pub child: Child,
}

impl Running<'_> {
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its end and what it said; none when it takes longer than that, and is killed.
    pub fn wait(mut self, limit: Duration) -> Option<Ran> {
        let began = Instant::now();
        while !self.has_ended() {
            if began.elapsed() > limit {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let said = |name| fs::read_to_string(self.rig.lab.inventory.path().join(name)).unwrap();
        Some(Ran { code, stdout: said("stdout"), stderr: said("stderr") })
    }
}

fn normal(fingerprints: &Fingerprints) -> Fingerprints {
    fingerprints.iter().map(|(node, text)| (*node, normal_text(text))).collect()
}

/// Without the ids that Docker makes up.
fn normal_text(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((rest, _)) if line.starts_with("container ") => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The lines that only one of two texts has.
pub fn difference(was: &str, is: &str) -> String {
    if was == is {
        return String::new();
    }
    let only = |mark: char, one: &str, other: &str| -> String {
        let there: std::collections::BTreeSet<&str> = other.lines().collect();
        let lines = one.lines().filter(|line| !there.contains(line));
        lines.fold(String::new(), |text, line| text + &format!("{mark}{line}\n"))
    };
    let lines = only('-', was, is) + &only('+', is, was);
    if lines.is_empty() { "the order of lines\n".to_owned() } else { lines }
}
