//! Do the services that the fabric needs run, and do they start with their device? Is its clock right?

use super::facts::{Clock, Service, World};
use super::finding::{CheckName, Finding};
use super::scope::Scope;
use crate::fabric::NodeName;

/// How far a clock may be off, in seconds.
const MAX_OFFSET_S: f64 = 1.0;

/// One verdict a service of every node.
pub(super) fn services(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, facts) in scope.answered(world) {
        match &facts.services {
            None => {}
            Some(Err(fault)) => {
                findings.push(Finding::of_fault(CheckName::Services, &node.name, "services", fault));
            }
            Some(Ok(services)) => {
                findings.extend(services.iter().map(|(name, found)| service(&node.name, name, found)));
            }
        }
    }
    findings
}

fn service(node: &NodeName, name: &str, found: &Service) -> Finding {
    let is = match (found.running, found.enabled) {
        (true, Some(true)) => "running, starts with the device",
        (true, Some(false)) => "running, doesn't start with the device",
        (true, None) => "running",
        (false, _) => "not running",
    };
    let failed = |reason: &str| Finding::failed(CheckName::Services, node, name, reason);
    let finding = if !found.running {
        failed("it doesn't run").hint(format!("service {name} start; its log says why it ended"))
    } else if !found.dead.is_empty() {
        let dead = found.dead.join(", ");
        failed(&format!("of its daemons {dead} doesn't run")).hint(format!("service {name} restart"))
    } else if found.enabled == Some(false) {
        failed("it doesn't start with the device")
            .hint(format!("systemctl enable {name}, or update-rc.d {name} defaults"))
    } else {
        Finding::ok(CheckName::Services, node, name)
    };
    finding.expected("running, starts with the device").found(is)
}

/// One verdict a node.
pub(super) fn time(scope: &Scope<'_>, world: &World) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (node, facts) in scope.answered(world) {
        match &facts.clock {
            None => {}
            Some(Err(fault)) => findings.push(Finding::of_fault(CheckName::Time, &node.name, "clock", fault)),
            Some(Ok(clock)) => findings.push(judged(&node.name, *clock)),
        }
    }
    findings
}

fn judged(node: &NodeName, clock: Clock) -> Finding {
    // What the way there and back may have taken isn't the clock's fault.
    let surely = clock.offset_s.abs() - clock.error_s;
    let found = format!("{:+.2} s, give or take {:.2} s", clock.offset_s, clock.error_s);
    let finding = if surely > MAX_OFFSET_S {
        let side = if clock.offset_s > 0.0 { "ahead of" } else { "behind" };
        let reason = format!("its clock is {:.1} s {side} this machine's", clock.offset_s.abs());
        Finding::failed(CheckName::Time, node, "clock", reason)
            .hint("see whether NTP runs on both: chronyc tracking, timedatectl")
    } else {
        Finding::ok(CheckName::Time, node, "clock")
    };
    finding.expected(format!("at most {MAX_OFFSET_S:.0} s off")).found(found)
}
