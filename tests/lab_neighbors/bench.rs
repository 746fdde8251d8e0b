//! A deployed lab, the truth about its hosts, and how long the routers take to agree with it.

use super::observe::observe;
use super::shell::{Shell, Stream};
use super::support::{Lab, eventually};
use super::truth::{Host, LEAF, ROUTERS, SERVER, Truth, differences};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long agreement may take: longer than the daemon leaves itself unasked, for noisy machines; not a promise.
const DEADLINE: Duration = Duration::from_secs(40);
/// How long a daemon of FRR may take to be back, which is for watchfrr to decide.
const BACK_DEADLINE: Duration = Duration::from_secs(120);
/// Agreement that lasts for less was luck.
const LASTING: Duration = Duration::from_millis(1500);

/// Lets watchfrr start what was killed again within seconds, every time: it takes a second end within a minute for a
/// fault of the daemon, and then waits for minutes.
fn be_patient_for_seconds_only(lab: &Lab) {
    let name = "templates/debian/etc/frr/daemons.j2";
    let own = lab.inventory.path().join(name);
    let template = std::fs::read_to_string(name).unwrap();
    let option = "watchfrr_options=\"--min-restart-interval 3 --max-restart-interval 3 --interval 1\"\n";
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::write(own, template + option).unwrap();
}

/// How a host route gets into FRR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// From the main table.
    Main,
    /// From table 10, as on Cumulus Linux.
    Table,
}

impl Mode {
    /// Where the daemon writes, as `ip` calls it.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Table => "10",
        }
    }
}

/// The bench.
pub(crate) struct Bench {
    pub(crate) mode: Mode,
    pub(crate) config: PathBuf,
    suite: &'static str,
    /// What was true before the present fault.
    truth: Truth,
    routers: Vec<Shell>,
    shells: BTreeMap<&'static str, Shell>,
    rows: Vec<String>,
    failures: Vec<String>,
    // The last to be dropped: the shells are in it.
    pub(crate) lab: Lab,
}

impl Bench {
    /// The reference fabric, deployed and converged.
    pub(crate) fn up(suite: &'static str, mode: Mode) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let lab = Lab::up(&format!("neighbors{}", COUNT.fetch_add(1, Ordering::Relaxed)), suite);
        if mode == Mode::Table {
            lab.edit("roles:\n", "roles:\n  leaf: { host_routes: table }\n");
        }
        be_patient_for_seconds_only(&lab);
        lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
        let config = lab.ssh_config();
        let routers = ROUTERS.map(|node| Shell::open(&config, node)).into();
        let mut bench = Self {
            lab,
            mode,
            config,
            suite,
            truth: Truth::all(),
            routers,
            shells: BTreeMap::new(),
            rows: Vec::new(),
            failures: Vec::new(),
        };
        bench.wait_for(&Truth::all());
        bench
    }

    /// Runs a command on a node; it must succeed.
    #[track_caller]
    pub(crate) fn run(&mut self, node: &'static str, command: &str) -> String {
        self.shell(node).run(command)
    }

    /// Whether a command succeeds on a node.
    pub(crate) fn succeeds(&mut self, node: &'static str, command: &str) -> bool {
        self.shell(node).try_run(command).1 == "0"
    }

    fn shell(&mut self, node: &'static str) -> &mut Shell {
        let config = &self.config;
        self.shells.entry(node).or_insert_with(|| Shell::open(config, node))
    }

    /// A command on a node that prints as things happen.
    pub(crate) fn stream(&self, node: &str, command: &str) -> Stream {
        Stream::open(&self.config, node, command)
    }

    /// Something happens to the leaf or its server, after which all must agree to a truth.
    pub(crate) fn fault(&mut self, name: &str, truth: &Truth, act: impl FnOnce(&mut Self)) {
        let began = Instant::now();
        act(self);
        self.judge(name, truth, began, None);
    }

