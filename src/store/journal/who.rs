//! Who runs this.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;

/// A process of a person on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The person's login name; behind sudo the one who ran it.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
}

impl Who {
    /// This process.
    pub fn here() -> Self {
        let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
        Self { user: user(), host: host.unwrap_or_else(|_| "?".to_owned()), pid: std::process::id() }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.host)
    }
}

/// Not by getpwuid(3): a static program has no name service.
fn user() -> String {
    let uid = nix::unistd::geteuid();
    let sudo = std::env::var("SUDO_USER").ok().filter(|name| uid.is_root() && !name.is_empty());
    sudo.or_else(|| {
        let accounts = fs::read_to_string("/etc/passwd").ok()?;
        named(&accounts, uid.as_raw()).map(str::to_owned)
    })
    .or_else(|| std::env::var("USER").ok().filter(|name| !name.is_empty()))
    .unwrap_or_else(|| uid.to_string())
}

/// The name of a user in the text of passwd(5).
fn named(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbroken\nana:x:1000:1000::/home/ana:/bin/sh\n";
        assert_eq!(named(accounts, 1000), Some("ana"));
        assert_eq!(named(accounts, 0), Some("root"));
        assert_eq!(named(accounts, 1), None);
        let here = Who::here();
        assert!(!here.user.is_empty() && !here.host.is_empty() && here.pid > 0, "{here}");
    }
}
