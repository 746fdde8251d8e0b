//! The screen for people.

use super::Status;
use crate::fabric::Role;
use crate::output::history::{changes, duration, verb, when};
use crate::output::routes::{BAD, GOOD, coloured, list, seconds};
use crate::output::verify::groups::{clean, groups};
use crate::output::{printable, several};
use crate::verify::overview::{CHECKS, Count, Device, Mark, Overview};
use crate::verify::{Report, Status as Verdict};
use std::fmt::Write as _;

/// A fabric with more devices has only those listed that something is wrong with: it is one screen.
const LISTED: usize = 24;
/// How many lines of what is wrong are shown.
const TOLD: usize = 12;
const OPEN: &str = "·";
const GAP: &str = "  ";

/// Draws it. The text holds ANSI colours, which [`crate::output::document`] drops where they don't belong.
pub fn status_table(status: &Status<'_>) -> String {
    let mut text = String::new();
    let lab = status.lab.map(|lab| format!(" (lab {lab})")).unwrap_or_default();
    let at = status.at.get(..19).unwrap_or(status.at).replace('T', " ");
    let _ = writeln!(text, "{}{lab}, {at}Z, asked in {}\n", status.fabric, seconds(status.took_ms));
    devices(&mut text, status.overview);
    failures(&mut text, status.overview);
    sums(&mut text, status.overview);
    runs(&mut text, status);
    coloured(&text)
}

