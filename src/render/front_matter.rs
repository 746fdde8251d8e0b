//! The first line of a template: who gets the file, and how it takes effect.

use super::FrontMatterError;
use crate::action::{Activation, How};
use crate::fabric::Role;

/// What the first line of a template says.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `roles` | roles whose nodes get the file, with commas | required |
/// | `owner`, `group` | names on the device | `root` |
/// | `mode` | permission bits, octal | `0644` |
/// | `check` | command that must succeed on the new file, `{}` is its path | none |
/// | `activates` | `SERVICE:reload` or `SERVICE:restart` | none |
///
/// A value with spaces stands in double quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontMatter {
    /// Roles whose nodes get the file.
    pub roles: Vec<Role>,
    /// Owner's name on the device.
    pub owner: String,
    /// Group's name on the device.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
    /// A command that must succeed on the new file; `{}` stands for its path.
    pub check: Option<String>,
    /// What must be told that the file changed.
    pub activates: Option<Activation>,
}

/// How the comment begins, after `{#` or `{#-`.
const MARK: &str = "fabricctl:";
/// Every key there is.
pub(super) const KEYS: [&str; 6] = ["roles", "owner", "group", "mode", "check", "activates"];

impl FrontMatter {
    /// Reads the first line of a template's source.
    ///
    /// # Errors
    /// When it is missing, or a key or value in it is wrong.
    pub fn parse(source: &str) -> Result<Self, FrontMatterError> {
        let mut found = Self {
            roles: Vec::new(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: 0o644,
            check: None,
            activates: None,
        };
        let mut seen: Vec<String> = Vec::new();
        for (key, value) in pairs(inside(source)?)? {
            if seen.contains(&key) {
                return Err(FrontMatterError::Twice { key });
            }
            found.set(&key, value)?;
            seen.push(key);
        }
        if found.roles.is_empty() {
            return Err(FrontMatterError::NoRoles);
        }
        Ok(found)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), FrontMatterError> {
        match key {
            "roles" => self.roles = value.split(',').map(role).collect::<Result<_, _>>()?,
            "owner" => self.owner = account("owner", value)?,
            "group" => self.group = account("group", value)?,
            "mode" => self.mode = mode(&value)?,
            "check" if value.contains("{}") => self.check = Some(value),
            "check" => return Err(wrong("check", &value, "a command with {} for the file's path")),
            "activates" => self.activates = Some(activation(&value)?),
            _ => return Err(FrontMatterError::UnknownKey { key: key.to_owned() }),
        }
        Ok(())
    }
}

/// The text between `fabricctl:` and the end of the comment.
fn inside(source: &str) -> Result<&str, FrontMatterError> {
    let line = source.lines().next().unwrap_or_default().trim();
    line.strip_prefix("{#")
        .map(|rest| rest.strip_prefix('-').unwrap_or(rest).trim_start())
        .and_then(|rest| rest.strip_prefix(MARK))
        .and_then(|rest| rest.strip_suffix("#}"))
        .map(|rest| rest.strip_suffix('-').unwrap_or(rest).trim())
        .ok_or(FrontMatterError::Missing)
}

/// Splits `key=value key="value with spaces"`.
fn pairs(text: &str) -> Result<Vec<(String, String)>, FrontMatterError> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let word = rest.split_whitespace().next().unwrap_or(rest);
        let (key, after) = rest
            .split_once('=')
            .filter(|(key, _)| !key.contains(char::is_whitespace))
            .ok_or_else(|| FrontMatterError::NoValue { word: word.to_owned() })?;
        let value;
        (value, rest) = match after.strip_prefix('"') {
            Some(quoted) => {
                quoted.split_once('"').ok_or_else(|| FrontMatterError::OpenQuote { key: key.to_owned() })?
            }
            None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
        };
        pairs.push((key.to_owned(), value.to_owned()));
        rest = rest.trim_start();
    }
    Ok(pairs)
}

