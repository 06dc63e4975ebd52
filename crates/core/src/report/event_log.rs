//! The events of a session as lines of a log. Of many workloads, the first that do the same are named, and the others
//! counted: a thousand lines that say the same say less than one.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::line::{Line, Style};
use super::text::{event_lines, style_of};
use crate::duration::{Human, after, elapsed};
use crate::finding::FindingCode;
use crate::session::{Session, SessionEvent};
use crate::verdict::VerdictKind;

/// With more workloads than this, not each has lines of its own.
const FEW: usize = 20;
/// How many workloads are named that do the same.
const NAMED: u32 = 5;
/// After so many, the next line comes with ten times as many.
const TENFOLD: u32 = 10;
/// How often it is said how far all of them are, while lines are left out.
const SUMMARY_EVERY: Duration = Duration::from_secs(10);

/// An event that many workloads may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Found(FindingCode),
    Cleared(FindingCode),
    Ended(VerdictKind),
}

/// The lines that were shown, and those that were left out.
#[derive(Debug, Default)]
pub struct EventLog {
    counts: BTreeMap<Sort, u32>,
    left_out: u32,
    summed_up: Option<Timestamp>,
}

impl EventLog {
    /// Returns the lines to show for the events of one observation.
    pub fn lines(
        &mut self,
        events: &[SessionEvent],
        session: &Session,
        now: Timestamp,
    ) -> Vec<Line> {
        let started = session.started();
        let workloads = session.workloads().len();
        if workloads <= FEW {
            let lines = |event| event_lines(event, started, workloads > 1);
            return events.iter().flat_map(lines).collect();
        }
        if events.is_empty() {
            return Vec::from_iter(self.summary(session, now));
        }
        let mut lines: Vec<Line> = Vec::new();
        let before = self.counts.clone();
        for event in events {
            if self.is_shown(event) {
                lines.extend(event_lines(event, started, true));
            } else {
                self.left_out += 1;
            }
        }
        let news = self.counts.iter().filter_map(|(sort, count)| {
            let known = before.get(sort).copied().unwrap_or_default();
            let reached = reached(*count).filter(|it| *it > known)?;
            Some(counted(*sort, reached, since(started, now)))
        });
        lines.extend(news);
        lines.extend(self.summary(session, now));
        lines
    }

    /// Counts an event, and returns whether it has lines of its own.
    fn is_shown(&mut self, event: &SessionEvent) -> bool {
        let sort = match event {
            SessionEvent::Found { finding, .. } => Sort::Found(finding.code),
            SessionEvent::Cleared { finding, .. } => Sort::Cleared(finding.code),
            SessionEvent::Ended { verdict, .. } => Sort::Ended(verdict.kind()),
            SessionEvent::Progress { .. } => return false,
            SessionEvent::Reminder { .. }
            | SessionEvent::Sight { .. }
            | SessionEvent::Followed { .. }
            | SessionEvent::Decided { .. } => return true,
        };
        let count = self.counts.entry(sort).or_default();
        *count += 1;
        *count <= NAMED
    }

    /// Says how far all of them are, if something was left out since.
    fn summary(&mut self, session: &Session, now: Timestamp) -> Option<Line> {
        let last = self.summed_up.unwrap_or_else(|| session.started());
        if self.left_out == 0 || now < after(last, SUMMARY_EVERY) {
            return None;
        }
        self.summed_up = Some(now);
        self.left_out = 0;
        let all = session.workloads().len();
        let ended = session
            .workloads()
            .iter()
            .filter(|it| it.verdict().is_terminal())
            .count();
        let text = format!(
            "{ended} of {all} workloads have a verdict, {} are in progress",
            all - ended
        );
        Some(Line::styled(Style::Dim, since(session.started(), now)).then(Style::Plain, text))
    }
}

fn since(started: Timestamp, now: Timestamp) -> String {
    format!("{:>6}  ", format!("+{}", Human(elapsed(started, now))))
}

/// Returns the last tenfold that a count has reached, once not all are named any more.
fn reached(count: u32) -> Option<u32> {
    let mut reached = TENFOLD;
    if count < reached {
        return None;
    }
    while count / TENFOLD >= reached {
        reached *= TENFOLD;
    }
    Some(reached)
}

fn counted(sort: Sort, count: u32, since: String) -> Line {
    let line = Line::styled(Style::Dim, since);
    match sort {
        Sort::Found(code) => line.then(Style::Warn, format!("{code}: found {count} times so far")),
        Sort::Cleared(code) => {
            line.then(Style::Good, format!("{code}: cleared {count} times so far"))
        }
        Sort::Ended(verdict) => {
            line.then(style_of(verdict), format!("{count} workloads: {verdict}"))
        }
    }
}
