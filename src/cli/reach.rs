//! `fabricctl exec`, `ssh` and `shell`, as typed.

use super::Target;
use clap::Args;

/// Run a command on devices, all at the same time
#[derive(Debug, Clone, Args)]
pub struct ExecArgs {
    /// The devices.
    #[command(flatten)]
    pub target: Target,

    /// The command; one word is a line for the shell, several are taken as they are
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Open a shell on a device, or run a command there
#[derive(Debug, Clone, Args)]
pub struct SshArgs {
    /// The devices.
    #[command(flatten)]
    pub target: Target,

    /// The node, or USER@NODE
    pub node: String,

    /// Command to run there, a shell without one; one word is a line for the shell, several are taken as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Open a shell in a container, or run a command in it
#[derive(Debug, Clone, Args)]
pub struct ShellArgs {
    /// The devices.
    #[command(flatten)]
    pub target: Target,

    /// The container, by the workload's name in the inventory
    pub container: String,

    /// Command to run in it, a shell without one; one word is a line for the shell, several are taken as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}
