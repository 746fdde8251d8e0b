//! `watch`: devices tell what changes; it is shown on a full screen, or printed line by line.

mod devices;
mod plain;
mod screen;
mod terminal;

use super::fleet::Fleet;
use super::runtime::{self, Interrupts};
use super::{context, status};
use crate::cli::{Format, Global, WatchArgs};
use crate::output::watch::Watch;
use crate::output::{self, Exit, Failure};
use crate::verify::Scope;
use devices::{Devices, Said};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What comes in within this time is judged at once, and is one event where it is the same.
const GATHER: Duration = Duration::from_millis(200);
/// Judging a large fabric takes its time; it may take this part of all time.
const SHARE: u32 = 8;

/// Watches until it is told to end.
pub(super) fn run(global: &Global, args: &WatchArgs) -> Result<Exit, Failure> {
    runtime::block_on(|interrupts| watch(global, args, interrupts))
}

async fn watch(global: &Global, args: &WatchArgs, interrupts: Interrupts) -> Result<Exit, Failure> {
    let fabric = context::load_without_secrets(global)?;
    let nodes = context::selected(global, &fabric)?;
    let questions = status::questions(&Scope { fabric: &fabric, nodes: &nodes }, false);
    let asked = questions.keys().cloned().collect();
    let fleet = Arc::new(Fleet::apart(global, &args.target, &fabric, &asked)?);
    let stop = interrupts.quietly();
    let inquiries = status::inquiries(&fabric, &questions).collect();
    let devices = Devices::follow(&fleet, inquiries, args.interval);
    let lab = args.target.lab_name(&fabric.name);
    let plain = args.plain || global.output == Format::Json || !terminal::can_draw();
    if plain && !global.quiet {
        let (all, name) = (output::several(nodes.len(), "devices"), &fabric.name);
        output::note(&format!("watching {all} of {name}, Ctrl-C ends it"));
    }
    let room = Room { watch: Watch::new(fabric, nodes, lab, SystemTime::now()), devices, judged: None };
    if plain {
        plain::run(room, stop, global.output == Format::Json).await
    } else {
        screen::run(room, stop).await
    }
}

/// What is known, and whence more comes.
struct Room {
    watch: Watch,
    devices: Devices,
    /// When it was judged last, and how long that took.
    judged: Option<(Instant, Duration)>,
}

impl Room {
    /// Takes in what a device has said.
    fn take(&mut self, said: Said) {
        match said {
            Said::Heard(node, facts) => drop(self.watch.heard(node, *facts, SystemTime::now())),
            Said::Lost(node, why) => self.watch.lost(node, why),
        }
    }

    /// How long to wait before what has come in is judged.
    fn patience(&self) -> Duration {
        let rest = self.judged.map(|(at, took)| (took * SHARE).saturating_sub(at.elapsed()));
        rest.unwrap_or_default().max(GATHER)
    }

    fn judge(&mut self) -> Vec<output::watch::Event> {
        let began = Instant::now();
        let events = self.watch.judge(SystemTime::now());
        self.judged = Some((Instant::now(), began.elapsed()));
        events
    }
}
