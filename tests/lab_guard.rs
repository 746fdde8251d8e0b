//! Runs that don't come to their end leave every device as it was, or as it was meant to be: proven on real parts, by
//! hashes of files, running configurations and containers.
//!
//! One test a release walks the whole story in order, since bringing a lab up and deploying to it takes most of the time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a panic is how a test fails; tests start processes, write and read files, and tell how long things took"
)]

mod support;

use fabricctl::action::RunId;
use fabricctl::apply::transaction;
use fabricctl::remote::{Options, Session};
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use support::{
    Answers, CHANGED, FRR, Lab, NODES, Ran, Template, assert_nothing_remains, assert_same, eventually,
    everywhere,
};

/// The shortest guard there is.
const GUARD: &str = "10s";

#[test]
fn whole_or_not_at_all_on_bookworm() {
    let lab = Lab::up("guard", "bookworm");
    a_first_deployment_that_fails_leaves_nothing(&lab);
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    two_runs_at_once(&lab);
    a_failed_verification_brings_everything_back(&lab);
    a_killed_controller(&lab);
    confirmed_by_hand(&lab);
    never_confirmed(&lab);
    interrupted_once(&lab);
    interrupted_twice(&lab);
    a_device_that_restarts(&lab);
    a_disk_without_room_for_the_snapshot(&lab);
    what_failed_can_be_kept(&lab);
    what_a_device_remembers(&lab);
    runs_are_forgotten_in_the_end(&lab);
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    lab.on(&["teardown", "--yes"]).exits(0);
    assert_eq!(lab.try_ssh("leaf01", "test -e /var/lib/fabricctl").code, 1);
}

#[test]
fn whole_or_not_at_all_on_trixie() {
    let lab = Lab::up("guard", "trixie");
    a_first_deployment_that_fails_leaves_nothing(&lab);
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    a_failed_verification_brings_everything_back(&lab);
    a_killed_controller(&lab);
    a_device_that_restarts(&lab);
}

/// What a device is: its files, ports, settings, services, running configuration and containers.
const FINGERPRINT: &str = r#"
places() { find /etc /usr/local /var/lib/fabricctl \( -path /var/lib/fabricctl/runs -o -path /var/lib/fabricctl/deployed -o -name '*.sav' -o -name passwd- -o -name group- -o -name '*shadow-' -o -path /etc/docker/key.json \) -prune -o "$@" | sort -z; }
places -type f -print0 | xargs -0r sha256sum
places \( -type f -o -type l \) -printf '%M %u %g %p %l\0' | tr '\0' '\n'
ip -o -4 addr show | awk '{ print $2, $4 }' | sort
ip -o link show | grep -v docker | sed 's/^[0-9]*: //; s/@[^:]*//' | awk '{ print $1, $2, $3, $4, $5 }' | sort
grep -s '' /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/proxy_arp /proc/sys/net/ipv6/conf/*/dad_transmits
for service in frr rdnbrd docker; do
    [ -e /etc/init.d/$service ] && { service $service status >/dev/null 2>&1 && echo $service runs || echo $service is off; }
done
ls /etc/rc2.d
service frr status >/dev/null 2>&1 && vtysh -c 'show running-config'
if service docker status >/dev/null 2>&1; then
    docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}} {{.Image}}' | sort
    docker network ls --format '{{.Name}} {{.Driver}}' | sort
    docker image ls --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort
fi
# A route that is new is a better one for ten seconds.
ip route show proto 76 | awk '{ print $1, $3 }' | sort
true
"#;

fn fingerprints(lab: &Lab) -> Answers {
    everywhere(lab, FINGERPRINT)
}

/// Every device is as it was, and nothing of the run is left on it.
#[track_caller]
fn assert_as_before(lab: &Lab, before: &Answers) {
    assert_same(before, &fingerprints(lab), &[]);
    assert_nothing_remains(lab);
}

/// A change of every router, and a file on each server whose check takes that many seconds.
fn slow(lab: &Lab, seconds: u32) -> [Template; 2] {
    let text = format!("{{#- fabricctl: roles=server check=\"sleep {seconds}; test -s {{}}\" -#}}\nslow\n");
    [Template::edited(lab, FRR, &[CHANGED]), Template::new(lab, "etc/slow.j2", &text)]
}

/// A run that is under way.
struct Running {
    child: Child,
    temporary: tempfile::TempDir,
}

impl Running {
    /// A deployment in the middle of its wave of servers; the routers are through.
    fn deploy(lab: &Lab, args: &[&str]) -> Self {
        // A short path: sockets are below it.
        let temporary = tempfile::Builder::new().prefix("t").tempdir_in("/tmp").unwrap();
        let child = lab
            .command(&[&["deploy", "--yes", "--lab", &lab.name], args].concat())
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let running = Self { child, temporary };
        eventually("the slow step begins", || {
            lab.try_ssh("server01", "test -e /etc/slow.fabricctl-new").code == 0
        });
        assert!(lab.ssh("leaf01", "vtysh -c 'show running-config'").contains("compare-routerid"));
        running
    }

    fn signal(&self, signal: i32) {
        assert_eq!(unsafe { libc::kill(self.child.id().cast_signed(), signal) }, 0);
    }

    fn wait(&mut self) -> Ran {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        Ran { code: self.child.wait().unwrap().code().unwrap_or(-1), stdout, stderr }
    }

    /// Neither ssh processes nor temporary files of the run are left here.
    #[track_caller]
    fn assert_gone(&self) {
        let mark = self.temporary.path().to_str().unwrap().to_owned();
        eventually("its connections end", || {
            let mut processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
            !processes.any(|entry| {
                let words = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
                words.starts_with("ssh\0") && words.contains(&mark)
            })
        });
    }
}

/// A node's guard has done its work: no run is open there any more.
fn wait_for_guards(lab: &Lab, what: &str) {
    let began = Instant::now();
    eventually("every device closes its run", || {
        let open = everywhere(lab, "ls -d /var/lib/fabricctl/runs/*/armed 2>/dev/null; true");
        open.values().all(String::is_empty)
    });
    println!("{what}: every run was closed after {:.1} s", began.elapsed().as_secs_f32());
}

