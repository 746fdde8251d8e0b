//! `ssh` and `shell`: a terminal on a device, or in a container.

use super::own_ssh::{Way, become_ssh, line, on_terminal};
use super::{context, fleet};
use crate::cli::{Global, ShellArgs, SshArgs};
use crate::fabric::{Fabric, Workload};
use crate::inventory::nearest_workload;
use crate::output::{Exit, Failure};
use crate::remote::{as_root, quote, quote_all};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn containers_get_a_terminal_only_where_there_is_one() {
        let exec = |command: &[&str], terminal| docker_exec("web11", &words(command), terminal);
        assert_eq!(exec(&["ls", "a b"], false), "docker exec -i web11 ls 'a b'");
        assert_eq!(exec(&["ls | wc"], true), "docker exec -it web11 sh -c 'ls | wc'");
        assert!(exec(&[], true).contains("exec bash; exec sh"));
    }
}