    /// The same, where a daemon of FRR must be back first, as another process; its own time isn't the neighbour
    /// daemon's, so the time since then is told too.
    pub(crate) fn fault_of(&mut self, daemon: &str, name: &str, truth: &Truth, act: impl FnOnce(&mut Self)) {
        let before = self.run(LEAF, &format!("pidof {daemon}")).trim().to_owned();
        let began = Instant::now();
        act(self);
        let is_back = format!(
            "now=$(pidof {daemon}) && [ \"$now\" != {before} ] && timeout 5 vtysh -c 'show ip route summary' -c 'show bgp summary' >/dev/null"
        );
        while !self.succeeds(LEAF, &is_back) {
            assert!(began.elapsed() < BACK_DEADLINE, "{daemon} did not come back");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.judge(name, truth, began, Some(Instant::now()));
    }

    fn judge(&mut self, name: &str, truth: &Truth, began: Instant, back: Option<Instant>) {
        let result = self.agreement(truth, back.unwrap_or(began));
        let seconds = |since: Instant, at: Instant| format!("{:7.2}", (at - since).as_secs_f64());
        let row = match &result {
            Ok(at) => {
                let after = back.map(|back| format!("{} after FRR was back", seconds(back, *at)));
                format!("{}{}", seconds(began, *at), after.unwrap_or_default())
            }
            Err(_) => "  never".to_owned(),
        };
        self.row(name, &row);
        self.truth = truth.clone();
        if let Err(why) = result {
            self.failures.push(format!("{name}: {}", why.join("; ")));
            self.repair(truth);
        }
    }

    /// A host that isn't there may be seen during the next fault, which is about it.
    pub(crate) fn may_be_seen(&mut self, host: Host) {
        self.truth = self.truth.clone().with(host, 1);
    }

    /// A line of the table that is printed at the end.
    pub(crate) fn row(&mut self, name: &str, text: &str) {
        let row =
            format!("{:9} {:6} {name:52} {text}", self.suite, format!("{:?}", self.mode).to_lowercase());
        println!("{row}");
        self.rows.push(row);
    }

    /// A line with the time from one event to another, which may be before it.
    pub(crate) fn since(&mut self, from: Instant, name: &str, to: Instant) {
        let signed = (to.saturating_duration_since(from).as_secs_f64())
            - from.saturating_duration_since(to).as_secs_f64();
        self.row(name, &format!("{signed:7.2}"));
    }

    /// Fails the test, at its end.
    pub(crate) fn fails(&mut self, why: String) {
        self.failures.push(why);
    }

    /// When all agreed for good, or what they didn't agree on.
    fn agreement(&mut self, truth: &Truth, since: Instant) -> Result<Instant, Vec<String>> {
        let possible = &self.truth.hosts() | &truth.hosts();
        let mut agreed_at = None;
        loop {
            let (wrong, seen) = self.look(truth);
            let now = Instant::now();
            let ghosts: BTreeSet<Host> = &seen - &possible;
            if !ghosts.is_empty() {
                return Err(vec![format!("routes of hosts that are not: {ghosts:?}: {wrong:?}")]);
            }
            if !wrong.is_empty() {
                agreed_at = None;
                if now - since > DEADLINE {
                    return Err(wrong);
                }
            } else if now - *agreed_at.get_or_insert(now) >= LASTING {
                return Ok(agreed_at.unwrap_or(now));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All differences from the truth now, and every host that any router knows of.
    fn look(&mut self, truth: &Truth) -> (Vec<String>, BTreeSet<Host>) {
        let mode = self.mode;
        let beliefs = std::thread::scope(|scope| {
            let asked: Vec<_> = self
                .routers
                .iter_mut()
                .map(|shell| scope.spawn(move || (shell.node, observe(shell, mode))))
                .collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect::<Vec<_>>()
        });
        let wrong =
            beliefs.iter().flat_map(|(node, found)| differences(node, &truth.belief(node, mode), found));
        let seen =
            beliefs.iter().flat_map(|(_, belief)| belief.values().flat_map(|table| table.keys().copied()));
        (wrong.collect(), seen.collect())
    }

    /// Waits, without measuring, until all agree.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, truth: &Truth) {
        self.truth = self.truth.clone().or(truth);
        if let Err(why) = self.agreement(truth, Instant::now()) {
            panic!("{}", why.join("; "));
        }
        self.truth = truth.clone();
    }

    /// Starts FRR and the daemon anew, so that the next fault isn't judged by this one.
    fn repair(&mut self, truth: &Truth) {
        println!("{}", self.run(LEAF, "tail -n 15 /var/log/rdnbrd.log"));
        // The kernel deletes no route of a nexthop object by its port, which `ip route flush` would try.
        let anew = "service frr stop; service rdnbrd stop; /usr/local/sbin/rdnbrd --flush; \
                    ip route show proto zebra | while read -r prefix rest; do ip route del $prefix proto zebra; done; \
                    service frr start; service rdnbrd start";
        self.run(LEAF, anew);
        // What went wrong may still be seen for a moment.
        self.truth = Truth::all().with(99, 1);
        self.wait_for(truth);
    }

    /// Waits until no leaf treats a host as new: what is new gets another metric after some seconds, which is an update.
    pub(crate) fn wait_until_settled(&mut self) {
        // Where FRR imports the routes, none ever has another one.
        if self.mode == Mode::Table {
            return;
        }
        for leaf in ["leaf01", "leaf02", "leaf03", "leaf04"] {
            let all_are = "routes=$(ip route show proto 76) && [ -n \"$routes\" ] && ! echo \"$routes\" | grep -qvw 'metric 10'";
            eventually("every route of the leaf has the settled metric", || self.succeeds(leaf, all_are));
        }
    }

    /// Starts or stops something in the first rack, and waits until all know.
    pub(crate) fn on_server(&mut self, command: &str, truth: &Truth) {
        self.run(SERVER, command);
        self.wait_for(truth);
    }

    /// Prints the table; fails if anything failed.
    pub(crate) fn conclude(self) {
        println!("\n{}\n", self.rows.join("\n"));
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
    }
}