fn a_first_deployment_that_fails_leaves_nothing(lab: &Lab) {
    // Somebody else's, which must live through all of this.
    lab.ssh("leaf01", "echo mine >/etc/sysctl.d/foreign.conf");
    let before = fingerprints(lab);
    // Spines, leafs and the files of servers are through when the last wave fails.
    let broken = Template::new(
        lab,
        "var/lib/fabricctl/images/identify/Dockerfile.j2",
        "{#- fabricctl: roles=server -#}\nFROM scratch\nCOPY nothing /\n",
    );
    let began = Instant::now();
    let ran = lab
        .on(&["deploy", "--yes"])
        .exits(5)
        .says("build image")
        .says("rolled back: everything is as it was");
    println!("a first deployment and its rollback: {:.1} s", began.elapsed().as_secs_f32());
    assert!(ran.stderr.contains("leaf01") && ran.stderr.contains("spine02"), "{}", ran.stderr);
    drop(broken);
    assert_as_before(lab, &before);
    // What the devices remember of it is this tool's own, too.
    lab.on(&["teardown", "--yes"]).exits(0);
    assert_eq!(lab.try_ssh("leaf01", "test -e /var/lib/fabricctl").code, 1);
}

fn two_runs_at_once(lab: &Lab) {
    let change = slow(lab, 6);
    let mut first = Running::deploy(lab, &[]);
    let began = Instant::now();
    let ran = lab
        .on(&["deploy", "--yes", "--limit", "leaf01,server01"])
        .exits(1)
        .says("is working on the device since");
    println!("the second of two runs was told after {:.1} s", began.elapsed().as_secs_f32());
    assert!(ran.stderr.contains("root@") && ran.stderr.contains("from 192.168.200."), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("leaf01, server01: lock") || ran.stderr.contains("server01: lock"),
        "{}",
        ran.stderr
    );
    lab.on(&["teardown", "--yes", "--limit", "server02"]).exits(1).says("is working on the device");
    lab.on(&["confirm"]).exits(1).says("is working on the device");
    // What changes nothing needs no lock.
    lab.on(&["verify", "routes", "--wait", "30s"]).exits(0);
    first.wait().exits(0).says("deployed: ");
    first.assert_gone();
    assert_nothing_remains(lab);
    drop(change);
    lab.on(&["deploy", "--yes"]).exits(0);
    // Taken over by force, the first run ends, and the second undoes it before it begins.
    let change = slow(lab, 15);
    let mut first = Running::deploy(lab, &["--confirm-within", GUARD]);
    drop(change);
    lab.on(&["deploy", "--yes", "--break-lock"])
        .exits(0)
        .says("was cut short: what was there before it comes back first");
    let ran = first.wait();
    assert!(ran.code == 5 || ran.code == 1, "{}: {}", ran.code, ran.stderr);
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    assert_nothing_remains(lab);
}

