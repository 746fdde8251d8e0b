//! Rebuild when a template changes: `include_dir!` alone is not seen by cargo's change tracking.
fn main() {
    println!("cargo:rerun-if-changed=templates");
}
