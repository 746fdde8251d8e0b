//! The real daemon in real namespaces: a leaf with two ports, a server behind each, containers on macvlan.
//!
//! Needs root, for namespaces. Everything a test makes dies with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]
#![allow(clippy::disallowed_methods, reason = "tests look at processes, files and the clock")]

#[path = "rdnbrd/doors.rs"]
mod doors;
#[path = "rdnbrd/ipv6.rs"]
mod ipv6;
#[path = "rdnbrd/ports.rs"]
mod ports;
mod rack;
#[path = "rdnbrd/service.rs"]
mod service;

use rack::{Rack, wait_until};
use std::time::Duration;

/// Much longer than anything here takes.
const SOON: Duration = Duration::from_secs(6);

#[test]
fn a_host_that_speaks_is_learned_and_withdrawn_when_it_is_gone() {
    let mut rack = Rack::new("sweep = off");
    let web = rack.container(1, "172.16.1.11");
    rack.start();
    assert_eq!(rack.routes(), [] as [&str; 0], "nothing is known of a silent host without a sweep");
    web.speak();
    wait_until("the host has a route", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table main"]);
    drop(web);
    let gone = wait_until("the route is withdrawn", SOON, || rack.routes().is_empty());
    assert!(gone < Duration::from_millis(3500), "took {gone:?}");
    rack.stop();
}

#[test]
fn silent_hosts_are_found_on_every_port() {
    let mut rack = Rack::new("");
    let _webs = [rack.container(1, "172.16.1.11"), rack.container(1, "172.16.1.250")];
    let _other = rack.container(2, "172.16.1.21");
    rack.start();
    let all = [
        "172.16.1.11 dev swp1 table main",
        "172.16.1.21 dev swp2 table main",
        "172.16.1.250 dev swp1 table main",
    ];
    wait_until("all hosts have routes", SOON, || rack.routes() == all);
    rack.stop();
}

#[test]
fn what_no_host_may_have_or_nobody_answers_for_is_never_routed() {
    let mut rack = Rack::new("sweep = off");
    let web = rack.container(1, "172.16.1.11");
    let heard = rack.monitor();
    rack.start();
    for address in
        ["172.16.1.1", "172.16.1.0", "172.16.1.255", "172.16.1.77", "10.9.9.9", "0.0.0.0", "224.0.0.1"]
    {
        web.claim(address);
    }
    web.speak();
    wait_until("the honest host has a route", SOON, || rack.routes().len() == 1);
    // Longer than a candidate has to answer.
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(heard.added(), ["172.16.1.11"]);
    rack.stop();
}

#[test]
fn a_restart_deletes_no_route() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    let heard = rack.monitor();
    rack.stop();
    assert_eq!(rack.routes().len(), 1, "the route stays while the daemon is away");
    rack.start();
    // Longer than an adopted route has to be proven.
    std::thread::sleep(Duration::from_millis(2600));
    assert_eq!(rack.routes().len(), 1);
    assert_eq!((heard.added(), heard.deleted()), (vec![], vec![]), "no change was seen");
    assert!(rack.log().contains("event=adopted host=172.16.1.11 port=swp1"));
    rack.stop();
}

#[test]
fn a_ghost_left_by_a_killed_daemon_is_dropped_and_the_living_stay() {
    let mut rack = Rack::new("");
    let dead = rack.container(1, "172.16.1.11");
    let _live = rack.container(2, "172.16.1.21");
    rack.start();
    wait_until("both have routes", SOON, || rack.routes().len() == 2);
    rack.kill();
    drop(dead);
    assert_eq!(rack.routes().len(), 2);
    let heard = rack.monitor();
    rack.start();
    wait_until("the ghost is gone", SOON, || rack.routes() == ["172.16.1.21 dev swp2 table main"]);
    assert_eq!(heard.deleted(), ["172.16.1.11"]);
    rack.stop();
}

#[test]
fn link_down_withdraws_at_once_and_link_up_finds_the_hosts_again() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    let _other = rack.container(2, "172.16.1.21");
    rack.start();
    wait_until("both have routes", SOON, || rack.routes().len() == 2);
    let heard = rack.monitor();
    for (down, up) in [
        (["server1", "eth1", "down"], ["server1", "eth1", "up"]),
        (["leaf", "swp1", "down"], ["leaf", "swp1", "up"]),
    ] {
        rack.set_link(down);
        wait_until("the route is withdrawn", SOON, || rack.routes() == ["172.16.1.21 dev swp2 table main"]);
        rack.set_link(up);
        wait_until("the host is found again", SOON, || rack.routes().len() == 2);
    }
    assert_eq!(rack.log().matches("event=withdrawn host=172.16.1.11").count(), 2);
    assert_eq!(rack.log().matches("reason=link-down").count(), 2);
    // Also when the port was set down and the kernel removed the route without a word.
    assert_eq!(heard.deleted(), ["172.16.1.11", "172.16.1.11"]);
    rack.stop();
}

#[test]
fn without_the_gateway_address_there_are_no_hosts() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    let heard = rack.monitor();
    rack.leaf_ip("address delete 172.16.1.1/24 dev swp1");
    wait_until("the route is gone", SOON, || rack.routes().is_empty() && !heard.deleted().is_empty());
    rack.leaf_ip("address add 172.16.1.1/24 dev swp1");
    wait_until("the host is found again", SOON, || rack.routes().len() == 1);
    rack.stop();
}

