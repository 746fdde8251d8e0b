//! Runs of the journal, for people and for programs.

use super::plan::diff_text;
use super::{printable, several};
use crate::store::journal::{Entry, Fate, Outcome, SafetyStory, Status, StepStory, Story};
use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

/// Runs, one a line.
pub fn history_table(runs: &[Entry]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["RUN", "WHEN", "WHO", "VERB", "NODES", "CHANGES", "OUTCOME", "DURATION"]);
    for Entry { run, status, story } in runs {
        table.add_row([
            run.clone(),
            when(story),
            story.header.who.to_string(),
            verb(story),
            story.header.nodes.len().to_string(),
            changes(story),
            status.as_str().to_owned(),
            duration(story, *status),
        ]);
    }
    let lines: Vec<String> = table.lines().map(|line| printable(line.trim())).collect();
    lines.join("\n") + "\n"
}

/// To the second, as people write it.
pub(super) fn when(story: &Story) -> String {
    story.header.at.get(..19).unwrap_or(&story.header.at).replace('T', " ") + "Z"
}

pub(super) fn verb(story: &Story) -> String {
    let mut verb = story.header.verb.clone();
    if let Some(of) = &story.header.of {
        // What stands after the dash is enough to find it.
        let _ = write!(verb, " of {}", of.rsplit_once('-').map_or(of.as_str(), |(_, end)| end));
    }
    if let Some(lab) = &story.header.lab {
        let _ = write!(verb, " (lab {lab})");
    }
    verb
}

pub(super) fn changes(story: &Story) -> String {
    let (done, planned) = (story.done(), story.planned());
    if done == planned { planned.to_string() } else { format!("{done} of {planned}") }
}

/// How long a run took; of one that was killed it is only known how long it lived at least.
pub(super) fn duration(story: &Story, status: Status) -> String {
    match (&story.end, status) {
        (Some(end), _) => seconds(end.ms),
        (None, Status::Running) => "-".to_owned(),
        (None, _) => format!("> {}", seconds(story.last_ms)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "tenths of a second are shown")]
fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

/// Runs for programs: what [`history_table`] shows, and the exit code.
pub fn history_json(runs: &[Entry]) -> Value {
    runs.iter().map(summary_json).collect()
}

pub(super) fn summary_json(entry: &Entry) -> Value {
    let Entry { run, status, story } = entry;
    let header = &story.header;
    json!({
        "run": run,
        "at": header.at,
        "who": header.who,
        "verb": header.verb,
        "of": header.of,
        "fabric": header.fabric,
        "lab": header.lab,
        "nodes": header.nodes,
        "steps": { "planned": story.planned(), "done": story.done() },
        "outcome": status.as_str(),
        "exit": story.end.as_ref().map(|end| end.exit),
        "elapsed_ms": story.end.as_ref().map(|end| end.ms),
    })
}

/// One run for programs: its summary, where it came from, its plan, and what became of each step.
pub fn run_json(entry: &Entry) -> Value {
    let story = &entry.story;
    let header = &story.header;
    let mut document = summary_json(entry);
    document["arguments"] = json!(header.arguments);
    document["version"] = json!(header.version);
    document["inventory"] = json!({ "path": header.inventory, "digest": header.inventory_digest });
    document["plan"] = story.plan.clone();
    document["progress"] = story.steps.iter().map(step_json).collect();
    document["safety"] = story.safety.iter().map(safety_json).collect();
    let errors = story.end.as_ref().map(|end| end.errors.clone());
    document["errors"] = json!(errors.unwrap_or_default());
    document["unreadable_records"] = json!(story.unreadable);
    document["lost_records"] = json!(story.end.as_ref().map_or(0, |end| end.lost));
    document
}

fn step_json(step: &StepStory) -> Value {
    let (outcome, ms, said) = match &step.fate {
        Fate::Begun => ("begun", None, None),
        Fate::Done { ms } => ("done", Some(ms), None),
        Fate::Failed { ms, said } => ("failed", Some(ms), Some(said)),
    };
    json!({ "node": step.node, "step": step.step, "outcome": outcome, "elapsed_ms": ms, "said": said })
}

fn safety_json(safety: &SafetyStory) -> Value {
    json!({ "node": safety.node, "what": safety.what, "ok": safety.ok, "said": safety.said })
}

/// One run: what it was, its plan with what became of each step, and how it ended.
pub fn run_text(entry: &Entry) -> String {
    let story = &entry.story;
    let mut text = header_text(entry);
    let mut fates = Fates::of(story);
    for wave in list(&story.plan["waves"]) {
        let bold = Style::new().bold();
        let _ = writeln!(text, "\n{bold}{}{bold:#}", printable(word(&wave["wave"])));
        for node in list(&wave["nodes"]) {
            let name = word(&node["node"]);
            let _ = writeln!(text, "  {}", printable(name));
            for step in list(&node["steps"]) {
                let what = word(&step["what"]);
                step_text(&mut text, what, step, fates.take(name, what));
            }
        }
    }
    let rest = fates.rest();
    if !rest.is_empty() {
        text.push_str("\nnot in the plan\n");
        for step in rest {
            let what = format!("{}: {}", step.node, if step.step.is_empty() { "begin" } else { &step.step });
            step_text(&mut text, &what, &Value::Null, Some(&step.fate));
        }
    }
    safety_text(&mut text, &story.safety);
    end_text(&mut text, entry);
    text
}

fn header_text(entry: &Entry) -> String {
    let header = &entry.story.header;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:10} {}", printable(value));
    };
    line("run", &entry.run);
    line("when", &when(&entry.story));
    line("who", &format!("{} (process {})", header.who, header.who.pid));
    if let Some(of) = &header.of {
        line("undoes", of);
    }
    line("typed", &format!("fabricctl {}", header.arguments.join(" ")));
    line("fabric", &header.fabric);
    if let Some(lab) = &header.lab {
        line("lab", lab);
    }
    let digest = header.inventory_digest.get(..12).unwrap_or_default();
    line("inventory", &format!("{} (SHA-256 {digest}…)", header.inventory));
    line("version", &header.version);
    line("nodes", &header.nodes.join(", "));
    line("plan", &several(entry.story.planned(), "steps"));
    text
}

