//! The hub: the one process that holds a lab's management network, and the way into it.
//!
//! The management network is a bridge in a network namespace of its own, so that the machine has no route to it. SSH
//! gets in by asking the hub for a socket: a socket stays in the network namespace that it was made in, whoever
//! connects it. So neither root nor a change of namespace is needed to use a lab, and nothing of it is ever sent
//! from the machine's own namespace.

use super::LabError;
use super::control::{Control, ControlError, Order, Report};
use super::detach;
use super::record::LabDir;
use crate::netlink::Socket;
use crate::process::Interrupt;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, UnixAddr, recvmsg, sendmsg};
use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// The bridge, in the hub's namespace.
pub(super) const BRIDGE: &str = "mgmt";
/// How long a connection to a node may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Is the hub of the lab in that directory; standard input is the socket to `lab up`.
///
/// Must be called before the process has threads. Runs until it is killed, or until `lab up` ends before the lab is complete.
///
/// # Errors
/// When the hub can't be made; `lab up` has been told.
pub fn run_hub(directory: &Path) -> Result<(), LabError> {
    let mut control = detach()?;
    let result = serve(&LabDir::given(directory), &mut control);
    if let Err(error) = &result {
        let _ = control.send(&Report::Failed { error: super::said(error) });
    }
    result
}

fn serve(dir: &LabDir, control: &mut Control) -> Result<(), LabError> {
    let garbled = |source| LabError::Control { who: "lab up".to_owned(), source };
    let record = dir.load()?;
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| LabError::system("making the management network's namespace", error))?;
    let mut netlink = Socket::open()?;
    let lo = netlink.link_index("lo")?;
    netlink.set_up(lo, true)?;
    let bridge = netlink.create_bridge(BRIDGE)?;
    for address in &record.hub {
        netlink.add_address(bridge, *address)?;
    }
    netlink.set_up(bridge, true)?;
    for address in &record.hub {
        // sshd sends small packets too, and waits: 40 ms for each login and many a command.
        netlink.acknowledge_at_once(bridge, *address)?;
    }
    let path = dir.hub_socket();
    let listen = || -> io::Result<UnixListener> {
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600))?;
        chown(&path, Some(record.owner.0), Some(record.owner.1))?;
        Ok(listener)
    };
    let listener = listen().map_err(LabError::file("listening on", &path))?;
    control.send(&Report::Born { pid: nix::unistd::getpid().as_raw() }).map_err(garbled)?;
    let order: Order = control.receive(None, Interrupt::never()).map_err(garbled)?;
    if order != Order::Keep {
        return Err(garbled(ControlError::Garbled(format!("{order:?}"))));
    }
    super::close_standard_streams()?;
    loop {
        // One that fails or went away doesn't end the service for all others.
        match listener.accept() {
            Ok((stream, _)) => drop(hand_out(&stream)),
            // Out of descriptors or memory: that passes, and a busy loop would not help.
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Gives the peer a TCP socket of this namespace.
fn hand_out(stream: &UnixStream) -> io::Result<()> {
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    pass(stream.as_raw_fd(), socket.as_raw_fd())
}

/// Sends a descriptor with one octet, the least that must go along.
fn pass(over: RawFd, descriptor: RawFd) -> io::Result<()> {
    let descriptors = [descriptor];
    let message = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<UnixAddr>(over, &[IoSlice::new(&[0])], &message, MsgFlags::empty(), None)?;
    Ok(())
}

fn receive(from: &UnixStream) -> io::Result<OwnedFd> {
    let mut octet = [0];
    let mut octets = [IoSliceMut::new(&mut octet)];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let message: RecvMsg<UnixAddr> =
        recvmsg(from.as_raw_fd(), &mut octets, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = part
            && let Some(descriptor) = descriptors.first()
        {
            // SAFETY: the kernel just made this descriptor for us, nobody else knows it.
            return Ok(unsafe { OwnedFd::from_raw_fd(*descriptor) });
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Connects to an address on a lab's management network and passes the connection on to whatever reads `output`,
/// as `ProxyUseFdpass` of `ssh_config(5)` wants it.
///
/// # Errors
/// When the lab doesn't run or nobody answers at the address.
pub fn connect(directory: &Path, target: SocketAddr, output: BorrowedFd<'_>) -> Result<(), LabError> {
    let path = LabDir::given(directory).hub_socket();
    let hub = UnixStream::connect(&path).map_err(LabError::file("asking the lab's hub at", &path))?;
    let socket = receive(&hub).map_err(LabError::file("asking the lab's hub at", &path))?;
    let socket = socket2::Socket::from(socket);
    socket
        .connect_timeout(&target.into(), CONNECT_LIMIT)
        .map_err(|error| LabError::system(format!("connecting to {target}"), error))?;
    // ssh sets this for itself only where it made the connection.
    socket.set_tcp_nodelay(true).map_err(|error| LabError::system("setting TCP_NODELAY", error))?;
    pass(output.as_raw_fd(), socket.as_raw_fd())
        .map_err(|error| LabError::system("passing the connection to ssh", error))
}
