//! A lab's life: up, in use, broken, cut short, down; on this machine, as root.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

#[path = "common/lab.rs"]
mod lab;

use lab::{NODES, TestLab, host_network, said};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn up_use_down_and_nothing_is_left() {
    let before = host_network();
    let lab = TestLab::small();
    assert!(lab.up().contains("3 nodes"));
    let listed = lab.list();
    assert_eq!(listed["state"], "up");
    let names: Vec<&str> =
        listed["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names, NODES);
    assert_eq!(listed["nodes"][0], serde_json::json!({"name": "leaf01", "role": "leaf", "state": "up"}));
    assert_eq!(listed["ssh_config"], lab.config().to_str().unwrap());

    for node in NODES {
        assert_eq!(lab.on(node, "hostname").trim(), node);
    }
    // The ports of the inventory are there, down and without addresses; the management port is set up.
    let links = lab.on("leaf01", "ip -br link | cut -d@ -f1 | sort");
    assert_eq!(links.split_whitespace().filter(|word| word.starts_with("swp")).count(), 2, "{links}");
    assert_eq!(lab.on("leaf01", "cat /sys/class/net/swp1/mtu /sys/class/net/swp1/operstate"), "9216\ndown\n");
    assert_eq!(lab.on("leaf01", "ip -br addr show swp51").split_whitespace().count(), 2);
    assert!(lab.on("leaf01", "ip -br addr show eth0").contains("198.51.100.11/24"));
    // Nothing runs but sshd, and orphans are reaped.
    assert_eq!(lab.on("leaf01", "pgrep -c 'bgpd|zebra|dockerd|watchfrr' || true").trim(), "0");
    lab.on("leaf01", "(setsid sh -c 'sleep 0.1 & exec true' &) ; sleep 0.4");
    assert_eq!(lab.on("leaf01", "ps -eo stat= | grep -c ^Z || true").trim(), "0");

    assert!(lab.up().contains("already up"));
    let members = lab.members();
    assert!(members.len() > 3, "{members:?}");
    assert!(!lab.control_groups().is_empty());
    assert!(lab.down().contains("is gone"));
    lab.assert_nothing_left(&members);
    assert!(lab.down().contains("nothing to do"));
    let after = host_network();
    let changed: Vec<_> = before.iter().zip(&after).filter(|(old, new)| old != new).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:#?}");
}

#[test]
fn ssh_checks_host_keys_and_admin_has_sudo() {
    let lab = TestLab::small();
    lab.up();
    assert_eq!(lab.on("admin@server01", "id -un; sudo -n id -un"), "admin\nroot\n");
    let by_verb = |words: &[&str]| {
        let ssh = ["lab", "ssh", "--name", &lab.name, "leaf01"];
        said(&lab.fabricctl().args([&ssh, words].concat()).output().unwrap())
    };
    // One word is for the shell, several are taken as they are.
    assert_eq!(by_verb(&["echo $(hostname)"]), "leaf01\n");
    assert_eq!(by_verb(&["echo", "$(hostname)  it's"]), "$(hostname)  it's\n");
    let unknown = lab.fabricctl().args(["lab", "ssh", "--name", &lab.name, "leaf09"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("leaf01, server01, spine01"), "{}", stderr(&unknown));

    // The key of another node is not the key of this one.
    let known_hosts = lab.path().join("known_hosts");
    let keys = fs::read_to_string(&known_hosts).unwrap();
    fs::write(&known_hosts, keys.replace("leaf01 ", "x ").replace("spine01 ", "leaf01 ")).unwrap();
    let refused = lab.ssh("leaf01", "true");
    assert!(!refused.status.success());
    assert!(stderr(&refused).contains("Host key verification failed"), "{}", stderr(&refused));
    // A host without a known key isn't let in silently either.
    fs::write(&known_hosts, "").unwrap();
    assert!(!lab.ssh("leaf01", "true").status.success());
}

#[test]
fn a_node_is_kept_from_what_belongs_to_the_machine() {
    let lab = TestLab::small();
    lab.up();
    assert!(!lab.ssh("leaf01", "sysctl -w kernel.panic=77").status.success());
    assert!(!lab.ssh("leaf01", "date -s 2001-01-01").status.success());
    assert_eq!(lab.on("leaf01", "sysctl -n -w net.ipv4.ip_forward=1").trim(), "1");
}

#[test]
fn two_labs_of_one_inventory_do_not_meet() {
    let one = TestLab::small();
    let two = one.sibling();
    one.up();
    two.up();
    one.on("leaf01", "touch /root/here");
    assert!(!two.ssh("leaf01", "test -e /root/here").status.success());
    let ambiguous = one.fabricctl().args(["lab", "ssh", "leaf01"]).output().unwrap();
    assert_eq!(ambiguous.status.code(), Some(2));
    assert!(stderr(&ambiguous).contains("--name"), "{}", stderr(&ambiguous));
    one.down();
    assert_eq!(two.on("leaf01", "hostname"), "leaf01\n");
    assert_eq!(two.list()["state"], "up");
}

#[test]
fn a_node_that_crashed_is_brought_back_with_its_links() {
    let lab = TestLab::small();
    lab.up();
    lab.on("spine01", "touch /root/kept; ip link set swp1 up");
    kill(Pid::from_raw(lab.init("leaf01")), Signal::SIGKILL).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while lab.list()["state"] != "partly" && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(lab.list()["nodes"][0]["state"], "down");
    let said = lab.up();
    assert!(said.contains("1 of 3"), "{said}");
    assert_eq!(lab.list()["state"], "up");
    lab.on("leaf01", "ip link set swp51 up");
    lab.on("spine01", "test -e /root/kept; ip link set swp1 up");
    assert_eq!(lab.on("leaf01", "cat /sys/class/net/swp51/operstate"), "up\n");
}

#[test]
fn a_restarted_node_keeps_its_files_and_its_links() {
    let lab = TestLab::small();
    lab.up();
    lab.on("spine01", "ip link set swp1 up && ip addr add 192.0.2.129/31 dev swp1");
    lab.on(
        "leaf01",
        "touch /root/kept /run/lost; ip link set swp51 up; setsid sleep 1000 >/dev/null 2>&1 </dev/null &",
    );
    let boots = "printf '#!/bin/sh\\necho $1 >/run/booted\\n' >/etc/init.d/mark; chmod 755 /etc/init.d/mark";
    lab.on("leaf01", &format!("{boots}; ln -s ../init.d/mark /etc/rc2.d/S05mark"));
    let before = lab.init("leaf01");
    let restart =
        |node: &str| lab.fabricctl().args(["lab", "restart", "--name", &lab.name, node]).output().unwrap();
    assert!(said(&restart("leaf01")).contains("leaf01 of lab"));
    assert_ne!(lab.init("leaf01"), before);
    lab.on("leaf01", "test -e /root/kept && ! test -e /run/lost && ! pgrep sleep");
    let deadline = Instant::now() + Duration::from_secs(60);
    while lab.ssh("leaf01", "grep start /run/booted").status.code() != Some(0) {
        assert!(Instant::now() < deadline, "what is enabled doesn't start");
        std::thread::sleep(Duration::from_millis(100));
    }
    // The other end only saw its carrier go, and come back.
    assert!(lab.on("spine01", "ip -br addr show swp1").contains("192.0.2.129/31"));
    lab.on("leaf01", "ip link set swp51 up");
    assert_eq!(lab.on("spine01", "cat /sys/class/net/swp1/operstate"), "up\n");
    assert_eq!(lab.list()["state"], "up");
    assert_eq!(restart("leaf09").status.code(), Some(2));
    kill(Pid::from_raw(lab.init("leaf01")), Signal::SIGKILL).unwrap();
    let members = lab.members();
    lab.down();
    lab.assert_nothing_left(&members);
}

#[test]
fn after_kill_9_at_any_time_down_leaves_nothing() {
    let lab = TestLab::small();
    lab.up();
    lab.down();
    let started = Instant::now();
    lab.up();
    let duration = started.elapsed();
    lab.down();
    let steps = 16;
    for step in 0..=steps {
        let mut up = lab.start_up();
        std::thread::sleep(duration * step / steps);
        let members = lab.members();
        up.kill().unwrap();
        up.wait().unwrap();
        if step % 4 == 3 {
            // Instead of `down`, `up` finds a half-made lab and begins anew.
            assert!(lab.up().contains("up"), "step {step}");
            assert_eq!(lab.on("leaf01", "hostname"), "leaf01\n");
        }
        lab.down();
        lab.assert_nothing_left(&members);
    }
}

#[test]
fn an_interrupt_cleans_up() {
    let lab = TestLab::small();
    let cache = tempfile::tempdir().unwrap();
    let bin = program(cache.path(), "mmdebstrap", "for last; do :; done; mkdir -p \"$last/etc\"; sleep 60");
    let up = lab.up_command().env("PATH", bin).env("FABRICCTL_CACHE_DIR", cache.path()).spawn().unwrap();
    let rootfs = cache.path().join("rootfs");
    let partial = || {
        fs::read_dir(&rootfs).is_ok_and(|mut entries| {
            entries.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(".partial-"))
        })
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while !partial() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(partial(), "mmdebstrap was not started");
    kill(Pid::from_raw(i32::try_from(up.id()).unwrap()), Signal::SIGINT).unwrap();
    let output = up.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(!partial(), "the half-built root filesystem is left");
    lab.assert_nothing_left(&BTreeSet::new());
}

/// A directory with one program in front of the usual search path.
fn program(directory: &std::path::Path, name: &str, script: &str) -> String {
    let bin = directory.join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let lab = TestLab::small();
    let cache = tempfile::tempdir().unwrap();
    let without = lab.up_command().env("PATH", "/nowhere").env("FABRICCTL_CACHE_DIR", cache.path()).output();
    let without = without.unwrap();
    assert_eq!(without.status.code(), Some(2));
    assert!(stderr(&without).contains("sudo apt-get install mmdebstrap"), "{}", stderr(&without));

    let bin = program(cache.path(), "mmdebstrap", "echo 'E: no mirror today' >&2; exit 25");
    let failing =
        lab.up_command().env("PATH", bin).env("FABRICCTL_CACHE_DIR", cache.path()).output().unwrap();
    assert_eq!(failing.status.code(), Some(1));
    assert!(stderr(&failing).contains("E: no mirror today"), "{}", stderr(&failing));
    lab.assert_nothing_left(&BTreeSet::new());
}

#[test]
fn without_root_up_and_down_are_refused() {
    use std::os::unix::process::CommandExt as _;
    let lab = TestLab::small();
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = directory.path().join("fabricctl");
    fs::copy(env!("CARGO_BIN_EXE_fabricctl"), &copy).unwrap();
    let inventory = directory.path().join("fabric.yml");
    let own = lab.state.parent().unwrap().join("fabric.yml");
    fs::copy(own, &inventory).unwrap();
    for verb in ["up", "down"] {
        let output = Command::new(&copy)
            .arg("--inventory")
            .arg(&inventory)
            .args(["lab", verb, "--name", &lab.name, "--state-dir"])
            .arg(&lab.state)
            .uid(65534)
            .gid(65534)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(&format!("sudo fabricctl lab {verb}")), "{}", stderr(&output));
    }
}

/// Listens on all interfaces of the machine's own network namespace until told to stop, and returns the
/// addresses of every IPv4 and ARP packet.
fn capture(stop: &AtomicBool) -> BTreeSet<Ipv4Addr> {
    use std::io::Read as _;
    let all = i32::from(0x0003_u16.to_be());
    let socket =
        socket2::Socket::new(socket2::Domain::PACKET, socket2::Type::RAW, Some(socket2::Protocol::from(all)))
            .unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut seen = BTreeSet::new();
    let mut frame = vec![0; 65536];
    while !stop.load(Ordering::Relaxed) {
        let Ok(length) = (&socket).read(&mut frame) else { continue };
        let address = |at: usize| <[u8; 4]>::try_from(&frame[at..at + 4]).ok().map(Ipv4Addr::from);
        match (length, &frame[12..14]) {
            (34.., [0x08, 0x00]) => seen.extend([address(26), address(30)].into_iter().flatten()),
            (42.., [0x08, 0x06]) => seen.extend([address(28), address(38)].into_iter().flatten()),
            _ => {}
        }
    }
    seen
}

#[test]
fn no_packet_of_a_lab_passes_through_the_machines_own_namespace() {
    let lab = TestLab::small();
    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let capture = scope.spawn(|| capture(&stop));
        // What goes through this namespace is seen: a packet to a loopback address nobody else uses.
        std::thread::sleep(Duration::from_millis(100));
        let marker = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        marker.send_to(b"marker", "127.99.88.77:9").unwrap();
        lab.up();
        lab.on(
            "leaf01",
            "ping -c 2 -i 0.2 198.51.100.31 && ip addr add 192.0.2.1/24 dev swp1 && ip link set swp1 up",
        );
        lab.on(
            "server01",
            "ip addr add 192.0.2.251/24 dev eth1 && ip link set eth1 up && ping -c 2 -i 0.2 192.0.2.1",
        );
        let nobody =
            lab.fabricctl().arg("lab-connect").arg(lab.path()).args(["198.51.100.99", "22"]).output();
        assert_eq!(nobody.unwrap().status.code(), Some(1));
        lab.down();
        std::thread::sleep(Duration::from_millis(200));
        stop.store(true, Ordering::Relaxed);
        capture.join().unwrap()
    });
    assert!(seen.contains(&Ipv4Addr::new(127, 99, 88, 77)), "the capture sees nothing");
    let of_lab: Vec<_> = seen
        .iter()
        .filter(|address| matches!(address.octets(), [198, 51, 100, _] | [203, 0, 113, _] | [192, 0, 2, _]))
        .collect();
    assert!(of_lab.is_empty(), "{of_lab:?}");
}

