//! Files on devices.

use serde::Serialize;

/// A file as it is to be, or was found, on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Absolute path on the device.
    pub path: String,
    /// The octets.
    #[serde(skip)]
    pub content: Vec<u8>,
    /// Owner's name.
    pub owner: String,
    /// Group's name.
    pub group: String,
    /// Permission bits, as `chmod` takes them.
    pub mode: u32,
    /// A command that must succeed on the new file before it is put in place; `{}` stands for its path.
    pub check: Option<String>,
    /// What must be told that the file changed.
    pub activates: Option<Activation>,
}

/// How a change of a file takes effect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Activation {
    /// The service, as `service NAME …` knows it; `interfaces` for ifupdown2 and `sysctl` for kernel settings.
    pub service: String,
    /// What to do to it.
    pub how: How,
}

/// Two ways for a service to take up a changed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Without interruption.
    Reload,
    /// Stop and start.
    Restart,
}
