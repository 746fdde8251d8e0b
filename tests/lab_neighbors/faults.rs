//! The fault matrix: what goes wrong on a leaf, and its undoing.
//!
//! A host that dies while its leaf can't know must not show up again when the fault is over, not even for a moment.

use super::bench::{Bench, Mode};
use super::truth::{LEAF, SERVER, Truth};
use std::path::Path;

/// The host that dies meanwhile.
const MORTAL: &str = "web13";

/// Nobody lives behind the port, and what dies there meanwhile stays away.
fn dark_and_back(bench: &mut Bench, names: [&str; 2], fault: [(&'static str, &str); 2]) {
    let all = Truth::all();
    let [(at, does), (by, undoes)] = fault;
    bench.fault(names[0], &all.clone().only(&[]), |bench| {
        bench.run(at, does);
    });
    bench.run(SERVER, &format!("docker kill {MORTAL}"));
    bench.fault(names[1], &all.clone().without(13), |bench| {
        bench.run(by, undoes);
    });
    bench.on_server(&format!("docker start {MORTAL}"), &all);
}

pub(crate) fn of_the_port(bench: &mut Bench) {
    dark_and_back(
        bench,
        ["carrier lost", "carrier back, a host died meanwhile"],
        [(SERVER, "ip link set eth1 down"), (SERVER, "ip link set eth1 up")],
    );
    dark_and_back(
        bench,
        ["port down", "port up, a host died meanwhile"],
        [(LEAF, "ip link set swp1 down"), (LEAF, "ip link set swp1 up")],
    );
    dark_and_back(
        bench,
        ["addresses of the port flushed", "address back, a host died meanwhile"],
        [(LEAF, "ip -4 addr flush dev swp1"), (LEAF, "ip addr add 172.16.1.1/24 dev swp1")],
    );
    let all = Truth::all();
    bench.fault("carrier lost and back at once", &all, |bench| {
        bench.run(SERVER, "ip link set eth1 down; ip link set eth1 up");
    });
    bench.fault("port down and up at once", &all, |bench| {
        bench.run(LEAF, "ip link set swp1 down; ip link set swp1 up");
    });
    bench.fault("address taken and given back at once", &all, |bench| {
        bench.run(LEAF, "ip -4 addr flush dev swp1; ip addr add 172.16.1.1/24 dev swp1");
    });
}

/// What somebody does to routes by hand.
pub(crate) fn of_routes(bench: &mut Bench) {
    let all = Truth::all();
    let table = bench.mode.table();
    // What replaces a route must have its metric.
    let metric = format!(
        "metric $(ip route show 172.16.1.12 proto 76 table {table} | grep -o 'metric [0-9]*' | tr -dc 0-9 | grep . || echo 0)"
    );
    let mut by_hand = |name: &str, command: &str| {
        bench.may_be_seen(99);
        bench.fault(name, &all, |bench| {
            bench.run(LEAF, command);
        });
    };
    by_hand("a route removed by hand", &format!("ip route del 172.16.1.12 proto 76 table {table}"));
    by_hand("all routes removed by hand", &format!("ip route flush proto 76 table {table}"));
    by_hand(
        "a route replaced by hand, to another port",
        &format!("ip route replace 172.16.1.12 dev swp51 scope link proto 76 table {table} {metric}"),
    );
    by_hand(
        "a route added by hand, to nobody",
        &format!("ip route add 172.16.1.99 dev swp1 scope link proto 76 table {table}"),
    );
    by_hand(
        "somebody else's route in its place for 3 s",
        &format!(
            "ip route replace 172.16.1.12 dev swp1 scope link proto static table {table} {metric}; sleep 3; \
             ip route del 172.16.1.12 proto static table {table}"
        ),
    );
}

pub(crate) fn of_frr(bench: &mut Bench) {
    let all = Truth::all();
    bench.fault_of("zebra", "zebra ends by SIGTERM", &all, |bench| {
        bench.run(LEAF, "kill -TERM $(pidof zebra)");
    });
    bench.fault_of("zebra", "FRR is restarted by its init script", &all, |bench| {
        bench.run(LEAF, "service frr restart");
    });
    // watchfrr waits until the daemon of neighbours has noticed.
    bench.fault_of("zebra", "zebra is killed, a host dies meanwhile", &all.clone().without(13), |bench| {
        bench.run(LEAF, "kill -STOP $(pidof watchfrr); kill -KILL $(pidof zebra)");
        bench.run(SERVER, &format!("docker kill {MORTAL}"));
        let gone = format!(
            "for try in $(seq 300); do ip route show table {} proto 76 | grep -q 172.16.1.13 || exit 0; sleep 0.1; done; exit 1",
            bench.mode.table()
        );
        bench.run(LEAF, &gone);
        bench.run(LEAF, "kill -CONT $(pidof watchfrr)");
    });
    bench.on_server(&format!("docker start {MORTAL}"), &all);
    bench.fault_of("bgpd", "bgpd is killed", &all, |bench| {
        bench.run(LEAF, "kill -KILL $(pidof bgpd)");
    });
    if bench.mode == Mode::Table {
        bench.fault_of(
            "zebra",
            "FRR is killed whole and started, a host died",
            &all.clone().without(13),
            |bench| {
                bench.run(LEAF, "kill -KILL $(pidof watchfrr zebra bgpd staticd)");
                bench.run(SERVER, &format!("docker kill {MORTAL}"));
                bench.run(LEAF, "sleep 3; service frr start");
            },
        );
        bench.on_server(&format!("docker start {MORTAL}"), &all);
    }
}

/// After a crash FRR 10 may lack a part of its configuration, whatever that was: a deployment finds and restores it.
pub(crate) fn a_deployment_restores(bench: &mut Bench) {
    bench.lab.on(&["deploy", "--yes"]).exits(0);
    bench.wait_for(&Truth::all());
    bench.lab.on(&["plan", "--exit-code"]).exits(0);
}

/// The port itself goes, with all that was on it, and comes back with nothing.
pub(crate) fn of_the_device(bench: &mut Bench) {
    let all = Truth::all();
    bench.fault("port deleted", &all.clone().only(&[]), |bench| {
        bench.run(LEAF, "ip link del swp1");
    });
    let [leaf, server] = [LEAF, SERVER].map(|node| first_process(bench, node));
    bench.fault("port made anew, its server answers", &all.clone().only(&[251]), |bench| {
        // From inside the leaf's network namespace: no device may ever be in the machine's own.
        let made = std::process::Command::new("nsenter")
            .args(["-t", &leaf, "-n", "ip", "link", "add", "swp1", "type", "veth", "peer", "name", "eth1", "netns"])
            .arg(&server)
            .status();
        assert!(made.unwrap().success());
        bench.run(SERVER, "ip link set eth1 mtu 9216 promisc on up; ip addr add 172.16.1.251/24 dev eth1");
        bench.run(
            LEAF,
            "ip link set swp1 mtu 9216 up; ip addr add 172.16.1.1/24 dev swp1; sysctl -q -p /etc/sysctl.d/90-fabricctl.conf",
        );
    });
    bench.fault("its containers are restarted", &all, |bench| {
        bench.run(SERVER, "docker restart -t 0 web11 web12 web13");
    });
    bench.lab.on(&["plan", "--exit-code"]).exits(0);
}

/// The process id, as the machine counts, of a node's PID 1.
fn first_process(bench: &Bench, node: &str) -> String {
    let directory = bench.config.parent().unwrap().as_os_str().as_encoded_bytes();
    let is_it = |pid: &Path| {
        let line = std::fs::read(pid.join("cmdline")).unwrap_or_default();
        let mut words = line.split(|octet| *octet == 0);
        words.any(|word| word == directory) && words.any(|word| word == node.as_bytes())
    };
    let mut pids = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let found = pids.find(|pid| is_it(pid)).unwrap_or_else(|| panic!("{node} has no process"));
    found.file_name().unwrap().to_string_lossy().into_owned()
}
