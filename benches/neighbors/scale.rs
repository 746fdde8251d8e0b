//! Thousands of hosts: what they cost, and whether any is lost.

use crate::crowd::Crowd;
use crate::daemon::{Daemon, Program, Usage};
use crate::figures::{Figures, Target};
use crate::frames::Ear;
use crate::machine::{self, Spinners};
use crate::watch::{Change, Watch};
use crate::{LIMIT, Result, expect};
use nix::sys::signal::Signal;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Ports of the leaf in everything with 10,000 hosts, and hosts behind each.
const TEN_THOUSAND: (u8, u32) = (8, 1250);
/// How often a host announces itself when it starts: as Docker does since version 28, a second apart.
const ANNOUNCEMENTS: usize = 3;
/// How long processor time is counted where nothing else sets it.
const WINDOW: Duration = Duration::from_secs(30);
/// After all hosts are there, until counting begins: what learning them left to do isn't the daily work.
const REST: Duration = Duration::from_secs(5);
/// How long a restarted daemon is watched for routes that it drops: longer than it has to prove them.
const AFTERMATH: Duration = Duration::from_secs(8);

const CORE: Target = Target { of: "", most: 0.0, unit: "% of a core" };
const RESIDENT: Target = Target { of: "", most: 0.0, unit: "MB" };

/// 1,000 hosts with the defaults.
pub fn thousand(program: &Program, figures: &mut Figures) -> Result<()> {
    let crowd = Crowd::new(4, 250)?;
    let (_watch, daemon) = populate(&crowd, program)?;
    let usage = daemon.usage(WINDOW)?;
    report(figures, "1,000 hosts, keepalive 1 s", usage, [2.0, 8.0]);
    Ok(())
}

/// 10,000 hosts with the defaults, for so long while the machine is quiet, and again while its cores are busy.
pub fn ten_thousand(program: &Program, figures: &mut Figures, minutes: u64) -> Result<()> {
    let crowd = Crowd::new(TEN_THOUSAND.0, TEN_THOUSAND.1)?;
    let (watch, daemon) = populate(&crowd, program)?;
    let time = Duration::from_secs(60 * minutes);
    for busy in [false, true] {
        let spinners = busy.then(Spinners::start).transpose()?;
        let mark = watch.mark();
        let usage = daemon.usage(time)?;
        drop(spinners);
        let what = if busy { "10,000 hosts, cores kept busy" } else { "10,000 hosts" };
        report(figures, what, usage, [15.0, 24.0]);
        let lost = watch.since(mark).iter().filter(|change| !change.added).count();
        let note = format!("{} kernel neighbour entries in the leaf", crowd.neighbours()?);
        figures.count(&format!("{what}: false withdrawals in {minutes} min"), lost, &note);
        expect(crowd.routes()? + lost >= crowd.len(), "routes are gone that nobody announced as gone")?;
    }
    Ok(())
}

/// 10,000 hosts begin to speak at once, and fall silent at once.
pub fn burst(program: &Program, figures: &mut Figures, rounds: usize) -> Result<()> {
    let crowd = Crowd::new(TEN_THOUSAND.0, TEN_THOUSAND.1)?;
    let watch = Watch::begin(&crowd.leaf)?;
    // Only what speaks is to be learned.
    let _daemon = program.start_and_settle(&crowd.leaf, "sweep = off")?;
    let (mut learned, mut withdrawn, mut announced, mut missing) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        crowd.answer(true)?;
        let heard = crowd.introduce(&watch, ANNOUNCEMENTS)?;
        let until = if heard.missing == 0 { last(&watch.seen().changes)? } else { Instant::now() };
        learned.push(until.saturating_duration_since(heard.began));
        announced.push(heard.times.to_string());
        missing += heard.missing;
        sleep(REST);
        let died = crowd.answer(false)?;
        let gone = watch.until(LIMIT, |seen| seen.live.is_empty())?;
        expect(gone, &format!("{} of {} dead hosts kept routes", watch.seen().live.len(), crowd.len()))?;
        withdrawn.push(last(&watch.seen().changes)?.saturating_duration_since(died));
        sleep(REST);
    }
    let note = format!("announced {} times, {}", announced.join(", "), machine::load());
    let what = "10,000 hosts begin to speak at once → ";
    figures.times(&format!("{what}learned"), &learned, Target { of: "max", most: 3.0, unit: "s" }, &note);
    figures.count("10,000 hosts begin to speak at once: not heard", missing, "");
    let what = "10,000 hosts fall silent at once → ";
    figures.times(&format!("{what}withdrawn"), &withdrawn, Target { of: "max", most: 4.0, unit: "s" }, "");
    Ok(())
}

