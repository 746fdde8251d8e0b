//! This process becomes the user's own ssh.

use crate::output::{Exit, Failure, Problem};
use crate::process::Command;
use crate::remote::{Options, quote_all};
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// How ssh gets to a device.
pub(super) struct Way {
    destination: String,
    config: Option<PathBuf>,
    pub(super) user: Option<String>,
    port: Option<u16>,
    withheld: Vec<String>,
}

impl Way {
    /// By an ssh configuration that knows all about the destination.
    pub(super) fn by(config: PathBuf, destination: &str) -> Self {
        let destination = destination.to_owned();
        Self { destination, config: Some(config), user: None, port: None, withheld: Vec::new() }
    }
}

impl From<Options> for Way {
    fn from(options: Options) -> Self {
        let Options { destination, config, user, port, withheld, .. } = options;
        Self { destination, config, user, port, withheld }
    }
}

/// The line for a device's shell: one word is one, several are taken as they are.
pub(super) fn line(words: &[String]) -> Option<String> {
    match words {
        [] => None,
        [line] => Some(line.clone()),
        words => Some(quote_all(words.iter().map(String::as_str))),
    }
}

pub(super) fn on_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Becomes ssh, which ends with the exit code of the command; returns only if it can't be started.
pub(super) fn become_ssh(way: Way, line: Option<&str>) -> Failure {
    let mut command = Command::new("ssh").without(&way.withheld);
    if let Some(config) = way.config {
        command = command.arg("-F").arg(config);
    }
    if let Some(user) = way.user {
        command = command.arg("-l").arg(user);
    }
    if let Some(port) = way.port {
        command = command.arg("-p").arg(port.to_string());
    }
    if line.is_some() && on_terminal() {
        command = command.arg("-t");
    }
    let error = command.arg("--").arg(way.destination).args(line).replace_this_process();
    let mut problem = Problem::from_error(&error);
    problem.hint = error.hint();
    Failure::one(Exit::Usage, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_a_line_and_several_are_taken_as_they_are() {
        assert_eq!(line(&[]), None);
        assert_eq!(line(&["ip r | wc".to_owned()]).as_deref(), Some("ip r | wc"));
        assert_eq!(
            line(&["echo".to_owned(), "$HOME it's".to_owned()]).as_deref(),
            Some("echo '$HOME it'\\''s'")
        );
    }
}
