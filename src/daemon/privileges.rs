//! Giving up what isn't needed: after the sockets are open, two capabilities and a user of its own are left.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use std::io;
use std::path::Path;

/// `CAP_NET_ADMIN` and `CAP_NET_RAW` (linux/capability.h): routes, and sockets for ports that appear later.
const KEPT: [u32; 2] = [12, 13];

/// `_LINUX_CAPABILITY_VERSION_3`: two words of 32 bits for each set.
const VERSION: u32 = 0x2008_0522;

/// A user and their group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The user of that name or number; none where there is no such name. Reads `/etc/passwd` itself: the C library's
/// way loads libraries, which a static program can't.
pub(super) fn user(wanted: &str) -> Option<User> {
    let passwd = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    find(&passwd, wanted)
}

fn find(passwd: &str, wanted: &str) -> Option<User> {
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let wanted = name == wanted || uid == wanted;
        let (uid, gid): (u32, u32) = (uid.parse().ok()?, gid.parse().ok()?);
        wanted.then_some(User { uid: uid.into(), gid: gid.into() })
    });
    let by_number = || wanted.parse().ok().map(|number: u32| User { uid: number.into(), gid: number.into() });
    named.or_else(by_number)
}

/// Becomes the user, where there is one and this process is root, and keeps of all capabilities only those of
/// [`KEPT`] that it has.
///
/// # Errors
/// When the kernel refuses what a process may always do, or a root without the capability to change users is
/// told to.
pub(super) fn drop_all_but_two(user: Option<User>) -> io::Result<()> {
    prctl::set_no_new_privs()?;
    bound();
    if let Some(user) = user.filter(|_| Uid::effective().is_root()) {
        // Else the change of user would take the capabilities along.
        prctl::set_keepcaps(true)?;
        setgroups(&[])?;
        setresgid(user.gid, user.gid, user.gid)?;
        setresuid(user.uid, user.uid, user.uid)?;
        prctl::set_keepcaps(false)?;
    }
    limit()
}

/// No program that this one might start can have more than those. Takes a capability that a daemon started without
/// root may lack; then somebody else has bounded it.
fn bound() {
    for capability in 0.. {
        if process_control(libc::PR_CAPBSET_READ, capability).is_err() {
            // Beyond the last one.
            break;
        }
        if !KEPT.contains(&capability) {
            let _ = process_control(libc::PR_CAPBSET_DROP, capability);
        }
    }
    let _ = process_control(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL.unsigned_abs());
}

fn process_control(option: libc::c_int, value: u32) -> Result<libc::c_int, Errno> {
    let unused: libc::c_ulong = 0;
    // SAFETY: these options take numbers only.
    Errno::result(unsafe { libc::prctl(option, libc::c_ulong::from(value), unused, unused, unused) })
}

/// Keeps what is permitted of [`KEPT`], in force, and nothing to hand on.
fn limit() -> io::Result<()> {
    let mut sets = [Sets::default(); 2];
    capabilities(libc::SYS_capget, &mut sets)?;
    let wanted = KEPT.iter().fold(0, |set, capability| set | 1 << capability);
    let kept = sets.first().map_or(0, |low| low.permitted) & wanted;
    let mut sets = [Sets { effective: kept, permitted: kept, inheritable: 0 }, Sets::default()];
    capabilities(libc::SYS_capset, &mut sets)
}

fn capabilities(call: libc::c_long, sets: &mut [Sets; 2]) -> io::Result<()> {
    let mut header = Header { version: VERSION, pid: 0 };
    // SAFETY: both pointers lead to values of the layout that this version of the interface has.
    let done = unsafe { libc::syscall(call, &raw mut header, sets.as_mut_ptr()) };
    Errno::result(done).map(drop).map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbroken\nrdnbrd:x:998:997::/:/bin/false\n";

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let user = |uid: u32, gid: u32| Some(User { uid: uid.into(), gid: gid.into() });
        assert_eq!(find(PASSWD, "rdnbrd"), user(998, 997));
        assert_eq!(find(PASSWD, "998"), user(998, 997));
        assert_eq!(find(PASSWD, "4711"), user(4711, 4711));
        assert_eq!(find(PASSWD, "nobody"), None);
        assert_eq!(find("", "root"), None);
    }
}
