//! What containers can reach, as the prober on their server found it.

use super::ParseError;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::str::{FromStr, SplitWhitespace};

const WHAT: &str = "the prober";

/// What all containers of one server found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Probes {
    /// What each pair of addresses, from and to, found out.
    pub pairs: BTreeMap<(Ipv4Addr, Ipv4Addr), Probe>,
    /// Containers that nothing could be sent from, and why, by their addresses.
    pub silent: BTreeMap<Ipv4Addr, String>,
    /// What arrived at each of them.
    pub seen: BTreeMap<Ipv4Addr, Seen>,
}

/// One direction between two containers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Probe {
    /// An echo request as large as the path allows.
    pub icmp: Option<ProbeEnd>,
    /// A TCP connection.
    pub tcp: Option<ProbeEnd>,
}

/// How a question between two containers ended.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeEnd {
    /// Answered after so many milliseconds. A refused connection is an answer.
    Answered(f64),
    /// Only a small packet was answered, the full one was not.
    OnlySmall,
    /// Nothing came back in time.
    Lost,
    /// It couldn't be sent, or somebody on the way said why it can't be delivered.
    Failed(String),
}

/// What arrived at a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Echo requests: whom they say they come from, and whom the packets do.
    pub icmp: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
    /// Where connections came from.
    pub tcp: BTreeSet<Ipv4Addr>,
}

/// Reads the prober's lines:
/// `icmp FROM TO ok MS|small|lost|error TEXT`, `tcp` the same, `silent ADDRESS TEXT`,
/// `saw icmp AT CLAIMED ACTUAL`, `saw tcp AT ACTUAL`, and at last `done`.
///
/// # Errors
/// When a line is none of these, or the last one is missing.
pub fn probes(text: &str) -> Result<Probes, ParseError> {
    let mut found = Probes::default();
    let mut done = false;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("done") => done = true,
            Some(kind @ ("icmp" | "tcp")) => {
                let pair = (value(line, words.next())?, value(line, words.next())?);
                let end = end(line, &mut words)?;
                let probe = found.pairs.entry(pair).or_default();
                *(if kind == "icmp" { &mut probe.icmp } else { &mut probe.tcp }) = Some(end);
            }
            Some("silent") => {
                let address = value(line, words.next())?;
                found.silent.insert(address, words.collect::<Vec<_>>().join(" "));
            }
            Some("saw") => {
                let kind = words.next();
                let seen = found.seen.entry(value(line, words.next())?).or_default();
                if kind == Some("icmp") {
                    seen.icmp.insert((value(line, words.next())?, value(line, words.next())?));
                } else {
                    seen.tcp.insert(value(line, words.next())?);
                }
            }
            _ => return Err(unread("one of its lines", line)),
        }
    }
    if done { Ok(found) } else { Err(unread("`done`", text.trim().lines().last().unwrap_or_default())) }
}

fn end(line: &str, words: &mut SplitWhitespace<'_>) -> Result<ProbeEnd, ParseError> {
    match words.next() {
        Some("ok") => Ok(ProbeEnd::Answered(value(line, words.next())?)),
        Some("small") => Ok(ProbeEnd::OnlySmall),
        Some("lost") => Ok(ProbeEnd::Lost),
        Some("error") => Ok(ProbeEnd::Failed(words.collect::<Vec<_>>().join(" "))),
        _ => Err(unread("ok, small, lost or error", line)),
    }
}

fn value<T: FromStr>(line: &str, word: Option<&str>) -> Result<T, ParseError> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| unread("an address or a number", line))
}

fn unread(wanted: &'static str, found: &str) -> ParseError {
    ParseError::Value { what: WHAT, wanted, found: found.chars().take(120).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_of_lines_are_read() {
        let text = "icmp 10.0.0.1 10.0.0.2 ok 0.31\ntcp 10.0.0.1 10.0.0.2 error No route to host\n\
            icmp 10.0.0.1 10.0.0.3 small\ntcp 10.0.0.1 10.0.0.3 lost\nsilent 10.0.0.4 it doesn't run\n\
            saw icmp 10.0.0.1 10.0.0.9 10.0.0.8\nsaw tcp 10.0.0.1 10.0.0.9\ndone\n";
        let found = probes(text).unwrap();
        let address = |last: u8| Ipv4Addr::new(10, 0, 0, last);
        let pair = &found.pairs[&(address(1), address(2))];
        assert_eq!(pair.icmp, Some(ProbeEnd::Answered(0.31)));
        assert_eq!(pair.tcp, Some(ProbeEnd::Failed("No route to host".to_owned())));
        let pair = &found.pairs[&(address(1), address(3))];
        assert_eq!((&pair.icmp, &pair.tcp), (&Some(ProbeEnd::OnlySmall), &Some(ProbeEnd::Lost)));
        assert_eq!(found.silent[&address(4)], "it doesn't run");
        assert!(found.seen[&address(1)].icmp.contains(&(address(9), address(8))));
        assert!(found.seen[&address(1)].tcp.contains(&address(9)));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for wrong in
            ["", "icmp 10.0.0.1 10.0.0.2 lost", "Traceback", "icmp x y lost\ndone", "icmp 10.0.0.1\ndone"]
        {
            let error = probes(wrong).unwrap_err().to_string();
            assert!(error.starts_with("the answer to `the prober` has "), "{error}");
        }
    }
}
