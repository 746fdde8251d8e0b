//! `exec`: one command on many devices, and what they said, grouped by what was the same.

use super::context;
use super::fleet::{Fleet, exec_problem};
use super::own_ssh;
use super::runtime::Interrupts;
use crate::cli::{ExecArgs, Format, Global};
use crate::fabric::NodeName;
use crate::output::{self, Answer, AnswerGroups, Exit, Failure};
use crate::remote::{self, Attachment, ExecError, Script};
use std::collections::BTreeMap;
use std::time::Duration;

/// What stands before the exit code behind the command's output, on a line of its own.
const END: &str = "fabricctl-exec-ended";

/// Runs a command on the selected nodes.
pub(super) async fn exec(global: &Global, args: &ExecArgs, interrupts: Interrupts) -> Result<Exit, Failure> {
    interrupts.say(
        "interrupted: what the devices had said by then is lost",
        "what still runs there ends at its time limit (--timeout)",
    );
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let line = own_ssh::line(&args.command).unwrap_or_default();
    let (fleet, mut troubles) = Fleet::reach(global, &args.target, &fabric, &nodes).await?;
    let answers = ask(&fleet, &line).await;
    fleet.close().await;
    let mut said = BTreeMap::new();
    for (node, answer) in answers {
        match answer {
            Ok(answer) => drop(said.insert(node, answer)),
            Err(error) => {
                let exit = match error {
                    ExecError::Lost(_) => Exit::Unreachable,
                    _ => Exit::NotAsDesired,
                };
                troubles.add(exit, exec_problem(&node, "exec", &error));
            }
        }
    }
    let silent = nodes.iter().filter(|node| !said.contains_key(*node)).cloned().collect();
    let groups = AnswerGroups::of(&line, said, silent);
    if global.output == Format::Json {
        output::json(&groups)?;
    } else if !groups.answers.is_empty() {
        output::document(&groups.to_text());
    }
    troubles.into_failure()?;
    Ok(if groups.ok { Exit::Ok } else { Exit::NotAsDesired })
}

/// What each device that was reached said.
async fn ask(fleet: &Fleet, line: &str) -> BTreeMap<NodeName, Result<Answer, ExecError>> {
    let timeout = fleet.timeout;
    let work = fleet.sessions.iter().map(|(node, session)| (node.clone(), session.clone()));
    remote::each(work, fleet.parallel, move |_, session| {
        let script = script(line, timeout);
        async move { session.run(&script, |_| {}).await.map(answer) }
    })
    .await
}

/// The exit code travels behind the output: some codes of the script itself mean that it was cut short.
fn script(line: &str, timeout: Duration) -> Script {
    let attachments = vec![Attachment { name: "command".to_owned(), content: line.as_bytes().to_vec() }];
    let text = format!("cd; sh \"$work/command\"; printf '\\n{END} %d\\n' \"$?\"\n");
    Script { text, attachments, timeout }
}

fn answer(output: remote::Output) -> Answer {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let end = stdout.rfind(&format!("\n{END} "));
    let (stdout, status) = match end {
        Some(end) => {
            let code = stdout[end + END.len() + 2..].trim().parse().ok();
            (stdout[..end].to_owned(), code.unwrap_or(output.status))
        }
        None => (stdout, output.status),
    };
    Answer { status, stdout, stderr: output.stderr }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_read_from_behind_the_output() {
        let output = |stdout: &str, status| remote::Output {
            status,
            stdout: stdout.as_bytes().to_vec(),
            stderr: String::new(),
        };
        let said = |stdout: &str, status| {
            let Answer { status, stdout, .. } = answer(output(stdout, status));
            (stdout, status)
        };
        assert_eq!(said("a\n\nfabricctl-exec-ended 124\n", 0), ("a\n".to_owned(), 124));
        assert_eq!(said("\nfabricctl-exec-ended 0\n", 0), (String::new(), 0));
        // A command that ends the whole script.
        assert_eq!(said("a\n", 143), ("a\n".to_owned(), 143));
    }
}
