//! `fabricctl render`.

use clap::Args;
use std::path::PathBuf;

/// Options of `fabricctl render`.
#[derive(Debug, Clone, Args)]
pub struct RenderArgs {
    /// Write the files below this folder, as DIR/NODE/PATH-ON-THE-DEVICE, instead of showing them
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
