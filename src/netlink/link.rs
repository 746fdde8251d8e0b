//! Links: veth pairs made right inside their network namespaces, bridges, addresses.

use super::{NetlinkError, Socket};
use ipnet::Ipv4Net;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressHeader, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkHeader, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One end of a veth pair that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct VethEnd<'a> {
    /// The interface's name in its namespace.
    pub name: &'a str,
    /// The network namespace that it is made in; it exists in no other at any time.
    pub namespace: BorrowedFd<'a>,
    /// The MTU in octets.
    pub mtu: u32,
    /// The index of the bridge in that namespace which it becomes a port of. Only the first end of a pair can have one.
    pub bridge: Option<u32>,
    /// Whether it is up from the start. Only the first end of a pair can be.
    pub up: bool,
}

/// A link as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Administratively up.
    pub up: bool,
    /// The MTU in octets.
    pub mtu: u32,
    /// The hardware address; empty where the kind has none.
    pub mac: Vec<u8>,
    /// The index of the bridge it is a port of.
    pub bridge: Option<u32>,
}

impl Socket {
    /// Makes a veth pair with each end directly in its namespace: neither ever shows up in the socket's own.
    ///
    /// # Errors
    /// When the kernel refuses: a name is taken, a namespace is gone, there is no veth driver.
    pub fn create_veth(&mut self, a: VethEnd<'_>, b: VethEnd<'_>) -> Result<(), NetlinkError> {
        let what = format!("creating the link {} -- {}", a.name, b.name);
        let mut message = end(a);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(end(b)))),
        ]));
        self.request(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL, &what)
    }

    /// Makes a bridge without spanning tree in the socket's namespace, and returns its index.
    ///
    /// # Errors
    /// When the kernel refuses: the name is taken, there is no bridge driver.
    pub fn create_bridge(&mut self, name: &str) -> Result<u32, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]));
        let what = format!("creating the bridge {name}");
        self.request(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL, &what)?;
        self.link_index(name)
    }

    /// Sets a link administratively up or down.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_up(&mut self, index: u32, up: bool) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        message.header.change_mask = LinkFlags::Up;
        let what = format!("setting link {index} {}", if up { "up" } else { "down" });
        self.request(RouteNetlinkMessage::NewLink(message), 0, &what)
    }

    /// Moves a link to another network namespace: it arrives there down and without addresses, the other end of a pair
    /// only loses its carrier.
    ///
    /// # Errors
    /// When the kernel refuses, with `EEXIST` if the name is taken there.
    pub fn move_link(&mut self, index: u32, namespace: BorrowedFd<'_>) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = vec![LinkAttribute::NetNsFd(namespace.as_raw_fd())];
        let what = format!("moving link {index} to another namespace");
        self.request(RouteNetlinkMessage::NewLink(message), 0, &what)
    }

    /// Adds an IPv4 address; the kernel adds the route to its prefix once the link is up.
    ///
    /// # Errors
    /// When the kernel refuses, with `EEXIST` if the link has the address.
    pub fn add_address(&mut self, index: u32, address: Ipv4Net) -> Result<(), NetlinkError> {
        let mut message = AddressMessage::default();
        message.header = AddressHeader {
            family: AddressFamily::Inet,
            prefix_len: address.prefix_len(),
            index,
            ..AddressHeader::default()
        };
        message.attributes = vec![
            AddressAttribute::Local(IpAddr::V4(address.addr())),
            AddressAttribute::Address(IpAddr::V4(address.addr())),
            AddressAttribute::Broadcast(address.broadcast()),
        ];
        let what = format!("adding {address} to link {index}");
        self.request(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL, &what)
    }

    /// Has TCP towards an address's own prefix acknowledge everything at once (`quickack` of ip-route(8)), not up to
    /// 40 ms later: programs that send small packets and wait for their acknowledgement run faster.
    /// The link must be up and have the address.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn acknowledge_at_once(&mut self, index: u32, address: Ipv4Net) -> Result<(), NetlinkError> {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: AddressFamily::Inet,
            destination_prefix_length: address.prefix_len(),
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Kernel,
            scope: RouteScope::Link,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        message.attributes = vec![
            RouteAttribute::Destination(RouteAddress::Inet(address.network())),
            RouteAttribute::PrefSource(RouteAddress::Inet(address.addr())),
            RouteAttribute::Oif(index),
            RouteAttribute::Metrics(vec![RouteMetric::QuickAck(1)]),
        ];
        let what = format!("changing the route to {}", address.trunc());
        self.request(RouteNetlinkMessage::NewRoute(message), NLM_F_REPLACE, &what)
    }

    /// The index of the link of that name.
    ///
    /// # Errors
    /// When there is none in the socket's namespace.
    pub fn link_index(&mut self, name: &str) -> Result<u32, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let what = format!("looking for the link {name}");
        let answers = self.get(RouteNetlinkMessage::GetLink(message), &what)?;
        answers
            .into_iter()
            .find_map(|answer| match answer {
                RouteNetlinkMessage::NewLink(link) => Some(link.header.index),
                _ => None,
            })
            .ok_or(NetlinkError::Unreadable { what, detail: "no link in it".to_owned() })
    }

    /// All links of the socket's namespace.
    ///
    /// # Errors
    /// When the kernel refuses or its answer can't be read.
    pub fn links(&mut self) -> Result<Vec<LinkState>, NetlinkError> {
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let answers = self.dump(request, "listing the links")?;
        Ok(answers
            .into_iter()
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewLink(link) => Some(describe(&link)),
                _ => None,
            })
            .collect())
    }
}

