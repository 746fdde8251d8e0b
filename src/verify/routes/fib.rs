//! The kernel's routes against those that FRR says it has put there.

use super::{Check, Expectations, Expected, Found, Kind, RouteReport};
use crate::fabric::NodeName;
use crate::parse::KernelRoute;
use compact_str::CompactString;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};

/// The routes by which the kernel sends packets to single hosts: of each prefix the one it prefers.
struct Fib<'a>(BTreeMap<Ipv4Net, &'a KernelRoute>);

impl<'a> Fib<'a> {
    fn of(routes: &'a [KernelRoute]) -> Self {
        let mut fib: BTreeMap<Ipv4Net, &KernelRoute> = BTreeMap::new();
        let in_main =
            routes.iter().filter(|route| route.table.as_deref().is_none_or(|table| table == "main"));
        for route in in_main.filter(|route| route.prefix.prefix_len() == 32) {
            let kept = fib.entry(route.prefix).or_insert(route);
            if route.metric.unwrap_or(0) < kept.metric.unwrap_or(0) {
                *kept = route;
            }
        }
        Self(fib)
    }
}

/// Takes back the verdict about routes that FRR holds installed and the kernel hasn't, or has otherwise, and adds the
/// host routes that only the kernel knows.
pub fn against_kernel<'a>(
    report: &mut RouteReport,
    expectations: &Expectations,
    kernel: impl Fn(&NodeName) -> Option<&'a [KernelRoute]>,
) {
    let mut checks = std::mem::take(&mut report.checks).into_iter().peekable();
    while let Some(first) = checks.next() {
        let node = first.node.clone();
        let Some(routes) = kernel(&node) else {
            report.checks.push(first);
            continue;
        };
        let (fib, from) = (Fib::of(routes), report.checks.len());
        report.checks.push(first);
        report.checks.extend(std::iter::from_fn(|| checks.next_if(|check| check.node == node)));
        let of_node = &mut report.checks[from..];
        for check in of_node.iter_mut().filter(|check| check.ok) {
            if let Some(gap) = gap(check, &fib) {
                check.ok = false;
                check.reason = Some(gap);
            }
        }
        let known: BTreeSet<Ipv4Net> = of_node.iter().map(|check| check.prefix).collect();
        report.checks.extend(strays(&node, &fib, &known, expectations));
    }
    report.ok = report.checks.iter().all(|check| check.ok);
}

fn gap(check: &Check, fib: &Fib<'_>) -> Option<String> {
    let found = check.found.as_ref().filter(|found| found.installed)?;
    // A node's own address is in the kernel's table of local addresses, an imported one in table 10.
    if !matches!(found.protocol.as_str(), "bgp" | "kernel") {
        return None;
    }
    let Some(route) = fib.0.get(&check.prefix) else {
        return Some("FRR holds it installed, the kernel has no such route".to_owned());
    };
    if route.kind != "unicast" {
        return Some(format!("FRR holds it installed, in the kernel it is a {} route", route.kind));
    }
    let mut by: Vec<&str> = route.next_hops.iter().filter_map(|hop| hop.dev.as_deref()).collect();
    by.sort_unstable();
    by.dedup();
    let mut wanted: Vec<&str> = found.next_hops.iter().map(CompactString::as_str).collect();
    wanted.sort_unstable();
    (by != wanted).then(|| format!("FRR sends by {}, the kernel by {}", wanted.join(", "), by.join(", ")))
}

/// Host routes inside the workload subnets that FRR doesn't know.
fn strays<'a>(
    node: &'a NodeName,
    fib: &'a Fib<'a>,
    known: &'a BTreeSet<Ipv4Net>,
    expectations: &'a Expectations,
) -> impl Iterator<Item = Check> + 'a {
    let inside = |prefix: &Ipv4Net| expectations.subnets.iter().any(|subnet| subnet.contains(prefix));
    fib.0.iter().filter(move |(prefix, _)| inside(prefix) && !known.contains(prefix)).map(
        move |(prefix, route)| {
            let by = route.protocol.as_deref().unwrap_or("somebody");
            Check {
                node: node.clone(),
                prefix: *prefix,
                kind: Kind::Unexpected,
                subject: String::new(),
                ok: false,
                expected: Expected::default(),
                found: Some(Found {
                    protocol: by.into(),
                    selected: false,
                    installed: true,
                    next_hops: route.next_hops.iter().filter_map(|hop| hop.dev.clone()).collect(),
                }),
                reason: Some(format!("a {} route by {by} that only the kernel knows", route.kind)),
            }
        },
    )
}
