//! What a user meets when something is wrong with a device, provoked on real parts: each error says which node, which
//! step and what to do, the other nodes' results are told, and nothing changes where nothing may.
//!
//! One test walks through all of it on one lab, since bringing one up and deploying to it takes most of the time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests start processes, and write and read files"
)]

mod connect;
mod device;
mod interrupt;
#[path = "../support/mod.rs"]
mod support;
mod template;
mod user;

use serde_json::Value;
use support::{Lab, Ran};

#[test]
fn errors_as_a_user_meets_them() {
    let lab = Lab::up("errors", "bookworm");
    before_the_first_deployment(&lab);
    user::who_may_use_sudo_may_deploy(&lab);
    on_what_was_deployed(&lab);
    device::teardown_goes_on_past_errors(&lab);
}

fn before_the_first_deployment(lab: &Lab) {
    connect::a_port_that_nobody_listens_on(lab);
    connect::sshd_is_gone_or_hangs(lab);
    connect::a_refused_key(lab);
    connect::a_changed_and_an_unknown_host_key(lab);
    connect::a_configuration_of_ssh_that_is_wrong(lab);
    user::who_may_not_use_sudo_changes_nothing(lab);
    template::a_template_that_is_wrong_touches_nothing(lab);
    for node in NODES {
        assert_eq!(lab.try_ssh(node, "test -e /var/lib/fabricctl").code, 1, "{node} was touched");
    }
}

fn on_what_was_deployed(lab: &Lab) {
    connect::verify_tells_of_the_others(lab);
    template::what_frr_does_not_understand_stays_out(lab);
    template::what_frr_refuses_is_told(lab);
    device::a_full_disk(lab);
    device::a_missing_package(lab);
    device::a_port_that_does_not_exist(lab);
    device::what_others_made_is_in_the_way(lab);
    interrupt::a_step_that_takes_too_long(lab);
    interrupt::a_connection_that_breaks(lab);
    interrupt::ctrl_c(lab);
    interrupt::the_tool_is_killed(lab);
    interrupt::a_question_on_a_terminal(lab);
    interrupt::two_runs_at_the_same_time(lab);
    lab.on(&["plan", "--exit-code"]).exits(0);
}

pub(crate) const NODES: [&str; 10] = [
    "leaf01", "leaf02", "leaf03", "leaf04", "server01", "server02", "server03", "server04", "spine01",
    "spine02",
];

/// What stands on stderr of a run with `-o json` that failed.
pub(crate) struct Errors(Vec<Value>);

impl Errors {
    /// Runs a verb with `-o json` that must fail with this code.
    #[track_caller]
    pub(crate) fn of(code: i32, run: impl FnOnce(&[&str]) -> Ran, args: &[&str]) -> Self {
        Self::read(&run(&[args, &["-o", "json"]].concat()), code)
    }

    #[track_caller]
    pub(crate) fn read(ran: &Ran, code: i32) -> Self {
        assert_eq!(ran.code, code, "stdout:\n{}\nstderr:\n{}", ran.stdout, ran.stderr);
        let document: Value = serde_json::from_str(&ran.stderr)
            .unwrap_or_else(|error| panic!("stderr isn't JSON: {error}: {}", ran.stderr));
        assert_eq!(document["exit"], code);
        Self(document["errors"].as_array().unwrap().clone())
    }

    /// There is exactly one error about a node, in that step, and it says this and advises that.
    #[track_caller]
    pub(crate) fn say(&self, node: &str, step: &str, message: &str, hint: &str) {
        let found: Vec<&Value> = self.0.iter().filter(|error| error["node"] == node).collect();
        let [error] = found[..] else { panic!("{} errors about {node}: {:?}", found.len(), self.0) };
        assert_eq!(error["step"], step, "{error}");
        for (key, text) in [("message", message), ("hint", hint)] {
            assert!(error[key].as_str().is_some_and(|said| said.contains(text)), "no {text:?} in {error:#}");
        }
    }

    /// There is an error about no node in particular that says this.
    #[track_caller]
    pub(crate) fn add(&self, message: &str) {
        let said = |error: &Value| error["message"].as_str().unwrap_or_default().contains(message);
        assert!(
            self.0.iter().any(|error| error["node"].is_null() && said(error)),
            "no {message:?} in {:?}",
            self.0
        );
    }

    /// These nodes and no others are in trouble.
    #[track_caller]
    pub(crate) fn only(&self, nodes: &[&str]) {
        let found: Vec<&str> = self.0.iter().filter_map(|error| error["node"].as_str()).collect();
        assert_eq!(found, nodes, "{:?}", self.0);
    }
}
