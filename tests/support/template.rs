//! Templates of an inventory's own.

use super::Lab;
use std::path::PathBuf;

/// The configuration of FRR.
pub const FRR: &str = "etc/frr/frr.conf.j2";
/// A line of it that every router has.
pub const BEST: &str = " bgp bestpath as-path multipath-relax\n";
/// Every router gets another line.
pub const CHANGED: (&str, &str) =
    (BEST, " bgp bestpath as-path multipath-relax\n bgp bestpath compare-routerid\n");

/// A template of the inventory's own; gone when dropped.
pub struct Template(PathBuf);

impl Template {
    pub fn new(lab: &Lab, name: &str, text: &str) -> Self {
        let path = lab.inventory.path().join("templates/debian").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    /// A built-in one with changes.
    pub fn edited(lab: &Lab, name: &str, changes: &[(&str, &str)]) -> Self {
        let mut text = std::fs::read_to_string(format!("templates/debian/{name}")).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from:?} is not in {name}");
            text = text.replace(from, to);
        }
        Self::new(lab, name, &text)
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
