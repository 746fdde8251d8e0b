//! What devices print of sessions, neighbours, containers and hosts.
#![no_main]

use fabricctl::parse::{
    ParseError, frr_bgp_neighbors, frr_bgp_paths, ifquery_check, insides, interfaces_file, ip_neighbors,
    lldp_neighbors, neighbor_status, probes, sysctl_file, sysctl_values,
};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::fmt::Debug;

fuzz_target!(|octets: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(octets) else { return Corpus::Reject };
    judge(text, "show bgp neighbors json", frr_bgp_neighbors);
    judge(text, "show bgp ipv4 unicast PREFIX json", frr_bgp_paths);
    judge(text, "ip -j neigh show", ip_neighbors);
    judge(text, "rdnbrd status -o json", neighbor_status);
    judge(text, "the prober", probes);
    judge(text, "ifquery --check", ifquery_check);
    // A container's answer holds the answers of other commands.
    judge(text, "", insides);
    let _ = (lldp_neighbors(text), interfaces_file(text), sysctl_file(text), sysctl_values(text));
    Corpus::Keep
});

/// The same text is the same answer; what can't be read is told in one line that names the command.
fn judge<T: Debug>(text: &str, command: &str, read: impl Fn(&str) -> Result<T, ParseError>) {
    match read(text) {
        // A number that is none equals nothing, not even itself, so that what is compared is what is shown.
        Ok(answer) => {
            let again = read(&format!("{text}\n\n")).map(|again| format!("{again:?}"));
            assert_eq!(again.ok(), Some(format!("{answer:?}")));
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains(char::is_control), "{error:?}");
            assert!(said.contains(command) && said.contains('`'), "{said}");
        }
    }
}
