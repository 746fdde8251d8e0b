//! What there is on a device now of that which only a snapshot knows of.

use super::TransactionError;
use crate::action::RunId;
use crate::apply::compile::{DEVICE, header};
use crate::remote::{Attachment, Script, Session, quote};
use crate::state::{Present, Saved};
use std::collections::BTreeMap;
use std::time::Duration;

/// Runs on the device and changes nothing there, constant.
const PRESENT: &str = concat!(include_str!("state.sh"), include_str!("present.sh"));

/// What is asked of a device.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The fabric's name.
    pub fabric: &'a str,
    /// The run that asks.
    pub run: &'a RunId,
    /// What a snapshot says: the same is asked for.
    pub past: &'a Saved,
}

/// Asks a device; nothing on it changes.
///
/// # Errors
/// When it can't be asked.
pub async fn present(
    session: &Session,
    wanted: &Wanted<'_>,
    timeout: Duration,
) -> Result<Present, TransactionError> {
    let Wanted { fabric, run, past } = wanted;
    let words = |words: Vec<&str>| quote(&words.join(" "));
    let mut ports: Vec<&str> = past.ports.iter().filter_map(|line| line.split(' ').next()).collect();
    ports.dedup();
    let paths: String = past.settings.keys().flat_map(|path| [path, "\n"]).collect();
    let text = format!(
        "{}ports={}\nservices={}\n{DEVICE}{PRESENT}",
        header(fabric, run, false),
        words(ports),
        words(past.services.keys().map(String::as_str).collect()),
    );
    let attachments = vec![Attachment { name: "settings.paths".to_owned(), content: paths.into_bytes() }];
    let output = session.run(&Script { text, attachments, timeout }, |_| {}).await?;
    read(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
        let said = output.stderr.trim();
        TransactionError::Answer(if said.is_empty() { "it breaks off".to_owned() } else { said.to_owned() })
    })
}

/// None where the answer breaks off.
fn read(answer: &str) -> Option<Present> {
    let mut present = Present::default();
    let mut settings = Vec::new();
    let mut ended = false;
    for line in answer.lines() {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            "@setting" => settings.push(rest.to_owned()),
            "@port" => drop(present.ports.insert(rest.to_owned())),
            "@boot" => drop(present.at_boot.insert(rest.to_owned())),
            "@end" => ended = true,
            _ => {}
        }
    }
    present.settings = self::settings(&settings);
    ended.then_some(present)
}

/// Lines of grep: path, colon, value. Of a setting of several lines the last one counts.
pub(super) fn settings(lines: &[String]) -> BTreeMap<String, String> {
    let setting = |line: &String| {
        let (path, value) = line.split_once(':')?;
        Some((path.to_owned(), value.to_owned()))
    };
    lines.iter().filter_map(setting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_read_to_its_end() {
        let answer = "Welcome\n@setting /proc/sys/net/a:1\n@port lo link up 65536 off\n@boot frr\n@end\n";
        let present = read(answer).unwrap();
        assert_eq!(present.settings["/proc/sys/net/a"], "1");
        assert!(present.ports.contains("lo link up 65536 off") && present.at_boot.contains("frr"));
        assert_eq!(read("@port lo link up\n"), None);
    }
}
