//! Network namespaces, and containers in them.

use crate::Result;
use crate::frames::Speaker;
use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A network namespace, held by a process that dies with the benchmark.
pub struct Netns {
    holder: Child,
}

impl Netns {
    /// A new one with nothing but its loopback, which is up.
    pub fn new() -> Result<Self> {
        let mut command = Command::new("sleep");
        command.arg("infinity").stdin(Stdio::null());
        // SAFETY: two system calls between fork and exec, nothing that allocates or locks.
        unsafe {
            command.pre_exec(|| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                unshare(CloneFlags::CLONE_NEWNET)?;
                Ok(())
            });
        }
        let holder = command.spawn().map_err(|error| format!("making a namespace needs root: {error}"))?;
        let netns = Self { holder };
        netns.ip(&["link set lo up"])?;
        Ok(netns)
    }

    /// The process that holds it.
    pub fn holder(&self) -> u32 {
        self.holder.id()
    }

    /// The namespace itself.
    pub fn file(&self) -> Result<File> {
        Ok(File::open(format!("/proc/{}/ns/net", self.holder.id()))?)
    }

    /// A command in the namespace; it dies with the benchmark.
    pub fn command(&self, program: &str) -> Result<Command> {
        let file = self.file()?;
        let mut command = Command::new(program);
        // SAFETY: two system calls between fork and exec, nothing that allocates or locks.
        unsafe {
            command.pre_exec(move || {
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                setns(&file, CloneFlags::CLONE_NEWNET)?;
                Ok(())
            });
        }
        Ok(command)
    }

    /// Lines of ip(8), all at once.
    pub fn ip<L: AsRef<str>>(&self, lines: &[L]) -> Result<()> {
        let mut command = self.command("ip")?;
        let pipes = command.args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn()?;
        let mut text = lines.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("\n");
        text.push('\n');
        child.stdin.take().ok_or("ip has no input")?.write_all(text.as_bytes())?;
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("ip {text}{}", String::from_utf8_lossy(&output.stderr)).into())
    }

    /// How many lines ip(8) prints.
    pub fn ip_lines(&self, words: &str) -> Result<usize> {
        let output = self.command("ip")?.args(words.split(' ')).output()?;
        Ok(output.stdout.split_inclusive(|octet| *octet == b'\n').count())
    }

    /// Runs it in the namespace, in a thread of its own.
    pub fn enter<T: Send>(&self, deed: impl FnOnce() -> std::result::Result<T, String> + Send) -> Result<T> {
        let file = self.file()?;
        let inside = move || {
            setns(file, CloneFlags::CLONE_NEWNET)
                .map_err(|errno| format!("entering a namespace: {errno}"))?;
            deed()
        };
        let done = std::thread::scope(|scope| scope.spawn(inside).join());
        Ok(done.map_err(|_| "a thread in a namespace panicked")??)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A process in a namespace with one macvlan interface, as Docker makes them.
pub struct Container {
    netns: Netns,
    /// Its address.
    pub address: Ipv4Addr,
    speaker: Speaker,
    /// Deletes its interface.
    netlink: Socket,
    index: u32,
}

impl Container {
    /// A silent one on that server's `eth1`; `number` makes its MAC.
    pub fn new(server: &Netns, number: u8, address: Ipv4Addr, prefix_length: u8) -> Result<Self> {
        let netns = Netns::new()?;
        let mac = [2, 0x42, 0, 0, 1, number];
        let text = mac.map(|octet| format!("{octet:02x}")).join(":");
        let (name, pid) = (format!("c{number}"), netns.holder());
        server.ip(&[
            format!("link add {name} link eth1 address {text} type macvlan mode bridge"),
            format!("link set {name} netns {pid} name eth0"),
        ])?;
        netns.ip(&[
            format!("address add {address}/{prefix_length} dev eth0"),
            "link set eth0 up".to_owned(),
        ])?;
        let (speaker, netlink, index) = netns.enter(|| {
            let mut netlink = Socket::new(NETLINK_ROUTE).map_err(|error| error.to_string())?;
            netlink.bind_auto().map_err(|error| error.to_string())?;
            netlink.connect(&SocketAddr::new(0, 0)).map_err(|error| error.to_string())?;
            let index = nix::net::if_::if_nametoindex("eth0").map_err(|errno| errno.to_string())?;
            Ok((Speaker::open("eth0", mac)?, netlink, index))
        })?;
        Ok(Self { netns, address, speaker, netlink, index })
    }

    /// Asks who has the gateway, as anybody does before sending; returns the moment before.
    pub fn speak(&self, gateway: Ipv4Addr) -> Result<Instant> {
        let before = Instant::now();
        self.speaker.ask(self.address, gateway)?;
        Ok(before)
    }

    /// The process, which doesn't know that it has an interface: the kernel answers for it.
    pub fn process(&self) -> u32 {
        self.netns.holder()
    }

    /// Kills the process and takes the interface away, as Docker does at once; returns the moment before.
    /// Left alone, the kernel may take seconds to clear the namespace, and the container answers until then.
    pub fn kill(&mut self) -> Result<Instant> {
        let mut message = LinkMessage::default();
        message.header.index = self.index;
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK;
        let payload = NetlinkPayload::from(RouteNetlinkMessage::DelLink(message));
        let mut request = NetlinkMessage::new(header, payload);
        request.finalize();
        let mut octets = vec![0; request.buffer_len()];
        request.serialize(&mut octets);
        let before = Instant::now();
        self.netns.holder.kill()?;
        self.netlink.send(&octets, 0)?;
        Ok(before)
    }
}
