//! Real answers of devices, in the versions that are in use, and texts that are no answers at all.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::answer;
use fabricctl::fabric::Version;
use fabricctl::parse::{
    KernelRoutesReader, ParseError, RibReader, compare, docker_containers, docker_images, docker_networks,
    docker_objects, docker_version, frr_bgp_neighbors, frr_bgp_paths, frr_bgp_summary, frr_routes,
    frr_running_config, frr_version, ifquery_check, insides, ip_addresses, ip_neighbors, ip_routes,
    lldp_neighbors, neighbor_status, os_pretty_name, probes,
};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const FRR: [&str; 2] = ["frr-8.4.4", "frr-10.3"];
const DOCKER: [&str; 2] = ["docker-20.10.24", "docker-26.1.5"];
const DEBIAN: [&str; 2] = ["debian-bookworm", "debian-trixie"];

#[test]
fn routes_of_both_frr_versions_say_the_same() {
    for frr in FRR {
        let rib = frr_routes(&answer(&format!("{frr}/leaf04-routes.json"))).unwrap();
        let far = rib.selected(&"172.16.1.11/32".parse().unwrap()).unwrap();
        assert_eq!((far.protocol.as_str(), far.distance, far.in_kernel()), ("bgp", Some(20), true), "{frr}");
        let mut hops: Vec<_> = far.nexthops.iter().map(|hop| hop.interface.as_deref().unwrap()).collect();
        hops.sort_unstable();
        assert_eq!(hops, ["swp51", "swp52"]);
        assert!(far.nexthops.iter().all(|hop| hop.forwards() && hop.ip.is_some()));
        // FRR 10 lists `local` beside `connected`; only one of them is selected.
        let own = rib.selected(&"10.0.0.14/32".parse().unwrap()).unwrap();
        assert_eq!(own.protocol, "connected");
    }
}

#[test]
fn a_next_hop_over_a_dead_port_does_not_forward() {
    for frr in FRR {
        let rib = frr_routes(&answer(&format!("{frr}/leaf04-uplink-down-routes.json"))).unwrap();
        let far = rib.selected(&"172.16.1.11/32".parse().unwrap()).unwrap();
        let forwards: Vec<_> = far.nexthops.iter().filter(|hop| hop.forwards()).collect();
        assert_eq!(forwards.len(), 1, "{frr}");
        assert_eq!(forwards[0].interface.as_deref(), Some("swp51"));
    }
}

#[test]
fn table_mode_is_told_from_main_mode() {
    for frr in FRR {
        let prefix = "172.16.1.11/32".parse().unwrap();
        let table = frr_routes(&answer(&format!("{frr}/table-mode-leaf-routes.json"))).unwrap();
        assert_eq!(table.selected(&prefix).unwrap().protocol, "table");
        let main = frr_routes(&answer(&format!("{frr}/leaf01-routes.json"))).unwrap();
        assert_eq!(main.selected(&prefix).unwrap().protocol, "kernel");
    }
}

