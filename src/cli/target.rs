//! Which devices: the real ones, or a lab's.

use crate::lab::STATE_ROOT;
use clap::Args;
use std::path::PathBuf;

/// Real devices through your own `ssh_config`, or a lab.
#[derive(Debug, Clone, Default, Args)]
pub struct Target {
    /// The lab instead of real devices; without a name, the lab named like the fabric
    #[arg(long, env = "FABRICCTL_LAB", value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub lab: Option<String>,

    /// Directory that holds all labs
    #[arg(long, env = "FABRICCTL_LAB_DIR", value_name = "DIR", default_value = STATE_ROOT, hide = true)]
    pub lab_dir: PathBuf,
}

impl Target {
    /// The lab's name, if a lab is meant.
    pub fn lab_name(&self, fabric: &str) -> Option<String> {
        self.lab.as_ref().map(|name| if name.is_empty() { fabric.to_owned() } else { name.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_without_a_name_is_the_fabrics() {
        let target = |lab: Option<&str>| Target { lab: lab.map(str::to_owned), ..Target::default() };
        assert_eq!(target(None).lab_name("reference"), None);
        assert_eq!(target(Some("")).lab_name("reference").as_deref(), Some("reference"));
        assert_eq!(target(Some("two")).lab_name("reference").as_deref(), Some("two"));
    }
}
