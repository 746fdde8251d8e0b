//! What a device is and can do, read from the device and never guessed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A version as `major.minor`; what follows does not decide anything here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
}

/// A text that starts with no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version: write MAJOR.MINOR, as in 8.4")]
pub struct VersionError(String);

impl FromStr for Version {
    type Err = VersionError;

    /// Reads the leading `MAJOR.MINOR` of texts such as `8.4.4-1.1~deb12u1`.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let bad = || VersionError(text.to_owned());
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next().and_then(|n| n.parse().ok()).ok_or_else(bad);
        Ok(Self { major: next()?, minor: next()? })
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;
    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A program that deployments need, beyond what its own package brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// FRR's (or Quagga's) script that brings the running configuration to a file's.
    RouterReload,
    /// The program that images are built from.
    Busybox,
}

/// Facts of one device; templates decide on these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// FRR (or Quagga) version; `None` where it isn't installed.
    pub frr: Option<Version>,
    /// Docker Engine version; `None` where it isn't installed.
    pub docker: Option<Version>,
    /// ifupdown2 is installed.
    pub ifupdown2: bool,
    /// Programs that are there.
    pub tools: BTreeSet<Tool>,
    /// systemd is PID 1.
    pub systemd: bool,
    /// The kernel can make VRF devices.
    pub vrf: bool,
    /// The operating system, as `PRETTY_NAME` of os-release(5) says.
    pub os: String,
    /// The machine's architecture, as `uname -m` says.
    pub arch: String,
}

impl Facts {
    /// What is taken for granted where no device is asked (`fabricctl render`).
    pub fn assumed(platform: super::Platform) -> Self {
        let (frr, os, vrf) = match platform {
            super::Platform::Debian => {
                (Version { major: 8, minor: 4 }, "Debian GNU/Linux 12 (bookworm)", false)
            }
            super::Platform::Ubuntu => (Version { major: 8, minor: 4 }, "Ubuntu 24.04 LTS", false),
            super::Platform::Cumulus => (Version { major: 1, minor: 0 }, "Cumulus Linux 3.7", true),
        };
        Self {
            frr: Some(frr),
            docker: Some(Version { major: 20, minor: 10 }),
            ifupdown2: true,
            tools: BTreeSet::from([Tool::RouterReload, Tool::Busybox]),
            systemd: true,
            vrf,
            os: os.to_owned(),
            arch: "x86_64".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_from_what_devices_print() {
        assert_eq!("8.4.4-1.1~deb12u1".parse(), Ok(Version { major: 8, minor: 4 }));
        assert_eq!("10.3".parse(), Ok(Version { major: 10, minor: 3 }));
        assert!("FRR".parse::<Version>().is_err());
        assert!(Version { major: 8, minor: 4 } < Version { major: 10, minor: 3 });
    }
}
