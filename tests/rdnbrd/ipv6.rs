//! Hosts with IPv6.

use crate::rack::{Rack, wait_until};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(6);

/// A rack whose ports have IPv6 prefixes too.
fn rack(config: &str) -> Rack {
    let rack = Rack::new(config);
    for port in ["swp1", "swp2"] {
        rack.leaf_ip(&format!("address add 2001:db8:1::1/64 dev {port} nodad"));
    }
    rack
}

#[test]
fn a_host_that_speaks_is_learned_and_withdrawn_when_it_is_gone() {
    let mut rack = rack("sweep = off");
    let web = rack.container(1, "172.16.1.11");
    web.give("2001:db8:1::11/64");
    rack.start();
    web.send_datagram("2001:db8:1::11", "2001:db8:1::1");
    wait_until("the host has a route", SOON, || rack.routes6() == ["2001:db8:1::11 dev swp1 table main"]);
    // Speaking of one address says nothing of the other.
    assert_eq!(rack.routes(), [] as [&str; 0]);
    drop(web);
    wait_until("the route is withdrawn", SOON, || rack.routes6().is_empty());
    rack.stop();
}

#[test]
fn link_local_and_foreign_addresses_are_no_hosts() {
    let mut rack = rack("sweep = off");
    let web = rack.container(1, "172.16.1.11");
    web.give("2001:db8:1::11/64");
    let heard = rack.monitor();
    rack.start();
    for address in ["fe80::42:ff:fe00:1", "2001:db8:9::9", "2001:db8:1::", "2001:db8:1::1"] {
        web.speak_as(address, "2001:db8:1::1");
    }
    web.send_datagram("2001:db8:1::11", "2001:db8:1::1");
    wait_until("the honest host has a route", SOON, || rack.routes6().len() == 1);
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(heard.added(), ["2001:db8:1::11"]);
    rack.stop();
}

#[test]
fn a_restart_flaps_neither_family_and_a_ghost_goes() {
    let mut rack = rack("sweep = off");
    let [web, dead] = [rack.container(1, "172.16.1.11"), rack.container(2, "172.16.1.21")];
    web.give("2001:db8:1::11/64");
    dead.give("2001:db8:1::21/64");
    rack.start();
    web.speak();
    web.send_datagram("2001:db8:1::11", "2001:db8:1::1");
    dead.send_datagram("2001:db8:1::21", "2001:db8:1::1");
    wait_until("all have routes", SOON, || rack.routes6().len() == 2 && rack.routes().len() == 1);
    rack.kill();
    drop(dead);
    let heard = rack.monitor();
    rack.start();
    wait_until("the ghost is gone", SOON, || rack.routes6() == ["2001:db8:1::11 dev swp1 table main"]);
    assert_eq!((heard.added(), heard.deleted()), (vec![], vec!["2001:db8:1::21".to_owned()]));
    rack.stop();
}

#[test]
fn link_down_and_a_lost_prefix_withdraw_at_once() {
    let mut rack = rack("sweep = off");
    let web = rack.container(1, "172.16.1.11");
    web.give("2001:db8:1::11/64");
    rack.start();
    // A datagram wouldn't ask for the gateway that it knows already.
    let speak = || web.speak_as("2001:db8:1::11", "2001:db8:1::1");
    let there = || rack.routes6().len() == 1;
    speak();
    wait_until("the host has a route", SOON, there);
    rack.leaf_ip("address delete 2001:db8:1::1/64 dev swp1");
    wait_until("the route is gone with the prefix", SOON, || rack.routes6().is_empty());
    rack.leaf_ip("address add 2001:db8:1::1/64 dev swp1 nodad");
    wait_until("the host is back", SOON, || {
        speak();
        there()
    });
    rack.set_link(["server1", "eth1", "down"]);
    wait_until("the route is gone with the link", SOON, || rack.routes6().is_empty());
    assert!(rack.log().contains("reason=address-removed") && rack.log().contains("reason=link-down"));
    rack.stop();
}

#[test]
fn silent_hosts_are_found_by_asking_everybody() {
    let mut rack = rack("");
    let webs = [rack.container(1, "172.16.1.11"), rack.container(2, "172.16.1.21")];
    webs[0].give("2001:db8:1::11/64");
    webs[1].give("2001:db8:1::21/64");
    rack.start();
    let all = ["2001:db8:1::11 dev swp1 table main", "2001:db8:1::21 dev swp2 table main"];
    wait_until("all have routes", SOON, || rack.routes6() == all);
    rack.stop();
}

#[test]
fn duplicate_address_detection_is_enough_to_be_found() {
    let mut rack = rack("sweep = off");
    let web = rack.container(1, "172.16.1.11");
    rack.start();
    web.ip("address add 2001:db8:1::11/64 dev eth0");
    wait_until("the host has a route", SOON, || rack.routes6() == ["2001:db8:1::11 dev swp1 table main"]);
    rack.stop();
}