/// Containers changed, replaced, gone and new, on another network; and leafs that tell nobody.
fn a_failed_verification_brings_everything_back(lab: &Lab) {
    let before = fingerprints(lab);
    let was = std::fs::read_to_string(lab.fabric_file()).unwrap();
    lab.edit("172.16.1.12,", "172.16.1.15,");
    lab.edit("  web33: { server: server03, address: 172.16.1.33, image: identify }\n", "");
    lab.edit(
        "web43: { server: server04, address: 172.16.1.43, image: identify }",
        "web43: { server: server04, address: 172.16.1.43, image: identify, environment: { COLOUR: blue } }",
    );
    let silent = Template::edited(lab, FRR, &[("  redistribute kernel route-map FABRIC-HOSTS\n", "")]);
    let image =
        std::fs::read_to_string("templates/debian/var/lib/fabricctl/images/identify/Dockerfile.j2").unwrap();
    let image = Template::new(
        lab,
        "var/lib/fabricctl/images/identify/Dockerfile.j2",
        &image.replace("ENTRYPOINT", "ENV NEW=1\nENTRYPOINT"),
    );
    let began = Instant::now();
    lab.on(&["deploy", "--yes", "--wait", "2s"])
        .exits(5)
        .says("the routes didn't become right")
        .says("rolled back: ");
    println!("a full change and its rollback: {:.1} s", began.elapsed().as_secs_f32());
    assert_as_before(lab, &before);
    // The same with networks that are replaced under their containers.
    lab.edit("    gateway: 172.16.1.1\n", "    gateway: 172.16.1.2\n");
    lab.on(&["deploy", "--yes", "--wait", "2s"]).exits(5).says("made network containers again");
    std::fs::write(lab.fabric_file(), was).unwrap();
    drop((silent, image));
    assert_as_before(lab, &before);
    lab.on(&["deploy"]).exits(0).says("nothing changed");
}

fn a_killed_controller(lab: &Lab) {
    let before = fingerprints(lab);
    let change = slow(lab, 4);
    let mut running = Running::deploy(lab, &["--confirm-within", GUARD]);
    running.signal(libc::SIGKILL);
    running.child.wait().unwrap();
    running.assert_gone();
    wait_for_guards(lab, "after kill -9");
    drop(change);
    assert_as_before(lab, &before);
    let ended = lab.ssh("leaf01", "cat $(ls -d /var/lib/fabricctl/runs/* | tail -n 1)/outcome");
    assert!(ended.starts_with("restored\nguard\n"), "{ended}");
    lab.on(&["deploy"]).exits(0).says("nothing changed");
}

fn confirmed_by_hand(lab: &Lab) {
    let before = fingerprints(lab);
    let change = slow(lab, 0);
    let ran = lab.on(&["deploy", "--yes", "--confirm", "manual", "--confirm-within", "5m"]).exits(0);
    ran.says("not final yet: unless `fabricctl confirm` is run before");
    lab.on(&["plan", "--exit-code"]).exits(0);
    lab.on(&["deploy"]).exits(1).says("is neither confirmed nor undone");
    let confirmed = lab.on(&["confirm", "-o", "json"]).exits(0).json();
    assert_eq!(confirmed["confirmed"][0]["nodes"].as_array().unwrap().len(), NODES.len());
    lab.on(&["confirm"]).exits(0).says("nothing to confirm");
    assert_nothing_remains(lab);
    lab.on(&["deploy"]).exits(0).says("nothing changed");
    drop(change);
    lab.on(&["deploy", "--yes"]).exits(0);
    assert_as_before(lab, &before);
}

