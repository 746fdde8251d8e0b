//! `ssh`, `shell` and `lab ssh`: this process becomes the user's own ssh.

use super::{context, fleet};
use crate::cli::{Global, ShellArgs, SshArgs};
use crate::fabric::{Fabric, Workload};
use crate::inventory::nearest_workload;
use crate::output::{Exit, Failure, Problem};
use crate::process::Command;
use crate::remote::{Options, as_root, quote, quote_all};
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// How ssh gets to a device.
pub(super) struct Way {
    destination: String,
    config: Option<PathBuf>,
    user: Option<String>,
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

/// A shell on a device, or a command there.
pub(super) fn ssh(global: &Global, args: &SshArgs) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let (user, name) = match args.node.rsplit_once('@') {
        Some((user, name)) => (Some(user.to_owned()), name),
        None => (None, args.node.as_str()),
    };
    let node = context::node(global, &fabric, name)?;
    let mut way = Way::from(fleet::way(global, &args.target, &fabric, node)?);
    way.user = user.or(way.user);
    Err(become_ssh(way, line(&args.command).as_deref()))
}

/// A shell in a container, or a command in it.
pub(super) fn shell(global: &Global, args: &ShellArgs) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let workload = workload(&fabric, &args.container)?;
    let server = context::node(global, &fabric, workload.server.as_str())?;
    let way = Way::from(fleet::way(global, &args.target, &fabric, server)?);
    let command = as_root(&docker_exec(&workload.name, &args.command, on_terminal()));
    Err(become_ssh(way, Some(&command)))
}

fn workload<'f>(fabric: &'f Fabric, name: &str) -> Result<&'f Workload, Failure> {
    fabric.workloads.get(name).ok_or_else(|| {
        let hint = match nearest_workload(name, fabric) {
            Some(near) => format!("did you mean {near}?"),
            None => "`fabricctl inventory list` shows all".to_owned(),
        };
        Failure::say(Exit::Usage, format!("there is no container {name}"), hint)
    })
}

/// The command that runs in a container: the better of its shells where none is given.
fn docker_exec(container: &str, words: &[String], terminal: bool) -> String {
    const SHELL: &str = "command -v bash >/dev/null 2>&1 && exec bash; exec sh";
    let command = match words {
        [] => format!("sh -c {}", quote(SHELL)),
        [line] => format!("sh -c {}", quote(line)),
        words => quote_all(words.iter().map(String::as_str)),
    };
    let flags = if terminal { "-it" } else { "-i" };
    format!("docker exec {flags} {} {command}", quote(container))
}

/// The line for a device's shell: one word is one, several are taken as they are.
pub(super) fn line(words: &[String]) -> Option<String> {
    match words {
        [] => None,
        [line] => Some(line.clone()),
        words => Some(quote_all(words.iter().map(String::as_str))),
    }
}

fn on_terminal() -> bool {
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

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn one_word_is_a_line_and_several_are_taken_as_they_are() {
        assert_eq!(line(&[]), None);
        assert_eq!(line(&words(&["ip r | wc"])).as_deref(), Some("ip r | wc"));
        assert_eq!(line(&words(&["echo", "$HOME it's"])).as_deref(), Some("echo '$HOME it'\\''s'"));
    }

    #[test]
    fn containers_get_a_terminal_only_where_there_is_one() {
        let exec = |command: &[&str], terminal| docker_exec("web11", &words(command), terminal);
        assert_eq!(exec(&["ls", "a b"], false), "docker exec -i web11 ls 'a b'");
        assert_eq!(exec(&["ls | wc"], true), "docker exec -it web11 sh -c 'ls | wc'");
        assert!(exec(&[], true).contains("exec bash; exec sh"));
    }
}
