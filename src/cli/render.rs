//! `fabricctl render`.

use clap::Args;
use std::path::PathBuf;

/// Options of `fabricctl render`.
#[derive(Debug, Clone, Args)]
pub struct RenderArgs {
    /// Write the files below this folder, as DIR/NODE/PATH-ON-THE-DEVICE, instead of showing them
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Write secrets into those files too; without this <secret> stands in their place
    #[arg(long, requires = "out")]
    pub reveal_secrets: bool,
}
