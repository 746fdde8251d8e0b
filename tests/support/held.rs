//! Something on a device that is so for a while.

use super::Lab;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

/// A session on a node that lives on while new ones may be impossible; when dropped it puts things right again.
pub struct Held(Child);

impl Held {
    /// Runs `now` on a node, and `later` at the end.
    pub fn on(lab: &Lab, node: &str, now: &str, later: &str) -> Self {
        let mut child = Command::new("ssh")
            .arg("-F")
            .arg(lab.ssh_config())
            .args([node, &format!("{now}; echo held; read -r end; {later}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n", "{node}: {now}");
        Self(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.stdin.take().map(|mut stdin| stdin.write_all(b"end\n"));
        let _ = self.0.wait();
    }
}
