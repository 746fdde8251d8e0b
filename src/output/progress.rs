//! What happens, while it happens, on stderr: a line per node on a terminal, plain lines elsewhere.

use super::several;
use crate::action::Wave;
use crate::apply::{Event, Place};
use crate::fabric::NodeName;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

/// Shows events.
pub struct Progress {
    shown: Shown,
}

enum Shown {
    Nothing,
    Lines { steps: bool },
    Bars { all: MultiProgress, bars: Mutex<BTreeMap<NodeName, ProgressBar>> },
}

impl Progress {
    /// Nothing when `quiet`; bars on a terminal; else lines, with every step when `verbose`.
    pub fn new(quiet: bool, verbose: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() && !verbose {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            Shown::Bars { all, bars: Mutex::new(BTreeMap::new()) }
        } else {
            Shown::Lines { steps: verbose }
        };
        Self { shown }
    }

    /// Shows a sentence about what is being done.
    pub fn say(&self, text: &str) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines { .. } => super::note(text),
            // A terminal that went away is nobody to tell.
            Shown::Bars { all, .. } => drop(all.println(super::masked(text))),
        }
    }

    /// Shows an event.
    pub fn event(&self, event: &Event) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines { steps } => lines(event, *steps),
            Shown::Bars { all, bars } => {
                if let Ok(mut bars) = bars.lock() {
                    bar(all, &mut bars, event);
                }
            }
        }
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

/// `leafs`, or `leafs, 1 of 2`.
fn head(wave: Wave, place: Option<Place>) -> String {
    place.map_or(wave.to_string(), |Place { number, of }| format!("{wave}, {number} of {of}"))
}

fn lines(event: &Event, steps: bool) {
    match event {
        Event::Stage { wave, place, nodes } => {
            let count: usize = nodes.iter().map(|(_, steps)| steps).sum();
            let head = head(*wave, *place);
            super::note(&format!("{head}: {} on {}", several(count, "steps"), several(nodes.len(), "nodes")));
        }
        Event::Done { node, step, elapsed } if steps => {
            super::note(&format!("  {node}: {step} ({})", seconds(*elapsed)));
        }
        Event::Node { node, ok, elapsed } => {
            let end = if *ok { "done" } else { "FAILED" };
            super::note(&format!("  {node}: {end} ({})", seconds(*elapsed)));
        }
        // Why is told at the end, of all nodes at once.
        Event::Begin { .. } | Event::Done { .. } | Event::Failed { .. } => {}
    }
}

fn bar(all: &MultiProgress, bars: &mut BTreeMap<NodeName, ProgressBar>, event: &Event) {
    let ended = "  {prefix:12} {msg}";
    match event {
        Event::Stage { wave, place, nodes } => {
            bars.clear();
            let _ = all.println(head(*wave, *place));
            for (node, steps) in nodes {
                let bar = all.add(ProgressBar::new(*steps as u64));
                bar.set_style(style("  {prefix:12} {bar:20.green} {pos:>3}/{len:3} {wide_msg}"));
                bar.set_prefix(node.to_string());
                bars.insert(node.clone(), bar);
            }
        }
        Event::Begin { node, step } => {
            if let Some(bar) = bars.get(node) {
                bar.set_message(super::masked(step).into_owned());
            }
        }
        Event::Done { node, .. } => {
            if let Some(bar) = bars.get(node) {
                bar.inc(1);
            }
        }
        Event::Failed { .. } => {}
        Event::Node { node, ok, elapsed } => {
            if let Some(bar) = bars.get(node) {
                bar.set_style(style(ended));
                let sign = if *ok { '✔' } else { '✖' };
                let steps = usize::try_from(bar.position()).unwrap_or(usize::MAX);
                bar.finish_with_message(format!("{sign} {}, {}", several(steps, "steps"), seconds(*elapsed)));
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
