//! Ports that come, go and change while the daemon runs, and what is heard of other leafs.

use crate::rack::{Rack, wait_until};
use nix::sys::signal::Signal;
use std::fmt::Write as _;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(6);

#[test]
fn a_port_that_appears_is_used_and_one_that_vanishes_takes_its_hosts_along() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    rack.add_port("swp3");
    rack.leaf_ip("address add 172.16.1.1/24 dev swp3");
    // It may be too late for the search.
    let late = rack.container(3, "172.16.1.31");
    late.speak();
    let both = ["172.16.1.11 dev swp1 table main", "172.16.1.31 dev swp3 table main"];
    wait_until("the host behind the new port has one", SOON, || rack.routes() == both);
    let heard = rack.monitor();
    rack.leaf_ip("link delete swp3");
    wait_until("it is withdrawn with its port", SOON, || rack.routes() == both[..1]);
    wait_until("others hear of it", SOON, || heard.deleted() == ["172.16.1.31"]);
    rack.stop();
}

#[test]
fn a_renamed_port_is_ours_by_its_new_name() {
    let mut rack = Rack::new("interfaces = swp1 lan*");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    for (from, to, routes) in [("swp1", "lan1", 1), ("lan1", "eth9", 0), ("eth9", "swp1", 1)] {
        rack.leaf_ip(&format!("link set {from} down"));
        rack.leaf_ip(&format!("link set {from} name {to}"));
        rack.leaf_ip(&format!("link set {to} up"));
        wait_until(&format!("the port is {to}"), SOON, || {
            let status = rack.status();
            let ports = status["ports"].as_array().unwrap().clone();
            let ours: Vec<_> = ports.iter().map(|port| port["name"].as_str().unwrap_or_default()).collect();
            let named = ours.contains(&to) || (routes == 0 && !ours.contains(&from));
            named && rack.routes().len() == routes
        });
    }
    rack.stop();
}

#[test]
fn several_prefixes_on_a_port_and_the_same_gateway_on_all_ports() {
    let mut rack = Rack::new("");
    rack.add_port("swp3");
    for port in ["swp1", "swp2", "swp3"] {
        rack.leaf_ip(&format!("address add 172.16.2.1/24 dev {port}"));
    }
    rack.leaf_ip("address add 172.16.1.1/24 dev swp3");
    let _hosts = [
        rack.container(1, "172.16.1.11"),
        rack.container(1, "172.16.2.11"),
        rack.container(2, "172.16.2.21"),
        rack.container(3, "172.16.1.31"),
        rack.container(3, "172.16.2.31"),
    ];
    rack.start();
    let all = [
        "172.16.1.11 dev swp1 table main",
        "172.16.1.31 dev swp3 table main",
        "172.16.2.11 dev swp1 table main",
        "172.16.2.21 dev swp2 table main",
        "172.16.2.31 dev swp3 table main",
    ];
    wait_until("all hosts have routes by their own ports", SOON, || rack.routes() == all);
    rack.leaf_ip("address delete 172.16.2.1/24 dev swp1");
    wait_until("only that prefix of that port goes", SOON, || {
        let mut left = all.to_vec();
        left.remove(2);
        rack.routes() == left
    });
    rack.stop();
}

#[test]
fn a_paused_container_is_not_withdrawn() {
    let mut rack = Rack::new("");
    let web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    let heard = rack.monitor();
    web.pause();
    // Longer than a silent host is believed in.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((rack.routes().len(), heard.deleted()), (1, vec![]));
    rack.stop();
}

#[test]
fn lost_announcements_of_the_kernel_are_made_up_for() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    let _other = rack.container(2, "172.16.1.21");
    rack.start();
    wait_until("both have routes", SOON, || rack.routes().len() == 2);
    rack.signal(Signal::SIGSTOP);
    let mut lines = String::new();
    for number in 0..40_000_u32 {
        let (deed, host) = if number % 2 == 0 { ("add", number) } else { ("delete", number - 1) };
        let _ = writeln!(lines, "route {deed} 10.{}.{}.1/32 dev swp1 proto 77", host >> 8 & 255, host & 255);
    }
    rack.leaf_batch(&lines);
    // These are lost, being the last: a port goes, another comes, a route of ours goes.
    rack.leaf_ip("link set swp2 down");
    rack.add_port("swp3");
    rack.leaf_ip("address add 172.16.3.1/24 dev swp3");
    let late = rack.container(3, "172.16.3.31");
    rack.leaf_ip("route delete 172.16.1.11/32 dev swp1 proto 76");
    rack.signal(Signal::SIGCONT);
    wait_until("the new port is known", Duration::from_secs(15), || {
        late.speak_as("172.16.3.31", "172.16.3.1");
        rack.routes().len() == 2
    });
    let right = ["172.16.1.11 dev swp1 table main", "172.16.3.31 dev swp3 table main"];
    wait_until("the routes are right again", Duration::from_secs(15), || rack.routes() == right);
    assert!(rack.log().contains("event=overrun"), "some were lost indeed");
    assert!(rack.status()["counters"]["netlink_overruns"].as_u64() > Some(0));
    rack.stop();
}

