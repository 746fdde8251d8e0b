//! All devices of the reference fabric, and what is on them.

use super::{Lab, eventually};
use std::collections::BTreeMap;

pub const NODES: [&str; 10] = [
    "leaf01", "leaf02", "leaf03", "leaf04", "server01", "server02", "server03", "server04", "spine01",
    "spine02",
];

/// What a run leaves on a device besides its work, which must be nothing.
const REMAINS: &str = "ls -d /tmp/fabricctl.* /etc/init.d/fabricctl-guard /etc/rc2.d/*fabricctl* \
    /run/fabricctl/*.* /var/lib/fabricctl/runs/*/armed /etc/*.fabricctl-new 2>/dev/null; \
    cat /run/fabricctl/lock 2>/dev/null; pgrep -af '[r]estore guard'; true";

/// What a command prints on each device.
pub type Answers = BTreeMap<&'static str, String>;

/// Asks all devices at the same time.
pub fn everywhere(lab: &Lab, command: &str) -> Answers {
    std::thread::scope(|scope| {
        let asked = NODES.map(|node| (node, scope.spawn(move || lab.ssh(node, command))));
        asked.map(|(node, answer)| (node, answer.join().unwrap())).into()
    })
}

/// The same lines on every device, but for those named.
#[track_caller]
pub fn assert_same(before: &Answers, after: &Answers, but: &[&str]) {
    for (node, was) in before.iter().filter(|(node, _)| !but.contains(node)) {
        let is = &after[node];
        let only = |one: &str, other: &str| -> Vec<String> {
            one.lines().filter(|line| !other.lines().any(|there| there == *line)).map(str::to_owned).collect()
        };
        assert!(was == is, "{node}: gone: {:#?}, new: {:#?}", only(was, is), only(is, was));
    }
}

/// Nothing of any run is left on any device.
#[track_caller]
pub fn assert_nothing_remains(lab: &Lab) {
    // A question whose answer nobody waits for any more comes to its own end.
    eventually("nothing of the run is left on any device", || {
        let left = everywhere(lab, REMAINS);
        left.iter()
            .filter(|(_, remains)| !remains.is_empty())
            .for_each(|left| println!("still there: {left:?}"));
        left.values().all(String::is_empty)
    });
}
