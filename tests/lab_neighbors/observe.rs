//! What routers believe, read from the kernel and from FRR.

use super::bench::Mode;
use super::shell::Shell;
use super::truth::{Belief, Host, LEAF, Table};
use serde_json::Value;

/// Between the answers to two questions.
const BREAK: &str = "--- next answer";

/// Asks a router everything at once; what doesn't answer believes nothing.
pub(crate) fn observe(shell: &mut Shell, mode: Mode) -> Belief {
    let mut questions = vec![("FIB", "ip -j route show table main")];
    if mode == Mode::Table && shell.node.starts_with("leaf") {
        questions.push(("table 10", "ip -j route show table 10"));
    }
    if shell.node == LEAF {
        questions.push(("RIB", "timeout 5 vtysh -c 'show ip route json'"));
        questions.push(("BGP's own", "timeout 5 vtysh -c 'show bgp ipv4 unicast json'"));
    }
    let commands: Vec<String> =
        questions.iter().map(|(_, command)| format!("{command}; echo; echo '{BREAK}'")).collect();
    let (said, _) = shell.try_run(&commands.join("; "));
    questions
        .iter()
        .zip(said.split(BREAK))
        .map(|((source, _), answer)| {
            let answer: Value = serde_json::from_str(answer).unwrap_or_default();
            let table = match *source {
                "RIB" => rib(&answer),
                "BGP's own" => own_of_bgp(&answer),
                _ => fib(&answer),
            };
            (*source, table)
        })
        .collect()
}

/// The host of a prefix such as `172.16.1.11/32`, or `172.16.1.11` as `ip` has it.
fn host(prefix: &str) -> Option<Host> {
    let rest = prefix.strip_prefix("172.16.1.")?;
    rest.strip_suffix("/32").unwrap_or(rest).parse().ok()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn sorted(mut words: Vec<&str>) -> String {
    words.sort_unstable();
    words.join(" ")
}

/// `protocol ports`, and what the kernel thinks is wrong with it.
fn fib(routes: &Value) -> Table {
    let mut table = Table::new();
    for route in list(routes) {
        let Some(host) = host(text(&route["dst"])) else { continue };
        let hops = list(&route["nexthops"]);
        let ports: Vec<&str> = hops.iter().chain([route]).filter_map(|hop| hop["dev"].as_str()).collect();
        let flags: Vec<&str> =
            hops.iter().chain([route]).flat_map(|hop| list(&hop["flags"])).map(text).collect();
        let kind = route["type"].as_str().into_iter().chain(flags);
        let ports = sorted(ports);
        let words: Vec<&str> = [text(&route["protocol"]), &ports].into_iter().chain(kind).collect();
        add(&mut table, host, &words.join(" "));
    }
    table
}

/// `protocol ports`, and whether FRR uses it.
fn rib(routes: &Value) -> Table {
    let mut table = Table::new();
    for (prefix, entries) in routes.as_object().into_iter().flatten() {
        let Some(host) = host(prefix) else { continue };
        // The router's own address is there too, since FRR 9.
        for entry in list(entries).iter().filter(|entry| entry["protocol"] != "local") {
            let hops = list(&entry["nexthops"]).iter();
            let ports: Vec<&str> = hops.filter_map(|hop| hop["interfaceName"].as_str()).collect();
            let unused = if entry["selected"] == true && entry["installed"] == true { "" } else { " unused" };
            add(&mut table, host, &format!("{} {}{unused}", text(&entry["protocol"]), sorted(ports)));
        }
    }
    table
}

/// Hosts that this router itself put into BGP.
fn own_of_bgp(answer: &Value) -> Table {
    let mut table = Table::new();
    for (prefix, paths) in answer["routes"].as_object().into_iter().flatten() {
        let Some(host) = host(prefix) else { continue };
        for _ in list(paths).iter().filter(|path| path["path"] == "") {
            add(&mut table, host, "local");
        }
    }
    table
}

/// A second entry for a host stands beside the first: that is never right.
fn add(table: &mut Table, host: Host, entry: &str) {
    let all = table.entry(host).or_default();
    if !all.is_empty() {
        all.push_str(" and ");
    }
    all.push_str(entry);
}
