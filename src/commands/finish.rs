//! What verbs that change devices have in common: consent before, reports after.

use super::fleet::exec_problem;
use super::runtime;
use crate::action::Step;
use crate::apply::{FailureCause, StepFailure};
use crate::cli::{Format, Global};
use crate::output::{self, Diffs, Exit, Failure, Problem, Progress};
use std::io::{BufRead as _, IsTerminal as _};

/// What happens, told on stderr. Where a program reads JSON, only errors go there, as JSON too.
pub(super) fn progress(global: &Global) -> Progress {
    let read_by_program = global.output == Format::Json && !std::io::stderr().is_terminal();
    Progress::new(global.quiet || read_by_program, global.verbose > 0)
}

/// How much of the files is shown before they are changed: what a person is to consent to, or asked to see.
pub(super) fn diffs(global: &Global, consented: bool) -> Diffs {
    if consented && global.verbose == 0 { Diffs::None } else { Diffs::Existing }
}

/// Asks a person; without a terminal it fails and says which flag consents.
pub(super) async fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
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
    // On a thread of its own: Ctrl-C must be heard while the person thinks.
    let answer = runtime::blocking(move || {
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer).map(|_| answer).unwrap_or_default()
    });
    if matches!(answer.await.unwrap_or_default().trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::say(Exit::NotAsDesired, "declined, nothing was changed", "consent with y, or with --yes"))
}

/// A failed step as a problem, with what to do where the cause is known.
pub(super) fn step_problem(failure: &StepFailure) -> Problem {
    let step = failure.step.as_deref().unwrap_or("begin");
    let mut problem = match &failure.cause {
        FailureCause::Exec(error) => exec_problem(&failure.node, step, error),
        FailureCause::NoSession => Problem::from_error(&failure.cause).on(&failure.node),
        FailureCause::Device { output } => {
            let problem = Problem::from_error(&failure.cause).on(&failure.node);
            match advice(output) {
                Some(hint) => problem.hint(hint),
                None => problem,
            }
        }
    };
    problem.step = Some(step.to_owned());
    problem
}

/// What devices' programs say most, each with what to do about it; the first that fits counts.
const ADVICE: [(&str, &str); 13] = [
    (
        "No space left on device",
        "free some space there on the device (df -h shows where it is full); what stood there before is still in place",
    ),
    ("Read-only file system", "the device's file system is mounted read-only; dmesg may tell why"),
    ("install frr-pythontools", "install it on the device: apt-get install frr-pythontools"),
    ("install busybox-static", "install it on the device: apt-get install busybox-static"),
    ("vtysh: not found", "install FRR on the device: apt-get install frr frr-pythontools"),
    ("ifup: not found", "install ifupdown2 on the device: apt-get install ifupdown2"),
    ("ifreload: not found", "install ifupdown2 on the device: apt-get install ifupdown2"),
    ("docker: not found", "install Docker Engine on the device: apt-get install docker.io"),
    (
        "the old file stays",
        "mend the template or the variables that it uses: `fabricctl render -l NODE` shows what it makes",
    ),
    (
        "FRR refused",
        "mend the template or the variables that it uses; FRR runs on with what it took and with what it had before",
    ),
    ("Pool overlaps", "another Docker network on the server has this subnet: docker network ls shows it"),
    ("is already in use by container", "remove or rename that container on the server"),
    ("another fabricctl", "wait until it is through, then run the same command again"),
];

/// Advice for what a device's programs said.
fn advice(output: &str) -> Option<&'static str> {
    let output = output.to_lowercase();
    ADVICE.iter().find(|(said, _)| output.contains(&said.to_lowercase())).map(|(_, advice)| *advice)
}

/// Says until when a run must be confirmed that is left to a person.
pub(super) fn not_final(time: &str) {
    output::document(&format!(
        "not final yet: unless `fabricctl confirm` is run before {time}, the devices put back what was there"
    ));
}

/// A step that was done, and that the device needs all the same.
pub(super) fn undone(step: &Step) -> Problem {
    let message = format!("it was done and is still to do ({})", step.reason);
    let hint = "look at the device's logs: something there undid or refused the change";
    Problem { message, ..Problem::default() }.on(&step.node).during(&step.action.to_string()).hint(hint)
}