/// The part of a request that is about one end.
fn end(end: VethEnd<'_>) -> LinkMessage {
    let mut message = LinkMessage::default();
    if end.up {
        message.header =
            LinkHeader { flags: LinkFlags::Up, change_mask: LinkFlags::Up, ..LinkHeader::default() };
    }
    message.attributes = vec![
        LinkAttribute::IfName(end.name.to_owned()),
        LinkAttribute::Mtu(end.mtu),
        LinkAttribute::NetNsFd(end.namespace.as_raw_fd()),
    ];
    message.attributes.extend(end.bridge.map(LinkAttribute::Controller));
    message
}

fn describe(link: &LinkMessage) -> LinkState {
    let mut state = LinkState {
        index: link.header.index,
        name: String::new(),
        up: link.header.flags.contains(LinkFlags::Up),
        mtu: 0,
        mac: Vec::new(),
        bridge: None,
    };
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => state.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => state.mtu = *mtu,
            LinkAttribute::Address(mac) => state.mac.clone_from(mac),
            LinkAttribute::Controller(index) => state.bridge = Some(*index),
            _ => {}
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sched::{CloneFlags, unshare};
    use std::fs::File;
    use std::os::fd::AsFd as _;

    /// A network namespace of a thread that has ended; it lives as long as the file.
    fn namespace() -> File {
        std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("this test needs root");
            #[allow(clippy::disallowed_methods)]
            File::open("/proc/thread-self/ns/net").unwrap()
        })
        .join()
        .unwrap()
    }

    fn inside<T: Send>(namespace: &File, deed: impl FnOnce(&mut Socket) -> T + Send) -> T {
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    nix::sched::setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
                    deed(&mut Socket::open().unwrap())
                })
                .join()
                .unwrap()
        })
    }

    #[test]
    fn a_pair_is_born_in_two_other_namespaces() {
        let [maker, left, right] = [namespace(), namespace(), namespace()];
        let bridge = inside(&left, |socket| socket.create_bridge("br0").unwrap());
        inside(&maker, |socket| {
            let base = VethEnd { name: "swp1", namespace: left.as_fd(), mtu: 9216, bridge: None, up: false };
            socket
                .create_veth(
                    VethEnd { bridge: Some(bridge), up: true, ..base },
                    VethEnd { name: "eth7", namespace: right.as_fd(), mtu: 9000, ..base },
                )
                .unwrap();
            let names: Vec<String> = socket.links().unwrap().into_iter().map(|link| link.name).collect();
            assert_eq!(names, ["lo"]);
        });
        let near = inside(&left, |socket| socket.links().unwrap());
        let near = near.iter().find(|link| link.name == "swp1").unwrap();
        assert_eq!((near.up, near.mtu, near.bridge), (true, 9216, Some(bridge)));
        inside(&right, |socket| {
            let far = socket.links().unwrap().into_iter().find(|link| link.name == "eth7").unwrap();
            assert_eq!((far.up, far.mtu, far.bridge, far.mac.len()), (false, 9000, None, 6));
            let index = socket.link_index("eth7").unwrap();
            socket.set_up(index, true).unwrap();
            socket.add_address(index, "192.0.2.1/24".parse().unwrap()).unwrap();
            let again = socket.add_address(index, "192.0.2.1/24".parse().unwrap()).unwrap_err();
            assert_eq!(again.errno(), Some(libc::EEXIST));
            assert!(socket.links().unwrap().iter().any(|link| link.name == "eth7" && link.up));
            assert_eq!(socket.link_index("swp9").unwrap_err().errno(), Some(libc::ENODEV));
        });
    }

    #[test]
    fn a_moved_link_keeps_its_other_end() {
        let [left, right, other] = [namespace(), namespace(), namespace()];
        inside(&left, |socket| {
            let near = VethEnd { name: "swp1", namespace: left.as_fd(), mtu: 9216, bridge: None, up: false };
            socket.create_veth(near, VethEnd { name: "eth7", namespace: right.as_fd(), ..near }).unwrap();
        });
        inside(&right, |socket| {
            let index = socket.link_index("eth7").unwrap();
            socket.set_up(index, true).unwrap();
            socket.move_link(index, other.as_fd()).unwrap();
            assert_eq!(socket.links().unwrap().iter().filter(|link| link.name != "lo").count(), 0);
        });
        let moved = inside(&other, |socket| socket.links().unwrap());
        let moved = moved.iter().find(|link| link.name == "eth7").unwrap();
        assert_eq!((moved.up, moved.mtu), (false, 9216));
        assert!(inside(&left, |socket| socket.links().unwrap().iter().any(|link| link.name == "swp1")));
    }
}
