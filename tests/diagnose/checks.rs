//! What the checks say of the same worlds: who stands in their verdicts, and where their hints lead.

use crate::common::reference;
use crate::well::{ADDRESS, known, part, well};
use crate::without_hosts;
use fabricctl::fabric::NodeName;
use fabricctl::parse::ProbeEnd;
use fabricctl::verify::{CheckName, Finding, Scope, Status, World, judge};
use std::collections::BTreeSet;

/// What isn't as desired, by one check.
fn told(check: CheckName, spoil: impl Fn(&mut World)) -> Vec<Finding> {
    let fabric = reference();
    let nodes: BTreeSet<NodeName> = fabric.nodes.keys().cloned().collect();
    let mut world = well(&fabric);
    spoil(&mut world);
    let found = judge(&Scope { fabric: &fabric, nodes: &nodes }, &BTreeSet::from([check]), &world);
    found.into_iter().filter(|one| one.status != Status::Ok).collect()
}

fn line(finding: &Finding) -> String {
    let related: Vec<&str> = finding.related.iter().map(NodeName::as_str).collect();
    let reason = finding.reason.as_deref().unwrap_or_default();
    let status = if finding.status == Status::Failed { "failed" } else { "skipped" };
    format!("{} {}: {status}: {reason} [{}]", finding.node, finding.subject, related.join(" "))
}

fn lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(line).collect()
}

#[test]
fn routers_forward_and_leafs_speak_for_others() {
    let off = told(CheckName::Links, |world| {
        part!(world, "leaf01", settings).insert("net/ipv4/conf/swp1/proxy_arp".into(), "0".into());
        part!(world, "leaf02", settings).insert("net/ipv4/ip_forward".into(), "0".into());
        part!(world, "spine01", settings).insert("net/ipv4/conf/swp3/forwarding".into(), "0".into());
    });
    assert_eq!(
        lines(&off),
        [
            "leaf01 proxy ARP on swp1: failed: proxy ARP is off on swp1, so containers behind it find nobody in other \
             racks []",
            "leaf02 forwarding: failed: leaf02 doesn't forward packets []",
            "spine01 forwarding: failed: spine01 doesn't forward what comes in by swp3 []",
        ]
    );
    assert_eq!(
        off[0].hint.as_deref(),
        Some(
            "sysctl -w net.ipv4.conf.swp1.proxy_arp=1; sysctl -p /etc/sysctl.d/90-fabricctl.conf puts all of them right"
        )
    );
    // That of all ports is enough.
    let all = told(CheckName::Links, |world| {
        part!(world, "leaf01", settings).insert("net/ipv4/conf/swp1/proxy_arp".into(), "0".into());
        part!(world, "leaf01", settings).insert("net/ipv4/conf/all/proxy_arp".into(), "1".into());
    });
    assert_eq!(lines(&all), Vec::<String>::new());
}

#[test]
fn a_node_has_no_containers_address() {
    let taken = told(CheckName::Links, |world| {
        let link = part!(world, "server03", links).get_mut("eth1").unwrap();
        link.addresses.insert(format!("{ADDRESS}/24").parse().unwrap());
    });
    assert_eq!(
        lines(&taken),
        ["server03 eth1 172.16.1.11: failed: server03 itself has the address of web11 []"]
    );
    assert_eq!(taken[0].hint.as_deref(), Some("ip addr del 172.16.1.11/24 dev eth1"));
}

#[test]
fn of_a_duplicate_the_leaf_fails_where_it_does_not_belong() {
    let twice = told(CheckName::Neighbors, |world| {
        part!(world, "leaf03", daemon).hosts.push(known(ADDRESS, "swp1"));
    });
    let [right, wrong] = lines(&twice).try_into().unwrap();
    assert_eq!(
        right,
        "leaf01 web11 172.16.1.11: skipped: right here, but leaf03 advertises it, too [leaf03]"
    );
    assert!(wrong.starts_with("leaf03 web11 172.16.1.11: failed: it answers behind swp1"), "{wrong}");
    assert!(wrong.ends_with("where its server isn't [server03]"), "{wrong}");
}

#[test]
fn a_missing_route_names_who_should_bring_it() {
    let absent = told(CheckName::Routes, without_hosts);
    assert_eq!(absent.len(), 15);
    for finding in &absent {
        assert!(line(finding).ends_with(" [leaf01]"), "{}", line(finding));
        let container = finding.subject.split(' ').next().unwrap();
        assert_eq!(finding.hint, Some(format!("fabricctl diagnose {container}")));
    }
}

#[test]
fn of_two_who_do_not_reach_each_other_the_one_with_more_trouble_is_to_be_looked_at() {
    let lost = told(CheckName::Reachability, |world| {
        let lose = |pairs: &mut std::collections::BTreeMap<_, fabricctl::parse::Probe>| {
            for ((from, to), probe) in pairs.iter_mut() {
                if *from == ADDRESS || *to == ADDRESS {
                    (probe.icmp, probe.tcp) = (Some(ProbeEnd::Lost), Some(ProbeEnd::Lost));
                }
            }
        };
        lose(&mut part!(world, "server01", probes).pairs);
        lose(&mut part!(world, "server02", probes).pairs);
    });
    assert!(lost.len() > 12, "{:?}", lines(&lost));
    assert!(lost.iter().all(|one| one.hint.as_deref() == Some("fabricctl diagnose web11")), "{lost:#?}");
}
