//! A container, as far as the network knows of it.

use super::netns::Netns;
use fabricctl::netlink::{PortSocket, Protocol, Socket, interfaces};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::{IpAddr, Ipv4Addr};

/// A namespace with one macvlan interface; gone when dropped.
pub struct Container {
    pub netns: Netns,
    pub address: Ipv4Addr,
}

impl Container {
    /// Asks who has the gateway, as anybody does before sending.
    pub fn speak(&self) {
        self.send(self.address, Ipv4Addr::new(172, 16, 1, 1));
    }

    /// Asks for the gateway in the name of another address of its own.
    pub fn speak_as(&self, address: &str, gateway: &str) {
        let (address, gateway): (IpAddr, IpAddr) = (address.parse().unwrap(), gateway.parse().unwrap());
        self.send_any(address, gateway);
    }

    /// Has its own kernel speak: a datagram that nobody wants, to the gateway.
    pub fn send_datagram(&self, from: &str, to: &str) {
        self.netns.enter(|| {
            let from: IpAddr = from.parse().unwrap();
            let socket = std::net::UdpSocket::bind((from, 0)).unwrap();
            let _ = socket.send_to(b"hello", (to, 9));
        });
    }

    /// Gives it one more address, used at once.
    pub fn give(&self, address: &str) {
        let nodad = if address.contains(':') { " nodad" } else { "" };
        self.netns.ip(&format!("address add {address} dev eth0{nodad}"));
    }

    /// `ip` in it.
    pub fn ip(&self, words: &str) -> String {
        self.netns.ip(words)
    }

    /// Stops the process that lives in it, as `docker pause` does.
    pub fn pause(&self) {
        kill(Pid::from_raw(self.netns.holder.id().try_into().unwrap()), Signal::SIGSTOP).unwrap();
    }

    /// Announces an address, whether it has it or not.
    pub fn claim(&self, address: &str) {
        let address = address.parse().unwrap();
        self.send(address, address);
    }

    fn send(&self, sender: Ipv4Addr, target: Ipv4Addr) {
        self.send_any(sender.into(), target.into());
    }

    fn send_any(&self, sender: IpAddr, target: IpAddr) {
        self.netns.enter(|| {
            let mut socket = open_port("eth0", Protocol::of(target));
            socket.ask(sender, target, None);
            assert_eq!(socket.flush(), 0);
        });
    }
}

/// The raw socket of an interface of the thread's namespace.
pub fn open_port(name: &str, protocol: Protocol) -> PortSocket {
    let all = interfaces(&mut Socket::open().unwrap()).unwrap();
    let port = all.iter().find(|interface| interface.name == name).unwrap();
    PortSocket::open(port.index, port.mac.unwrap(), protocol).unwrap()
}

impl Drop for Container {
    fn drop(&mut self) {
        // The kernel takes its time to clean a namespace up; the interface must be gone now. It may be already, with
        // the port it hung on.
        let _ = self.netns.command("ip").args(["link", "delete", "eth0"]).output();
    }
}
