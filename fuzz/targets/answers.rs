//! What devices print, taken for every answer that is ever asked for.
#![no_main]

use fabricctl::output::printable;
use fabricctl::parse::{
    ParseError, compare, docker_containers, docker_images, docker_networks, docker_objects, docker_version,
    frr_bgp_summary, frr_routes, frr_running_config, frr_version, ip_addresses, ip_routes, os_pretty_name,
};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::fmt::Debug;

fuzz_target!(|octets: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(octets) else { return Corpus::Reject };
    frr(text);
    judge(text, ip_addresses);
    judge(text, ip_routes);
    judge(text, docker_containers);
    judge(text, docker_networks);
    judge(text, docker_images);
    judge(text, docker_objects);
    judge(text, docker_version);
    os_pretty_name(text);
    shown(text);
    Corpus::Keep
});

/// The same text is the same answer, white space around it or not; what can't be read is told in one line.
fn judge<T: PartialEq + Debug>(text: &str, read: impl Fn(&str) -> Result<T, ParseError>) -> Option<T> {
    let answer = match read(text) {
        Ok(answer) => answer,
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
            return None;
        }
    };
    assert_eq!(read(&format!("\n{text}\n \n")).ok().as_ref(), Some(&answer));
    Some(answer)
}

fn frr(text: &str) {
    judge(text, frr_version);
    if let Some(summary) = judge(text, frr_bgp_summary) {
        for peer in summary.peers.values() {
            let _ = peer.established();
        }
    }
    if let Some(rib) = judge(text, frr_routes) {
        for prefix in rib.routes.keys() {
            let selected = rib.selected(prefix);
            assert!(selected.is_none_or(|entry| entry.selected && rib.entries(prefix).contains(entry)));
            for entry in rib.entries(prefix) {
                let _ = entry.in_kernel();
            }
        }
    }
    let lines = frr_running_config(text);
    assert!(compare(&lines, &lines).is_empty());
    assert_eq!(compare(&lines, &frr_running_config("")).missing.len(), lines.len());
    assert_eq!(lines, frr_running_config(&format!("!\n{text}\n!\nend\n")), "decoration doesn't count");
}

/// What is shown of it drives no terminal: colours are all that is left.
fn shown(text: &str) {
    let clean = printable(text);
    assert_eq!(clean, printable(&clean));
    for (at, c) in clean.char_indices().filter(|(_, c)| c.is_control() && !matches!(c, '\n' | '\t')) {
        let colour = clean[at..].strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m'));
        let digits = colour.is_some_and(|(digits, _)| digits.chars().all(|c| c.is_ascii_digit() || c == ';'));
        assert!(digits, "{c:?} is left in {clean:?}");
    }
}