fn never_confirmed(lab: &Lab) {
    let before = fingerprints(lab);
    let change = slow(lab, 0);
    lab.edit("172.16.1.12,", "172.16.1.15,");
    lab.on(&["deploy", "--yes", "--confirm", "manual", "--confirm-within", GUARD]).exits(0);
    assert!(lab.ssh("server01", "docker ps -a").contains("web12.fabricctl-"), "the old one is put aside");
    lab.edit("172.16.1.15,", "172.16.1.12,");
    drop(change);
    wait_for_guards(lab, "never confirmed");
    assert_as_before(lab, &before);
    lab.on(&["confirm"]).exits(0).says("nothing to confirm");
    lab.on(&["deploy"]).exits(0).says("nothing changed");
}

fn interrupted_once(lab: &Lab) {
    let before = fingerprints(lab);
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let _slow = slow(lab, 4);
        let mut running = Running::deploy(lab, &[]);
        running.signal(signal);
        let ran = running.wait().exits(130).says("interrupted: the steps that have begun come to their end");
        ran.says("rolled back: everything is as it was before this run on ").says("server04");
        running.assert_gone();
        assert_eq!(
            std::fs::read_dir(running.temporary.path()).unwrap().count(),
            0,
            "temporary files are left"
        );
        assert_as_before(lab, &before);
    }
}

fn interrupted_twice(lab: &Lab) {
    let before = fingerprints(lab);
    let change = slow(lab, 6);
    let mut running = Running::deploy(lab, &["--confirm-within", GUARD]);
    let pressed = Instant::now();
    running.signal(libc::SIGINT);
    std::thread::sleep(Duration::from_millis(500));
    running.signal(libc::SIGINT);
    running.wait().exits(130).says("stopped at once; the devices put back by themselves");
    println!("stopped at once after {:.1} s", pressed.elapsed().as_secs_f32());
    running.assert_gone();
    drop(change);
    wait_for_guards(lab, "stopped at once");
    assert_as_before(lab, &before);
}

fn a_device_that_restarts(lab: &Lab) {
    let before = fingerprints(lab);
    let change = slow(lab, 5);
    let mut running = Running::deploy(lab, &["--confirm-within", "60s"]);
    lab.fabricctl(&["lab", "restart", "--name", &lab.name, "leaf03"]).exits(0);
    let ran = running.wait();
    assert_eq!(ran.code, 5, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("error: leaf03: "), "{}", ran.stderr);
    drop(change);
    wait_for_guards(lab, "a restart");
    lab.on(&["verify", "routes", "--wait", "60s"]).exits(0);
    assert_as_before(lab, &before);
    lab.on(&["deploy"]).exits(0).says("nothing changed");
}

fn a_disk_without_room_for_the_snapshot(lab: &Lab) {
    let before = fingerprints(lab);
    let change = slow(lab, 0);
    lab.ssh(
        "leaf04",
        "cp -a /var/lib/fabricctl /root/kept && mount -t tmpfs -o size=256k,mode=755 tmpfs /var/lib/fabricctl && \
         cp -a /root/kept/manifest /var/lib/fabricctl",
    );
    let ran = lab
        .on(&["deploy", "--yes"])
        .exits(1)
        .says("leaf04: snapshot: the snapshot can't be made: No space left on device");
    ran.says("nothing was changed; nothing is wrong with leaf01");
    lab.ssh("leaf04", "umount /var/lib/fabricctl; rm -r /root/kept");
    drop(change);
    assert_as_before(lab, &before);
}

