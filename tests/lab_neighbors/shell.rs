//! Commands on nodes, over ssh, without a new session for each.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

/// Stands after what a command printed.
const END: &str = "--- end of what was said: ";

fn start(config: &Path, node: &str, command: &str) -> (Child, ChildStdin, ChildStdout) {
    let mut child = Command::new("ssh")
        .arg("-F")
        .arg(config)
        .args([node, command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    (child, stdin, stdout)
}

/// A shell on a node that stays open.
pub(crate) struct Shell {
    pub(crate) node: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Shell {
    pub(crate) fn open(config: &Path, node: &'static str) -> Self {
        let (child, stdin, stdout) = start(config, node, "sh");
        Self { node, child, stdin: Some(stdin), stdout: BufReader::new(stdout) }
    }

    /// What a command prints (errors included), and its exit code.
    pub(crate) fn try_run(&mut self, command: &str) -> (String, String) {
        let stdin = self.stdin.as_mut().unwrap();
        write!(stdin, "( {command}\n) </dev/null 2>&1; code=$?; echo; echo '{END}'$code\n").unwrap();
        stdin.flush().unwrap();
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "{}: the shell ended during {command:?}, after {said}", self.node);
            if let Some(code) = line.strip_prefix(END) {
                return (said, code.trim().to_owned());
            }
            said.push_str(&line);
        }
    }

    /// What a command prints that must succeed.
    #[track_caller]
    pub(crate) fn run(&mut self, command: &str) -> String {
        let (said, code) = self.try_run(command);
        assert_eq!(code, "0", "{}: {command}: {said}", self.node);
        said
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// A line and when it came.
pub(crate) type Line = (Instant, String);

/// A command on a node that prints as things happen, ended when dropped.
pub(crate) struct Stream {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Arc<Mutex<Vec<Line>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    pub(crate) fn open(config: &Path, node: &str, command: &str) -> Self {
        // Without a terminal, nothing ends a command whose session ended.
        let bounded = format!("{command} </dev/null & cat >/dev/null; kill $!; wait");
        let (child, stdin, stdout) = start(config, node, &bounded);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                kept.lock().unwrap().push((Instant::now(), line));
            }
        });
        Self { child, stdin: Some(stdin), lines, reader: Some(reader) }
    }

    /// All lines up to now.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