/// What the fabric's devices do: routing daemons, a Docker Engine with a macvlan container.
fn services_work(suite: &str) {
    let lab = TestLab::small();
    let output = lab.up_command().args(["--suite", suite]).stdout(Stdio::piped()).output().unwrap();
    said(&output);
    assert!(lab.on("leaf01", "grep VERSION_CODENAME /etc/os-release").contains(suite));

    assert!(!lab.ssh("leaf01", "service frr status").status.success());
    lab.on(
        "leaf01",
        "sed -i s/^bgpd=no/bgpd=yes/ /etc/frr/daemons && service frr start && service frr status",
    );
    lab.on("leaf01", "service frr reload && service frr restart && vtysh -c 'show version'");
    lab.on("leaf01", "service frr stop");
    assert!(!lab.ssh("leaf01", "service frr status").status.success());
    lab.on("leaf01", "service ssh status && ifquery --check lo eth0");

    assert_eq!(lab.ssh("server01", "service docker status").status.code(), Some(3));
    let settings = r#"{"bridge":"none","iptables":false,"ip6tables":false}"#;
    lab.on("server01", &format!("mkdir -p /etc/docker && echo '{settings}' > /etc/docker/daemon.json"));
    lab.on("server01", "service docker start && service docker status && docker info");
    lab.on("server01", "ip link set eth1 up && mkdir /tmp/image && cp /bin/busybox /tmp/image");
    let dockerfile = "FROM scratch\\nCOPY busybox /bin/busybox\\nENTRYPOINT [\"/bin/busybox\"]\\n";
    lab.on(
        "server01",
        &format!("printf '{dockerfile}' > /tmp/image/Dockerfile && docker build -q -t box /tmp/image"),
    );
    lab.on(
        "server01",
        "docker network create -d macvlan --subnet 192.0.2.0/24 --gateway 192.0.2.1 -o parent=eth1 containers \
         && docker run -d --init --restart always --name web --network containers --ip 192.0.2.11 box sleep 1000",
    );
    let inside = lab.on("server01", "docker exec web /bin/busybox ip -o addr show eth0");
    assert!(inside.contains("192.0.2.11/24"), "{inside}");
    lab.on("leaf01", "ip addr add 192.0.2.1/24 dev swp1 && ip link set swp1 up");
    lab.on("server01", "docker exec web /bin/busybox ping -c 1 -w 5 192.0.2.1");
    lab.on("server01", "service docker restart && service docker status");
    let members = lab.members();
    lab.down();
    lab.assert_nothing_left(&members);
}

#[test]
fn services_work_on_bookworm() {
    services_work("bookworm");
}

#[test]
fn services_work_on_trixie() {
    services_work("trixie");
}

#[test]
fn the_reference_fabric_comes_up() {
    let lab = TestLab::reference();
    assert!(lab.up().contains("10 nodes"));
    let ports = lab.on("spine01", "ls /sys/class/net");
    assert_eq!(ports.split_whitespace().collect::<Vec<_>>(), ["eth0", "lo", "swp1", "swp2", "swp3", "swp4"]);
    // Both ends of every link are up when both are set up.
    let script = "for i in /sys/class/net/*; do ip link set ${i##*/} up; done";
    let nodes = lab.list();
    let names: Vec<String> = nodes["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), 10);
    for name in &names {
        lab.on(name, script);
    }
    for name in &names {
        let states = lab.on(name, "cat /sys/class/net/*/carrier");
        assert!(states.lines().all(|line| line == "1"), "{name}: {states}");
    }
    let other = lab.up_command().args(["--suite", "trixie"]).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    let members = lab.members();
    lab.down();
    lab.assert_nothing_left(&members);
}