/// The rows of the table: its columns are as wide as they must be.
fn devices(text: &mut String, overview: &Overview) {
    let all = &overview.devices;
    let fine = |device: &&Device| is_fine(overview, device);
    let shown: Vec<&Device> = if all.len() <= LISTED {
        all.iter().collect()
    } else {
        all.iter().filter(|device| !fine(device)).take(LISTED).collect()
    };
    let heading = ["", "device", "role", "system", "services", "sessions", "/32s", "containers"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(shown.iter().map(|device| row(overview, device)));
    if shown.is_empty() {
        rows.clear();
    }
    let widths: Vec<usize> = (0..heading.len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    for (number, row) in rows.iter().enumerate() {
        let silent = number > 0 && row[4..].iter().all(String::is_empty);
        let cells = row.iter().zip(&widths).enumerate().filter(|(at, (_, width))| **width > 0 || *at == 0);
        let line: Vec<String> = cells
            .map(
                |(at, (cell, width))| if silent && at == 3 { cell.clone() } else { format!("{cell:width$}") },
            )
            .collect();
        let _ = writeln!(text, "{}", line.join(GAP).trim_end());
    }
    if shown.len() < all.len() {
        let rest: Vec<String> = Role::ALL
            .iter()
            .filter_map(|role| {
                let of_role = all.iter().filter(|device| device.role == *role).filter(fine).count();
                (of_role > 0).then(|| several(of_role, &format!("{role}s")))
            })
            .collect();
        let more = all.iter().filter(|device| !fine(device)).count() - shown.len();
        let more =
            if more > 0 { format!("{BAD} and {} more\n", several(more, "devices")) } else { String::new() };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let _ = writeln!(text, "{more}{GOOD} {} as desired", list(&rest));
    }
    text.push('\n');
}

fn row(overview: &Overview, device: &Device) -> [String; 8] {
    let mark = match device.reached.state {
        Mark::Unknown => OPEN,
        _ if is_fine(overview, device) => GOOD,
        _ => BAD,
    };
    let system = match &device.release {
        _ if !device.reached.ok() => clean(&device.reached.is),
        None => String::new(),
        Some(release) => {
            let os = release.os.replace("GNU/Linux ", "");
            // The other one may be there, too; nobody needs it.
            let (name, version) =
                if device.role.routes() { ("FRR", &release.frr) } else { ("Docker", &release.docker) };
            let version =
                version.as_ref().map_or(format!("no {name}"), |version| format!("{name} {version}"));
            printable(&format!("{os}, {version}"))
        }
    };
    let services: Vec<String> = device
        .services
        .iter()
        .map(|(name, state)| format!("{name} {}", if state.ok() { GOOD } else { BAD }))
        .collect();
    let count = |count: Option<Count>| match count {
        Some(Count { ok, expected }) => format!("{ok}/{expected}"),
        None => String::new(),
    };
    let role = device.role.to_string();
    [
        mark.to_owned(),
        device.node.to_string(),
        role,
        system,
        services.join(" "),
        count(device.sessions),
        count(device.routes),
        count(device.containers),
    ]
}

fn is_fine(overview: &Overview, device: &Device) -> bool {
    device.reached.ok()
        && !overview.failed.iter().any(|finding| finding.node == device.node)
        && [device.sessions, device.routes, device.containers].into_iter().flatten().all(Count::whole)
}

/// What isn't as desired, as `verify` says it, and what to do.
fn failures(text: &mut String, overview: &Overview) {
    let report = Report::of(&CHECKS.into_iter().collect(), overview.failed.clone(), Vec::new());
    let groups = groups(&report, Verdict::Failed);
    if groups.is_empty() {
        return;
    }
    let shown = &groups[..groups.len().min(TOLD)];
    let width = shown.iter().map(|group| group.first.node.as_str().len()).max().unwrap_or(0);
    let checks = shown.iter().map(|group| group.first.check.as_str().len()).max().unwrap_or(0);
    for group in shown {
        let (node, check) = (&group.first.node, group.first.check);
        let _ =
            writeln!(text, "{BAD} {node:width$}  {check:checks$}  {}: {}", group.subject(), group.reason());
    }
    if shown.len() < groups.len() {
        let _ = writeln!(text, "{BAD} and {} more: fabricctl verify", groups.len() - shown.len());
    }
    text.push_str("→ fabricctl diagnose tells the cause and what to do\n\n");
}

fn sums(text: &mut String, overview: &Overview) {
    let unknown = |marks: &mut dyn Iterator<Item = Mark>| marks.filter(|mark| *mark == Mark::Unknown).count();
    let links = unknown(&mut overview.lines.iter().map(|line| line.link.state));
    let sessions = unknown(&mut overview.lines.iter().filter_map(|line| Some(line.session.as_ref()?.state)));
    let containers = unknown(&mut overview.containers.iter().map(|one| one.state.state));
    for (what, count, are, unknown) in [
        ("devices", overview.reached(), "answer", 0),
        ("links", overview.links(), "up", links),
        ("sessions", overview.sessions(), "up", sessions),
        ("routes", overview.routes(), "container /32s right", 0),
        ("containers", overview.running(), "running", containers),
    ] {
        if count.expected > 0 {
            let mark = if count.whole() { GOOD } else { BAD };
            let rest = if unknown > 0 { format!(", {unknown} not known") } else { String::new() };
            let _ = writeln!(text, "{mark} {what:12}{} of {} {are}{rest}", count.ok, count.expected);
        }
    }
}

fn runs(text: &mut String, status: &Status<'_>) {
    match status.last {
        None => text.push_str("· last run    none in this machine's journal\n"),
        Some(entry) => {
            let story = &entry.story;
            let line = format!(
                "{}, {} by {}: {}, {}, {}",
                entry.run,
                verb(story),
                story.header.who,
                entry.status.as_str(),
                several_changes(&changes(story)),
                duration(story, entry.status)
            );
            let _ = writeln!(text, "· last run    {}, {}", when(story), printable(&line));
        }
    }
    for (run, nodes) in status.open {
        let names: Vec<&str> = nodes.iter().map(crate::fabric::NodeName::as_str).collect();
        let does = match (run.by_hand, run.left_s) {
            (_, ..=0) => "is being undone".to_owned(),
            (true, left) => {
                format!("waits for `fabricctl confirm`, else it is undone in {}", span(left))
            }
            (false, left) => format!("is not confirmed yet, else it is undone in {}", span(left)),
        };
        let _ = writeln!(
            text,
            "! open run    {} of {} {does}: {}",
            printable(&run.run),
            printable(&run.who),
            list(&names)
        );
    }
}

fn several_changes(changes: &str) -> String {
    if changes == "1" { "1 change".to_owned() } else { format!("{changes} changes") }
}

/// Seconds as people say them.
fn span(seconds: i64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}
