//! What the values of keys mean: each takes the text, or says what is allowed.

use super::pattern::Pattern;
use super::settings::SweepEvery;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// What is allowed where names of interfaces stand.
pub(super) const INTERFACES: &str =
    "interface names or patterns such as swp1 or swp*, with spaces or commas between";

pub(super) fn seconds(value: &str, least: f64, most: f64) -> Result<Duration, String> {
    let seconds = value.parse::<f64>().ok().filter(|seconds| (least..=most).contains(seconds));
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("seconds from {least} to {most}"))
}

pub(super) fn number<T>(value: &str, least: T, most: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + fmt::Display + Copy,
{
    let number = value.parse::<T>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("a whole number from {least} to {most}"))
}

pub(super) fn boolean(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("True or False".to_owned()),
    }
}

pub(super) fn sweep(value: &str) -> Result<SweepEvery, String> {
    match value {
        "off" => Ok(SweepEvery::Off),
        "slow" => Ok(SweepEvery::Interval(Duration::from_secs(60))),
        "fast" => Ok(SweepEvery::Interval(Duration::from_secs(10))),
        _ => seconds(value, 1.0, 86_400.0)
            .map(SweepEvery::Interval)
            .map_err(|allowed| format!("off, slow, fast, or {allowed}")),
    }
}

pub(super) fn table(value: &str) -> Result<u32, String> {
    if value == "main" {
        return Ok(254);
    }
    let usable = number(value, 1, 254).ok().filter(|table| *table != 253);
    usable.ok_or_else(|| "1 to 252 (FRR imports no other), or 254 for the main table".to_owned())
}

/// FRR takes routes of its own numbers for its own and removes them; the others are of the kernel and of other
/// routing daemons (`/etc/iproute2/rt_protos`).
pub(super) fn protocol(value: &str) -> Result<u8, String> {
    let free = |number: &u8| !matches!(number, 0..=18 | 42 | 84 | 99 | 186..=199);
    value.parse::<u8>().ok().filter(free).ok_or_else(|| {
        "a number up to 255 that no routing daemon has: not 0-18, 42, 84, 99, 186-199".to_owned()
    })
}

pub(super) fn socket(value: &str) -> Result<Option<String>, String> {
    match value {
        "off" => Ok(None),
        // What the kernel takes as the path of a socket (unix(7)).
        path if path.starts_with('/') && path.len() < 108 => Ok(Some(path.to_owned())),
        _ => Err("an absolute path of at most 107 octets, or off".to_owned()),
    }
}

pub(super) fn user(value: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let named = !value.is_empty() && value.len() <= 32 && value.chars().all(fine);
    if named { Ok(value.to_owned()) } else { Err("the name or number of a user".to_owned()) }
}

pub(super) fn patterns(value: &str) -> Result<Vec<Pattern>, String> {
    let names = value.split([' ', '\t', ',']).filter(|name| !name.is_empty());
    let patterns: Option<Vec<Pattern>> = names.map(Pattern::new).collect();
    patterns.ok_or_else(|| INTERFACES.to_owned())
}

pub(super) fn one_of<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let choice = choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice);
    choice.ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    })
}

/// `off`, or seconds.
pub(super) fn settle(value: &str) -> Result<Option<Duration>, String> {
    match value {
        "off" => Ok(None),
        _ => seconds(value, 0.1, 86_400.0).map(Some).map_err(|allowed| format!("off, or {allowed}")),
    }
}

/// Prefixes, or single addresses.
pub(super) fn prefixes(value: &str) -> Result<Vec<IpNet>, String> {
    let prefix = |text: &str| {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse::<IpNet>().ok().map(|prefix| prefix.trunc()).or_else(address)
    };
    let parts = value.split([' ', '\t', ',']).filter(|part| !part.is_empty());
    parts.map(prefix).collect::<Option<Vec<IpNet>>>().ok_or_else(|| {
        "prefixes or addresses such as 172.16.1.0/24 or 2001:db8::/64, with spaces or commas between"
            .to_owned()
    })
}
