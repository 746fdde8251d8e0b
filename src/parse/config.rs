//! FRR configurations as sets of lines, so that order and decoration don't count.

use std::collections::BTreeSet;

/// Lines that say nothing about what FRR does, or that FRR prints whether they were configured or not.
const DECORATION: [&str; 5] =
    ["Building configuration", "Current configuration", "frr version", "frr defaults", "hostname"];

/// Lines that end a context; the indentation of what follows says the same.
const ENDS: [&str; 5] = ["end", "exit", "exit-address-family", "exit-vrf", "exit-link-params"];

/// Contexts that FRR doesn't print when nothing is configured in them.
const SILENT_WHEN_EMPTY: [&str; 3] = ["interface ", "vrf ", "address-family "];

/// What separates a line from the context it stands in.
const SEPARATOR: &str = " > ";

/// What one configuration has and the other hasn't.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigDifference {
    /// Intended, but not running.
    pub missing: Vec<String>,
    /// Running, but not intended.
    pub extra: Vec<String>,
}

impl ConfigDifference {
    /// Whether both configurations say the same.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }
}

/// Reads `show running-config` or an `frr.conf` into its lines, each with the contexts it stands in:
/// `router bgp 65011 > address-family ipv4 unicast > redistribute connected`.
///
/// Contexts are read from the indentation that FRR itself writes. Left out are comments, blank lines, what ends
/// a context, FRR's own header, `hostname` (its daemons and vtysh disagree on it) and
/// `service integrated-vtysh-config` (vtysh's own business, printed whether configured or not).
pub fn frr_running_config(text: &str) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    // Open contexts: indentation, full path, and whether the path is already in `lines`.
    let mut open: Vec<(usize, String, bool)> = Vec::new();
    for line in text.lines() {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if is_noise(&words) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        while open.last().is_some_and(|(outer, ..)| *outer >= indent) {
            open.pop();
        }
        for (_, context, kept) in open.iter_mut().filter(|(_, _, kept)| !kept) {
            lines.insert(context.clone());
            *kept = true;
        }
        let path = match open.last() {
            Some((_, context, _)) => format!("{context}{SEPARATOR}{words}"),
            None => words.clone(),
        };
        let kept = !SILENT_WHEN_EMPTY.iter().any(|opener| words.starts_with(opener));
        if kept {
            lines.insert(path.clone());
        }
        open.push((indent, path, kept));
    }
    lines
}

/// What is missing from a running configuration, and what is in it that was not intended.
pub fn compare(intended: &BTreeSet<String>, running: &BTreeSet<String>) -> ConfigDifference {
    ConfigDifference {
        missing: intended.difference(running).cloned().collect(),
        extra: running.difference(intended).cloned().collect(),
    }
}

/// A line of a configuration apart from the contexts it stands in, which are empty for one that stands in none.
pub fn context(line: &str) -> (&str, &str) {
    line.rsplit_once(SEPARATOR).unwrap_or(("", line))
}

fn is_noise(words: &str) -> bool {
    let decoration = DECORATION.iter().any(|start| {
        words.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '.', ':']))
    });
    decoration
        || words.is_empty()
        || words.starts_with(['!', '#'])
        || ENDS.contains(&words)
        || words == "service integrated-vtysh-config"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_carry_their_context() {
        let lines = frr_running_config(
            "hostname leaf01\nlog syslog informational\n!\nrouter bgp 65011\n bgp router-id 10.0.0.11\n !\n \
             address-family ipv4 unicast\n  redistribute   connected route-map LO\n exit-address-family\nexit\n\
             ip forwarding\nend\n",
        );
        assert_eq!(
            lines.into_iter().collect::<Vec<_>>(),
            [
                "ip forwarding",
                "log syslog informational",
                "router bgp 65011",
                "router bgp 65011 > address-family ipv4 unicast",
                "router bgp 65011 > address-family ipv4 unicast > redistribute connected route-map LO",
                "router bgp 65011 > bgp router-id 10.0.0.11",
            ]
        );
    }

    #[test]
    fn an_empty_interface_says_nothing_and_an_empty_route_map_does() {
        let lines =
            frr_running_config("interface swp1\nexit\ninterface swp2\n shutdown\nroute-map X permit 10\n");
        assert_eq!(
            lines.into_iter().collect::<Vec<_>>(),
            ["interface swp2", "interface swp2 > shutdown", "route-map X permit 10"]
        );
    }

    #[test]
    fn a_word_that_only_starts_like_decoration_stays() {
        assert_eq!(frr_running_config("hostnames\nfrr defaultsx\nending\n").len(), 3);
    }

    #[test]
    fn both_directions_are_told_apart() {
        let set = |text: &str| frr_running_config(text);
        let difference = compare(&set("a\nb\n"), &set("b\nc\n"));
        assert_eq!(difference, ConfigDifference { missing: vec!["a".into()], extra: vec!["c".into()] });
        assert!(!difference.is_empty());
        assert!(compare(&set("a\nb"), &set("b\n!\na\nend")).is_empty());
    }
}
