//! `deploy` and `teardown`.

use super::Target;
use clap::Args;
use clap::builder::FalseyValueParser;

/// `fabricctl deploy`.
#[derive(Debug, Clone, Args)]
pub struct DeployArgs {
    /// The devices
    #[command(flatten)]
    pub target: Target,

    /// Show the plan and stop: nothing is changed
    #[arg(long)]
    pub dry_run: bool,

    /// Don't ask before changing anything
    #[arg(short, long, env = "FABRICCTL_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,

    /// Don't wait for the routes
    #[arg(long)]
    pub no_verify: bool,

    /// Longest time for the routes to become right (30s, 500ms, 2m)
    #[arg(
        long,
        env = "FABRICCTL_WAIT",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = super::duration
    )]
    pub wait: std::time::Duration,
}

/// `fabricctl plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The devices
    #[command(flatten)]
    pub target: Target,

    /// Exit with 3 when there is something to change
    #[arg(long)]
    pub exit_code: bool,
}

/// `fabricctl teardown`.
#[derive(Debug, Clone, Args)]
pub struct TeardownArgs {
    /// The devices
    #[command(flatten)]
    pub target: Target,

    /// Show what would be removed and stop: nothing is changed
    #[arg(long)]
    pub dry_run: bool,

    /// Don't ask before changing anything
    #[arg(short, long, env = "FABRICCTL_YES", value_parser = FalseyValueParser::new())]
    pub yes: bool,

    /// Remove containers, networks and images, but leave files and daemons
    #[arg(long)]
    pub keep_config: bool,
}
