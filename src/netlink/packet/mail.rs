//! Many frames in one system call.

use super::filter;
use super::frame::Frame;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Frames that one system call takes or brings.
const AT_ONCE: usize = 64;

/// Room for the frames that one system call brings; one serves all sockets.
pub struct Mailbag {
    frames: Box<[[u8; filter::LONGEST]; AT_ONCE]>,
    lengths: [usize; AT_ONCE],
}

impl Default for Mailbag {
    fn default() -> Self {
        Self { frames: Box::new([[0; filter::LONGEST]; AT_ONCE]), lengths: [0; AT_ONCE] }
    }
}

impl Mailbag {
    /// Takes what waits, and says whether more may wait.
    ///
    /// # Errors
    /// What the socket reports, such as `ENETDOWN` once when its interface went down.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        self.lengths = [0; AT_ONCE];
        let mut vectors = self
            .frames
            .each_mut()
            .map(|frame| libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() });
        let mut headers = vectors.each_mut().map(header);
        let room = libc::c_uint::try_from(AT_ONCE).unwrap_or_default();
        // SAFETY: each header points to a vector, and each vector to a frame, that live through the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                room,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock => Ok(false),
                io::ErrorKind::Interrupted => Ok(true),
                _ => Err(error),
            };
        };
        for (length, header) in self.lengths.iter_mut().zip(&headers).take(count) {
            *length = header.msg_len as usize;
        }
        Ok(count == AT_ONCE)
    }

    /// The frames that the last call brought.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let frames = self.frames.iter().zip(self.lengths).filter(|(_, length)| *length > 0);
        frames.filter_map(|(frame, length)| frame.get(..length))
    }
}

/// Sends the frames in this order, and says how many the kernel didn't take.
pub(super) fn send(socket: BorrowedFd<'_>, frames: &[Frame]) -> usize {
    let (mut rest, mut lost) = (frames, 0);
    while !rest.is_empty() {
        let some = rest.get(..AT_ONCE).unwrap_or(rest);
        match send_some(socket, some) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The queue has no room for this one; perhaps for the next. Where the interface is down, for none.
            Err(error) if has_no_room(&error) => {
                lost += 1;
                rest = rest.get(1..).unwrap_or_default();
            }
            Err(_) => return lost + rest.len(),
        }
    }
    lost
}

fn has_no_room(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

/// Sends the first frames, at least one of them.
fn send_some(socket: BorrowedFd<'_>, frames: &[Frame]) -> io::Result<usize> {
    let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    let mut vectors = [empty; AT_ONCE];
    for (vector, frame) in vectors.iter_mut().zip(frames) {
        // The kernel only reads what is sent.
        vector.iov_base = frame.octets().as_ptr().cast_mut().cast();
        vector.iov_len = frame.octets().len();
    }
    let mut headers = vectors.each_mut().map(header);
    let count = libc::c_uint::try_from(frames.len().min(AT_ONCE)).unwrap_or_default();
    // SAFETY: each header up to `count` points to a vector, and that to a frame, that live through the call.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

fn header(vector: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeros is a valid header: no address, no vectors, no ancillary data.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}
