//! Not more log lines than a person reads: so many of each kind a second, then how many there would have been.

use super::Moment;
use std::time::Duration;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Link,
    Candidate,
    Unproven,
    Learned,
    Adopted,
    Dropped,
    Contested,
    Duplicate,
    Moved,
    Withdrawn,
    Announced,
    Reconciled,
    Full,
    Flood,
    Pace,
}

const TOPICS: [(Topic, &str); 15] = [
    (Topic::Link, "link"),
    (Topic::Candidate, "candidate"),
    (Topic::Unproven, "unproven"),
    (Topic::Learned, "learned"),
    (Topic::Adopted, "adopted"),
    (Topic::Dropped, "dropped"),
    (Topic::Contested, "contested"),
    (Topic::Duplicate, "duplicate"),
    (Topic::Moved, "moved"),
    (Topic::Withdrawn, "withdrawn"),
    (Topic::Announced, "announced"),
    (Topic::Reconciled, "reconciled"),
    (Topic::Full, "full"),
    (Topic::Flood, "flood"),
    (Topic::Pace, "pace"),
];

impl Topic {
    /// How many lines, in how much time.
    fn limit(self) -> (u32, Duration) {
        match self {
            // What says that something is refused says so for all that follow.
            Topic::Full | Topic::Flood => (1, Duration::from_secs(60)),
            _ => (100, Duration::from_secs(1)),
        }
    }
}

/// The present span of one topic.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    began: Moment,
    lines: u32,
    held: u64,
}

/// Counts the lines of every topic.
#[derive(Debug, Default)]
pub(super) struct Limits {
    spans: [Span; TOPICS.len()],
    /// When there is something to be said about lines that were held back.
    due: Option<Moment>,
}

impl Limits {
    /// Whether a line about this may be written now.
    pub(super) fn admits(&mut self, topic: Topic, now: Moment) -> bool {
        let (most, every) = topic.limit();
        let span = &mut self.spans[topic as usize];
        if now.since(span.began) >= every && span.held == 0 {
            *span = Span { began: now, ..Span::default() };
        }
        if span.lines < most {
            span.lines += 1;
            return true;
        }
        if most > 1 {
            span.held += 1;
            let end = span.began + every;
            self.due = Some(self.due.map_or(end, |due| due.min(end)));
        }
        false
    }

    /// When lines about held ones are due.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// Which topics had lines held back, and how many, in spans that are over.
    pub(super) fn held(&mut self, now: Moment) -> Vec<(&'static str, u64)> {
        let mut told = Vec::new();
        if self.due.is_none_or(|due| due > now) {
            return told;
        }
        self.due = None;
        for (span, (topic, name)) in self.spans.iter_mut().zip(TOPICS) {
            if span.held == 0 {
                continue;
            }
            let end = span.began + topic.limit().1;
            if end <= now {
                told.push((name, span.held));
                *span = Span { began: now, ..Span::default() };
            } else {
                self.due = Some(self.due.map_or(end, |due| due.min(end)));
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_topics() {
        assert!(TOPICS.iter().enumerate().all(|(index, (topic, _))| *topic as usize == index));
    }

    #[test]
    fn what_is_held_back_is_counted_and_told_once() {
        let mut limits = Limits::default();
        let at = Moment::millis;
        let written = (0..1000).filter(|_| limits.admits(Topic::Learned, at(10_000))).count();
        assert_eq!(written, 100);
        assert!(limits.admits(Topic::Moved, at(10_000)), "another topic has lines of its own");
        assert_eq!((limits.due(), limits.held(at(10_500))), (Some(at(11_000)), vec![]));
        assert!(!limits.admits(Topic::Learned, at(10_999)));
        assert_eq!(limits.held(at(11_000)), [("learned", 901)]);
        assert_eq!(limits.due(), None);
        assert!(limits.admits(Topic::Learned, at(11_000)));
    }

    #[test]
    fn what_says_that_something_is_refused_is_said_once_a_minute() {
        let mut limits = Limits::default();
        assert!(limits.admits(Topic::Full, Moment::millis(0)));
        assert!(!limits.admits(Topic::Full, Moment::millis(59_999)));
        assert_eq!(limits.due(), None);
        assert!(limits.admits(Topic::Full, Moment::millis(60_000)));
    }
}
