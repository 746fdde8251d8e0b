//! The rounds of a verification: ask, judge, and ask again for what isn't true yet.

use super::fleet::Fleet;
use super::round;
use super::troubles::Troubles;
use super::workbench;
use crate::fabric::NodeName;
use crate::observe::{AskError, Inquiry};
use crate::output::{self, Exit, chain};
use crate::verify::{self, CheckName, Course, Facts, Finding, Report, Scope, Status, Unreachable, World};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

/// How long to ask, and how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub wait: Duration,
    pub grace: Duration,
    pub interval: Duration,
    pub quiet: bool,
}

/// One run of some checks against some devices.
pub(super) struct Verification<'a> {
    scope: Scope<'a>,
    checks: &'a BTreeSet<CheckName>,
    fleet: &'a Fleet,
    patience: Patience,
    started: Instant,
    /// What is known of each device, from the round in which it was asked last.
    pub world: World,
    errors: BTreeMap<NodeName, AskError>,
    course: Course,
}

impl<'a> Verification<'a> {
    pub(super) fn new(
        scope: Scope<'a>,
        checks: &'a BTreeSet<CheckName>,
        fleet: &'a Fleet,
        patience: Patience,
    ) -> Self {
        let (world, errors, course) = (World::new(), BTreeMap::new(), Course::default());
        Self { scope, checks, fleet, patience, started: Instant::now(), world, errors, course }
    }

    /// Asks until all is as desired, or the time is over.
    ///
    /// What was as desired is not asked for again until all is; then everything is asked for once more, so that the
    /// verdict is about one moment and not about several.
    pub(super) async fn settle(&mut self) -> Report {
        let deadline = self.started + self.patience.wait;
        let grace = if self.patience.wait.is_zero() { Duration::ZERO } else { self.patience.grace };
        let mut verdict: Option<Report> = None;
        let mut whole = true;
        self.ask(None).await;
        loop {
            let report = self.judge();
            let now = Instant::now();
            if report.ok && whole {
                return self.settled(report, verdict);
            }
            if !report.ok && now >= deadline {
                let kept = verdict.get_or_insert_with(|| report.clone());
                if now >= deadline + grace {
                    return self.course.late(kept.clone());
                }
            }
            whole = report.ok;
            tokio::time::sleep(self.patience.interval).await;
            let open = (!whole).then(|| Open::of(&report));
            self.ask(open.as_ref()).await;
        }
    }

    /// All is as desired: in time, or too late for the verdict.
    fn settled(&self, mut report: Report, verdict: Option<Report>) -> Report {
        let after = Some(self.elapsed_ms());
        if let Some(verdict) = verdict {
            return Report { late_after_ms: after, ..self.course.late(verdict) };
        }
        report.converged_after_ms = after;
        report
    }

    /// Asks again and again for a while, in which all must stay as desired.
    pub(super) async fn stays(&mut self, span: Duration, first: Report) -> Report {
        let began = Instant::now();
        let (converged, mut last) = (first.converged_after_ms, first);
        let mut wrong: BTreeSet<String> = BTreeSet::new();
        while began.elapsed() < span {
            tokio::time::sleep(self.patience.interval.min(span.saturating_sub(began.elapsed()))).await;
            self.ask(None).await;
            last = self.judge();
            let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
            self.course.watch(&last.checks, &last.unreachable, ms(began.elapsed()), &at);
            let failed = last.failed().map(told);
            let now: BTreeSet<String> = failed
                .chain(last.unreachable.iter().map(|one| format!("{}: {}", one.node, one.reason)))
                .collect();
            self.note(now.difference(&wrong).map(|what| format!("{at} ✖ {what}")));
            self.note(wrong.difference(&now).map(|what| format!("{at} ✔ no longer: {what}")));
            wrong = now;
        }
        last.violations = std::mem::take(&mut self.course).violations();
        last.ok &= last.violations.is_empty();
        last.converged_after_ms = converged;
        last.watched_ms = Some(ms(began.elapsed()));
        last
    }

