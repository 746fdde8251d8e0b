//! Templates of a user's own that are wrong, and configurations that FRR doesn't take.

use crate::connect::Altered;
use crate::support::{BEST, FRR, Lab, Template};
use crate::{Errors, NODES};

/// The built-in configuration of FRR with another line in it.
fn frr(lab: &Lab, line: &str) -> Template {
    Template::edited(lab, FRR, &[(BEST, &format!("{BEST}{line}\n"))])
}

pub fn a_template_that_is_wrong_touches_nothing(lab: &Lab) {
    let spy = tempfile::tempdir().unwrap();
    let called = spy.path().join("called");
    let altered = Altered::node(lab, "*", &format!("ProxyCommand touch {}", called.display()));
    let deploy = ["deploy", "--yes", "--limit", "spine"];
    altered.run(lab, &deploy).exits(4);
    assert!(called.exists(), "this is how contact would show");
    std::fs::remove_file(&called).unwrap();

    let undefined = frr(lab, " bgp cluster-id {{ node.vars.cluster }}");
    let ran = altered.run(lab, &deploy).exits(2).says("error: templates/debian/etc/frr/frr.conf.j2:").says(
        ": spine01, spine02: `node.vars.cluster` is undefined\n  help: `fabricctl inventory show spine01`",
    );
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    drop(undefined);
    let broken = frr(lab, "{% if %}");
    altered.run(lab, &deploy).exits(2).says("error: templates/debian/etc/frr/frr.conf.j2:").says("Jinja2");
    drop(broken);
    lab.edit("asn: 65011,", "asn: 65011, color: red,");
    altered.run(lab, &deploy).exits(2).says("fabric.yml:").says("color");
    lab.edit("asn: 65011, color: red,", "asn: 65011,");
    assert!(!called.exists(), "a device was contacted");
}

/// What must not change when FRR doesn't get a new configuration.
fn routing(lab: &Lab, node: &str) -> String {
    lab.ssh(node, "stat -c %Y /etc/frr/frr.conf; sha256sum /etc/frr/frr.conf; pidof bgpd zebra; ls /etc/frr")
}

pub fn what_frr_does_not_understand_stays_out(lab: &Lab) {
    let leafs: Vec<&str> = NODES.into_iter().filter(|node| node.starts_with("leaf")).collect();
    let before: Vec<String> = leafs.iter().map(|leaf| routing(lab, leaf)).collect();
    let template = frr(lab, " bgp bestpath as-path relaxed");
    let ran = lab
        .on(&["deploy", "--yes", "--limit", "leaf"])
        .exits(5)
        .says("error: leaf01, leaf02, leaf03, leaf04: write /etc/frr/frr.conf: line ");
    let ran = ran.says("% Unknown command").says(" bgp bestpath as-path relaxed").says("the old file stays");
    assert!(ran.stderr.contains("\n  help: mend the template"), "{}", ran.stderr);
    let errors = Errors::of(5, |args| lab.on(args), &["deploy", "--yes", "--limit", "leaf01"]);
    errors.say("leaf01", "write /etc/frr/frr.conf", "Unknown command", "fabricctl render -l NODE");
    errors.add("0 of 2 steps were done, 1 were not begun");
    drop(template);
    let after: Vec<String> = leafs.iter().map(|leaf| routing(lab, leaf)).collect();
    assert_eq!(before, after);
    lab.on(&["plan", "--exit-code"]).exits(0);
}

/// The check reads what is written; only the daemons know what makes sense together.
pub fn what_frr_refuses_is_told(lab: &Lab) {
    let daemons = || lab.ssh("leaf04", "pidof bgpd zebra");
    let before = daemons();
    let template = frr(lab, " neighbor swp51 peer-group NONE");
    let errors = Errors::of(5, |args| lab.on(args), &["deploy", "--yes", "--limit", "leaf04"]);
    errors.say("leaf04", "reload frr", "% Configure the peer-group first", "FRR runs on with what it took");
    errors.say("leaf04", "reload frr", "FRR refused a part of /etc/frr/frr.conf", "mend the template");
    drop(template);
    lab.on(&["deploy", "--yes", "--limit", "leaf04"]).exits(0).says("all 12 container /32s");
    assert_eq!(before, daemons());
}
