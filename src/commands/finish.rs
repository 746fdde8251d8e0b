//! What verbs that change devices have in common: consent before, reports after.

use super::fleet::exec_problem;
use crate::apply::{FailureCause, StepFailure};
use crate::output::{Exit, Failure, Problem};
use std::io::{BufRead as _, IsTerminal as _};

/// Asks a person; without a terminal it fails and says which flag consents.
pub(super) fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::say(
            Exit::Usage,
            "there is no terminal to ask for consent, nothing was changed",
            "consent with --yes",
        ));
    }
    crate::output::note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::say(Exit::NotAsDesired, "declined, nothing was changed", "consent with y, or with --yes"))
}

/// A failed step as a problem, with what to do where the cause is known.
pub(super) fn step_problem(failure: &StepFailure) -> Problem {
    let step = failure.step.clone();
    let mut problem = match &failure.cause {
        FailureCause::Exec(error) => exec_problem(&failure.node, "", error),
        FailureCause::NoSession => Problem::from_error(&failure.cause).on(&failure.node),
        FailureCause::Device { output } => {
            let problem = Problem::from_error(&failure.cause).on(&failure.node);
            match advice(output) {
                Some(hint) => problem.hint(hint),
                None => problem,
            }
        }
    };
    problem.step = step;
    problem
}

/// Advice for what devices' programs say most.
fn advice(output: &str) -> Option<&'static str> {
    let has = |text: &str| output.contains(text);
    if has("No space left on device") {
        Some("the device's disk is full: free some space (df -h shows where); the old file is still in place")
    } else if has("vtysh: not found") || has("frr-reload") && has("isn't there") {
        Some("install FRR and its tools on the device: apt-get install frr frr-pythontools")
    } else if has("Unknown command") || has("% Malformed") || has("failure when parsing") {
        Some("mend the template or the variables it uses; FRR still runs the old configuration")
    } else if has("ifreload: not found") {
        Some("install ifupdown2 on the device: apt-get install ifupdown2")
    } else if has("docker: not found") {
        Some("install Docker Engine on the device: apt-get install docker.io")
    } else if has("Pool overlaps") {
        Some("another Docker network on the server has this subnet: docker network ls shows it")
    } else if has("Read-only file system") {
        Some("the device's file system is mounted read-only")
    } else {
        None
    }
}