    /// Asks all devices everything, or only for what is open.
    async fn ask(&mut self, open: Option<&Open>) {
        let fabric = self.scope.fabric;
        let mut asked = verify::sections(&self.scope, self.checks);
        if let Some(open) = open {
            let narrow = verify::sections(&self.scope, &open.checks);
            asked.retain(|node, sections| {
                // Of a device that said nothing, everything is open.
                if !matches!(self.world.get(node), Some(Ok(_))) {
                    return true;
                }
                *sections = narrow.get(node).cloned().unwrap_or_default();
                open.nodes.contains(node) && !sections.is_empty()
            });
        }
        let questions = asked.iter().filter_map(|(name, sections)| {
            Some((name.clone(), Inquiry::of(fabric, fabric.nodes.get(name)?, sections)))
        });
        for (node, answer) in round::ask(self.fleet, questions).await {
            self.errors.remove(&node);
            match (answer, self.world.get_mut(&node)) {
                (Ok(facts), Some(Ok(known))) => known.update(facts),
                (Ok(facts), _) => drop(self.world.insert(node, Ok(facts))),
                (Err(error), _) => {
                    let said = error.as_ref().map_or("it can't be reached".to_owned(), |error| chain(error));
                    self.errors.extend(error.map(|error| (node.clone(), error)));
                    self.world.insert(node, Err(said));
                }
            }
        }
    }

    fn judge(&mut self) -> Report {
        let mut findings = verify::judge(&self.scope, self.checks, &self.world);
        let at = self.elapsed_ms();
        let news = self.course.round(&mut findings, at);
        self.note(news.iter().map(|one| {
            format!("✔ {} {} {}: true after {:.1} s", one.check, one.node, one.subject, seconds(at))
        }));
        let silent = self.world.iter().filter(|(node, _)| self.scope.nodes.contains(*node));
        let silent = silent.filter_map(|(node, facts)| {
            Some(Unreachable { node: node.clone(), reason: facts.as_ref().err()?.clone() })
        });
        Report::of(self.checks, findings, silent.collect())
    }

    /// Why selected devices didn't answer the last time, or their routers didn't.
    pub(super) fn troubles(&self) -> Troubles {
        let mut troubles = Troubles::default();
        for (node, error) in self.errors.iter().filter(|(node, _)| self.scope.nodes.contains(*node)) {
            troubles.add(workbench::exit_of(error), workbench::ask_problem(node, "verify", error));
        }
        for (node, facts) in self.world.iter().filter(|(node, _)| self.scope.nodes.contains(*node)) {
            let Ok(Facts { rib: Some(Err(fault)), .. }) = facts else { continue };
            let error = AskError::Router(fault.said.clone());
            troubles.add(Exit::NotAsDesired, workbench::ask_problem(node, "verify", &error));
        }
        troubles
    }

    fn elapsed_ms(&self) -> u64 {
        ms(self.started.elapsed())
    }

    fn note(&self, lines: impl Iterator<Item = String>) {
        if !self.patience.quiet {
            lines.for_each(|line| output::note(&output::printable(&line)));
        }
    }
}

/// What isn't as desired yet: the checks, and the nodes that have to do with it.
struct Open {
    checks: BTreeSet<CheckName>,
    nodes: BTreeSet<NodeName>,
}

impl Open {
    fn of(report: &Report) -> Self {
        let failed = || report.checks.iter().filter(|finding| finding.status == Status::Failed);
        let nodes = failed().flat_map(|finding| std::iter::once(&finding.node).chain(&finding.related));
        Self { checks: failed().map(|finding| finding.check).collect(), nodes: nodes.cloned().collect() }
    }
}

fn told(finding: &Finding) -> String {
    let reason = finding.reason.as_deref().unwrap_or_default();
    format!("{} {} {}: {reason}", finding.check, finding.node, finding.subject)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds as seconds, for people.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