#[test]
fn a_host_that_moves_to_another_port_moves_its_route() {
    let mut rack = Rack::new("sweep = off");
    let before = rack.container(1, "172.16.1.11");
    rack.start();
    before.speak();
    wait_until("the host has a route", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table main"]);
    drop(before);
    let after = rack.container(2, "172.16.1.11");
    after.speak();
    wait_until("the route moved", SOON, || rack.routes() == ["172.16.1.11 dev swp2 table main"]);
    rack.stop();
}

#[test]
fn two_hosts_with_one_address_are_reported_and_the_first_stays() {
    let mut rack = Rack::new("sweep = off");
    let first = rack.container(1, "172.16.1.11");
    rack.start();
    first.speak();
    wait_until("the host has a route", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table main"]);
    let second = rack.container(2, "172.16.1.11");
    let heard = rack.monitor();
    second.speak();
    wait_until("it is reported", SOON, || rack.log().contains("event=duplicate host=172.16.1.11 port=swp1"));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!((heard.added(), heard.deleted()), (vec![], vec![]));
    assert_eq!(rack.log().matches("event=duplicate").count(), 1);
    rack.stop();
}

#[test]
fn a_new_mac_is_no_flap() {
    let mut rack = Rack::new("sweep = off");
    let web = rack.container(1, "172.16.1.11");
    rack.start();
    web.speak();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    let heard = rack.monitor();
    drop(web);
    let web = rack.container(1, "172.16.1.11");
    web.speak();
    wait_until("the new one took over", SOON, || {
        rack.log().contains("event=moved host=172.16.1.11 port=swp1")
    });
    assert_eq!((heard.added(), heard.deleted()), (vec![], vec![]));
    rack.stop();
}

#[test]
fn table_10_is_written_when_told_and_left_when_told_otherwise() {
    let mut rack = Rack::new("route_table = 10\nkeepalive = 1\nholdtime = 3");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the route is in table 10", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table 10"]);
    rack.configure("route_table = main");
    rack.reload();
    wait_until("it is in the main table", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table main"]);
    rack.stop();
}

#[test]
fn a_reload_keeps_what_is_known_and_a_faulty_file_changes_nothing() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    let _other = rack.container(2, "172.16.1.21");
    rack.start();
    wait_until("both have routes", SOON, || rack.routes().len() == 2);
    let heard = rack.monitor();
    rack.configure("interfaces = swp1\nsweeep = off");
    rack.reload();
    wait_until("the file is refused", SOON, || rack.log().contains("event=reload-refused"));
    rack.configure("interfaces = swp2");
    rack.reload();
    wait_until("only that port is left", SOON, || rack.routes() == ["172.16.1.21 dev swp2 table main"]);
    assert_eq!((heard.added(), heard.deleted()), (vec![], vec!["172.16.1.11".to_owned()]));
    rack.stop();
}

#[test]
fn the_kernel_is_put_right_when_others_meddle() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    rack.leaf_ip("route delete 172.16.1.11/32 dev swp1 proto 76");
    wait_until("it is back", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table main"]);
    rack.leaf_ip("route add 172.16.1.99/32 dev swp2 proto 76");
    wait_until("the stranger is removed", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table main"]);
    assert!(rack.log().contains("was=missing") && rack.log().contains("was=unknown"));
    rack.leaf_ip("route add 172.16.1.98/32 dev swp2 proto 77");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(rack.leaf_ip("route show proto 77").trim(), "172.16.1.98 dev swp2 scope link");
    rack.stop();
}

#[test]
fn a_route_that_stood_in_the_way_is_replaced_as_soon_as_it_goes() {
    let mut rack = Rack::new("sweep = off\nloglevel = DEBUG");
    let web = rack.container(1, "172.16.1.11");
    rack.start();
    rack.leaf_ip("route add 172.16.1.11/32 dev swp2 proto 77");
    web.speak();
    wait_until("the host is learned", SOON, || rack.log().contains("event=learned host=172.16.1.11"));
    assert_eq!(rack.routes(), [] as [&str; 0]);
    std::thread::sleep(Duration::from_millis(1200));
    let tries = rack.log().matches("event=route-exists").count();
    assert!((1..=2).contains(&tries), "it tried {tries} times while the other one stood there");
    rack.leaf_ip("route delete 172.16.1.11/32 dev swp2 proto 77");
    wait_until("its route is there", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table main"]);
    rack.stop();
}

#[test]
fn routes_are_flushed_only_when_asked() {
    let mut rack = Rack::new("on_exit = flush");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    rack.stop();
    assert_eq!(rack.routes(), [] as [&str; 0]);
    rack.configure("on_exit = keep");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    let second = rack.run(&[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another one is running"));
    rack.stop();
    assert_eq!(rack.routes().len(), 1);
    let flushed = rack.run(&["--flush"]);
    assert_eq!(String::from_utf8_lossy(&flushed.stdout), "1 routes removed\n");
    assert_eq!(rack.routes(), [] as [&str; 0]);
}
