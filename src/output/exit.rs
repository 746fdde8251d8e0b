//! Exit codes: a documented, tested contract.

/// How a run ended, for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything is as desired.
    Ok = 0,
    /// Devices answered, but not everything is as desired.
    NotAsDesired = 1,
    /// The command line, inventory, a template or a playbook is wrong; nothing was touched.
    Usage = 2,
    /// `plan --exit-code` found changes.
    Changes = 3,
    /// A node could not be reached.
    Unreachable = 4,
    /// The run was rolled back.
    RolledBack = 5,
    /// A bug in this tool.
    Bug = 70,
    /// Interrupted, after clean-up.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}