/// The daemon ends and begins again over 10,000 routes.
pub fn restart(program: &Program, figures: &mut Figures, rounds: usize) -> Result<()> {
    let crowd = Crowd::new(TEN_THOUSAND.0, TEN_THOUSAND.1)?;
    let (watch, mut daemon) = populate(&crowd, program)?;
    for (signal, name) in [(Signal::SIGTERM, "TERM"), (Signal::SIGKILL, "KILL")] {
        let (mut adopted, mut flaps) = (Vec::new(), 0);
        for _ in 0..rounds {
            let mark = watch.mark();
            daemon.end(signal)?;
            expect(crowd.routes()? == crowd.len(), "the daemon took routes with it")?;
            let ear = crowd.leaf.enter(Ear::open)?;
            daemon = program.start(&crowd.leaf, "")?;
            let proven = crowd.heard_all(&ear, LIMIT).ok_or("not every adopted host was asked")?;
            adopted.push(proven.saturating_duration_since(daemon.started));
            drop(ear);
            sleep(AFTERMATH);
            flaps += watch.since(mark).len();
        }
        let note = format!("{rounds} rounds");
        figures.count(&format!("restart after {name}, 10,000 hosts: flaps"), flaps, &note);
        let target = Target { of: "max", most: 1.0, unit: "s" };
        let note = "from its start to the last host's answer in the leaf";
        figures.times(&format!("restart after {name}, 10,000 hosts → all proven"), &adopted, target, note);
    }
    daemon.end(Signal::SIGKILL)?;
    let (_, dead) = crowd.answer_on_first(false)?;
    let mark = watch.mark();
    let daemon = program.start(&crowd.leaf, "")?;
    let gone = watch.until(LIMIT, |seen| seen.live.len() <= crowd.len() - dead)?;
    expect(gone, "routes of hosts that died while the daemon was away are still there")?;
    let time = last(&watch.since(mark))?.saturating_duration_since(daemon.started);
    sleep(REST);
    let others = watch.since(mark).len() - dead;
    let target = Target { of: "max", most: 6.0, unit: "s" };
    let note = format!("{dead} died while it was away, {others} other changes");
    figures.times("restart after KILL → ghosts of dead hosts gone", &[time], target, &note);
    Ok(())
}

/// Starts the daemon with the defaults and has it learn every host.
fn populate(crowd: &Crowd, program: &Program) -> Result<(Watch, Daemon)> {
    let watch = Watch::begin(&crowd.leaf)?;
    let daemon = program.start_and_settle(&crowd.leaf, "")?;
    let missing = crowd.introduce(&watch, usize::MAX)?.missing;
    expect(missing == 0, &format!("{missing} of {} hosts got no route in a minute", crowd.len()))?;
    sleep(REST);
    Ok((watch, daemon))
}

fn report(figures: &mut Figures, what: &str, usage: Usage, [core, resident]: [f64; 2]) {
    let note = format!("machine {:.0} % busy, {}", usage.machine, machine::load());
    figures.value(&format!("{what}: processor"), usage.processor, Target { most: core, ..CORE }, &note);
    figures.value(&format!("{what}: resident"), usage.resident, Target { most: resident, ..RESIDENT }, "");
}

fn last(changes: &[Change]) -> Result<Instant> {
    Ok(changes.last().ok_or("the kernel announced nothing")?.at)
}