#[test]
fn what_is_no_route_answer_is_named() {
    assert_eq!(frr_routes("{}").unwrap().routes.len(), 0);
    let refused = frr_routes("% Unknown command: show ip rout json\n").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`show ip route json` was answered by \"% Unknown command: show ip rout json\""
    );
    let key = frr_routes(r#"{"fe80::/64": []}"#).unwrap_err();
    assert_eq!(
        key.to_string(),
        "the answer to `show ip route json` has \"fe80::/64\" where an IPv4 prefix is expected"
    );
    let member = frr_routes(r#"{"10.0.0.0\/8": [{"selected": 7}]}"#).unwrap_err();
    assert_eq!(member.to_string(), "the answer to `show ip route json` can't be read at 10.0.0.0/8");
    assert!(matches!(frr_routes("{"), Err(ParseError::Short { .. })));
    assert!(matches!(frr_routes(""), Err(ParseError::Refused { .. })));
    for (odd, wanted) in [
        (r#"{"10.0.0.0/8" []}"#, "a colon"),
        (r#"{"10.0.0.0/8": [] "10.0.0.0/9": []}"#, "a comma or the end"),
        ("{} {}", "nothing more"),
    ] {
        let error = frr_routes(odd).unwrap_err().to_string();
        assert!(error.ends_with(&format!("where {wanted} is expected")), "{error}");
    }
    let entry = ip_routes(r#"[{"dst": "10.0.0.1"}, {"dst": 7}]"#).unwrap_err().to_string();
    assert_eq!(entry, "the answer to `ip -j route show` can't be read at entry 2");
}

#[test]
fn tables_that_come_in_pieces_are_the_same_tables() {
    for file in ["frr-8.4.4/leaf01-routes.json", "frr-10.3/leaf04-routes.json"] {
        let text = answer(file);
        for size in [1, 2, 7, 64, 1000] {
            let mut reader = RibReader::default();
            text.as_bytes().chunks(size).for_each(|piece| reader.push(piece));
            assert_eq!(reader.end().unwrap(), frr_routes(&text).unwrap(), "{file} in pieces of {size}");
        }
    }
    let text = answer("debian-trixie/leaf01-routes-all-tables.json");
    let mut reader = KernelRoutesReader::default();
    text.as_bytes().chunks(3).for_each(|piece| reader.push(piece));
    assert_eq!(reader.end().unwrap(), ip_routes(&text).unwrap());
    // Of an error message that comes in pieces the first line is told whole.
    let mut reader = RibReader::default();
    b"\n vtysh: failed to connect\nto any daemons\n".chunks(4).for_each(|piece| reader.push(piece));
    let said = reader.end().unwrap_err().to_string();
    assert_eq!(said, "`show ip route json` was answered by \"vtysh: failed to connect\"");
}

/// Every reader of what a device answers, with the command that its errors name.
type Reader = (&'static str, fn(&str) -> Option<ParseError>);
const READERS: [Reader; 14] = [
    ("show ip route json", |text| frr_routes(text).err()),
    ("show bgp summary json", |text| frr_bgp_summary(text).err()),
    ("show bgp neighbors json", |text| frr_bgp_neighbors(text).err()),
    ("show bgp ipv4 unicast PREFIX json", |text| frr_bgp_paths(text).err()),
    ("show version", |text| frr_version(text).err()),
    ("ip -j addr show", |text| ip_addresses(text).err()),
    ("ip -j route show", |text| ip_routes(text).err()),
    ("ip -j neigh show", |text| ip_neighbors(text).err()),
    ("nsenter --net", |text| insides(text).err()),
    ("the prober", |text| probes(text).err()),
    ("rdnbrd status -o json", |text| neighbor_status(text).err()),
    ("docker inspect", |text| docker_objects(text).err()),
    ("docker version", |text| docker_version(text).err()),
    ("ifquery --check", |text| ifquery_check(text).err()),
];

#[test]
fn garbage_is_refused_by_the_name_of_its_command() {
    for garbage in ["nonsense of a device", "\u{1b}[31m{]", "[{\"", "{\"a\": [}", "<html>\n</html>"] {
        for (command, read) in READERS {
            let said = read(garbage).map(|error| error.to_string());
            let named = said.as_ref().is_some_and(|said| said.contains(&format!("`{command}`")));
            assert!(named, "{command} makes {said:?} of {garbage:?}");
            assert!(!said.unwrap().contains(char::is_control), "{command} of {garbage:?}");
        }
    }
}

#[test]
fn bgp_sessions_with_and_without_wrapper() {
    for frr in FRR {
        let up = frr_bgp_summary(&answer(&format!("{frr}/leaf04-bgp-summary.json"))).unwrap();
        assert_eq!((up.asn, up.router_id), (Some(65014), Some(Ipv4Addr::new(10, 0, 0, 14))), "{frr}");
        assert_eq!(up.peers.keys().collect::<Vec<_>>(), ["swp51", "swp52"]);
        assert!(up.peers.values().all(|peer| peer.established() && peer.remote_as == Some(65020)));
        assert_eq!(up.peers["swp51"].prefixes_received, Some(8));
        assert!(up.peers["swp51"].uptime_ms.unwrap() > 1000);

        let down = frr_bgp_summary(&answer(&format!("{frr}/leaf04-uplink-down-bgp-summary.json"))).unwrap();
        assert!(down.peers["swp51"].established());
        assert_eq!(down.peers["swp52"].state, "Idle");

        let bare = frr_bgp_summary(&answer(&format!("{frr}/bgp-ipv4-unicast-summary.json"))).unwrap();
        assert_eq!(bare.peers.len(), 1);
    }
    assert_eq!(frr_bgp_summary("{}").unwrap().peers.len(), 0, "no BGP instance");
}

#[test]
fn a_running_config_equals_the_file_it_came_from() {
    for frr in FRR {
        for node in ["leaf01", "spine01"] {
            let intended = frr_running_config(&answer(&format!("{frr}/{node}-frr.conf")));
            let running = frr_running_config(&answer(&format!("{frr}/{node}-running-config.txt")));
            assert!(intended.len() > 10, "{intended:?}");
            let difference = compare(&intended, &running);
            assert!(difference.is_empty(), "{frr} {node}: {difference:?}");
        }
    }
}

#[test]
fn a_changed_line_is_found_with_its_context() {
    let file = answer("frr-8.4.4/leaf01-frr.conf");
    let changed = file.replace("redistribute kernel route-map FCTL-HOSTS", "redistribute kernel");
    let difference = compare(&frr_running_config(&file), &frr_running_config(&changed));
    let context = "router bgp 65011 > address-family ipv4 unicast > redistribute kernel";
    assert_eq!(difference.missing, [format!("{context} route-map FCTL-HOSTS")]);
    assert_eq!(difference.extra, [context]);
}

#[test]
fn interfaces_of_a_leaf_and_a_server() {
    for debian in DEBIAN {
        for file in ["leaf01-addresses.json", "leaf01-addresses-details.json"] {
            let leaf = ip_addresses(&answer(&format!("{debian}/{file}"))).unwrap();
            assert_eq!(leaf.keys().collect::<Vec<_>>(), ["lo", "swp1", "swp51", "swp52"]);
            assert!(leaf["lo"].addresses.contains(&"10.0.0.11/32".parse().unwrap()));
            let port = &leaf["swp1"];
            assert_eq!(
                (port.admin_up, port.carrier, port.mtu, port.promiscuous),
                (true, true, Some(9216), false)
            );
            assert_eq!(port.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["172.16.1.1/24"]);
            assert_eq!(leaf["swp51"].addresses.len(), 0, "link-local IPv6 only");
        }
        let server = ip_addresses(&answer(&format!("{debian}/server01-addresses.json"))).unwrap();
        assert!(server["eth1"].promiscuous);
        let down = ip_addresses(&answer(&format!("{debian}/leaf04-uplink-down-addresses.json"))).unwrap();
        let port = &down["swp52"];
        assert_eq!((port.admin_up, port.carrier, port.oper_state.as_str()), (false, false, "DOWN"));
    }
    assert_eq!(ip_addresses("[{},{}]").unwrap().len(), 0);
    let long = r#"[{"ifname":"x","addr_info":[{"local":"10.0.0.1","prefixlen":64}]}]"#;
    assert!(matches!(ip_addresses(long), Err(ParseError::Value { .. })));
}

#[test]
fn kernel_routes_with_all_their_kinds_of_next_hop() {
    for debian in DEBIAN {
        let routes = ip_routes(&answer(&format!("{debian}/leaf01-routes.json"))).unwrap();
        let find =
            |prefix: &str| routes.iter().find(|route| route.prefix == prefix.parse().unwrap()).unwrap();
        let host = find("172.16.1.11/32");
        assert_eq!(host.protocol.as_deref(), Some("76"));
        assert_eq!(host.scope.as_deref(), Some("link"));
        assert_eq!((host.next_hops[0].dev.as_deref(), host.next_hops[0].via), (Some("swp1"), None));
        let ecmp = find("10.0.0.14/32");
        assert_eq!(ecmp.next_hops.len(), 2);
        assert!(ecmp.next_hops.iter().all(|hop| hop.via.is_some_and(|via| via.is_ipv6())));
        assert_eq!(find("10.0.0.21/32").next_hops.len(), 1);

        let down = ip_routes(&answer(&format!("{debian}/leaf04-uplink-down-routes.json"))).unwrap();
        let hole = down.iter().find(|route| route.kind == "blackhole").unwrap();
        assert_eq!((hole.prefix.to_string().as_str(), hole.next_hops.len()), ("192.0.2.0/24", 0));

        let all = ip_routes(&answer(&format!("{debian}/leaf01-routes-all-tables.json"))).unwrap();
        assert!(all.iter().any(|route| route.kind == "local" && route.table.as_deref() == Some("local")));
    }
    assert_eq!(ip_routes("[ ]").unwrap().len(), 0);
    let default = &ip_routes(r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"}]"#).unwrap()[0];
    assert_eq!((default.prefix.prefix_len(), default.next_hops[0].via), (0, Some([192, 0, 2, 1].into())));
    assert!(matches!(ip_routes(r#"[{"dst":"somewhere"}]"#), Err(ParseError::Value { .. })));
}

#[test]
fn containers_running_stopped_and_foreign() {
    for docker in DOCKER {
        let containers = docker_containers(&answer(&format!("{docker}/containers.json"))).unwrap();
        let find = |name: &str| containers.iter().find(|container| container.name == name).unwrap();
        let web11 = find("web11");
        assert!(
            web11.running && web11.status == "running" && web11.pid.is_some() && web11.started_at.is_some()
        );
        assert_eq!(web11.image, "identify:fabricctl");
        assert!(web11.image_id.starts_with("sha256:"));
        assert_eq!(web11.restart, "unless-stopped");
        assert_eq!((web11.entrypoint.as_slice(), web11.command.len()), (&["/bin/busybox".to_owned()][..], 2));
        assert_eq!(web11.environment["ROLE"], "web");
        assert_eq!(web11.labels["fabricctl.spec"], "beef", "its own label wins over its image's");
        let network = &web11.networks["containers"];
        assert_eq!(network.address, Some(Ipv4Addr::new(172, 16, 1, 11)));
        assert_eq!(network.mac.as_deref(), Some("02:42:ac:10:01:0b"));

        let web12 = find("web12");
        assert_eq!((web12.running, web12.status.as_str(), web12.pid), (false, "exited", None));
        let network = &web12.networks["containers"];
        assert_eq!((network.configured, network.address), (Some(Ipv4Addr::new(172, 16, 1, 12)), None));

        let foreign = find("foreign");
        assert_eq!((foreign.status.as_str(), &foreign.started_at), ("created", &None));
        assert!(foreign.labels.contains_key("fabricctl.fabric"), "inherited from the image");
    }
    assert_eq!(docker_containers("").unwrap(), docker_containers("[]\n").unwrap());
    assert!(matches!(
        docker_containers("Cannot connect to the Docker daemon"),
        Err(ParseError::Refused { .. })
    ));
}

#[test]
fn networks_and_images() {
    for docker in DOCKER {
        let networks = docker_networks(&answer(&format!("{docker}/networks.json"))).unwrap();
        let ours = networks.iter().find(|network| network.name == "containers").unwrap();
        assert_eq!((ours.driver.as_str(), ours.parent.as_deref()), ("macvlan", Some("eth1")));
        assert_eq!(ours.subnet, Some("172.16.1.0/24".parse().unwrap()));
        assert_eq!(ours.gateway, Some(Ipv4Addr::new(172, 16, 1, 1)));
        assert_eq!(ours.labels["fabricctl.spec"], "77aa");
        assert_eq!(ours.containers, ["web11"]);
        assert!(networks.iter().any(|network| network.driver == "null" && network.subnet.is_none()));

        let images = docker_images(&answer(&format!("{docker}/images.json"))).unwrap();
        let named: Vec<_> = images.iter().filter(|image| !image.tags.is_empty()).collect();
        assert_eq!(named.len(), 1, "the others are layers of its build");
        assert_eq!(named[0].tags, ["identify:fabricctl"]);
        assert_eq!(named[0].labels["fabricctl.fabric"], "reference");
    }
}

#[test]
fn versions() {
    for (frr, version) in FRR.iter().zip([Version { major: 8, minor: 4 }, Version { major: 10, minor: 3 }]) {
        for file in ["show-version.txt", "zebra-version.txt"] {
            assert_eq!(frr_version(&answer(&format!("{frr}/{file}"))).unwrap(), version);
        }
    }
    for (docker, version) in
        DOCKER.iter().zip([Version { major: 20, minor: 10 }, Version { major: 26, minor: 1 }])
    {
        for file in ["server-version.txt", "client-version.txt"] {
            assert_eq!(docker_version(&answer(&format!("{docker}/{file}"))).unwrap(), version);
        }
    }
    assert_eq!(os_pretty_name(&answer("debian-bookworm/os-release")), "Debian GNU/Linux 12 (bookworm)");
    assert_eq!(os_pretty_name(&answer("debian-trixie/os-release")), "Debian GNU/Linux 13 (trixie)");
}

/// Runs every reader on a text; what they make of it doesn't matter here.
fn read_everything(text: &str) {
    let _ = frr_routes(text);
    let _ = frr_bgp_summary(text);
    let _ = compare(&frr_running_config(text), &frr_running_config(text));
    let _ = ip_addresses(text);
    let _ = ip_routes(text);
    let _ = docker_containers(text);
    let _ = docker_networks(text);
    let _ = docker_images(text);
    let _ = frr_version(text);
    let _ = docker_version(text);
    let _ = os_pretty_name(text);
    let _ = lldp_neighbors(text);
    for (_, read) in READERS {
        let _ = read(text);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_everything(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn damaged_answers_never_panic(
        file in prop::sample::select(vec![
            "frr-10.3/leaf01-routes.json", "frr-8.4.4/leaf04-bgp-summary.json", "frr-8.4.4/leaf01-frr.conf",
            "debian-trixie/leaf01-addresses.json", "debian-bookworm/leaf01-routes.json",
            "docker-20.10.24/networks.json", "debian-trixie/os-release", "frr-10.3/spine01-bgp-neighbors.json",
            "frr-8.4.4/leaf01-down-bgp-neighbors.json", "debian-bookworm/leaf01-neighbors.json",
        ]),
        at in any::<prop::sample::Index>(),
        cut in any::<bool>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = answer(file).into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        read_everything(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn the_order_of_blocks_does_not_count(order in Just((0..4usize).collect::<Vec<_>>()).prop_shuffle()) {
        let blocks = [
            "router bgp 65011\n bgp router-id 10.0.0.11\n address-family ipv4 unicast\n  redistribute kernel\n exit-address-family\nexit\n!\n",
            "ip prefix-list A seq 5 permit 10.0.0.0/8\n!\n",
            "route-map A permit 10\n match interface lo\nexit\n!\n",
            "route-map A permit 20\n",
        ];
        let shuffled: String = order.iter().map(|at| blocks[*at]).collect();
        prop_assert!(compare(&frr_running_config(&blocks.concat()), &frr_running_config(&shuffled)).is_empty());
    }
}
