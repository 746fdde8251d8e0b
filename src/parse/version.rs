//! Versions and names of what a device runs.

use super::{ParseError, first_line};
use crate::fabric::Version;

/// Reads the version of FRR or Quagga from `vtysh -c 'show version'` or `zebra --version`.
///
/// # Errors
/// When no version is in the text.
pub fn frr_version(text: &str) -> Result<Version, ParseError> {
    find("show version", text)
}

/// Reads the version of Docker from `docker version --format '{{.Server.Version}}'` or `docker --version`.
///
/// # Errors
/// When no version is in the text.
pub fn docker_version(text: &str) -> Result<Version, ParseError> {
    find("docker version", text)
}

/// The first word that starts like `MAJOR.MINOR`. Only the first line counts: what follows are
/// licences and build options, which hold numbers of their own.
fn find(what: &'static str, text: &str) -> Result<Version, ParseError> {
    first_line(text)
        .split_whitespace()
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .find_map(|word| word.parse().ok())
        .ok_or_else(|| ParseError::Value { what, wanted: "a version", found: first_line(text) })
}

/// Reads `PRETTY_NAME` from `/etc/os-release` (os-release(5)): `Linux` where it is absent, as the manual says.
pub fn os_pretty_name(text: &str) -> String {
    text.lines()
        .find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))
        .map(unquote)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "Linux".to_owned())
}

/// A value as the shell reads it: quotes around it, and backslashes before `"`, `$`, `` ` `` and `\`.
fn unquote(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return if quote == '"' { unescape(inner) } else { inner.to_owned() };
        }
    }
    value.to_owned()
}

fn unescape(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some('"' | '$' | '`' | '\\')) => clean.extend(rest.next()),
            _ => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_other_makes_are_found() {
        assert_eq!(frr_version("Quagga 1.0.0+cl3u15 ().").unwrap(), Version { major: 1, minor: 0 });
        assert_eq!(docker_version("17.05.0-ce\n").unwrap(), Version { major: 17, minor: 5 });
        let error = frr_version("bash: vtysh: command not found").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the answer to `show version` has \"bash: vtysh: command not found\" where a version is expected"
        );
        assert!(docker_version("").is_err());
    }

    #[test]
    fn os_names_are_unquoted() {
        assert_eq!(os_pretty_name("ID=x\nPRETTY_NAME='Cumulus Linux'\n"), "Cumulus Linux");
        assert_eq!(os_pretty_name("PRETTY_NAME=\"A \\\"B\\\" \\$C\\d\""), "A \"B\" $C\\d");
        assert_eq!(os_pretty_name("PRETTY_NAME=\"\nNAME=x"), "\"");
        assert_eq!(os_pretty_name("NAME=x"), "Linux");
    }
}
