//! A socket that hears what the kernel announces by itself.

use super::announcement::{Announcement, announcement};
use super::socket::{NetlinkError, RECEIVE_BUFFER};
use super::wire::messages;
use netlink_sys::{Socket as RawSocket, protocols::NETLINK_ROUTE};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// A socket that hears what the kernel announces to multicast groups.
pub struct Monitor {
    raw: RawSocket,
    buffer: Vec<u8>,
}

impl Monitor {
    /// Joins the groups (`RTNLGRP_…` numbers) with a receive buffer of that many octets; never blocks.
    ///
    /// # Errors
    /// When the kernel gives no socket or refuses a group.
    pub fn open(groups: &[u32], receive_buffer: usize) -> Result<Self, NetlinkError> {
        let open = || -> io::Result<RawSocket> {
            let mut raw = RawSocket::new(NETLINK_ROUTE)?;
            raw.bind_auto()?;
            raw.set_non_blocking(true)?;
            raw.set_rx_buf_sz(i32::try_from(receive_buffer).unwrap_or(i32::MAX))?;
            for group in groups {
                raw.add_membership(*group)?;
            }
            Ok(raw)
        };
        Ok(Self { raw: open().map_err(NetlinkError::Socket)?, buffer: Vec::with_capacity(RECEIVE_BUFFER) })
    }

    /// All announcements that wait, none when there are none.
    ///
    /// # Errors
    /// [`NetlinkError::Overrun`] when some were lost.
    pub fn receive(&mut self) -> Result<Vec<Announcement>, NetlinkError> {
        let mut heard = Vec::new();
        while self.receive_some(&mut heard)? {}
        Ok(heard)
    }

    /// Appends the announcements of one datagram; false when none waits. What can't be read is left out.
    ///
    /// # Errors
    /// [`NetlinkError::Overrun`] when some were lost.
    pub fn receive_some(&mut self, heard: &mut Vec<Announcement>) -> Result<bool, NetlinkError> {
        loop {
            self.buffer.clear();
            match self.raw.recv(&mut self.buffer, 0) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Err(NetlinkError::Overrun);
                }
                Err(error) => return Err(NetlinkError::Socket(error)),
            }
        }
        heard.extend(messages(&self.buffer).filter_map(|message| announcement(&message)));
        Ok(true)
    }
}

impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.raw.as_raw_fd()
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor belongs to `self.raw`, which lives as long as the borrow.
        unsafe { BorrowedFd::borrow_raw(self.raw.as_raw_fd()) }
    }
}