fn what_failed_can_be_kept(lab: &Lab) {
    let change = slow(lab, 0);
    let broken =
        Template::new(lab, "etc/broken.j2", "{#- fabricctl: roles=server check=\"false {}\" -#}\nx\n");
    let ran = lab.on(&["deploy", "--yes", "--on-failure", "keep"]).exits(1).says("write /etc/broken");
    assert!(!ran.stderr.contains("rolled back"), "{}", ran.stderr);
    assert!(lab.ssh("leaf01", "vtysh -c 'show running-config'").contains("compare-routerid"));
    assert_nothing_remains(lab);
    drop(broken);
    lab.on(&["deploy", "--yes"]).exits(0);
    drop(change);
    lab.on(&["deploy", "--yes"]).exits(0);
    lab.on(&["plan", "--exit-code"]).exits(0);
}

/// All that is needed to bring a device back to what it was before a run that is long over.
fn what_a_device_remembers(lab: &Lab) {
    lab.edit("172.16.1.12,", "172.16.1.15,");
    let file = Template::new(lab, "etc/slow.j2", "{#- fabricctl: roles=server mode=0600 -#}\nmore\n");
    let run = lab.on(&["deploy", "--yes", "-o", "json"]).exits(0).json()["run"].as_str().unwrap().to_owned();
    let options = Options {
        destination: "server01".to_owned(),
        config: Some(lab.ssh_config()),
        user: None,
        port: None,
        connect_timeout: Duration::from_secs(30),
        withheld: Vec::new(),
    };
    let limit = Duration::from_secs(60);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (runs, saved) = runtime.block_on(async {
        let session = Session::connect(&options).await.unwrap();
        let runs = transaction::runs(&session, limit).await.unwrap();
        let saved = transaction::saved(&session, &RunId::new(run.as_str()).unwrap(), limit).await.unwrap();
        session.close().await;
        (runs, saved)
    });
    let last = runs.last().unwrap();
    assert_eq!((last.record.run.as_str(), last.outcome.as_deref()), (run.as_str(), Some("confirmed")));
    assert!(last.by.as_deref().unwrap().contains('@') && last.record.fabric == "reference", "{last:?}");
    assert!(runs.len() > 3 && runs.iter().any(|run| run.outcome.as_deref() == Some("restored")), "{runs:?}");
    let web12 = &saved.containers["web12"];
    assert_eq!((web12.spec.address.to_string().as_str(), web12.ran), ("172.16.1.12", true));
    assert_eq!(saved.networks["containers"].parent, "eth1");
    assert_eq!(saved.files["/etc/slow"], None, "there was none");
    assert!(saved.files["/var/lib/fabricctl/manifest"].is_some());
    assert!(saved.services["docker"].ran && saved.services["docker"].at_boot);
    lab.edit("172.16.1.15,", "172.16.1.12,");
    drop(file);
    lab.on(&["deploy", "--yes"]).exits(0);
}

fn runs_are_forgotten_in_the_end(lab: &Lab) {
    for number in 0..7 {
        let text = format!("{{#- fabricctl: roles=spine -#}}\n{number}\n");
        let _file = Template::new(lab, "etc/number.j2", &text);
        lab.on(&["deploy", "--yes", "--limit", "spine01", "--no-verify"]).exits(0);
    }
    let count: usize = lab.ssh("spine01", "ls /var/lib/fabricctl/runs | wc -l").trim().parse().unwrap();
    assert!((5..=11).contains(&count), "{count}");
    // Those that take up too much go sooner, the oldest first.
    let oldest = lab.ssh(
        "spine01",
        "cd /var/lib/fabricctl/runs; ls | head -n 1 | xargs -I{} fallocate -l 300M {}/large; ls",
    );
    let oldest = oldest.lines().next().unwrap().to_owned();
    let _file = Template::new(lab, "etc/number.j2", "{#- fabricctl: roles=spine -#}\nlast\n");
    lab.on(&["deploy", "--yes", "--limit", "spine01", "--no-verify"]).exits(0);
    let left = lab.ssh("spine01", "ls /var/lib/fabricctl/runs");
    assert_eq!(lab.ssh("spine01", "cat /var/lib/fabricctl/runs/.forgotten").trim(), oldest);
    assert!(!left.contains(&oldest) && left.lines().count() >= 5, "{oldest} of\n{left}");
}