/// What became of the steps of each node, in the order in which they ran.
struct Fates<'a>(BTreeMap<&'a str, VecDeque<&'a StepStory>>);

impl<'a> Fates<'a> {
    fn of(story: &'a Story) -> Self {
        let mut fates: BTreeMap<&str, VecDeque<&StepStory>> = BTreeMap::new();
        for step in &story.steps {
            fates.entry(&step.node).or_default().push_back(step);
        }
        Self(fates)
    }

    /// The fate of a node's next step of that name.
    fn take(&mut self, node: &str, step: &str) -> Option<&'a Fate> {
        let steps = self.0.get_mut(node)?;
        let at = steps.iter().position(|story| story.step == step)?;
        steps.remove(at).map(|story| &story.fate)
    }

    fn rest(self) -> Vec<&'a StepStory> {
        self.0.into_values().flatten().collect()
    }
}

fn step_text(text: &mut String, what: &str, step: &Value, fate: Option<&Fate>) {
    let (sign, color, end) = match fate {
        None => (' ', AnsiColor::White, "not begun".to_owned()),
        Some(Fate::Begun) => ('?', AnsiColor::Yellow, "begun; how it ended is not known".to_owned()),
        Some(Fate::Done { ms }) => ('✔', AnsiColor::Green, seconds(*ms)),
        Some(Fate::Failed { ms, .. }) => ('✖', AnsiColor::Red, format!("FAILED, {}", seconds(*ms))),
    };
    let (style, dim) = (Style::new().fg_color(Some(color.into())), Style::new().dimmed());
    let _ = write!(text, "    {style}{sign}{style:#} {} ({end})", printable(what));
    let reason = word(&step["reason"]);
    if !reason.is_empty() {
        let _ = write!(text, "  {dim}{}{dim:#}", printable(reason));
    }
    text.push('\n');
    if let Some(Fate::Failed { said, .. }) = fate {
        let _ = writeln!(text, "        {}", printable(said).replace('\n', "\n        "));
    }
    diff_text(text, word(&step["diff"]));
}

fn safety_text(text: &mut String, safety: &[SafetyStory]) {
    if !safety.is_empty() {
        text.push_str("\nsafety\n");
    }
    for event in safety {
        // The words of the record are words of the language too.
        let what = json!(event.what);
        let end = if event.ok { "" } else { ": FAILED" };
        let said = event.said.as_ref().map_or(String::new(), |said| format!(" ({})", printable(said)));
        let _ = writeln!(text, "  {}: {}{end}{said}", printable(&event.node), word(&what).replace('-', " "));
    }
}

fn end_text(text: &mut String, entry: &Entry) {
    let story = &entry.story;
    text.push('\n');
    match (&story.end, entry.status) {
        (Some(end), _) => {
            let steps = match end.outcome {
                Outcome::Unchanged => String::new(),
                _ => format!(", {} steps done", changes(story)),
            };
            let outcome = end.outcome.as_str();
            let _ = writeln!(text, "{outcome}: exit code {}{steps} ({})", end.exit, seconds(end.ms));
            for error in &end.errors {
                let _ = writeln!(text, "  {}", printable(error).replace('\n', "\n    "));
            }
            if end.lost > 0 {
                let _ = writeln!(text, "{} could not be written", several(end.lost, "records"));
            }
        }
        (None, Status::Running) => text.push_str("running: it has not come to its end yet\n"),
        (None, _) => {
            let _ = writeln!(
                text,
                "interrupted: it ended without a word, after {} at least",
                seconds(story.last_ms)
            );
            for step in story.open() {
                let _ = writeln!(text, "  {}: {} was begun", printable(&step.node), printable(&step.step));
            }
        }
    }
    if story.unreadable > 0 {
        let _ = writeln!(text, "{} can't be read", several(story.unreadable, "records"));
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