#[test]
fn copies_that_a_killed_routing_daemon_left_are_removed_in_table_mode_only() {
    let copies = [
        "172.16.1.77/32 dev swp1 proto zebra metric 20",
        // Not within a prefix of the port, not direct, not a host, not of the routing daemon.
        "10.9.9.9/32 dev swp1 proto zebra metric 20",
        "172.16.1.78/32 via 172.16.1.2 dev swp1 proto zebra metric 20",
        "172.16.1.80/29 dev swp1 proto zebra metric 20",
        "172.16.1.79/32 dev swp1 proto static metric 20",
    ];
    let left = |rack: &Rack| rack.leaf_ip("route show table main").matches("metric 20").count();
    let mut main = Rack::new("");
    let mut table = Rack::new("route_table = 10");
    let _webs = [&mut main, &mut table].map(|rack| {
        for copy in copies {
            rack.leaf_ip(&format!("route add {copy}"));
        }
        let web = rack.container(1, "172.16.1.11");
        rack.start();
        web
    });
    wait_until("the host has a route", SOON, || table.routes() == ["172.16.1.11 dev swp1 table 10"]);
    table.leaf_ip("route add 172.16.1.11/32 dev swp1 proto zebra metric 20");
    wait_until("the orphan is removed", Duration::from_secs(20), || {
        table.log().contains("event=orphan-removed host=172.16.1.77 port=swp1")
    });
    assert_eq!((left(&table), left(&main)), (copies.len(), copies.len()));
    let shown = table.leaf_ip("route show table main");
    assert!(!shown.contains("172.16.1.77"), "{shown}");
    assert_eq!(table.log().matches("event=orphan-removed").count(), 1);
    main.stop();
    table.stop();
}

#[test]
fn a_host_that_stays_gets_the_settled_metric_without_a_gap() {
    let mut rack = Rack::new("settle = 1");
    rack.leaf_ip("address add 2001:db8:1::1/64 dev swp1 nodad");
    let web = rack.container(1, "172.16.1.11");
    web.give("2001:db8:1::11/64");
    let heard = rack.monitor();
    rack.start();
    let shown = || rack.leaf_ip("route show proto 76") + &rack.leaf_ip("-6 route show proto 76");
    wait_until("both have routes", SOON, || shown().lines().count() >= 2);
    wait_until("both are settled", SOON, || {
        shown().matches("metric 10 ").count() == 2 && shown().lines().count() == 2
    });
    assert_eq!((heard.added().len(), heard.deleted().len()), (4, 2));
    let adopted = rack.monitor();
    rack.kill();
    rack.start();
    std::thread::sleep(Duration::from_millis(2600));
    assert_eq!((adopted.added(), adopted.deleted()), (vec![], vec![]), "a restart takes them as they are");
    rack.stop();
}

#[test]
fn rack_mates_of_a_host_that_went_to_another_leaf_are_told() {
    let mut rack = Rack::new("");
    let gone = rack.container(1, "172.16.1.11");
    let mate = rack.container(1, "172.16.1.12");
    rack.start();
    wait_until("both have routes", SOON, || rack.routes().len() == 2);
    mate.ip("neigh replace 172.16.1.11 lladdr 02:42:00:00:00:01 nud reachable dev eth0");
    drop(gone);
    wait_until("it is withdrawn", SOON, || rack.routes().len() == 1);
    rack.leaf_ip("link add up0 type veth peer name up1");
    rack.leaf_ip("link set up0 up");
    rack.leaf_ip("route add 172.16.1.11/32 dev up0 proto bgp metric 20");
    let port = rack.leaf_ip("-br link show swp1").split_whitespace().nth(2).unwrap().to_owned();
    wait_until("the mate sends to the leaf", SOON, || {
        mate.ip("neigh show 172.16.1.11 dev eth0").contains(&port)
    });
    assert!(rack.log().contains("172.16.1.11"));
    rack.stop();
}