fn wrong(key: &'static str, value: &str, expected: &'static str) -> FrontMatterError {
    FrontMatterError::Value { key, value: value.to_owned(), expected }
}

fn role(text: &str) -> Result<Role, FrontMatterError> {
    let role = Role::ALL.into_iter().find(|role| role.as_str() == text);
    role.ok_or_else(|| wrong("roles", text, "spine, leaf or server"))
}

fn account(key: &'static str, name: String) -> Result<String, FrontMatterError> {
    if is_name(&name) { Ok(name) } else { Err(wrong(key, &name, "a name of letters, digits, '-' and '_'")) }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '@' | '.'))
}

fn mode(text: &str) -> Result<u32, FrontMatterError> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| wrong("mode", text, "octal permission bits such as 0644"))
}

fn activation(text: &str) -> Result<Activation, FrontMatterError> {
    let bad = || wrong("activates", text, "SERVICE:reload or SERVICE:restart");
    let (service, how) = text.split_once(':').filter(|(service, _)| is_name(service)).ok_or_else(bad)?;
    let how = match how {
        "reload" => How::Reload,
        "restart" => How::Restart,
        _ => return Err(bad()),
    };
    Ok(Activation { service: service.to_owned(), how })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        FrontMatter::parse(line).unwrap_err().to_string()
    }

    #[test]
    fn everything_that_can_be_said_is_read() {
        let line = r#"{#- fabricctl: roles=spine,leaf owner=frr group=frrvty mode=0640 check="vtysh -C -f {}" activates=frr:reload -#}"#;
        let expected = FrontMatter {
            roles: vec![Role::Spine, Role::Leaf],
            owner: "frr".to_owned(),
            group: "frrvty".to_owned(),
            mode: 0o640,
            check: Some("vtysh -C -f {}".to_owned()),
            activates: Some(Activation { service: "frr".to_owned(), how: How::Reload }),
        };
        assert_eq!(FrontMatter::parse(line), Ok(expected));
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let found = FrontMatter::parse("{# fabricctl: roles=server #}\nx").unwrap();
        assert_eq!((found.owner.as_str(), found.group.as_str(), found.mode), ("root", "root", 0o644));
        assert_eq!((found.check, found.activates), (None, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, text) in [
            ("", "the first line is not {#- fabricctl: … -#}"),
            ("{# roles=leaf #}", "the first line is not {#- fabricctl: … -#}"),
            ("{#- fabricctl: mode=0600 -#}", "roles is missing"),
            ("{#- fabricctl: roles=leaf,tor -#}", r#"roles: "tor" is not spine, leaf or server"#),
            ("{#- fabricctl: roles=leaf mod=0600 -#}", r#"there is no key "mod""#),
            ("{#- fabricctl: roles=leaf roles=spine -#}", "roles stands there twice"),
            (
                "{#- fabricctl: roles=leaf mode=rw -#}",
                r#"mode: "rw" is not octal permission bits such as 0644"#,
            ),
            (
                "{#- fabricctl: roles=leaf mode=77777 -#}",
                r#"mode: "77777" is not octal permission bits such as 0644"#,
            ),
            (
                "{#- fabricctl: roles=leaf check=true -#}",
                r#"check: "true" is not a command with {} for the file's path"#,
            ),
            ("{#- fabricctl: roles=leaf check=\"true {} -#}", "check: the quote has no end"),
            (
                "{#- fabricctl: roles=leaf activates=frr -#}",
                r#"activates: "frr" is not SERVICE:reload or SERVICE:restart"#,
            ),
            ("{#- fabricctl: roles=leaf owner -#}", r#""owner" has no value"#),
            (
                "{#- fabricctl: roles=leaf owner=\"a b\" -#}",
                r#"owner: "a b" is not a name of letters, digits, '-' and '_'"#,
            ),
        ] {
            assert_eq!(error(line), text, "{line}");
        }
    }
}
