//! A rack for the daemon: namespaces joined by veth pairs, containers on macvlan, and the daemon in the leaf.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]
#![expect(clippy::disallowed_methods, reason = "tests build their own world")]

mod container;
mod heard;
mod netns;

pub use container::{Container, open_port};
pub use heard::Heard;

use fabricctl::fabric::Mac;
use netns::Netns;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::IpAddr;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// Waits for it and says how long it took; fails when it takes longer than `limit`.
pub fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "still not so after {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

/// A leaf with a server behind each of its ports, two to begin with.
pub struct Rack {
    leaf: Netns,
    servers: Vec<Netns>,
    made: u8,
    daemon: Option<Child>,
    files: tempfile::TempDir,
}

impl Rack {
    /// Builds it; the daemon is not started yet. `config` is what its file says besides the ports.
    pub fn new(config: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests build network namespaces: run them as root");
        let files = tempfile::tempdir().unwrap();
        let mut rack = Self { leaf: Netns::new(), servers: Vec::new(), made: 0, daemon: None, files };
        for port in ["swp1", "swp2"] {
            rack.add_port(port);
            rack.leaf.ip(&format!("address add 172.16.1.1/24 dev {port}"));
        }
        rack.configure(config);
        rack
    }

    /// One more port with a server behind it, without an address.
    pub fn add_port(&mut self, name: &str) {
        let server = Netns::new();
        let pid = server.holder.id();
        self.leaf.ip(&format!("link add {name} type veth peer name eth1 netns {pid}"));
        self.leaf.ip(&format!("link set {name} up"));
        server.ip("link set eth1 up");
        self.servers.push(server);
    }

    /// Writes the daemon's file.
    pub fn configure(&self, config: &str) {
        let named = config.contains("socket =");
        let socket = if named { String::new() } else { format!("socket = {}\n", self.file("socket")) };
        fs::write(self.file("rdnbrd.conf"), format!("{socket}{config}\n")).unwrap();
    }

    /// A container on that server, silent until it is told to speak. Each has a MAC of its own.
    pub fn container(&mut self, server: usize, address: &str) -> Container {
        self.made += 1;
        let mac = Mac([2, 0x42, 0, 0, 0, self.made]);
        let netns = Netns::new();
        let (name, pid) = (format!("c{}", self.made), netns.holder.id());
        let server = &self.servers[server - 1];
        server.ip(&format!("link add {name} link eth1 address {mac} type macvlan mode bridge"));
        server.ip(&format!("link set {name} netns {pid}"));
        netns.ip(&format!("link set {name} name eth0"));
        netns.ip(&format!("address add {address}/24 dev eth0"));
        netns.ip("link set eth0 up");
        Container { netns, address: address.parse().unwrap() }
    }

    /// Where a file of the daemon's is.
    pub fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    /// The daemon's command line in the leaf.
    fn command(&self, more: &[&str]) -> Command {
        let mut command = self.leaf.command(env!("CARGO_BIN_EXE_rdnbrd"));
        command.args(["--config", &self.file("rdnbrd.conf"), "--pid-file", &self.file("pid")]).args(more);
        command
    }

    /// Runs the daemon's program to its end.
    pub fn run(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    /// Starts the daemon and waits until it says so.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts it with these variables in its environment.
    pub fn start_with(&mut self, environment: &[(&str, &str)]) {
        self.start_as(&[], environment);
    }

    /// Starts it with these words behind its own.
    pub fn start_words(&mut self, words: &[&str]) {
        self.start_as(words, &[]);
    }

    fn start_as(&mut self, words: &[&str], environment: &[(&str, &str)]) {
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let starts = || self.log().matches("event=started").count();
        let before = starts();
        let child = self.command(words).envs(environment.iter().copied()).stderr(log).spawn().unwrap();
        wait_until("the daemon runs", Duration::from_secs(5), || starts() > before);
        self.daemon = Some(child);
    }

    /// The daemon's process.
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("the daemon runs").id()
    }

    /// Sends the daemon a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().try_into().unwrap()), signal).unwrap();
    }

    /// What the daemon says of itself.
    pub fn status(&self) -> serde_json::Value {
        let answer = self.run(&["status", "-o", "json"]);
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        serde_json::from_slice(&answer.stdout).unwrap()
    }

    /// Does something in the leaf's network namespace.
    pub fn in_leaf<T: Send>(&self, deed: impl FnOnce() -> T + Send) -> T {
        self.leaf.enter(deed)
    }

    /// Does something in a server's.
    pub fn in_server<T: Send>(&self, server: usize, deed: impl FnOnce() -> T + Send) -> T {
        self.servers[server - 1].enter(deed)
    }

    /// Waits until the daemon has ended by itself.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.daemon.take().unwrap().wait().unwrap()
    }

    /// Where its files are.
    pub fn folder(&self) -> &std::path::Path {
        self.files.path()
    }

    /// Ends the daemon, which must end well and leave no process id behind.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.daemon.take().unwrap().wait().unwrap();
        assert!(status.success(), "{status}");
        assert!(!fs::exists(self.file("pid")).unwrap());
    }

    /// Ends the daemon without a word.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.daemon.take().unwrap().wait().unwrap();
    }

    /// Makes the daemon read its file again.
    pub fn reload(&self) {
        self.signal(Signal::SIGHUP);
    }

    /// All that the daemons logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Listens to the leaf's kernel from now on.
    pub fn monitor(&self) -> Heard {
        self.leaf.enter(Heard::new)
    }

    /// `ip` in the leaf.
    pub fn leaf_ip(&self, words: &str) -> String {
        self.leaf.ip(words)
    }

    /// Sets an interface of a node up or down.
    pub fn set_link(&self, [node, interface, state]: [&str; 3]) {
        let netns = if node == "leaf" { &self.leaf } else { &self.servers[0] };
        netns.ip(&format!("link set {interface} {state}"));
    }

    /// Runs many commands of `ip` at once in the leaf.
    pub fn leaf_batch(&self, lines: &str) {
        let file = self.file("batch");
        fs::write(&file, lines).unwrap();
        self.leaf.ip(&format!("-batch {file}"));
    }

    /// Our IPv4 routes in all tables, as the kernel shows them, sorted.
    pub fn routes(&self) -> Vec<String> {
        self.routes_of("-4")
    }

    /// Our IPv6 routes.
    pub fn routes6(&self) -> Vec<String> {
        self.routes_of("-6")
    }

    fn routes_of(&self, family: &str) -> Vec<String> {
        let text = self.leaf.ip(&format!("{family} -j route show table all proto 76"));
        let shown: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let line = |route: &serde_json::Value| {
            let word = |key: &str| route[key].as_str().unwrap_or("main").to_owned();
            format!("{} dev {} table {}", word("dst"), word("dev"), word("table"))
        };
        let mut routes: Vec<String> = shown.iter().map(line).collect();
        routes.sort_by_key(|line| line.split(' ').next().and_then(|address| address.parse::<IpAddr>().ok()));
        routes
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}
