//! A plan, for people and for programs.

use crate::action::{Action, ImageSpec, Plan, Step};
use crate::apply::{Command, Detail};
use crate::state::digest;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How much of the files is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diffs {
    /// Every difference, new files in full.
    All,
    /// Differences of files that exist; a new file is only named.
    Existing,
    /// None: files are only named.
    None,
}

/// The plan as text.
pub fn plan_text(plan: &Plan, diffs: Diffs) -> String {
    steps_text(plan, diffs, None)
}

/// The plan as text, with the command of each step and what the commands call.
pub fn plan_detail_text(plan: &Plan, detail: &Detail) -> String {
    let mut text = steps_text(plan, Diffs::All, Some(detail));
    if !detail.functions.is_empty() {
        text.push_str("\nfunctions that the commands call on the devices\n");
    }
    for (_, function) in &detail.functions {
        text.push('\n');
        for line in function.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn steps_text(plan: &Plan, diffs: Diffs, detail: Option<&Detail>) -> String {
    let mut text = String::new();
    let mut commands = detail.into_iter().flat_map(|detail| &detail.commands);
    let bold = Style::new().bold();
    for stage in &plan.stages {
        let _ = writeln!(text, "{bold}{}{bold:#}", stage.wave);
        let mut node = None;
        for step in &stage.steps {
            if node != Some(&step.node) {
                let _ = writeln!(text, "  {}", step.node);
                node = Some(&step.node);
            }
            step_text(&mut text, step, diffs);
            if let Some(command) = commands.next() {
                command_text(&mut text, command);
            }
        }
    }
    let _ = write!(text, "{}", summary_text(plan));
    text
}

fn command_text(text: &mut String, command: &Command) {
    let blue = Style::new().fg_color(Some(AnsiColor::Blue.into()));
    let _ = writeln!(text, "        {blue}${blue:#} {}", super::printable(&command.call));
    for (name, octets) in &command.files {
        let _ = writeln!(text, "          {name}: {octets} octets");
    }
}

fn step_text(text: &mut String, step: &Step, diffs: Diffs) {
    let (sign, color) = sign(&step.action);
    let style = Style::new().fg_color(Some(color.into()));
    let dim = Style::new().dimmed();
    let _ = writeln!(text, "    {style}{sign}{style:#} {}  {dim}{}{dim:#}", step.action, step.reason);
    let Some(diff) = &step.diff else { return };
    let is_new = matches!(step.action, Action::PutFile { replaces: false, .. });
    if diffs == Diffs::None || is_new && diffs == Diffs::Existing {
        return;
    }
    diff_text(text, diff);
}

/// A unified diff, indented and in colours.
pub(super) fn diff_text(text: &mut String, diff: &str) {
    for line in diff.lines() {
        let color = match line.as_bytes().first() {
            Some(b'+') => AnsiColor::Green,
            Some(b'-') => AnsiColor::Red,
            Some(b'@') => AnsiColor::Cyan,
            _ => {
                let _ = writeln!(text, "        {}", super::printable(line));
                continue;
            }
        };
        let style = Style::new().fg_color(Some(color.into()));
        let _ = writeln!(text, "        {style}{}{style:#}", super::printable(line));
    }
}

/// What an action carries, by digest and size.
fn contents(value: &mut Value, action: &Action) {
    let (key, content) = match action {
        Action::PutFile { file, .. } => ("file", &file.content),
        Action::ProvideImage { image: ImageSpec::Archive { content, .. } } => ("image", content),
        _ => return,
    };
    value[key]["digest"] = json!(digest(content));
    value[key]["octets"] = json!(content.len());
}

/// `+` makes, `-` takes away, `~` changes.
fn sign(action: &Action) -> (char, AnsiColor) {
    match action {
        Action::PutFile { .. }
        | Action::StartService { .. }
        | Action::CreateNetwork { .. }
        | Action::ProvideImage { .. }
        | Action::RunContainer { .. }
        | Action::StartContainer { .. } => ('+', AnsiColor::Green),
        Action::StopService { .. }
        | Action::RemoveNetwork { .. }
        | Action::RemoveImage { .. }
        | Action::RemoveContainer { .. }
        | Action::RemoveFile { .. }
        | Action::StopContainer { .. }
        | Action::Forget => ('-', AnsiColor::Red),
        Action::RestoreFile { .. }
        | Action::ReloadService { .. }
        | Action::RestartService { .. }
        | Action::SetSettings { .. }
        | Action::SetPorts { .. }
        | Action::SetBoot { .. }
        | Action::RestoreRecords { .. } => ('~', AnsiColor::Yellow),
    }
}

/// What a plan counts: kind of thing and how many.
fn counts(plan: &Plan) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for step in plan.steps() {
        let kind = match &step.action {
            Action::PutFile { .. } | Action::RestoreFile { .. } | Action::RemoveFile { .. } => "files",
            Action::StartService { .. }
            | Action::StopService { .. }
            | Action::ReloadService { .. }
            | Action::RestartService { .. }
            | Action::SetBoot { .. } => "services",
            Action::CreateNetwork { .. } | Action::RemoveNetwork { .. } => "networks",
            Action::ProvideImage { .. } | Action::RemoveImage { .. } => "images",
            Action::RunContainer { .. }
            | Action::StartContainer { .. }
            | Action::StopContainer { .. }
            | Action::RemoveContainer { .. } => "containers",
            Action::Forget
            | Action::SetSettings { .. }
            | Action::SetPorts { .. }
            | Action::RestoreRecords { .. } => continue,
        };
        *counts.entry(kind).or_insert(0) += 1;
    }
    counts
}

fn nodes(plan: &Plan) -> usize {
    plan.steps().map(|step| &step.node).collect::<BTreeSet<_>>().len()
}

/// One line that sums a plan up.
pub fn summary_text(plan: &Plan) -> String {
    if plan.is_empty() {
        return "nothing to change: every node is as desired\n".to_owned();
    }
    let kinds: Vec<String> = counts(plan).into_iter().map(|(kind, number)| several(number, kind)).collect();
    let (steps, nodes) = (several(plan.steps().count(), "steps"), several(nodes(plan), "nodes"));
    format!("{steps} on {nodes}: {}\n", kinds.join(", "))
}

/// A number and what it counts.
pub fn several(number: usize, things: &str) -> String {
    let things = if number == 1 { things.trim_end_matches('s') } else { things };
    format!("{number} {things}")
}

/// The plan for programs: `{"changes", "summary", "waves": [{"wave", "nodes": [{"node", "steps"}]}]}`. Files and archives
/// are there by digest and size.
pub fn plan_json(plan: &Plan) -> Value {
    steps_json(plan, None)
}

/// The same with each step's `command` and `attachments`, and with `functions` that the commands call.
pub fn plan_detail_json(plan: &Plan, detail: &Detail) -> Value {
    let mut document = steps_json(plan, Some(detail));
    document["functions"] = detail.functions.iter().map(|(name, text)| (*name, json!(text))).collect();
    document
}

fn steps_json(plan: &Plan, detail: Option<&Detail>) -> Value {
    let mut commands = detail.into_iter().flat_map(|detail| &detail.commands);
    let waves: Vec<Value> = plan
        .stages
        .iter()
        .map(|stage| {
            let mut nodes: BTreeMap<&_, Vec<Value>> = BTreeMap::new();
            for step in &stage.steps {
                let mut value = json!(step);
                value["what"] = json!(step.action.to_string());
                contents(&mut value, &step.action);
                if let Some(command) = commands.next() {
                    let files = command.files.iter();
                    value["command"] = json!(command.call);
                    value["attachments"] =
                        files.map(|(name, octets)| json!({ "name": name, "octets": octets })).collect();
                }
                nodes.entry(&step.node).or_default().push(value);
            }
            let nodes: Vec<Value> =
                nodes.into_iter().map(|(node, steps)| json!({ "node": node, "steps": steps })).collect();
            json!({ "wave": stage.wave, "nodes": nodes })
        })
        .collect();
    let mut summary = json!({ "steps": plan.steps().count(), "nodes": nodes(plan) });
    for kind in ["files", "services", "networks", "images", "containers"] {
        summary[kind] = json!(counts(plan).get(kind).copied().unwrap_or(0));
    }
    json!({ "changes": !plan.is_empty(), "summary": summary, "waves": waves })
}
