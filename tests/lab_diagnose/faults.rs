//! The fault matrix: what is broken where, how it is mended, and what a diagnosis must say of it.

/// One fault.
pub struct Fault {
    pub name: &'static str,
    /// What is diagnosed.
    pub subject: &'static str,
    /// Where it is broken, and by which command.
    pub node: &'static str,
    pub inject: &'static str,
    pub undo: &'static str,
    /// The devices that may be blamed: more than one only where the fault is between them.
    pub devices: &'static [&'static str],
    /// How the first broken hop's title begins.
    pub hop: &'static str,
}

/// Into the network of a container, from its server.
macro_rules! inside {
    ($name:literal, $command:literal) => {
        concat!("nsenter -t $(docker inspect -f '{{.State.Pid}}' ", $name, ") -n ", $command)
    };
}

macro_rules! configure {
    ($($line:literal),+) => { concat!("vtysh -c 'configure terminal'", $(" -c '", $line, "'"),+) };
}

/// watchfrr starts a killed daemon again, unless there is no such program.
macro_rules! kill {
    ($daemon:literal) => {
        concat!(
            "mv /usr/lib/frr/",
            $daemon,
            " /usr/lib/frr/aside && kill -9 $(cat /run/frr/",
            $daemon,
            ".pid)"
        )
    };
}

macro_rules! restore {
    ($daemon:literal) => {
        concat!("mv /usr/lib/frr/aside /usr/lib/frr/", $daemon, " && service frr restart")
    };
}

/// Both ends of two cables change their places.
const SWAP: &str = "ip link set swp51 down && ip link set swp52 down && ip link set swp51 name aside && \
    ip link set swp52 name swp51 && ip link set aside name swp52 && ip link set swp51 up && ip link set swp52 up";

const fn fault(
    name: &'static str,
    (subject, node): (&'static str, &'static str),
    inject: &'static str,
    undo: &'static str,
    devices: &'static [&'static str],
    hop: &'static str,
) -> Fault {
    Fault { name, subject, node, inject, undo, devices, hop }
}

const SERVER: &[&str] = &["server01"];
const LEAF: &[&str] = &["leaf01"];

/// On a server and in its containers.
pub const SERVERS: &[Fault] = &[
    fault(
        "container killed",
        ("web11", "server01"),
        "docker kill web11",
        "docker start web11",
        SERVER,
        "container process",
    ),
    fault(
        "container paused",
        ("web11", "server01"),
        "docker pause web11",
        "docker unpause web11",
        SERVER,
        "container process",
    ),
    fault(
        "address changed in the container",
        ("web11", "server01"),
        inside!("web11", "sh -c 'ip addr flush dev eth0 scope global; ip addr add 172.16.1.77/24 dev eth0'"),
        "docker restart -t 1 web11",
        SERVER,
        "its interface",
    ),
    fault(
        "another address from Docker",
        ("web12", "server01"),
        "docker network disconnect containers web12 && docker network connect --ip 172.16.1.78 containers web12",
        "docker network disconnect containers web12 && docker network connect --ip 172.16.1.12 containers web12",
        SERVER,
        "its interface",
    ),
    fault(
        "interface down in the container",
        ("web11", "server01"),
        inside!("web11", "ip link set eth0 down"),
        "docker restart -t 1 web11",
        SERVER,
        "its interface",
    ),
    fault(
        "silent container",
        ("web11", "server01"),
        inside!("web11", "sysctl -qw net.ipv4.conf.all.arp_ignore=8"),
        "docker restart -t 1 web11",
        SERVER,
        "its ARP",
    ),
    fault(
        "ARP off in the container",
        ("web13", "server01"),
        inside!("web13", "ip link set eth0 arp off"),
        "docker restart -t 1 web13",
        SERVER,
        "its ARP",
    ),
    fault(
        "macvlan parent down",
        ("web11", "server01"),
        "ip link set eth1 down",
        "ip link set eth1 up",
        SERVER,
        "macvlan parent",
    ),
    fault(
        "promiscuous mode off",
        ("web11", "server01"),
        "ip link set eth1 promisc off",
        "ip link set eth1 promisc on",
        SERVER,
        "macvlan parent",
    ),
    fault(
        "Docker stopped",
        ("web11", "server01"),
        "service docker stop",
        "service docker start",
        SERVER,
        "container process",
    ),
    fault(
        "image missing",
        ("web11", "server01"),
        "docker inspect -f '{{.Config.Image}}' web11 >/root/image && docker rmi -f $(cat /root/image)",
        "docker tag $(docker inspect -f '{{.Image}}' web11) $(cat /root/image)",
        SERVER,
        "its image",
    ),
    fault(
        "duplicate address in another rack",
        ("web11", "server03"),
        "docker run -d --name rogue --network containers --ip 172.16.1.11 \
         $(docker inspect -f '{{.Config.Image}}' web31)",
        "docker rm -f rogue",
        &["server03"],
        "nobody else has its address",
    ),
    fault(
        "a server takes a container's address",
        ("web21", "server03"),
        "ip addr add 172.16.1.21/24 dev eth1 && ping -q -c 1 -W 1 -I 172.16.1.21 172.16.1.1 >/dev/null; true",
        "ip addr del 172.16.1.21/24 dev eth1",
        &["server03"],
        "nobody else has its address",
    ),
];

/// On leafs.
pub const LEAFS: &[Fault] = &[
    fault(
        "leaf port down",
        ("web11", "leaf01"),
        "ip link set swp1 down",
        "ip link set swp1 up",
        LEAF,
        "leaf port",
    ),
    fault(
        "gateway address gone",
        ("web11", "leaf01"),
        "ip addr del 172.16.1.1/24 dev swp1",
        "ip addr add 172.16.1.1/24 dev swp1",
        LEAF,
        "leaf port",
    ),
    fault(
        "proxy ARP off",
        ("web11", "leaf01"),
        "sysctl -qw net.ipv4.conf.swp1.proxy_arp=0",
        "sysctl -qw net.ipv4.conf.swp1.proxy_arp=1",
        LEAF,
        "forwarding and proxy ARP",
    ),
    fault(
        "ip_forward off",
        ("web11", "leaf01"),
        "sysctl -qw net.ipv4.ip_forward=0",
        "sysctl -qw net.ipv4.ip_forward=1",
        LEAF,
        "forwarding and proxy ARP",
    ),
    fault(
        "rdnbrd stopped",
        ("web11", "leaf01"),
        "service rdnbrd stop",
        "service rdnbrd start",
        LEAF,
        "rdnbrd",
    ),
    fault(
        "redistribution missing",
        ("web11", "leaf01"),
        configure!("router bgp 65011", "address-family ipv4 unicast", "no redistribute kernel"),
        configure!(
            "router bgp 65011",
            "address-family ipv4 unicast",
            "redistribute kernel route-map FABRIC-HOSTS"
        ),
        LEAF,
        "BGP on the leaf",
    ),
    fault(
        "route map wrong",
        ("web11", "leaf01"),
        configure!("route-map FABRIC-HOSTS deny 5"),
        configure!("no route-map FABRIC-HOSTS deny 5"),
        LEAF,
        "BGP on the leaf",
    ),
    fault("bgpd killed", ("web11", "leaf01"), kill!("bgpd"), restore!("bgpd"), LEAF, "bgpd"),
    fault("zebra killed", ("web11", "leaf01"), kill!("zebra"), restore!("zebra"), LEAF, "zebra"),
    fault(
        "session shut down",
        ("web11", "leaf01"),
        configure!("router bgp 65011", "neighbor swp51 shutdown"),
        configure!("router bgp 65011", "no neighbor swp51 shutdown"),
        LEAF,
        "BGP session swp51",
    ),
    fault(
        "filter towards a spine",
        ("web11", "leaf01"),
        configure!(
            "ip prefix-list WRONG seq 5 deny 172.16.1.11/32",
            "ip prefix-list WRONG seq 10 permit any",
            "router bgp 65011",
            "address-family ipv4 unicast",
            "neighbor swp51 prefix-list WRONG out"
        ),
        configure!(
            "router bgp 65011",
            "address-family ipv4 unicast",
            "neighbor swp51 prefix-list FABRIC-ROUTES out",
            "exit-address-family",
            "exit",
            "no ip prefix-list WRONG"
        ),
        LEAF,
        "advertised by swp51",
    ),
    fault(
        "uplink down at the leaf",
        ("web11", "leaf01"),
        "ip link set swp51 down",
        "ip link set swp51 up",
        LEAF,
        "link swp51",
    ),
    fault("cables swapped", ("web11", "leaf01"), SWAP, SWAP, &["leaf01", "spine01", "spine02"], "link swp"),
    fault(
        "MTU mismatch",
        ("web11", "leaf02"),
        "ip link set swp51 mtu 1500",
        "ip link set swp51 mtu 9216",
        &["leaf02"],
        "link swp51",
    ),
    fault(
        "blackhole route",
        ("web11", "leaf02"),
        "ip route add blackhole 172.16.1.11/32",
        "ip route del blackhole 172.16.1.11/32",
        &["leaf02"],
        "nobody else has its address",
    ),
    fault(
        "stray /32",
        ("172.16.1.99", "leaf02"),
        "ip route add 172.16.1.99/32 dev swp2",
        "ip route del 172.16.1.99/32 dev swp2",
        &["leaf02"],
        "route",
    ),
];

/// On spines.
pub const SPINES: &[Fault] = &[
    fault(
        "wrong AS",
        ("web11", "spine01"),
        configure!("router bgp 65020", "neighbor swp1 remote-as 65099"),
        concat!(
            configure!("router bgp 65020", "neighbor swp1 remote-as external"),
            " -c 'do clear bgp swp1'"
        ),
        &["spine01"],
        "BGP session swp1",
    ),
    fault(
        "filter on a spine",
        ("web11", "spine01"),
        configure!(
            "ip prefix-list WRONG seq 5 deny 172.16.1.11/32",
            "ip prefix-list WRONG seq 10 permit any",
            "router bgp 65020",
            "address-family ipv4 unicast",
            "neighbor swp1 prefix-list WRONG in"
        ),
        configure!(
            "router bgp 65020",
            "address-family ipv4 unicast",
            "neighbor swp1 prefix-list FABRIC-ROUTES in",
            "exit-address-family",
            "exit",
            "no ip prefix-list WRONG"
        ),
        &["spine01"],
        "Adj-RIB-In of swp1",
    ),
    fault(
        "uplink down at the spine",
        ("web11", "spine01"),
        "ip link set swp3 down",
        "ip link set swp3 up",
        &["spine01"],
        "link swp3",
    ),
    fault(
        "FRR stopped on a spine",
        ("web11", "spine01"),
        "service frr stop",
        "service frr start",
        &["spine01"],
        "bgpd",
    ),
    fault(
        "FIB route deleted by hand",
        ("web11", "spine02"),
        // A route alone zebra puts back at once; not those that go with their next hop.
        "ip nexthop del id $(ip route show 172.16.1.11 | sed 's/.*nhid \\([0-9]*\\).*/\\1/')",
        "service frr restart",
        &["spine02"],
        "RIB and FIB",
    ),
];
